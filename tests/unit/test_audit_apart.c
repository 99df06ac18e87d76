/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_audit_apart.c - processes that are apart from their kernel's log, and the collector that
 * writes it for them: what they put comes out once, under their number, whatever they do to the
 * file of rings.
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/audit_internal.h"
#include "kernel/process_table_internal.h"

static char runtime[32], state[32];
static _Atomic uint64_t *shared; /* a page that parent and children see */

static int set_up(void **context)
{
    (void)context;
    strcpy(runtime, "/tmp/pwk-apart-XXXXXX");
    strcpy(state, "/tmp/pwk-state-XXXXXX");
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return mkdtemp(runtime) == NULL || mkdtemp(state) == NULL || shared == MAP_FAILED;
}

static void log_path(char path[64], const char *folder, const char *suffix)
{
    snprintf(path, 64, "%s/audit.jsonl%s", folder, suffix);
}

static int tear_down(void **context)
{
    (void)context;
    char path[64];

    munmap(shared, 4096);
    log_path(path, state, "");
    unlink(path);
    log_path(path, state, ".1");
    unlink(path);
    pwk_process_table_remove(runtime, state, NULL);
    return rmdir(runtime) + rmdir(state);
}

/* A session's first process and its programs have what they opened until they end, and so have
 * these tests: it is kept in sight of who looks for lost memory. */
static const void *kept[128];

static void keep(const void *memory)
{
    static size_t count;

    assert_true(count < sizeof(kept) / sizeof(kept[0]));
    kept[count++] = memory;
}

static pwk_audit_collector_t *open_collector(enum pwk_audit_level level, uint64_t limit)
{
    const struct pwk_audit_settings settings = {.kernel = "k", .level = level, .limit = limit};
    pwk_audit_collector_t *collector;

    assert_int_equal(pwk_audit_collector_open(&settings, runtime, state, &collector, NULL), 0);
    keep(collector);
    return collector;
}

/* ---- processes ---- */

struct member {
    pwk_process_table_t *table;
    struct pwk_process_slot *slot;
    pwk_audit_t *audit;
};

/* As a process of a session of the kernel's own starts. */
static struct member join(enum pwk_audit_level level)
{
    struct member member = {0};
    bool first;

    if (pwk_process_table_open(runtime, state, true, &member.table, &first, NULL) != 0 ||
        pwk_audit_open("k", NULL, NULL, level, &member.audit, NULL) != 0)
        abort();
    member.slot = pwk_process_table_enter(member.table, 0, "x");
    pwk_audit_join(member.audit, runtime, state, member.table, member.slot, first);
    keep(member.table);
    keep(member.audit);
    return member;
}

static void leave_and_exit(struct member *member)
{
    pwk_audit_leave(member->audit);
    pwk_process_table_leave(member->table, member->slot);
    _exit(0);
}

static void put_number(pwk_audit_t *audit, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    pwk_audit_write(audit, PWK_AUDIT_DENIALS, "event", "v", "number", text, NULL);
}

static void wait_for(pid_t child, int expected)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, expected);
}

/* A process that puts numbers below `count` and ends. */
static pid_t put_and_end(enum pwk_audit_level level, uint64_t count)
{
    pid_t child = fork();

    if (child == 0) {
        struct member member = join(level);

        for (uint64_t i = 0; i < count; i++)
            put_number(member.audit, i);
        atomic_store(&shared[0], member.audit->place);
        leave_and_exit(&member);
    }
    wait_for(child, 0);
    return child;
}

/* ---- what the log says ---- */

struct account {
    uint64_t numbers; /* records with one; each is to be the next, unless some were dropped */
    uint64_t dropped;
    size_t records; /* of any kind */
    size_t broken;  /* lines that are no records, of anybody's */
};

static void read_log(struct account *account, const char *path, pid_t pid)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;

    while (file != NULL && getline(&line, &capacity, file) > 0) {
        json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

        account->broken += record == NULL;
        if (record && json_integer_value(json_object_get(record, "pid")) == pid) {
            account->records++;
            account->numbers += json_object_get(record, "number") != NULL;
            account->dropped += (uint64_t)json_integer_value(json_object_get(record, "dropped"));
        }
        json_decref(record);
    }
    free(line);
    if (file != NULL)
        fclose(file);
}

static struct account account_of(pid_t pid)
{
    struct account account = {0};
    char path[64];

    log_path(path, state, ".1");
    read_log(&account, path, pid);
    log_path(path, state, "");
    read_log(&account, path, pid);
    return account;
}

