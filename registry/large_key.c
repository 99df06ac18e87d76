/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * large_key.c - see large_key.h.
 */
#include "registry/large_key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/upcase.h"

#define SINGLE_PART 64 /* of the cache, what one value may take at most */

/* All is forgotten when an eighth as many values were asked for as there are bits. */
#define ASKED_WORDS 1024u
struct asked_values {
    uint32_t count;
    uint64_t bits[ASKED_WORDS];
};

void large_key_finish(registry_t *registry)
{
    free(registry->asked);
    free(registry->subkey_run);
    value_run_finish(registry);
}

void registry_mark_too_large(registry_t *registry, struct cached_key *head, const void *name)
{
    bool fixed = fixed_values_concern(&registry->fixed, name, head->name_bytes / 2);

    head->too_large = fixed ? 2 : 1;
    head->stale = fixed ? 0 : STALE_MEASURES;
    head->stamp = ++registry->stamp;
}

static struct cached_key *find_block(registry_t *registry, uint64_t key)
{
    size_t size;
    const struct cache_entry *entry = key_cache_find(&registry->cache, CACHE_KEY, key, 0, &size);

    return entry ? (struct cached_key *)entry->payload : NULL;
}

int registry_measure_key(registry_t *registry, uint64_t key, bool measures)
{
    struct hive_measures measured = {0};
    struct cached_key *block;
    struct hive_key row;
    int result = hive_store_read_key(registry->store, key, &row);
    uint64_t last_write = row.last_write;

    if (result == 0 && measures)
        result = hive_store_measure_values(registry->store, key, &measured);
    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    block = find_block(registry, key);
    if (!block)
        return 0;
    key_cache_write_begin(&registry->cache);
    block->last_write = last_write;
    block->stale &= ~STALE_LAST_WRITE;
    if (measures) {
        block->value_count = measured.count;
        block->max_value_name = measured.max_name;
        block->max_value_data = measured.max_data;
        block->stale = 0;
    }
    key_cache_write_end(&registry->cache);
    return 0;
}

/* ---- single values ---- */

const struct cached_single *registry_find_single(const registry_t *registry, uint64_t key,
                                                 const struct cached_key *head,
                                                 const uint16_t *name, size_t units, size_t *size)
{
    const struct cache_entry *entry = key_cache_find(
        &registry->cache, CACHE_VALUE, key, (uint32_t)registry_name_hash(name, units), size);
    const struct cached_single *single;

    if (!entry || *size < sizeof *single + units * 2)
        return NULL;
    single = (const struct cached_single *)entry->payload;
    if (single->stamp != head->stamp || single->name_bytes != units * 2 ||
        registry_name_compare((const uint16_t *)single->bytes, units, name, units))
        return NULL;
    return single;
}

void registry_put_single(registry_t *registry, uint64_t key, const uint16_t *name, size_t units,
                         const struct hive_value *value)
{
    const struct cached_key *block = find_block(registry, key);
    struct cached_single head = {.absent = !value, .name_bytes = (uint32_t)units * 2};
    uint32_t hash = (uint32_t)registry_name_hash(name, units);
    size_t at = cached_single_data_offset(head.name_bytes);
    unsigned char *payload = NULL;

    if (!block || block->too_large != 1)
        return;
    head.stamp = block->stamp;
    if (value) {
        head.type = value->type;
        head.data_bytes = (uint32_t)value->size;
    }
    key_cache_write_begin(&registry->cache);
    key_cache_remove(&registry->cache, CACHE_VALUE, key, hash);
    if (at + head.data_bytes <= registry->cache.ring_size / SINGLE_PART)
        payload = key_cache_add(&registry->cache, CACHE_VALUE, key, hash, at + head.data_bytes);
    if (payload) {
        memcpy(payload, &head, sizeof head);
        if (units)
            memcpy(payload + sizeof head, name, units * 2);
        if (head.data_bytes)
            memcpy(payload + at, value->data, head.data_bytes);
    }
    key_cache_write_end(&registry->cache);
}

/* True the second time, if not too many others were asked for in between; now and then the first
 * time: which were is kept as bits that several may share. */
static bool asked_before(registry_t *registry, uint64_t key, uint64_t hash)
{
    uint64_t mixed = (key ^ hash) * UINT64_C(0x9e3779b97f4a7c15);
    bool before = true;

    if (!registry->asked)
        registry->asked = calloc(1, sizeof *registry->asked);
    if (!registry->asked)
        return false;
    for (int i = 0; i < 3; i++, mixed >>= 20) {
        uint64_t bit = UINT64_C(1) << (mixed & 63), *word;

        word = &registry->asked->bits[mixed >> 6 & (ASKED_WORDS - 1)];
        before = before && *word & bit;
        *word |= bit;
    }
    if (!before && ++registry->asked->count == ASKED_WORDS * 8)
        memset(registry->asked, 0, sizeof *registry->asked);
    return before;
}

void registry_keep_single(registry_t *registry, uint64_t key, const uint16_t *name, size_t units,
                          const struct hive_value *value)
{
    if (asked_before(registry, key, registry_name_hash(name, units)))
        registry_put_single(registry, key, name, units, value);
}

bool registry_forget_single(registry_t *registry, const struct coherence_change *change)
{
    struct cached_key *block;

    if (!registry->own_write)
        value_run_forget(registry, change->key);
    if (change->kinds != REGISTRY_CHANGED_VALUES || !change->value || change->name_hash)
        return false;
    block = find_block(registry, change->key);
    if (!block || block->too_large != 1)
        return false;
    key_cache_remove(&registry->cache, CACHE_VALUE, change->key, change->value);
    block->stale = STALE_LAST_WRITE | STALE_MEASURES;
    return true;
}
