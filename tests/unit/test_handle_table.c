/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_handle_table.c - handles of keys: what they look like, flags, reuse, and many threads.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "nt/handle_table.h"

static nt_handle open_handle(uint64_t key)
{
    struct key_handle content = {.key = key, .access = (uint32_t)key ^ 0xf0f0};
    nt_handle handle = key_handle_open(&content);

    assert_true(is_key_handle(handle));
    assert_int_equal(handle % 4, 0);
    return handle;
}

static bool count_one(uint64_t key, void *count)
{
    assert_true(key != 0);
    ++*(unsigned *)count;
    return false;
}

static unsigned count_open(void)
{
    unsigned count = 0;

    assert_false(key_handle_any(count_one, &count));
    return count;
}

static void handles_have_their_own_range(void **state)
{
    (void)state;
    assert_false(is_key_handle(0));
    assert_false(is_key_handle(KEY_HANDLE_FIRST - 1));
    assert_true(is_key_handle(KEY_HANDLE_FIRST));
    assert_true(is_key_handle(0x43ffffff));
    assert_false(is_key_handle(0x44000000));
    assert_false(is_key_handle((nt_handle)-1));
    assert_false(is_key_handle(UINT64_C(0x140000000)));
}

static void what_is_opened_can_be_got(void **state)
{
    struct key_handle content = {.key = UINT64_C(0x123456789abc), .access = 0xf003f, .inherit = 1};
    struct key_handle found;
    nt_handle handle = key_handle_open(&content);

    (void)state;
    assert_true(key_handle_get(handle, &found));
    assert_true(found.key == content.key);
    assert_int_equal(found.access, content.access);
    assert_int_equal(found.inherit, 1);
    assert_int_equal(found.protect_from_close, 0);
    for (unsigned low = 1; low < 4; low++)
        assert_true(key_handle_get(handle + low, &found) && found.key == content.key);
    assert_int_equal(count_open(), 1);
    assert_true(key_handle_close(handle + 3));
    assert_int_equal(count_open(), 0);
}

static void flags_can_be_set(void **state)
{
    nt_handle handle = open_handle(7);
    struct key_handle found;

    (void)state;
    for (unsigned flags = 0; flags < 4; flags++) {
        assert_true(key_handle_set_flags(handle, flags & 1, flags & 2));
        assert_true(key_handle_get(handle, &found));
        assert_int_equal(found.inherit, flags & 1);
        assert_int_equal(found.protect_from_close, flags >> 1);
        assert_true(found.key == 7);
    }
    assert_true(key_handle_close(handle));
    handle = open_handle(8);
    assert_true(key_handle_get(handle, &found));
    assert_int_equal(found.inherit, 0);
    assert_int_equal(found.protect_from_close, 0);
    assert_true(key_handle_close(handle));
}

static void handles_that_are_not_open(void **state)
{
    nt_handle handle = open_handle(1);
    const nt_handle wrong[] = {0,
                               4,
                               KEY_HANDLE_FIRST - 4,
                               handle + 4,
                               KEY_HANDLE_FIRST + (nt_handle)KEY_HANDLE_COUNT * 4 - 4,
                               KEY_HANDLE_FIRST + (nt_handle)KEY_HANDLE_COUNT * 4,
                               handle + (UINT64_C(1) << 32),
                               (nt_handle)-1};
    struct key_handle found;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(key_handle_get(wrong[i], &found));
        assert_false(key_handle_set_flags(wrong[i], true, true));
        assert_false(key_handle_close(wrong[i]));
    }
    assert_int_equal(count_open(), 1);
    assert_true(key_handle_close(handle));
    assert_false(key_handle_close(handle));
    assert_false(key_handle_get(handle, &found));
    assert_false(key_handle_set_flags(handle, true, true));
    assert_int_equal(count_open(), 0);
}

static bool is_key(uint64_t key, void *wanted)
{
    return key == *(uint64_t *)wanted;
}

