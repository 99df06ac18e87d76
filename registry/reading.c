/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reading.c - queries and enumerations of keys; value_reading.c has those of values. Each is an
 * attempt on the cache that takes no lock; where the cache does not have the record, it is filled
 * in under the lock and the attempt repeated. What does not fit into the cache is read under the
 * lock and copied out behind it.
 */
#include "registry/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/large_key.h"
#include "registry/transaction_internal.h"

#define ATTEMPTS 8 /* then another process writes without a break: the store answers */

static int fill(registry_t *registry, uint64_t key, int what)
{
    switch (what) {
    case NEEDS_KEY:
        return registry_fill_key_and_next(registry, key);
    case NEEDS_SUBKEYS:
        return registry_fill_subkeys(registry, key);
    case NEEDS_SUBKEY_MEASURES:
        return registry_measure_subkeys(registry, key);
    default:
        return registry_measure_key(registry, key, what == NEEDS_MEASURES);
    }
}

int registry_read_cached(registry_t *registry, uint64_t key, registry_attempt try_cache,
                         void *query)
{
    int result = NEEDS_STORE;

    for (int tries = 0; tries < ATTEMPTS; tries++) {
        uint32_t sequence = key_cache_read_begin(&registry->cache);
        struct registry_guard guard;
        bool valid = registry_fresh_for(registry, key);

        if (valid) {
            result = try_cache(registry, query);
            valid = key_cache_read_valid(&registry->cache, sequence);
        }
        if (valid && (result <= 0 || result == NEEDS_STORE))
            return result;
        /* Where others changed something, that is taken in first: what is held may still do. */
        int entered = registry_enter_for(registry, &guard, valid ? key : REGISTRY_NO_KEY);
        if (entered < 0)
            return entered;
        if (valid)
            entered = fill(registry, key, result);
        registry_leave(registry, &guard);
        if (entered == -E2BIG)
            return NEEDS_STORE;
        if (entered < 0)
            return entered;
    }
    return NEEDS_STORE;
}

/* ---- keys ---- */

struct key_query {
    uint64_t key;
    bool count;
    struct registry_key_info *info;
    const struct registry_buffer *name, *class_name;
};

static void copy_key_info(const struct cached_key *head, struct registry_key_info *info)
{
    info->parent = head->parent;
    info->last_write = head->last_write;
    info->values = head->value_count;
    info->max_value_name = head->max_value_name;
    info->max_value_data = head->max_value_data;
    info->name_bytes = head->name_bytes;
    info->class_bytes = head->class_bytes;
    info->flags = head->flags;
    info->secured = head->secured != 0;
}

static int attempt_key(registry_t *registry, void *context)
{
    struct key_query *query = context;
    struct cached_subkeys counts = {0};
    struct cached_key head;
    struct view view;

    if (query->count) {
        if (!view_of(registry, CACHE_SUBKEYS, query->key, 0, sizeof counts, &view))
            return NEEDS_SUBKEYS;
        memcpy(&counts, view.bytes, sizeof counts);
        if (counts.state & SUBKEYS_UNMEASURED)
            return NEEDS_SUBKEY_MEASURES;
    }
    if (!view_of(registry, CACHE_KEY, query->key, 0, sizeof head, &view))
        return NEEDS_KEY;
    memcpy(&head, view.bytes, sizeof head);
    if (head.stale & STALE_LAST_WRITE)
        return NEEDS_LAST_WRITE;
    if (head.stale & STALE_MEASURES && query->count)
        return NEEDS_MEASURES;
    copy_key_info(&head, query->info);
    query->info->subkeys = counts.count;
    query->info->max_subkey_name = counts.max_name;
    query->info->max_subkey_class = counts.max_class;
    copy_part(&view, head.name_offset, head.name_bytes, query->name);
    copy_part(&view, head.class_offset, head.class_bytes, query->class_name);
    return 0;
}

static int count_subkey(void *context, const struct hive_key *key)
{
    struct registry_key_info *info = context;

    info->subkeys++;
    if (key->name_units * 2 > info->max_subkey_name)
        info->max_subkey_name = (uint32_t)key->name_units * 2;
    if (key->class_units * 2 > info->max_subkey_class)
        info->max_subkey_class = (uint32_t)key->class_units * 2;
    return 0;
}

