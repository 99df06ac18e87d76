/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_prefix_state.c - the prefix's registry, handed into a session: whoever gets it can read it,
 * and can change nothing by it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/prefix_state.h"

static const char text[] = "WINE REGISTRY Version 2\n";

/* A file with the text, opened as a state's are. */
static int open_text(char path[32])
{
    int fd;

    strcpy(path, "/tmp/prefix_state.XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void holds_text(int fd)
{
    char read[sizeof(text) + 1];

    assert_int_equal(pread(fd, read, sizeof(read), 0), strlen(text));
    assert_memory_equal(read, text, strlen(text));
}

/* As another process of the session's user can open it. */
static void cannot_be_changed(int fd)
{
    char name[32];
    int again;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    again = open(name, O_RDWR);
    assert_true(again >= 0 || errno == EACCES || errno == EPERM);
    if (again < 0)
        return;
    assert_true(pwrite(again, "#", 1, 0) < 0 && ftruncate(again, 0) < 0);
    close(again);
}

static void what_is_handed_in_is_a_copy(void **unused)
{
    struct pwk_prefix_state state = {.instance = 7, .generation = 9, .count = 2}, taken;
    char paths[2][32];

    (void)unused;
    for (size_t i = 0; i < state.count; i++)
        state.fds[i] = open_text(paths[i]);
    assert_int_equal(pwk_prefix_state_export(&state), 0);
    assert_int_equal(pwk_prefix_state_import(&taken), 0);
    assert_null(getenv(PWK_STATE_VARIABLE));
    assert_int_equal(taken.instance, 7);
    assert_int_equal(taken.generation, 9);
    assert_int_equal(taken.count, 2);
    for (size_t i = 0; i < taken.count; i++) {
        holds_text(taken.fds[i]);
        cannot_be_changed(taken.fds[i]);
        holds_text(state.fds[i]);
        assert_int_equal(fcntl(state.fds[i], F_GETFD), FD_CLOEXEC);
        unlink(paths[i]);
    }
    pwk_prefix_state_close(&taken);
    pwk_prefix_state_close(&state);
}

static void what_cannot_be_copied_is_an_error(void **unused)
{
    struct pwk_prefix_state state = {.instance = 7, .generation = 9, .count = 1, .fds = {-1}};

    (void)unused;
    assert_int_equal(pwk_prefix_state_export(&state), -EBADF);
    assert_null(getenv(PWK_STATE_VARIABLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_handed_in_is_a_copy),
        cmocka_unit_test(what_cannot_be_copied_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
