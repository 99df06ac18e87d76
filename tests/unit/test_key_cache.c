/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_key_cache.c - the cache of key control blocks beside a model that never forgets: what is
 * found must be what was added last, and the newest must be found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/key_cache.h"

enum { KINDS = 3, KEYS = 60, HASHES = 3, NAMES = KINDS * KEYS * HASHES };

/* What was added last under a name. */
struct item {
    bool there;
    size_t size;
    unsigned seed;
    uint64_t age; /* bytes that had been added when it was */
};

struct model {
    struct key_cache cache;
    struct item items[NAMES];
    uint64_t added;
    unsigned random;
    unsigned evicted;
};

static unsigned next_random(struct model *model)
{
    model->random = model->random * 1103515245u + 12345u;
    return model->random >> 8;
}

static enum cache_kind kind_of(unsigned name)
{
    return CACHE_KEY + name % KINDS;
}

/* Far apart, and next to each other. */
static uint64_t key_of(unsigned name)
{
    unsigned key = name / KINDS % KEYS;

    return key % 2 ? key : key * UINT64_C(0x100000001);
}

static uint64_t hash_of(unsigned name)
{
    return name / KINDS / KEYS * UINT64_C(0x9e3779b97f4a7c15);
}

static unsigned char byte_of(unsigned seed, size_t at)
{
    return (unsigned char)(seed + at * 7 + (at >> 8));
}

static const struct cache_entry *find(struct model *model, unsigned name, size_t *size)
{
    return key_cache_find(&model->cache, kind_of(name), key_of(name), hash_of(name), size);
}

/* True where it was found, which must be as it was added. */
static bool check(struct model *model, unsigned name)
{
    const struct item *item = &model->items[name];
    uint32_t sequence = key_cache_read_begin(&model->cache);
    size_t size = 0;
    const struct cache_entry *entry = find(model, name, &size);

    assert_true(key_cache_read_valid(&model->cache, sequence));
    if (!entry)
        return false;
    assert_true(item->there);
    assert_int_equal(size, item->size);
    for (size_t i = 0; i < size; i++)
        if (entry->payload[i] != byte_of(item->seed, i))
            fail_msg("byte %zu of %zu is not what was added", i, size);
    return true;
}

static size_t random_size(struct model *model)
{
    size_t limit = key_cache_payload_limit(&model->cache);

    switch (next_random(model) % 8) {
    case 0:
        return 0;
    case 1:
        return limit - next_random(model) % 40;
    case 2:
        return limit + 1 + next_random(model) % 1000;
    case 3:
        return next_random(model) % limit;
    default:
        return next_random(model) % 400;
    }
}

static void add(struct model *model, unsigned name, size_t size)
{
    struct item *item = &model->items[name];
    unsigned char *payload;

    key_cache_write_begin(&model->cache);
    assert_false(key_cache_read_valid(&model->cache, key_cache_read_begin(&model->cache)));
    payload = key_cache_add(&model->cache, kind_of(name), key_of(name), hash_of(name), size);
    assert_true((payload != NULL) == (size <= key_cache_payload_limit(&model->cache)));
    item->there = payload != NULL;
    item->size = size;
    item->seed = next_random(model);
    for (size_t i = 0; payload && i < size; i++)
        payload[i] = byte_of(item->seed, i);
    key_cache_write_end(&model->cache);
    if (payload)
        model->added += size + sizeof(struct cache_entry) + 16;
    item->age = model->added;
    assert_true(check(model, name) == (payload != NULL));
}

static void remove_one(struct model *model, unsigned name)
{
    key_cache_write_begin(&model->cache);
    key_cache_remove(&model->cache, kind_of(name), key_of(name), hash_of(name));
    key_cache_write_end(&model->cache);
    model->items[name].there = false;
    assert_false(check(model, name));
}

static void clear(struct model *model)
{
    key_cache_write_begin(&model->cache);
    key_cache_clear(&model->cache);
    key_cache_write_end(&model->cache);
    for (unsigned i = 0; i < NAMES; i++)
        model->items[i].there = false;
}

/* What was added within the last half of the ring has had no reason to go. */
static void check_all(struct model *model)
{
    for (unsigned i = 0; i < NAMES; i++) {
        const struct item *item = &model->items[i];
        bool found = check(model, i);

        if (item->there && !found) {
            assert_true(model->added - item->age > model->cache.ring_size / 2);
            model->evicted++;
        }
    }
}

static void run(size_t bytes, unsigned seed, unsigned operations)
{
    struct model *model = calloc(1, sizeof(*model));

    assert_non_null(model);
    model->random = seed;
    assert_int_equal(key_cache_init(&model->cache, bytes), 0);
    check_all(model);
    for (unsigned i = 0; i < operations; i++) {
        unsigned name = next_random(model) % NAMES;
        unsigned choice = next_random(model) % 1000;

        if (choice < 700)
            add(model, name, random_size(model));
        else if (choice < 900)
            remove_one(model, name);
        else if (choice < 999)
            check(model, name);
        else
            clear(model);
        if (i % 50 == 0)
            check_all(model);
    }
    assert_true(model->evicted > 0);
    key_cache_finish(&model->cache);
    free(model);
}

static void the_smallest_cache(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++)
        run(0, seed, 4000);
}

static void caches_of_odd_sizes(void **state)
{
    (void)state;
    run((64u << 10) + 16, 11, 4000);
    run((64u << 10) + 4711, 12, 4000);
    run((128u << 10) - 1, 13, 4000);
}

/* Sizes that meet the end of the ring exactly, or leave the least room there. */
static void every_size_at_the_end_of_the_ring(void **state)
{
    struct model *model = calloc(1, sizeof(*model));

    (void)state;
    assert_non_null(model);
    assert_int_equal(key_cache_init(&model->cache, 0), 0);
    for (size_t size = 0; size <= key_cache_payload_limit(&model->cache); size += 13) {
        clear(model);
        for (unsigned i = 0; i < model->cache.ring_size / (size + 48) + 3; i++)
            add(model, i % NAMES, size);
        check_all(model);
    }
    key_cache_finish(&model->cache);
    free(model);
}

/* A reader may meet anything while a writer is at work. */
static void what_is_torn_leads_nowhere_else(void **state)
{
    struct model *model = calloc(1, sizeof(*model));
    const struct key_cache *cache = &model->cache;

    (void)state;
    assert_non_null(model);
    assert_int_equal(key_cache_init(&model->cache, 0), 0);
    for (unsigned round = 0; round < 200; round++) {
        if (round % 10 == 0)
            for (unsigned i = 0; i < NAMES; i++)
                add(model, i, 64);
        for (unsigned i = 0; i < 4000; i++)
            cache->ring[next_random(model) % cache->ring_size] = (unsigned char)next_random(model);
        for (unsigned i = 0; i < 20; i++)
            cache->buckets[next_random(model) & cache->bucket_mask] = next_random(model);
        for (unsigned name = 0; name < NAMES; name++) {
            size_t size;
            const struct cache_entry *entry = find(model, name, &size);

            if (!entry)
                continue;
            assert_true((const unsigned char *)entry >= cache->ring);
            assert_true((size_t)(entry->payload - cache->ring) <= cache->ring_size);
            assert_true(size <= cache->ring_size - (size_t)(entry->payload - cache->ring));
        }
        memset(cache->ring, 0, cache->ring_size);
        clear(model);
    }
    key_cache_finish(&model->cache);
    free(model);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_cache),
        cmocka_unit_test(caches_of_odd_sizes),
        cmocka_unit_test(every_size_at_the_end_of_the_ring),
        cmocka_unit_test(what_is_torn_leads_nowhere_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
