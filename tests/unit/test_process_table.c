/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_process_table.c - the table of processes, with real processes and a real file.
 */
#include "process_table_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process_status.h"

static void a_process_enters_counts_and_leaves(void **context)
{
    (void)context;
    bool first = false;
    struct pwk_process_info info[2];
    uint64_t totals[PWK_COUNTER_COUNT];
    pwk_process_table_t *table = open_table(true, &first);

    assert_true(first);
    assert_int_equal(pwk_process_table_list(table, info, 2), 0);
    struct pwk_process_slot *slot = pwk_process_table_enter(table, 4,
                                                            "C:\\pr\xc3\xb6"
                                                            "be.exe");
    assert_non_null(slot);
    pwk_count(slot, PWK_MEMORY_ALLOCATED, 4096);
    pwk_count(slot, PWK_MEMORY_ALLOCATED, 1);
    pwk_count(slot, PWK_DENIALS, 3);
    assert_int_equal(pwk_process_table_list(table, info, 2), 1);
    assert_int_equal(info[0].pid, getpid());
    assert_int_equal(info[0].windows, 4);
    assert_true(info[0].start_time > 0);
    assert_string_equal(info[0].program, "C:\\pr\xc3\xb6"
                                         "be.exe");
    assert_int_equal(info[0].counters[PWK_MEMORY_ALLOCATED], 4097);
    assert_int_equal(info[0].counters[PWK_ERRORS], 0);

    pwk_process_table_leave(table, slot);
    pwk_process_table_leave(table, slot);
    assert_int_equal(pwk_process_table_list(table, info, 2), 0);
    pwk_process_table_totals(table, totals);
    assert_int_equal(totals[PWK_MEMORY_ALLOCATED], 4097);
    assert_int_equal(totals[PWK_DENIALS], 3);
    assert_int_equal(totals[PWK_IO_OPERATIONS], 0);
    pwk_process_table_close(table);
    pwk_process_table_close(NULL);
    pwk_count(NULL, PWK_ERRORS, 1);
}

static void *count_a_lot(void *slot)
{
    for (int i = 0; i < 50000; i++) {
        pwk_count(slot, PWK_SYSCALLS_INTERCEPTED, 1);
        pwk_count(slot, PWK_MEMORY_ALLOCATED, 3);
    }
    return NULL;
}

static void counters_are_exact_with_many_threads(void **context)
{
    (void)context;
    pthread_t threads[8];
    uint64_t totals[PWK_COUNTER_COUNT];
    pwk_process_table_t *table = open_table(true, NULL);
    struct pwk_process_slot *slot = pwk_process_table_enter(table, 0, "a");

    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_a_lot, slot), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    pwk_process_table_totals(table, totals);
    assert_int_equal(totals[PWK_SYSCALLS_INTERCEPTED], 400000);
    assert_int_equal(totals[PWK_MEMORY_ALLOCATED], 1200000);
    pwk_process_table_close(table);
}

