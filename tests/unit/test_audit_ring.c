/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_audit_ring.c - the ring by itself: many threads, signal handlers, a full ring, and rings
 * that hold anything.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/audit_ring.h"
#include "kernel/audit_text.h"

#define CELLS 512
#define SALT UINT64_C(0x123456789abcdef0)

static struct audit_ring *ring;
static struct audit_writer writer;

static int set_up(void **context)
{
    (void)context;
    ring = calloc(1, audit_ring_size(CELLS));
    if (ring == NULL) {
        return 1;
    }
    audit_ring_init(ring, CELLS, SALT);
    writer = (struct audit_writer){ring, CELLS, SALT};
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    free(ring);
    return 0;
}

static void fill(struct audit_record *record, const char *event, const char *verdict, ...)
{
    va_list pairs;

    va_start(pairs, verdict);
    audit_record_fill(record, event, verdict, pairs);
    va_end(pairs);
}

static bool put(const char *event, const char *value)
{
    struct audit_record record;
    uint64_t waiting;

    fill(&record, event, "v", "value", value, NULL);
    return audit_ring_put(&writer, &record, &waiting);
}

/* Reads the next record, and gives its room back. */
static enum audit_reading take(struct audit_record *record)
{
    struct audit_reader reader;

    assert_true(audit_reader_start(&reader, &ring->header, ring->cells, CELLS));
    enum audit_reading reading = audit_reader_next(&reader, record);
    atomic_store(&ring->header.tail, reader.at);
    return reading;
}

static void records_come_out_as_they_were_put(void **context)
{
    (void)context;
    static char value[2001];
    struct audit_record record;
    char line[AUDIT_LINE_MAX];
    uint64_t last = 0;

    /* Lengths that end in every place of a cell, many times round. */
    for (size_t i = 0; i < 2000; i++) {
        memset(value, 'a' + (int)(i % 26), i);
        value[i] = '\0';
        assert_true(put("event", value));
        assert_int_equal(take(&record), AUDIT_READ);
        assert_true(record.head.time >= last);
        last = record.head.time;
        size_t size = audit_line_end(line, audit_line_format(line, "k", 7, &record), i);
        assert_int_equal(line[size - 1], '\n');
        line[size] = '\0';
        char *found = strstr(line, "\"value\":\"");
        assert_non_null(found);
        assert_memory_equal(found + 9, value, i);
        assert_int_equal(found[9 + i], '"');
        assert_int_equal(strstr(line, "\"dropped\":") != NULL, i > 0);
        value[i] = 'x';
    }
    assert_int_equal(take(&record), AUDIT_END);
}

static void a_full_ring_drops_and_counts(void **context)
{
    (void)context;
    struct audit_record record;
    size_t kept = 0;

    while (put("kept", "")) {
        kept++;
    }
    assert_int_equal(kept, CELLS);
    assert_false(put("lost", ""));
    assert_int_equal(atomic_load(&ring->header.dropped), 2);
    assert_int_equal(take(&record), AUDIT_READ);
    assert_true(put("kept", ""));
    for (size_t i = 0; i < CELLS; i++) {
        assert_int_equal(take(&record), AUDIT_READ);
        assert_string_equal(record.text, "kept");
    }
    assert_int_equal(take(&record), AUDIT_END);
}

/* A record of several cells finds no room where fewer are free. */
static void a_long_record_needs_its_room(void **context)
{
    (void)context;
    static char value[1000];
    size_t kept = 0;

    memset(value, 'x', sizeof(value) - 1);
    while (put("long", value)) {
        kept++;
    }
    assert_int_equal(kept, CELLS / 9);
    while (put("short", "")) {
        kept++;
    }
    assert_int_equal(kept, CELLS / 9 + CELLS % 9);
}

#define THREADS 4
#define PUTS 20000

static void *put_many(void *argument)
{
    char number[32];
    char event[2] = {(char)('0' + (int)(intptr_t)argument), '\0'};
    char filler[300];

    memset(filler, '-', sizeof(filler));
    for (int i = 0; i < PUTS; i++) {
        struct audit_record record;
        uint64_t waiting;

        filler[i % 290] = '\0';
        snprintf(number, sizeof(number), "%d", i);
        fill(&record, event, "v", "number", number, "filler", filler, NULL);
        while (!audit_ring_put(&writer, &record, &waiting)) {
            sched_yield();
        }
        filler[i % 290] = '-';
    }
    return NULL;
}

static int number_of(const struct audit_record *record)
{
    const char *verdict = record->text + strlen(record->text) + 1;
    const char *name = verdict + strlen(verdict) + 1;

    assert_string_equal(name, "number");
    return atoi(name + strlen(name) + 1);
}

static void threads_lose_nothing_and_keep_their_order(void **context)
{
    (void)context;
    pthread_t threads[THREADS];
    int next[THREADS] = {0};
    uint64_t last = 0;

    for (intptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, (void *)i), 0);
    }
    for (int left = THREADS * PUTS; left > 0;) {
        struct audit_record record;
        enum audit_reading reading = take(&record);

        if (reading != AUDIT_READ) {
            assert_true(reading == AUDIT_END || reading == AUDIT_PENDING);
            sched_yield();
            continue;
        }
        int thread = record.text[0] - '0';
        assert_in_range(thread, 0, THREADS - 1);
        assert_int_equal(number_of(&record), next[thread]++);
        assert_true(record.head.time >= last);
        last = record.head.time;
        left--;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(next[i], PUTS);
    }
}

static atomic_int in_handler;