static void a_key_with_an_open_handle_is_known(void **state)
{
    uint64_t seven = 7, eight = 8;
    nt_handle first = open_handle(7), second = open_handle(7);

    (void)state;
    assert_true(key_handle_any(is_key, &seven));
    assert_false(key_handle_any(is_key, &eight));
    assert_true(key_handle_close(first));
    assert_true(key_handle_any(is_key, &seven));
    assert_true(key_handle_close(second));
    assert_false(key_handle_any(is_key, &seven));
}

/* More than one chunk; closed ones come back, and no handle is given twice. */
static void handles_are_used_again(void **state)
{
    enum { COUNT = 20000 };
    nt_handle *handles = malloc(COUNT * sizeof(*handles));
    nt_handle highest = 0;
    struct key_handle found;

    (void)state;
    assert_non_null(handles);
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            handles[i] = open_handle(i + 1);
            if (round == 0 && handles[i] > highest)
                highest = handles[i];
            assert_true(handles[i] <= highest);
        }
        assert_int_equal(count_open(), COUNT);
        for (unsigned i = 0; i < COUNT; i++)
            assert_true(key_handle_get(handles[i], &found) && found.key == i + 1 &&
                        found.access == ((i + 1) ^ 0xf0f0));
        for (unsigned i = 0; i < COUNT; i++)
            assert_true(key_handle_close(handles[(i * 7919u) % COUNT]));
        assert_int_equal(count_open(), 0);
    }
    free(handles);
}

/* ---- threads ---- */

enum { THREADS = 4, HELD = 50, STEPS = 60000 };
static _Atomic unsigned wrong_answers;

/* Each thread holds handles to keys that nobody else opens. */
static void *open_and_close(void *context)
{
    uint64_t base = (uint64_t)(uintptr_t)context << 32;
    nt_handle handles[HELD] = {0};
    uint64_t keys[HELD] = {0};
    unsigned random = (unsigned)(uintptr_t)context, wrong = 0;

    for (unsigned step = 1; step <= STEPS; step++) {
        struct key_handle content = {.key = base + step, .access = step, .inherit = step & 1};
        struct key_handle found;
        unsigned i;

        random = random * 1103515245u + 12345u;
        i = (random >> 16) % HELD;
        if (handles[i]) {
            wrong += !key_handle_get(handles[i], &found) || found.key != keys[i] ||
                     found.access != (uint32_t)keys[i] || found.inherit != (keys[i] & 1);
            wrong += !key_handle_close(handles[i]);
            handles[i] = 0;
        } else {
            handles[i] = key_handle_open(&content);
            keys[i] = content.key;
            wrong += handles[i] == 0;
        }
    }
    for (unsigned i = 0; i < HELD; i++)
        wrong += handles[i] && !key_handle_close(handles[i]);
    atomic_fetch_add(&wrong_answers, wrong);
    return NULL;
}

static void many_threads(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrong_answers), 0);
    assert_int_equal(count_open(), 0);
}

/* Of all threads that close a handle at once, one is told that it was open. */
static _Atomic nt_handle contested;
static _Atomic unsigned closed, arrived;

enum { CONTESTS = 20000 };

static void *close_contested(void *context)
{
    (void)context;
    for (unsigned round = 1; round <= CONTESTS; round++) {
        while (atomic_load(&contested) >> 32 != round)
            sched_yield();
        atomic_fetch_add(&closed, key_handle_close((uint32_t)atomic_load(&contested)));
        atomic_fetch_add(&arrived, 1);
        while (atomic_load(&arrived) < round * 2)
            sched_yield();
    }
    return NULL;
}

static void one_close_counts(void **state)
{
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, close_contested, NULL), 0);
    for (uint64_t round = 1; round <= CONTESTS; round++) {
        atomic_store(&contested, round << 32 | open_handle(round));
        while (atomic_load(&arrived) < round * 2)
            sched_yield();
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&closed), CONTESTS);
    assert_int_equal(count_open(), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_have_their_own_range),
        cmocka_unit_test(what_is_opened_can_be_got),
        cmocka_unit_test(flags_can_be_set),
        cmocka_unit_test(handles_that_are_not_open),
        cmocka_unit_test(a_key_with_an_open_handle_is_known),
        cmocka_unit_test(handles_are_used_again),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(one_close_counts),
    };

    alarm(300); /* a hang is a failure, not a wait for good */
    return key_table_start(-1) < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
