/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_session_held.c - the lock of a kernel's session: one has it, however many want it; it ends
 * with the last process that has inherited it; who works on the kernel's files is waited for.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/session_held.h"

static char state[] = "/tmp/pwk-session-held-XXXXXX";
static struct pwk_error error;
static char found[PATH_MAX];

static int make_state(void **context)
{
    (void)context;
    return mkdtemp(state) ? 0 : -1;
}

static int remove_state(void **context)
{
    char path[PATH_MAX];

    (void)context;
    snprintf(path, sizeof(path), "%s/" PWK_SESSION_HELD, state);
    unlink(path);
    return rmdir(state);
}

static int take(const char *runtime)
{
    return pwk_session_held_take(state, runtime, &error);
}

static void test_one_has_it(void **context)
{
    int held;

    (void)context;
    assert_int_equal(pwk_session_held_by(state, found), -ESRCH);
    held = take("/run/one");
    assert_true(held >= 0);
    assert_int_equal(pwk_session_held_by(state, found), 0);
    assert_string_equal(found, "/run/one");
    assert_int_equal(take("/run/two"), -EBUSY);
    assert_non_null(strstr(error.text, "in /run/one:"));
    assert_int_equal(take(""), -EBUSY);
    assert_non_null(strstr(error.text, "in /run/one:"));
    close(held);
    assert_int_equal(pwk_session_held_by(state, found), -ESRCH);
}

static void test_the_last_heir_ends_it(void **context)
{
    int held = take("/run/a/much/longer/path"), status;
    pid_t heir;

    (void)context;
    assert_true(held >= 0);
    heir = fork();
    if (heir == 0) {
        pause();
        _exit(1);
    }
    assert_true(heir > 0);
    close(held);
    assert_int_equal(take("/run/two"), -EBUSY);
    assert_int_equal(kill(heir, SIGKILL), 0);
    assert_int_equal(waitpid(heir, &status, 0), heir);
    held = take("/run/two");
    assert_true(held >= 0);
    assert_int_equal(pwk_session_held_by(state, found), 0);
    assert_string_equal(found, "/run/two");
    close(held);
}

/* The child tells when it has the lock; until this process lets go it cannot. */
static void test_work_is_waited_for(void **context)
{
    int work = take(""), ends[2], status;
    char byte = 0;
    pid_t child;

    (void)context;
    assert_true(work >= 0);
    assert_int_equal(pwk_session_held_by(state, found), -EBUSY);
    assert_string_equal(found, "");
    assert_int_equal(take(""), -EBUSY);
    assert_non_null(strstr(error.text, "worked on"));
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        /* Its own copy would keep itself waiting. */
        close(work);
        byte = take("/run/one") >= 0 ? 'h' : 'e';
        _exit(write(ends[1], &byte, 1) == 1 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(pwk_session_held_by(state, found), -EBUSY);
    close(work);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'h');
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
}

static void test_what_is_no_file(void **context)
{
    char path[PATH_MAX];

    (void)context;
    snprintf(path, sizeof(path), "%s/" PWK_SESSION_HELD, state);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(take("/run/one"), -ELOOP);
    assert_int_equal(pwk_session_held_by(state, found), -ESRCH);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(take("/run/one"), -ENOTSUP);
    assert_non_null(strstr(error.text, "remove it where it is no file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_has_it),
        cmocka_unit_test(test_the_last_heir_ends_it),
        cmocka_unit_test(test_work_is_waited_for),
        cmocka_unit_test(test_what_is_no_file),
    };

    return cmocka_run_group_tests(tests, make_state, remove_state);
}