static void put_in_handler(int signal)
{
    (void)signal;
    if (put("9", "from the handler")) {
        atomic_fetch_add(&in_handler, 1);
    }
}

/* A timer's signals come in the middle of puts of the same thread. */
static void a_signal_handler_may_put(void **context)
{
    (void)context;
    struct itimerspec often = {{0, 50000}, {0, 50000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct audit_record record;
    int seen = 0, mine = 0;
    timer_t timer;

    atomic_store(&in_handler, 0);
    signal(SIGALRM, put_in_handler);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &often, NULL), 0);
    for (int i = 0; i < 1000000 && atomic_load(&in_handler) < 500; i++) {
        mine += put("0", "from the thread");
        while (take(&record) == AUDIT_READ) {
            seen += record.text[0] == '9';
            mine -= record.text[0] == '0';
        }
    }
    timer_delete(timer);
    signal(SIGALRM, SIG_DFL);
    while (take(&record) == AUDIT_READ) {
        seen += record.text[0] == '9';
        mine -= record.text[0] == '0';
    }
    assert_true(seen > 0);
    assert_int_equal(seen, atomic_load(&in_handler));
    assert_int_equal(mine, 0);
}

static void what_is_never_published_is_passed_over(void **context)
{
    (void)context;
    struct audit_record record;
    struct audit_reader reader;

    assert_true(put("first", ""));
    atomic_fetch_add(&ring->header.head, 3); /* as a thread that ended behind its claim */
    assert_true(put("last", ""));
    assert_int_equal(take(&record), AUDIT_READ);
    assert_int_equal(take(&record), AUDIT_PENDING);
    assert_true(audit_reader_start(&reader, &ring->header, ring->cells, CELLS));
    audit_reader_skip(&reader);
    assert_int_equal(audit_reader_next(&reader, &record), AUDIT_READ);
    assert_string_equal(record.text, "last");
    assert_int_equal(audit_reader_next(&reader, &record), AUDIT_END);
}

/* Every byte of a record, changed, makes it none or leaves it as it was. */
static void a_changed_record_is_none(void **context)
{
    (void)context;
    struct audit_record good, record;
    uint64_t position = atomic_load(&ring->header.head);
    unsigned char *bytes = (unsigned char *)&ring->cells[position % CELLS];

    assert_true(put("event",
                    "a value that takes more than one cell: ----------------------------"
                    "-------------------------------------------------------------------"));
    assert_int_equal(take(&good), AUDIT_READ);
    for (size_t i = 0; i < 2 * sizeof(struct audit_cell); i++) {
        atomic_store(&ring->header.tail, position);
        bytes[i] ^= 0x41;
        enum audit_reading reading = take(&record);
        bytes[i] ^= 0x41;
        if (reading == AUDIT_READ) {
            assert_memory_equal(record.text, good.text, good.head.size);
        }
    }
}

static void numbers_that_are_none_make_no_ring(void **context)
{
    (void)context;
    static const uint64_t bad[] = {
        0, 1, CELLS - 1, 3 * CELLS, UINT64_MAX, UINT64_MAX - CELLS, UINT64_C(1) << 63};
    struct audit_reader reader;
    size_t refused = 0;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t cells = ring->header.cells;
        ring->header.cells = bad[i];
        refused += !audit_reader_start(&reader, &ring->header, ring->cells, CELLS);
        ring->header.cells = cells;
        atomic_store(&ring->header.head, bad[i]);
        refused += !audit_reader_start(&reader, &ring->header, ring->cells, CELLS);
        atomic_store(&ring->header.head, CELLS);
        atomic_store(&ring->header.tail, bad[i]);
        refused += !audit_reader_start(&reader, &ring->header, ring->cells, CELLS);
        atomic_store(&ring->header.tail, CELLS);
    }
    /* An empty ring of a single cell is one. */
    assert_int_equal(refused, 3 * sizeof(bad) / sizeof(bad[0]) - 1);
    assert_true(audit_reader_start(&reader, &ring->header, ring->cells, CELLS));
}

/* Names that would say who wrote the record, or come twice, are a forger's. */
static void forged_names_are_refused(void **context)
{
    (void)context;
    static const char *const names[] = {"pid",     "tid", "time", "kernel", "event", "verdict",
                                        "dropped", "cut", "",     "a\"b",   "A",     "value"};
    char line[AUDIT_LINE_MAX];
    struct audit_record record;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        fill(&record, "e", "v", "value", "1", names[i], "2", NULL);
        record.head.time = 0;
        assert_int_equal(audit_line_format(line, "k", 1, &record), 0);
    }
    fill(&record, "e", "v", "value", "1", "other", "2", NULL);
    record.head.time = 0;
    size_t size = audit_line_end(line, audit_line_format(line, "k", 1, &record), 0);
    line[size] = '\0';
    assert_non_null(strstr(line, "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"kernel\":\"k\","
                                 "\"pid\":1,"));
    record.head.time = UINT64_MAX;
    assert_int_equal(audit_line_format(line, "k", 1, &record) > 0,
                     UINT64_MAX / 1000000000 < UINT64_C(253402300800));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(records_come_out_as_they_were_put), TEST(a_full_ring_drops_and_counts),
        TEST(a_long_record_needs_its_room),      TEST(threads_lose_nothing_and_keep_their_order),
        TEST(a_signal_handler_may_put),          TEST(what_is_never_published_is_passed_over),
        TEST(a_changed_record_is_none),          TEST(numbers_that_are_none_make_no_ring),
        TEST(forged_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