/* A process that ends without leaving, as kill -9 ends it. */
static void enter_and_die(uint64_t errors)
{
    pid_t child = fork();

    if (child == 0) {
        pwk_process_table_t *table = open_table(true, NULL);
        pwk_count(pwk_process_table_enter(table, 1, "dies"), PWK_ERRORS, errors);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void the_counters_of_killed_processes_are_kept(void **context)
{
    (void)context;
    struct pwk_process_info info[4];
    uint64_t totals[PWK_COUNTER_COUNT];
    pwk_process_table_t *table = open_table(true, NULL);

    enter_and_die(5);
    assert_int_equal(pwk_process_table_list(table, info, 4), 0);
    pwk_process_table_totals(table, totals);
    assert_int_equal(totals[PWK_ERRORS], 5);

    /* The next to enter finds the slot, folds it, and takes it. */
    struct pwk_process_slot *slot = pwk_process_table_enter(table, 1, "lives");
    pwk_count(slot, PWK_ERRORS, 1);
    enter_and_die(7);
    enter_and_die(11);
    assert_int_equal(pwk_process_table_list(table, info, 4), 1);
    assert_int_equal(info[0].counters[PWK_ERRORS], 1);
    pwk_process_table_totals(table, totals);
    assert_int_equal(totals[PWK_ERRORS], 24);
    pwk_process_table_close(table);
}

static void a_zombie_is_not_listed(void **context)
{
    (void)context;
    struct pwk_process_info info[4];
    siginfo_t ended;
    pwk_process_table_t *table = open_table(true, NULL);
    pid_t child = fork();

    if (child == 0) {
        pwk_process_table_t *own = open_table(true, NULL);
        _exit(pwk_process_table_enter(own, 1, "zombie") == NULL);
    }
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    assert_int_equal(pwk_process_table_list(table, info, 4), 0);
    assert_child_is_well(child);
    pwk_process_table_close(table);
}

static void the_first_process_is_told_so_and_starts_from_zero(void **context)
{
    (void)context;
    bool first = false;
    uint64_t totals[PWK_COUNTER_COUNT];
    pwk_process_table_t *table = open_table(true, &first);
    struct pwk_process_slot *slot = pwk_process_table_enter(table, 0, "a");

    assert_true(first);
    pwk_count(slot, PWK_ERRORS, 9);
    pid_t child = fork();
    if (child == 0) {
        pwk_process_table_t *other = open_table(true, &first);
        pwk_process_table_totals(other, totals);
        _exit(first || totals[PWK_ERRORS] != 9 || pwk_process_table_last(other));
    }
    assert_child_is_well(child);
    pwk_process_table_leave(table, slot);
    pwk_process_table_close(table);

    /* Readers change nothing, and see what the last process has left. */
    table = open_table(false, &first);
    assert_true(first);
    assert_null(pwk_process_table_enter(table, 0, "a"));
    assert_false(pwk_process_table_last(table));
    pwk_process_table_totals(table, totals);
    assert_int_equal(totals[PWK_ERRORS], 9);
    pwk_process_table_close(table);

    table = open_table(true, &first);
    assert_true(first);
    pwk_process_table_totals(table, totals);
    assert_int_equal(totals[PWK_ERRORS], 0);
    pwk_process_table_close(table);
}

static void a_reader_makes_no_file(void **context)
{
    (void)context;
    bool first = false;
    uint64_t totals[PWK_COUNTER_COUNT] = {1};
    struct pwk_process_info info;
    pwk_process_table_t *table = open_table(false, &first);

    assert_true(first);
    assert_int_equal(pwk_process_table_list(table, &info, 1), 0);
    pwk_process_table_totals(table, totals);
    assert_int_equal(totals[0], 0);
    assert_string_equal(file_path(), "");
    pwk_process_table_close(table);
}

static void the_last_process_knows(void **context)
{
    (void)context;
    bool first;
    int ready[2];
    int done[2];
    char byte;
    pwk_process_table_t *table = open_table(true, NULL);

    assert_int_equal(pipe(ready) | pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        pwk_process_table_t *other = open_table(true, NULL);
        struct pwk_process_slot *slot = pwk_process_table_enter(other, 0, "b");
        bool wrote = write(ready[1], "x", 1) == 1 && read(done[0], &byte, 1) == 1;
        pwk_process_table_leave(other, slot);
        _exit(!wrote);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_false(pwk_process_table_last(table));
    assert_int_equal(write(done[1], "x", 1), 1);
    assert_child_is_well(child);
    assert_true(pwk_process_table_last(table));
    pwk_process_table_close(table);
    table = open_table(true, &first);
    assert_true(first);
    pwk_process_table_close(table);
    close(ready[0]), close(ready[1]), close(done[0]), close(done[1]);
}

static void who_is_alone_maps_nothing(void **context)
{
    (void)context;
    pwk_process_table_t *table = open_table(true, NULL);
    struct stat status;
    int alone;

    assert_int_equal(pwk_process_table_alone(runtime, state), -EBUSY);
    pwk_process_table_close(table);
    /* Without a lock, as a hostile program may. */
    int file = open(file_path(), O_RDWR);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            (void)!ftruncate(file, 0);
        }
    }
    for (int i = 0; i < 3000; i++) {
        alone = pwk_process_table_alone(runtime, state);
        assert_true(alone >= 0);
        close(alone);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(file);
    alone = pwk_process_table_alone(runtime, state);
    assert_true(alone >= 0);
    assert_int_equal(fstat(alone, &status), 0);
    assert_int_equal(status.st_size, HEADER_SIZE + SLOT_SIZE * SLOT_COUNT);
    close(alone);
}

static void of_many_that_start_at_once_one_is_first(void **context)
{
    (void)context;

    for (int round = 0; round < 20; round++) {
        int firsts = 0;
        pid_t children[12];
        int gate[2];
        int answers[2];
        assert_int_equal(pipe(gate) | pipe(answers), 0);
        for (size_t i = 0; i < 12; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                bool first = false;
                char byte;
                close(gate[1]);
                close(answers[0]);
                (void)!read(gate[0], &byte, 1);
                pwk_process_table_t *table = open_table(true, &first);
                struct pwk_process_slot *slot = pwk_process_table_enter(table, 0, "x");
                bool told = write(answers[1], first ? "1" : "0", 1) == 1;
                close(answers[1]);
                /* Stays until all have entered: their number is in the parent's hands. */
                close(gate[0]);
                pause();
                _exit(!told || slot == NULL);
            }
        }
        close(gate[1]);
        close(gate[0]);
        close(answers[1]);
        for (size_t i = 0; i < 12; i++) {
            char byte;
            assert_int_equal(read(answers[0], &byte, 1), 1);
            firsts += byte == '1';
        }
        close(answers[0]);
        assert_int_equal(firsts, 1);
        pwk_process_table_t *reader = open_table(false, NULL);
        struct pwk_process_info info[12];
        assert_int_equal(pwk_process_table_list(reader, info, 12), 12);
        pwk_process_table_close(reader);
        for (size_t i = 0; i < 12; i++) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
        }
    }
}

