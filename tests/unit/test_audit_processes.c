/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_audit_processes.c - rings of processes that end, are killed, lie, or cannot write the log.
 * What a process has put must stand in the log once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/audit_internal.h"
#include "kernel/process_table.h"

static char folder[32];
static char path[64];
static _Atomic uint64_t *shared; /* a page that parent and children see */

static int set_up(void **context)
{
    (void)context;
    strcpy(folder, "/tmp/pwk-rings-XXXXXX");
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mkdtemp(folder) == NULL || shared == MAP_FAILED) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/audit.jsonl", folder);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    char old[80];

    munmap(shared, 4096);
    snprintf(old, sizeof(old), "%s.1", path);
    unlink(path);
    unlink(old);
    pwk_process_table_remove(folder, folder, NULL);
    return rmdir(folder);
}

static pwk_audit_t *open_audit(enum pwk_audit_level level)
{
    struct pwk_error error = {""};
    pwk_audit_t *audit;

    if (pwk_audit_open("k", path, NULL, level, &audit, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    return audit;
}

struct member {
    pwk_process_table_t *table;
    struct pwk_process_slot *slot;
    pwk_audit_t *audit;
};

/* As a process of the kernel starts. */
static struct member join(enum pwk_audit_level level, uint64_t limit)
{
    struct member member = {0};
    bool first;

    if (pwk_process_table_open(folder, folder, true, &member.table, &first, NULL) != 0) {
        abort();
    }
    member.audit = open_audit(level);
    pwk_audit_set_limit(member.audit, limit);
    member.slot = pwk_process_table_enter(member.table, 0, "x");
    pwk_audit_join(member.audit, folder, folder, member.table, member.slot, first);
    if (!atomic_load(&member.audit->has_ring)) {
        abort();
    }
    return member;
}

/* As it ends. */
static void leave(struct member *member)
{
    pwk_audit_leave(member->audit);
    pwk_process_table_leave(member->table, member->slot);
    pwk_audit_close(member->audit);
    pwk_process_table_close(member->table);
}

/* The same, of a process that may have a writer thread. */
static void leave_and_exit(struct member *member, int status)
{
    pwk_audit_leave(member->audit);
    pwk_process_table_leave(member->table, member->slot);
    _exit(status);
}

static void write_number(pwk_audit_t *audit, enum pwk_audit_level level, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    pwk_audit_write(audit, level, "event", "v", "number", text, NULL);
}

static void wait_for(pid_t child, int expected)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, expected);
}

static void collect(bool live)
{
    pwk_audit_t *audit = open_audit(PWK_AUDIT_ALL);

    assert_int_equal(pwk_audit_collect(audit, folder, folder, live), 0);
    pwk_audit_close(audit);
}

/* What the log says of a process. */
struct account {
    uint64_t records;
    uint64_t next; /* the number behind the last one */
    uint64_t missing;
    uint64_t dropped;
    size_t broken; /* lines that are no records, of anybody's */
};

static void count_record(struct account *account, json_t *record)
{
    const char *text = json_string_value(json_object_get(record, "number"));

    account->dropped += (uint64_t)json_integer_value(json_object_get(record, "dropped"));
    if (text == NULL) {
        return;
    }
    uint64_t number = strtoull(text, NULL, 10);
    if (number < account->next) {
        fail_msg("number %s stands in the log twice, or too late", text);
    }
    account->missing += number - account->next;
    account->next = number + 1;
    account->records++;
}