/* ---- tests ---- */

static void what_a_process_puts_is_written_by_the_collector(void **context)
{
    (void)context;
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_DECISIONS, 0);
    struct member member = join(PWK_AUDIT_DECISIONS);

    assert_int_equal(member.audit->log.fd, -1);
    for (uint64_t i = 0; i < 3; i++) {
        put_number(member.audit, i);
        assert_int_equal(account_of(getpid()).numbers, i);
        pwk_audit_collector_look(collector);
        assert_int_equal(account_of(getpid()).numbers, i + 1);
    }
    pwk_audit_attend(member.audit);
    assert_int_equal(atomic_load(&member.audit->writer_state), WRITER_NONE);
    pwk_audit_leave(member.audit);
    put_number(member.audit, 3);
    pwk_audit_collector_look(collector);
    assert_int_equal(account_of(getpid()).numbers, 3);
    pwk_process_table_leave(member.table, member.slot);
    pwk_audit_close(member.audit);
    pwk_process_table_close(member.table);
    pwk_audit_collector_look(collector);
    assert_int_equal(account_of(getpid()).records, 3);
}

/* Its ring's place is another one's only when that has been written. */
static void what_ended_processes_put_waits_for_the_collector(void **context)
{
    (void)context;
    pid_t children[20];

    for (uint64_t i = 0; i < 20; i++) {
        children[i] = put_and_end(PWK_AUDIT_DECISIONS, i + 1);
        assert_int_equal(atomic_load(&shared[0]), i);
    }
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_DECISIONS, 0);
    pwk_audit_collector_look(collector);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(account_of(children[i]).numbers, i + 1);
    put_and_end(PWK_AUDIT_ALL, 1);
    assert_int_equal(atomic_load(&shared[0]), 0);
    pwk_audit_collector_look(collector);
    pwk_audit_collector_look(collector);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(account_of(children[i]).numbers, i + 1);
}

static void a_collector_with_level_off_begins_a_log_when_it_is_needed(void **context)
{
    (void)context;
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_OFF, 0);
    char path[64];

    log_path(path, state, "");
    put_and_end(PWK_AUDIT_OFF, 1);
    pwk_audit_collector_look(collector);
    assert_int_equal(access(path, F_OK), -1);
    assert_null(pwk_audit_collector_log(collector));
    pid_t child = put_and_end(PWK_AUDIT_DENIALS, 1);
    pwk_audit_collector_look(collector);
    assert_int_equal(account_of(child).numbers, 1);
}

static void what_finds_no_room_is_counted_in_the_log(void **context)
{
    (void)context;
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_DECISIONS, 0);
    pid_t child = put_and_end(PWK_AUDIT_DECISIONS, 600);

    pwk_audit_collector_look(collector);
    assert_int_equal(account_of(child).numbers, 512);
    assert_int_equal(account_of(child).dropped, 600 - 512);
    assert_int_equal(account_of(child).records, 512);
}

static void a_flood_makes_the_collector_look_more_often(void **context)
{
    (void)context;
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_DECISIONS, 0);
    struct member member = join(PWK_AUDIT_DECISIONS);
    uint64_t at_rest;

    put_number(member.audit, 0);
    at_rest = pwk_audit_collector_look(collector);
    for (uint64_t i = 1; i < 200; i++)
        put_number(member.audit, i);
    assert_true(pwk_audit_collector_look(collector) < at_rest / 10);
    assert_int_equal(pwk_audit_collector_look(collector), at_rest);
    assert_int_equal(account_of(getpid()).numbers, 200);
}

/* A supervisor's records bear the numbers that it says; other processes cannot do that. */
static void only_who_speaks_for_others_names_other_processes(void **context)
{
    (void)context;
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_DECISIONS, 0);
    pid_t child = fork();

    if (child == 0) {
        pwk_audit_t *audit;

        if (pwk_audit_open("k", NULL, NULL, PWK_AUDIT_DECISIONS, &audit, NULL) != 0)
            _exit(1);
        pwk_audit_join(audit, runtime, state, NULL, NULL, false);
        pwk_audit_write_about(audit, 77, 78, PWK_AUDIT_DENIALS, "syscall", "denied", "number", "1",
                              NULL);
        _exit(0);
    }
    wait_for(child, 0);
    pid_t liar = fork();
    if (liar == 0) {
        struct member member = join(PWK_AUDIT_DECISIONS);

        pwk_audit_write_about(member.audit, 77, 78, PWK_AUDIT_DENIALS, "syscall", "denied",
                              "number", "2", NULL);
        leave_and_exit(&member);
    }
    wait_for(liar, 0);
    pwk_audit_collector_look(collector);
    assert_int_equal(account_of(77).records, 1);
    assert_int_equal(account_of(child).records, 0);
    assert_int_equal(account_of(liar).numbers, 0);
    assert_int_equal(account_of(liar).dropped, 1);
}