static void a_removed_file_is_not_joined(void **context)
{
    (void)context;
    bool first = false;
    pwk_process_table_t *old = open_table(true, NULL);

    unlink(file_path());
    pwk_process_table_t *table = open_table(true, &first);
    assert_true(first);
    assert_string_not_equal(file_path(), "");
    pwk_process_table_close(table);
    pwk_process_table_close(old);
}

static void a_name_does_not_shift_the_fields(void **context)
{
    (void)context;
    static const char rest[] = "7 1 1 34816 -1 4194304 99 0 0 0 11 12 13 14 20 -5 1 0 4242 5 6\n";
    static const char *const names[] = {"1 (a) S ", "1 (a b) S ", "1 (a) R 8) S ", "1 ()) S "};
    struct pwk_process_stat stat;
    char line[256];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(line, sizeof(line), "%s%s", names[i], rest);
        assert_true(pwk_process_stat_read(line, &stat));
        assert_int_equal(stat.state, 'S');
        assert_int_equal(stat.parent, 7);
        assert_int_equal(stat.user, 11);
        assert_int_equal(stat.system, 12);
        assert_int_equal(stat.children, 13 + 14);
        assert_int_equal(stat.started, 4242);
        *strstr(line, "4242") = '\0';
        assert_false(pwk_process_stat_read(line, &stat));
    }
    assert_false(pwk_process_stat_read("", &stat));
    assert_false(pwk_process_stat_read("1 (a)", &stat));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_process_enters_counts_and_leaves),
        TEST(counters_are_exact_with_many_threads),
        TEST(the_counters_of_killed_processes_are_kept),
        TEST(a_zombie_is_not_listed),
        TEST(the_first_process_is_told_so_and_starts_from_zero),
        TEST(a_reader_makes_no_file),
        TEST(the_last_process_knows),
        TEST(who_is_alone_maps_nothing),
        TEST(of_many_that_start_at_once_one_is_first),
        TEST(a_removed_file_is_not_joined),
        cmocka_unit_test(a_name_does_not_shift_the_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