static void read_log(struct account *account, const char *name, pid_t pid)
{
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t capacity = 0;

    while (file != NULL && getline(&line, &capacity, file) > 0) {
        json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (record == NULL) {
            account->broken++;
        } else if (json_integer_value(json_object_get(record, "pid")) == pid) {
            count_record(account, record);
        }
        json_decref(record);
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
}

static struct account account_of(pid_t pid)
{
    struct account account = {0};
    char old[80];

    snprintf(old, sizeof(old), "%s.1", path);
    read_log(&account, old, pid);
    read_log(&account, path, pid);
    return account;
}

static void a_single_record_is_in_the_log_at_once(void **context)
{
    (void)context;
    struct member member = join(PWK_AUDIT_DECISIONS, 0);

    for (uint64_t i = 0; i < 3; i++) {
        write_number(member.audit, PWK_AUDIT_DENIALS, i);
        assert_int_equal(account_of(getpid()).records, i + 1);
    }
    assert_int_equal(atomic_load(&member.audit->writer_state), WRITER_NONE);
    leave(&member);
    assert_int_equal(account_of(getpid()).records, 3);
}

static void what_a_signal_handler_puts_waits_for_the_thread(void **context)
{
    (void)context;
    struct member member = join(PWK_AUDIT_DECISIONS, 0);

    atomic_store(&pwk_audit_attention, 0);
    pwk_audit_begin_deferred();
    write_number(member.audit, PWK_AUDIT_DENIALS, 0);
    pwk_audit_attend(member.audit);
    pwk_audit_end_deferred();
    assert_int_equal(account_of(getpid()).records, 0);
    assert_int_equal(atomic_load(&pwk_audit_attention), PWK_AUDIT_WAITING);
    pwk_audit_attend(member.audit);
    assert_int_equal(atomic_load(&pwk_audit_attention), 0);
    assert_int_equal(account_of(getpid()).records, 1);

    /* And where nobody attends, for the end, or for pwkctl. */
    pwk_audit_begin_deferred();
    write_number(member.audit, PWK_AUDIT_DENIALS, 1);
    pwk_audit_end_deferred();
    collect(false);
    assert_int_equal(account_of(getpid()).records, 1);
    collect(true);
    assert_int_equal(account_of(getpid()).records, 2);
    pwk_audit_begin_deferred();
    write_number(member.audit, PWK_AUDIT_DENIALS, 2);
    pwk_audit_end_deferred();
    leave(&member);
    assert_int_equal(account_of(getpid()).records, 3);
    atomic_store(&pwk_audit_attention, 0);
}

/* Puts numbers until it is killed, and says in `shared` up to which it has; in bursts, and no more
 * in all than the ring holds (whoever empties it may not get to it), or as fast as it goes. */
static pid_t start_putting(enum pwk_audit_level level, unsigned burst)
{
    const uint64_t room = level == PWK_AUDIT_ALL ? 4000 : 500; /* of 4096 cells, or 512 */

    atomic_store(&shared[0], 0);
    pid_t child = fork();

    if (child == 0) {
        struct member member = join(level, 0);

        for (uint64_t i = 0; burst == 0 || i < room; i++) {
            write_number(member.audit, level, i);
            atomic_store(&shared[0], i + 1);
            if (burst != 0 && i % burst == burst - 1) {
                usleep(1000);
            }
        }
        for (;;)
            pause();
    }
    assert_true(child > 0);
    return child;
}

static void kill_rounds(enum pwk_audit_level level, unsigned burst, unsigned rounds, bool exact)
{
    unsigned seed = 42;

    for (unsigned round = 0; round < rounds; round++) {
        pid_t child = start_putting(level, burst);

        while (atomic_load(&shared[0]) < 2) {
            usleep(50);
        }
        usleep((useconds_t)(rand_r(&seed) % 9000));
        kill(child, SIGKILL);
        wait_for(child, SIGKILL);
        if (round % 2 == 0) {
            collect(false);
        } else {
            /* The next process of the kernel. */
            struct member member = join(level, 0);
            leave(&member);
        }
        struct account account = account_of(child);
        uint64_t acknowledged = atomic_load(&shared[0]);
        if (exact) {
            assert_int_equal(account.missing, 0);
            assert_in_range(account.next, acknowledged, acknowledged + 1);
        } else {
            /* Records that found no room at the very end are counted in no line. */
            assert_true(account.next <= acknowledged + 1);
            assert_true(account.records + account.dropped <= acknowledged + 1);
        }
    }
}

static void what_was_put_before_a_kill_comes_out_once(void **context)
{
    (void)context;
    kill_rounds(PWK_AUDIT_ALL, 100, 60, true);
    kill_rounds(PWK_AUDIT_DECISIONS, 1, 40, true);
    kill_rounds(PWK_AUDIT_ALL, 0, 10, false);
}

/* As a drainer that is killed between writing and taking that back: all but the last lines are in
 * the log, and one is torn. */
static void a_killed_drainer_is_made_good(void **context)
{
    (void)context;

    for (unsigned cut = 0; cut < 400; cut += 23) {
        pid_t child = fork();

        if (child == 0) {
            struct member member = join(PWK_AUDIT_DECISIONS, 0);
            struct audit_ring_header *header = &member.audit->writer.ring->header;
            uint64_t start = atomic_load(&header->tail);
            struct stat before, after;

            if (fstat(member.audit->log.fd, &before) != 0) {
                _exit(1);
            }
            for (uint64_t i = 0; i < 5; i++) {
                write_number(member.audit, PWK_AUDIT_DENIALS, i);
            }
            atomic_store(&header->writing_offset, (uint64_t)before.st_size);
            atomic_store(&header->writing_inode, before.st_ino);
            atomic_store(&header->writing, atomic_load(&header->tail));
            atomic_store(&header->tail, start);
            if (fstat(member.audit->log.fd, &after) != 0 ||
                ftruncate(member.audit->log.fd, after.st_size - cut) != 0) {
                _exit(1);
            }
            raise(SIGKILL);
        }
        wait_for(child, SIGKILL);
        collect(false);
        struct account account = account_of(child);
        assert_int_equal(account.records, 5);
        assert_int_equal(account.missing, 0);
        assert_true(account.broken <= cut / 23 + 1);
    }
}

static void a_slot_that_changes_hands_is_emptied_first(void **context)
{
    (void)context;
    struct member keeper = join(PWK_AUDIT_DECISIONS, 0); /* so that nobody is the first */
    pid_t child = fork();

    if (child == 0) {
        struct member member = join(PWK_AUDIT_DECISIONS, 0);
        pwk_audit_begin_deferred();
        write_number(member.audit, PWK_AUDIT_DENIALS, 0);
        raise(SIGKILL);
    }
    wait_for(child, SIGKILL);
    assert_int_equal(account_of(child).records, 0);
    struct member next = join(PWK_AUDIT_DECISIONS, 0);
    assert_int_equal(account_of(child).records, 1);
    leave(&next);
    leave(&keeper);
    assert_int_equal(account_of(child).records, 1);
}

static void lie(struct member *member, unsigned round)
{
    struct audit_ring *ring = member->audit->writer.ring;
    size_t cells = (size_t)member->audit->writer.cells;
    unsigned seed = round;

    for (size_t i = 0; i < cells * sizeof(ring->cells[0]) && round % 2 == 0; i++) {
        ((unsigned char *)ring->cells)[i] = (unsigned char)rand_r(&seed);
    }
    switch (round) {
    case 0:
    case 1: /* all of it claimed, nothing published */
        atomic_store(&ring->header.head, atomic_load(&ring->header.tail) + cells);
        break;
    case 2:
        ring->header.cells = UINT64_C(1) << 40;
        break;
    case 3:
        ring->header.cells = 8192; /* more than was given out */
        atomic_store(&ring->header.tail, 8192);
        atomic_store(&ring->header.head, 16384);
        break;
    case 4:
        atomic_store(&ring->header.head, UINT64_MAX);
        atomic_store(&ring->header.tail, UINT64_MAX - cells);
        break;
    case 5: /* a drain that never was, of a log that is none */
        atomic_store(&ring->header.writing, UINT64_MAX);
        atomic_store(&ring->header.writing_offset, UINT64_MAX);
        break;
    case 6:
        atomic_store(&ring->header.dropped_told, UINT64_MAX / 2);
        break;
    default: /* somebody else's record */
        pwk_audit_write(member->audit, PWK_AUDIT_DENIALS, "e", "v", "pid", "1", NULL);
        pwk_audit_write(member->audit, PWK_AUDIT_DENIALS, "e\",\"pid\":1,\"x\":\"", "v", NULL);
        break;
    }
}

static void a_lying_ring_harms_nobody(void **context)
{
    (void)context;

    for (unsigned round = 0; round < 8; round++) {
        pid_t child = fork();

        if (child == 0) {
            struct member member = join(PWK_AUDIT_DECISIONS, 0);
            pwk_audit_begin_deferred();
            write_number(member.audit, PWK_AUDIT_DENIALS, 0);
            lie(&member, round);
            raise(SIGKILL);
        }
        wait_for(child, SIGKILL);
        collect(false);
        assert_int_equal(account_of(1).broken, 0);
        assert_int_equal(account_of(1).records, 0);
        /* The place is free again, and works. */
        struct member member = join(PWK_AUDIT_DECISIONS, 0);
        write_number(member.audit, PWK_AUDIT_DENIALS, round);
        leave(&member);
        assert_int_equal(account_of(getpid()).records, round + 1);
    }
}

/* The log cannot grow: nothing is lost as long as the ring has room, what is lost is counted, and
 * nothing waits. */
static void a_full_disk_stops_nobody(void **context)
{
    (void)context;
    pid_t child = fork();

    if (child == 0) {
        struct member member = join(PWK_AUDIT_DECISIONS, 0);
        struct rlimit limit, none;
        struct timespec start, end;
        uint64_t totals[PWK_COUNTER_COUNT] = {0};

        write_number(member.audit, PWK_AUDIT_DENIALS, 0);
        getrlimit(RLIMIT_FSIZE, &limit);
        none = limit;
        none.rlim_cur = 60; /* within a line: SIGXFSZ would end the process */
        if (setrlimit(RLIMIT_FSIZE, &none) != 0) {
            _exit(1);
        }
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (uint64_t i = 1; i < 1000; i++) {
            write_number(member.audit, PWK_AUDIT_DENIALS, i);
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        setrlimit(RLIMIT_FSIZE, &limit);
        pwk_process_slot_add(member.slot, totals);
        atomic_store(&shared[1], totals[PWK_AUDIT_DROPPED]);
        usleep(1100000);
        write_number(member.audit, PWK_AUDIT_DENIALS, 1000); /* there is no room yet */
        write_number(member.audit, PWK_AUDIT_DENIALS, 1001);
        leave_and_exit(&member, end.tv_sec - start.tv_sec > 5);
    }
    wait_for(child, 0);
    struct account account = account_of(child);
    assert_int_equal(account.next, 1002);
    assert_int_equal(account.records, 1 + 512 + 1);
    assert_int_equal(atomic_load(&shared[1]), 999 - 512);
    assert_int_equal(account.missing, 999 - 512 + 1);
    assert_int_equal(account.dropped, account.missing);
    assert_int_equal(account.broken, 0);
}

/* Wine ends threads anywhere. What such a one has claimed is waited for, but not for long. */
static void a_thread_that_ends_in_a_put_stops_nobody(void **context)
{
    (void)context;
    struct member member = join(PWK_AUDIT_DECISIONS, 0);

    write_number(member.audit, PWK_AUDIT_DENIALS, 0);
    atomic_fetch_add(&member.audit->writer.ring->header.head, 2);
    write_number(member.audit, PWK_AUDIT_DENIALS, 1);
    assert_int_equal(account_of(getpid()).records, 1);
    usleep(1100000);
    write_number(member.audit, PWK_AUDIT_DENIALS, 2);
    assert_int_equal(account_of(getpid()).records, 3);
    assert_int_equal(account_of(getpid()).dropped, 1);
    leave(&member);
}

static void a_lock_that_somebody_holds_stops_nobody(void **context)
{
    (void)context;
    struct member member = join(PWK_AUDIT_DECISIONS, 0);
    int holder = open(path, O_RDONLY);

    assert_int_equal(flock(holder, LOCK_EX), 0);
    for (uint64_t i = 0; i < 20; i++) {
        write_number(member.audit, PWK_AUDIT_DENIALS, i);
    }
    assert_int_equal(account_of(getpid()).records, 0);
    close(holder);
    usleep(20000);
    pwk_audit_attend(member.audit);
    assert_int_equal(account_of(getpid()).records, 20);
    leave(&member);
}

static void a_log_that_grows_too_large_is_renamed_once(void **context)
{
    (void)context;
    pid_t children[3];
    struct stat status;
    char old[80];

    snprintf(old, sizeof(old), "%s.1", path);
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct member member = join(PWK_AUDIT_DECISIONS, 25000);
            for (uint64_t j = 0; j < 100; j++) {
                write_number(member.audit, PWK_AUDIT_DENIALS, j);
                usleep(100);
            }
            leave_and_exit(&member, 0);
        }
    }
    for (int i = 0; i < 3; i++) {
        wait_for(children[i], 0);
    }
    for (int i = 0; i < 3; i++) {
        struct account account = account_of(children[i]);
        assert_int_equal(account.records, 100);
        assert_int_equal(account.broken, 0);
    }
    assert_int_equal(stat(old, &status), 0);
    assert_true(status.st_size <= 25000);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size <= 25000);
}