/* What a thread of a running process has claimed and never publishes does not stop its ring. */
static void a_thread_that_ends_in_a_put_is_given_up(void **context)
{
    (void)context;
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_DECISIONS, 0);
    struct member member = join(PWK_AUDIT_DECISIONS);

    put_number(member.audit, 0);
    atomic_fetch_add(&member.audit->writer.ring->header.head, 2);
    put_number(member.audit, 1);
    pwk_audit_collector_look(collector);
    assert_int_equal(account_of(getpid()).numbers, 1);
    usleep(1100000);
    pwk_audit_collector_look(collector);
    assert_int_equal(account_of(getpid()).numbers, 2);
    assert_int_equal(account_of(getpid()).dropped, 1);
}

/* The way to the folder may be covered, and the log be renamed because it is full. */
static void the_collector_finds_the_log_whatever_lies_over_its_path(void **context)
{
    (void)context;
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_DECISIONS, 3000);
    char moved[40], path[64];
    struct stat status;

    pid_t child = put_and_end(PWK_AUDIT_DECISIONS, 1);
    snprintf(moved, sizeof(moved), "%s-moved", state);
    assert_int_equal(rename(state, moved), 0);
    for (int i = 0; i < 40; i++) {
        pwk_audit_write(pwk_audit_collector_log(collector), PWK_AUDIT_DENIALS, "kernel", "x", NULL);
        pwk_audit_collector_look(collector);
    }
    assert_int_equal(rename(moved, state), 0);
    log_path(path, state, ".1");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(account_of(getpid()).broken, 0);
    assert_int_equal(account_of(child).broken, 0);
    log_path(path, moved, "");
    assert_int_equal(access(path, F_OK), -1);
}

/* Whatever a program does to the file, the collector goes on. */
static void damage(unsigned round, int fd)
{
    uint64_t words[4096];

    memset(words, 0xff, sizeof(words));
    switch (round) {
    case 0:
        assert_int_equal(ftruncate(fd, 70000), 0);
        break;
    case 1:
        assert_int_equal(ftruncate(fd, 4), 0);
        break;
    case 2: /* all places are taken, by nobody */
        assert_int_equal(pwrite(fd, words, sizeof(words), 0), sizeof(words));
        break;
    default: /* the ring says anything */
        for (size_t i = 0; i < 4096; i++)
            words[i] = (uint64_t)rand() << 32 | (uint64_t)rand();
        assert_int_equal(pwrite(fd, words, sizeof(words), 65536 + 8), sizeof(words));
        break;
    }
}

static void a_damaged_file_stops_nobody(void **context)
{
    (void)context;
    pwk_audit_collector_t *collector = open_collector(PWK_AUDIT_DECISIONS, 0);
    char path[PATH_MAX];
    uint64_t sum = 0;

    assert_int_equal(pwk_kernel_file_path(runtime, state, "audit", path, NULL), 0);
    for (unsigned round = 0; round < 6; round++) {
        put_and_end(PWK_AUDIT_DECISIONS, 10);
        int fd = open(path, O_RDWR);
        damage(round, fd);
        close(fd);
        pwk_audit_collector_look(collector);
        /* Another file in its place. */
        assert_int_equal(unlink(path), 0);
        pid_t child = put_and_end(PWK_AUDIT_DECISIONS, 5);
        pwk_audit_collector_look(collector);
        assert_int_equal(account_of(child).numbers, 5);
        assert_int_equal(account_of(child).broken, 0);
        sum += account_of(child).records;
    }
    assert_int_equal(sum, 30);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(pwk_audit_collector_look(collector) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_a_process_puts_is_written_by_the_collector),
        TEST(what_ended_processes_put_waits_for_the_collector),
        TEST(a_collector_with_level_off_begins_a_log_when_it_is_needed),
        TEST(what_finds_no_room_is_counted_in_the_log),
        TEST(a_flood_makes_the_collector_look_more_often),
        TEST(only_who_speaks_for_others_names_other_processes),
        TEST(a_thread_that_ends_in_a_put_is_given_up),
        TEST(the_collector_finds_the_log_whatever_lies_over_its_path),
        TEST(a_damaged_file_stops_nobody),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
