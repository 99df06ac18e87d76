/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_process_address.c - processes of a kernel are found by their Windows ids and by the numbers
 * that their parents gave them, and what lies behind a descriptor of theirs is opened.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process_table.h"

static char runtime[] = "/tmp/pwk-address-XXXXXX";

static int set_up(void **context)
{
    (void)context;
    strcpy(runtime, "/tmp/pwk-address-XXXXXX");
    return mkdtemp(runtime) == NULL;
}

static int tear_down(void **context)
{
    struct pwk_error error;

    (void)context;
    return pwk_process_table_remove(runtime, runtime, &error) != 0 || rmdir(runtime) != 0;
}

static pwk_process_table_t *open_table(void)
{
    pwk_process_table_t *table;
    struct pwk_error error = {""};

    if (pwk_process_table_open(runtime, runtime, true, &table, NULL, &error) != 0) {
        fail_msg("%s", error.text);
    }
    return table;
}

/* A child that enters with a file that holds `text`, says so, and stays. */
static pid_t start_child(uint64_t birth, uint32_t windows_id, const char *text)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        pwk_process_table_t *table = open_table();
        struct pwk_process_slot *slot = pwk_process_table_enter(table, 0, "child");
        int fd = text != NULL ? memfd_create("test", MFD_CLOEXEC) : -1;
        bool well = text == NULL || write(fd, text, strlen(text)) == (ssize_t)strlen(text);
        pwk_process_slot_set_handles(slot, birth, fd);
        pwk_process_slot_set_windows_id(slot, windows_id);
        well = well && write(ready[1], "x", 1) == 1;
        while (well) {
            pause();
        }
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void end_child(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void assert_opens(pwk_process_table_t *table, uint32_t windows_id, const char *text)
{
    char found[32] = "";
    int fd = pwk_process_table_open_handles(table, windows_id);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, found, sizeof(found) - 1, 0), strlen(text));
    assert_string_equal(found, text);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void a_process_is_found_by_its_windows_id(void **context)
{
    (void)context;
    pwk_process_table_t *table = open_table();
    pid_t first = start_child(0, 0x20, "one");
    pid_t second = start_child(0, 0x24, "two");

    assert_opens(table, 0x20, "one");
    assert_opens(table, 0x24, "two");
    assert_int_equal(pwk_process_table_open_handles(table, 0x28), -ESRCH);
    assert_int_equal(pwk_process_table_open_handles(table, 0), -ESRCH);

    /* Ids are used again, and those of processes that were killed stand there still. */
    end_child(first);
    assert_int_equal(pwk_process_table_open_handles(table, 0x20), -ESRCH);
    pid_t third = start_child(0, 0x20, "three");
    assert_opens(table, 0x20, "three");
    end_child(second);
    end_child(third);
    pwk_process_table_close(table);
}

static void a_process_without_handles_is_not_found(void **context)
{
    (void)context;
    pwk_process_table_t *table = open_table();
    pid_t child = start_child(0, 0x20, NULL);

    assert_int_equal(pwk_process_table_open_handles(table, 0x20), -ESRCH);
    end_child(child);
    pwk_process_slot_set_handles(NULL, 1, 1);
    pwk_process_slot_set_windows_id(NULL, 1);
    pwk_process_table_close(table);
}

static void a_parent_names_its_child(void **context)
{
    (void)context;
    const uint64_t birth = UINT64_C(0x1234567800000001);
    pwk_process_table_t *table = open_table();

    assert_null(pwk_process_table_find_born(table, birth));
    pid_t child = start_child(birth, 0, "child's");
    assert_null(pwk_process_table_find_born(table, birth + 1));
    assert_null(pwk_process_table_find_born(table, 0));
    struct pwk_process_slot *slot = pwk_process_table_find_born(table, birth);
    assert_non_null(slot);
    pwk_process_slot_set_windows_id(slot, 0x30);
    assert_opens(table, 0x30, "child's");
    end_child(child);
    assert_null(pwk_process_table_find_born(table, birth));
    pwk_process_table_close(table);
}

static void who_enters_a_slot_has_nothing_of_its_last_owner(void **context)
{
    (void)context;
    pwk_process_table_t *table = open_table();
    struct pwk_process_slot *slot = pwk_process_table_enter(table, 0, "first");

    pwk_process_slot_set_handles(slot, 5, STDIN_FILENO);
    pwk_process_slot_set_windows_id(slot, 0x40);
    pwk_process_table_leave(table, slot);
    assert_int_equal(pwk_process_table_open_handles(table, 0x40), -ESRCH);
    assert_ptr_equal(pwk_process_table_enter(table, 0, "second"), slot);
    assert_int_equal(pwk_process_table_open_handles(table, 0x40), -ESRCH);
    assert_null(pwk_process_table_find_born(table, 5));
    pwk_process_table_leave(table, slot);
    pwk_process_table_close(table);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        TEST(a_process_is_found_by_its_windows_id),
        TEST(a_process_without_handles_is_not_found),
        TEST(a_parent_names_its_child),
        TEST(who_enters_a_slot_has_nothing_of_its_last_owner),
    };

    alarm(300); /* a hang is a failure, not a wait for good */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