/* A thousand times what the ring holds, from four processes at once. */
static void a_flood_is_written_or_counted(void **context)
{
    (void)context;
    pid_t children[4];

    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct member member = join(PWK_AUDIT_ALL, 0);
            for (uint64_t j = 0; j < 50000; j++) {
                write_number(member.audit, PWK_AUDIT_ALL, j);
            }
            leave_and_exit(&member, 0);
        }
    }
    for (int i = 0; i < 4; i++) {
        wait_for(children[i], 0);
    }
    /* Who ended and could not have the log in time has left its records to others. */
    collect(false);
    for (int i = 0; i < 4; i++) {
        struct account account = account_of(children[i]);
        assert_int_equal(account.records + account.dropped, 50000);
        assert_int_equal(account.broken, 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_single_record_is_in_the_log_at_once),
        TEST(what_a_signal_handler_puts_waits_for_the_thread),
        TEST(what_was_put_before_a_kill_comes_out_once),
        TEST(a_killed_drainer_is_made_good),
        TEST(a_slot_that_changes_hands_is_emptied_first),
        TEST(a_lying_ring_harms_nobody),
        TEST(a_full_disk_stops_nobody),
        TEST(a_thread_that_ends_in_a_put_stops_nobody),
        TEST(a_lock_that_somebody_holds_stops_nobody),
        TEST(a_log_that_grows_too_large_is_renamed_once),
        TEST(a_flood_is_written_or_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
