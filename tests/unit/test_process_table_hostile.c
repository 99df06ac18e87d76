/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_process_table_hostile.c - the table of processes where its file is not what it should be:
 * its bytes are written to as a hostile program could, others stand in its place, no room is left.
 */
#include "process_table_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name that the table's file would have is known from one that has been made. */
static void a_link_in_the_place_of_the_file_is_refused(void **context)
{
    (void)context;
    char target[600];
    char path[600];
    struct pwk_error error = {""};
    pwk_process_table_t *table = open_table(true, NULL);

    pwk_process_table_close(table);
    snprintf(path, sizeof(path), "%s", file_path());
    snprintf(target, sizeof(target), "%s/target", runtime);
    unlink(path);
    int fd = open(target, O_CREAT | O_RDWR, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(pwk_process_table_open(runtime, state, true, &table, NULL, &error), -ELOOP);
    assert_null(table);
    assert_non_null(strstr(error.text, path));
    unlink(target);

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(pwk_process_table_open(runtime, state, true, &table, NULL, &error) < 0);
}

static void a_full_disk_is_an_error_and_no_signal(void **context)
{
    (void)context;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit limit = {65536, 65536};
        struct pwk_error error = {""};
        pwk_process_table_t *table;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        int result = pwk_process_table_open(runtime, state, true, &table, NULL, &error);
        _exit(result != -EFBIG || table != NULL || error.text[0] == '\0');
    }
    assert_child_is_well(child);
}

static void a_full_table_takes_nobody_in(void **context)
{
    (void)context;
    struct pwk_process_info info[1];
    uint64_t owner = 0;
    pwk_process_table_t *table = open_table(true, NULL);
    struct pwk_process_slot *slot = pwk_process_table_enter(table, 0, "a");
    int fd = open(file_path(), O_RDWR);

    assert_int_equal(pread(fd, &owner, 8, HEADER_SIZE), 8);
    assert_int_equal((uint32_t)owner, getpid());
    for (int i = 0; i < SLOT_COUNT; i++) {
        assert_int_equal(pwrite(fd, &owner, 8, HEADER_SIZE + i * SLOT_SIZE), 8);
    }
    assert_null(pwk_process_table_enter(table, 0, "b"));
    assert_int_equal(pwk_process_table_list(table, info, 1), 1); /* the others are not ready */
    pwk_process_table_leave(table, slot);
    close(fd);
    pwk_process_table_close(table);
}

static void hostile_bytes_harm_no_reader(void **context)
{
    (void)context;
    static struct pwk_process_info info[SLOT_COUNT];
    static unsigned char bytes[HEADER_SIZE + SLOT_COUNT * SLOT_SIZE];
    uint64_t totals[PWK_COUNTER_COUNT];
    uint64_t magic;
    pwk_process_table_t *table = open_table(true, NULL);
    int fd = open(file_path(), O_RDWR);
    unsigned seed = 4711;

    assert_int_equal(pread(fd, &magic, 8, 0), 8);
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = round == 0 ? 0xff : (unsigned char)rand_r(&seed);
        }
        /* Live owners, ready, with programs that neither end nor are text. */
        for (size_t i = 0; round > 2 && i < SLOT_COUNT; i += 64) {
            uint64_t self = (uint32_t)getpid();
            memcpy(bytes + HEADER_SIZE + i * SLOT_SIZE, &self, 4);
        }
        memcpy(bytes, &magic, 8);
        assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
        size_t count = pwk_process_table_list(table, info, SLOT_COUNT);
        assert_true(count <= SLOT_COUNT);
        pwk_process_table_totals(table, totals);
        pwk_process_table_enter(table, 0, "x");
    }
    close(fd);
    pwk_process_table_close(table);
}

/* Whatever the last ones left: the slots that they took, or a file of another version's layout. */
static void a_table_made_anew_is_empty(void **context)
{
    (void)context;
    static unsigned char bytes[HEADER_SIZE + SLOT_COUNT * SLOT_SIZE];
    uint64_t totals[PWK_COUNTER_COUNT], none[PWK_COUNTER_COUNT] = {0}, dead = 1;

    for (int other_layout = 0; other_layout < 2; other_layout++) {
        pwk_process_table_t *table = open_table(true, NULL);
        int fd = open(file_path(), O_RDWR);

        for (int i = 0; i < 20; i++) {
            struct pwk_process_slot *slot = pwk_process_table_enter(table, 0, "x");
            assert_non_null(slot);
            pwk_count(slot, PWK_ERRORS, 1);
        }
        pwk_process_table_totals(table, totals);
        assert_int_equal(totals[PWK_ERRORS], 20);
        pwk_process_table_close(table);
        if (other_layout) {
            memset(bytes, 0xff, sizeof(bytes));
            memcpy(bytes + sizeof(bytes) - SLOT_SIZE, &dead, 8);
            assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
        }
        close(fd);
        table = open_table(true, NULL);
        pwk_process_table_totals(table, totals);
        assert_memory_equal(totals, none, sizeof(totals));
        pwk_process_table_close(table);
        fd = open(file_path(), O_RDONLY);
        assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
        for (size_t i = HEADER_SIZE; i < sizeof(bytes); i++) {
            assert_int_equal(bytes[i], 0);
        }
        close(fd);
    }
}

static void a_hostile_slot_is_shown_as_clean_text(void **context)
{
    (void)context;
    struct pwk_process_info info[1];
    pwk_process_table_t *table = open_table(true, NULL);
    struct pwk_process_slot *slot = pwk_process_table_enter(table, 2, "marker");
    int fd = open(file_path(), O_RDWR);
    char bytes[SLOT_SIZE];
    char *at;

    assert_int_equal(pread(fd, bytes, SLOT_SIZE, HEADER_SIZE), SLOT_SIZE);
    at = memmem(bytes, SLOT_SIZE, "marker", 6);
    assert_non_null(at);
    memset(at, '\xc3', 120);
    memcpy(at, "\x1b[2Jok\xff", 7);
    assert_int_equal(pwrite(fd, bytes, SLOT_SIZE, HEADER_SIZE), SLOT_SIZE);
    assert_int_equal(pwk_process_table_list(table, info, 1), 1);
    assert_memory_equal(info[0].program, "?[2Jok??", 8);
    assert_int_equal(strlen(info[0].program), 120);
    close(fd);
    pwk_process_table_leave(table, slot);
    pwk_process_table_close(table);
}

static void a_file_cut_short_harms_no_reader(void **context)
{
    (void)context;
    struct pwk_process_info info[1];
    uint64_t totals[PWK_COUNTER_COUNT];
    pwk_process_table_t *table = open_table(true, NULL);

    assert_non_null(pwk_process_table_enter(table, 0, "a"));
    pwk_process_table_t *reader = open_table(false, NULL);
    for (off_t size = 8192; size >= 0; size -= 4096) {
        assert_int_equal(truncate(file_path(), size), 0);
        assert_int_equal(pwk_process_table_list(reader, info, 1), 0);
        pwk_process_table_totals(reader, totals);
        assert_int_equal(totals[0], 0);
    }
    pwk_process_table_close(reader);
    pwk_process_table_close(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_link_in_the_place_of_the_file_is_refused),
        TEST(a_full_disk_is_an_error_and_no_signal),
        TEST(a_full_table_takes_nobody_in),
        TEST(hostile_bytes_harm_no_reader),
        TEST(a_table_made_anew_is_empty),
        TEST(a_hostile_slot_is_shown_as_clean_text),
        TEST(a_file_cut_short_harms_no_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