static int count_value(void *context, const struct hive_value *value)
{
    struct registry_key_info *info = context;

    info->values++;
    if (value->name_units * 2 > info->max_value_name)
        info->max_value_name = (uint32_t)value->name_units * 2;
    if (value->size > info->max_value_data)
        info->max_value_data = (uint32_t)value->size;
    return 0;
}

/* A key that the cache cannot hold, in memory of ours: name, then class. */
static int read_whole_key(registry_t *registry, const struct key_query *query,
                          struct registry_key_info *info, unsigned char **bytes)
{
    struct hive_key row;
    int result = hive_store_read_key(registry->store, query->key, &row);

    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    info->parent = row.parent;
    info->last_write = row.last_write;
    info->flags = row.flags;
    info->secured = row.secured;
    info->name_bytes = (uint32_t)row.name_units * 2;
    info->class_bytes = (uint32_t)row.class_units * 2;
    *bytes = malloc(info->name_bytes + info->class_bytes + 1);
    if (!*bytes)
        return -ENOMEM;
    if (row.name_units)
        memcpy(*bytes, row.name, info->name_bytes);
    if (row.class_units)
        memcpy(*bytes + info->name_bytes, row.class_name, info->class_bytes);
    result = registry_visit_values(registry, query->key, count_value, info);
    if (result == 0 && query->count)
        result = hive_store_visit_subkeys(registry->store, query->key, count_subkey, info);
    return result;
}

static int query_stored_key(registry_t *registry, struct key_query *query)
{
    struct registry_key_info info = {0};
    struct registry_guard guard;
    unsigned char *bytes = NULL;
    int result = registry_enter(registry, &guard);

    if (result < 0)
        return result;
    result = read_whole_key(registry, query, &info, &bytes);
    registry_leave(registry, &guard);
    if (result == 0) {
        struct view view = {bytes, info.name_bytes + info.class_bytes};
        *query->info = info;
        copy_part(&view, 0, info.name_bytes, query->name);
        copy_part(&view, info.name_bytes, info.class_bytes, query->class_name);
    }
    free(bytes);
    return result;
}

int registry_query_key(registry_t *registry, uint64_t key, bool count,
                       struct registry_key_info *info, const struct registry_buffer *name,
                       const struct registry_buffer *class_name)
{
    struct key_query query = {key, count, info, name, class_name};
    int result;

    if (registry_transaction_of(key))
        return transaction_query_key(registry, key, count, info, name, class_name);
    result = registry_read_cached(registry, key, attempt_key, &query);
    return result > 0 ? query_stored_key(registry, &query) : result;
}

struct subkey_query {
    uint64_t key;
    uint32_t index;
    uint64_t subkey;
};

static int attempt_subkey(registry_t *registry, void *context)
{
    struct subkey_query *query = context;
    struct cached_subkeys head;
    struct view view;
    const void *id;

    if (!view_of(registry, CACHE_SUBKEYS, query->key, 0, sizeof head, &view))
        return NEEDS_SUBKEYS;
    memcpy(&head, view.bytes, sizeof head);
    if (head.state & SUBKEYS_NOT_HELD)
        return NEEDS_STORE;
    if (query->index >= head.count)
        return -ENODATA;
    id = part(&view, sizeof head + query->index * (uint32_t)sizeof(uint64_t), sizeof(uint64_t));
    if (id)
        memcpy(&query->subkey, id, sizeof query->subkey);
    return 0;
}

/* Out of a list that the cache does not hold. */
static int enumerate_stored_key(registry_t *registry, struct subkey_query *query)
{
    struct registry_guard guard;
    struct hive_key row;
    int result = registry_enter_for(registry, &guard, query->key);

    if (result < 0)
        return result;
    result = subkey_run_get(registry, query->key, query->index, &query->subkey);
    if (result == -ENODATA && hive_store_read_key(registry->store, query->key, &row) == -ENOENT)
        result = -EIDRM;
    registry_leave(registry, &guard);
    return result;
}

int registry_enumerate_key(registry_t *registry, uint64_t key, uint32_t index, uint64_t *subkey)
{
    struct subkey_query query = {key, index, 0};
    int result;

    if (registry_transaction_of(key))
        return transaction_enumerate_key(registry, key, index, subkey);
    result = registry_read_cached(registry, key, attempt_subkey, &query);
    if (result > 0)
        result = enumerate_stored_key(registry, &query);
    if (result == 0) {
        *subkey = query.subkey;
        listing_note(&registry->listing, key, index, query.subkey);
    }
    return result;
}
