/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reading.c - queries and enumerations. Each is an attempt on the cache that takes no lock; where
 * the cache does not have the record, it is filled in under the lock and the attempt repeated.
 * What can never be cached (a key with too many values) is read under the lock and copied out
 * behind it.
 */
#include "registry/transaction_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/upcase.h"

#define ATTEMPTS 8 /* then another process writes without a break: the store answers */

/* A payload of the cache, every access to which is bounded. */
struct view {
    const unsigned char *bytes;
    size_t size;
};

static bool view_of(registry_t *registry, enum cache_kind kind, uint64_t key, uint64_t hash,
                    size_t least, struct view *view)
{
    const struct cache_entry *entry =
        key_cache_find(&registry->cache, kind, key, hash, &view->size);

    if (!entry || view->size < least)
        return false;
    view->bytes = entry->payload;
    return true;
}

/* The part of a view, or NULL where a torn offset leads outside. */
static const void *part(const struct view *view, uint32_t offset, size_t size)
{
    return offset <= view->size && size <= view->size - offset ? view->bytes + offset : NULL;
}

static void copy_part(const struct view *view, uint32_t offset, uint32_t size,
                      const struct registry_buffer *buffer)
{
    const void *source = part(view, offset, size);

    if (source && buffer && buffer->capacity)
        memcpy(buffer->data, source, size < buffer->capacity ? size : buffer->capacity);
}

/* What an attempt answers: 0 or an error that stands, or one of these. */
#define NEEDS_KEY 1
#define NEEDS_SUBKEYS 2
#define NEEDS_STORE 3

typedef int (*attempt)(registry_t *registry, void *query);

/* Repeats an attempt until what it answered was read undisturbed. */
static int read_cached(registry_t *registry, uint64_t key, attempt try_cache, void *query)
{
    int result = NEEDS_STORE;

    for (int tries = 0; tries < ATTEMPTS; tries++) {
        uint32_t sequence = key_cache_read_begin(&registry->cache);
        struct registry_guard guard;
        bool valid = registry_fresh(registry);

        if (valid) {
            result = try_cache(registry, query);
            valid = key_cache_read_valid(&registry->cache, sequence);
        }
        if (valid && (result <= 0 || result == NEEDS_STORE))
            return result;
        int entered = registry_enter_for(registry, &guard, key);
        if (entered < 0)
            return entered;
        if (valid)
            entered = result == NEEDS_KEY ? registry_fill_key(registry, key)
                                          : registry_fill_subkeys(registry, key);
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
    bool count_subkeys;
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
}

static int attempt_key(registry_t *registry, void *context)
{
    struct key_query *query = context;
    struct cached_subkeys counts = {0};
    struct cached_key head;
    struct view view;

    if (query->count_subkeys) {
        if (!view_of(registry, CACHE_SUBKEYS, query->key, 0, sizeof counts, &view))
            return NEEDS_SUBKEYS;
        memcpy(&counts, view.bytes, sizeof counts);
    }
    if (!view_of(registry, CACHE_KEY, query->key, 0, sizeof head, &view))
        return NEEDS_KEY;
    memcpy(&head, view.bytes, sizeof head);
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
    if (result == 0 && query->count_subkeys)
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

int registry_query_key(registry_t *registry, uint64_t key, bool count_subkeys,
                       struct registry_key_info *info, const struct registry_buffer *name,
                       const struct registry_buffer *class_name)
{
    struct key_query query = {key, count_subkeys, info, name, class_name};
    int result;

    if (registry_transaction_of(key))
        return transaction_query_key(registry, key, count_subkeys, info, name, class_name);
    result = read_cached(registry, key, attempt_key, &query);
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
    if (query->index >= head.count)
        return -ENODATA;
    id = part(&view, sizeof head + query->index * (uint32_t)sizeof(uint64_t), sizeof(uint64_t));
    if (id)
        memcpy(&query->subkey, id, sizeof query->subkey);
    return 0;
}

static int find_nth(void *context, const struct hive_key *key)
{
    struct subkey_query *query = context;

    if (query->index--)
        return 0;
    query->subkey = key->id;
    return 1;
}

int registry_enumerate_key(registry_t *registry, uint64_t key, uint32_t index, uint64_t *subkey)
{
    struct subkey_query query = {key, index, 0};
    int result;

    if (registry_transaction_of(key))
        return transaction_enumerate_key(registry, key, index, subkey);
    result = read_cached(registry, key, attempt_subkey, &query);
    if (result > 0) {
        struct registry_guard guard;
        result = registry_enter(registry, &guard);
        if (result < 0)
            return result;
        result = hive_store_visit_subkeys(registry->store, key, find_nth, &query);
        registry_leave(registry, &guard);
        result = result == 1 ? 0 : result == 0 ? -ENODATA : result;
    }
    if (result == 0)
        *subkey = query.subkey;
    return result;
}

/* ---- values ---- */

struct value_query {
    uint64_t key;
    const uint16_t *name; /* NULL: by index */
    size_t name_units;
    uint32_t hash;
    uint32_t index;
    bool some_fixed; /* values of the key may be fixed ones: told by its control block */
    struct registry_value_info *info;
    const struct registry_buffer *name_out, *data_out;
};

static void copy_value(const struct view *view, const struct cached_value *value,
                       struct value_query *query)
{
    query->info->type = value->type;
    query->info->name_bytes = value->name_bytes;
    query->info->data_bytes = value->data_bytes;
    copy_part(view, value->name_offset, value->name_bytes, query->name_out);
    copy_part(view, value->data_offset, value->data_bytes, query->data_out);
}

static int attempt_indexed_value(const struct view *view, const struct cached_key *head,
                                 struct value_query *query)
{
    struct cached_value value;
    const void *at;

    if (query->index >= head->value_count)
        return -ENODATA;
    at = part(view, head->values_offset + query->index * (uint32_t)sizeof value, sizeof value);
    if (!at)
        return -ENODATA;
    memcpy(&value, at, sizeof value);
    copy_value(view, &value, query);
    return 0;
}

static int attempt_named_value(const struct view *view, const struct cached_key *head,
                               struct value_query *query)
{
    uint32_t mask = head->value_slots - 1;
    uint32_t slot = query->hash & mask;

    for (uint32_t step = 0; step < head->value_slots; step++, slot = (slot + 1) & mask) {
        const uint32_t *number = part(view, head->slots_offset + slot * 4, sizeof *number);
        const struct cached_value *found;
        struct cached_value value;
        const uint16_t *name;

        if (!number || !*number)
            return -ENOENT;
        found =
            part(view, head->values_offset + (*number - 1) * (uint32_t)sizeof value, sizeof value);
        if (!found)
            return -ENOENT;
        value = *found;
        if (value.hash != query->hash || value.name_bytes != query->name_units * 2)
            continue;
        name = part(view, value.name_offset, value.name_bytes);
        if (!name || registry_name_compare(name, query->name_units, query->name, query->name_units))
            continue;
        copy_value(view, &value, query);
        return 0;
    }
    return -ENOENT;
}

static int attempt_value(registry_t *registry, void *context)
{
    struct value_query *query = context;
    struct cached_key head;
    struct view view;

    if (!view_of(registry, CACHE_KEY, query->key, 0, sizeof head, &view))
        return NEEDS_KEY;
    memcpy(&head, view.bytes, sizeof head);
    if (head.too_large) {
        query->some_fixed = head.too_large == 2;
        return NEEDS_STORE;
    }
    return query->name ? attempt_named_value(&view, &head, query)
                       : attempt_indexed_value(&view, &head, query);
}

/* A value taken out of the store, to be copied to the caller when no lock is held. */
struct taken_value {
    const uint16_t *name; /* NULL: by index */
    size_t name_units;
    uint32_t index;
    uint32_t type;
    size_t name_bytes, data_bytes;
    unsigned char *bytes;
};

static int take_value(void *context, const struct hive_value *value)
{
    struct taken_value *taken = context;

    if (taken->name ? registry_name_compare(taken->name, taken->name_units, value->name,
                                            value->name_units) != 0
                    : taken->index-- != 0)
        return 0;
    taken->type = value->type;
    taken->name_bytes = value->name_units * 2;
    taken->data_bytes = value->size;
    taken->bytes = malloc(taken->name_bytes + taken->data_bytes + 1);
    if (!taken->bytes)
        return -ENOMEM;
    if (value->name_units)
        memcpy(taken->bytes, value->name, taken->name_bytes);
    if (value->size)
        memcpy(taken->bytes + taken->name_bytes, value->data, value->size);
    return 1;
}

static int query_stored_value(registry_t *registry, struct value_query *query)
{
    struct taken_value taken = {query->name, query->name_units, query->index, 0, 0, 0, NULL};
    struct registry_guard guard;
    struct hive_value value;
    int result = registry_enter(registry, &guard);

    if (result < 0)
        return result;
    if (!query->name || query->some_fixed) {
        result = registry_visit_values(registry, query->key, take_value, &taken);
        result = result ? result : query->name ? -ENOENT : -ENODATA;
    } else {
        result = hive_store_find_value(registry->store, query->key, query->name, query->name_units,
                                       &value);
        if (result == 0)
            result = take_value(&taken, &value);
    }
    registry_leave(registry, &guard);
    if (result == 1) {
        struct view view = {taken.bytes, taken.name_bytes + taken.data_bytes};
        struct cached_value found = {
            .type = taken.type,
            .name_bytes = (uint32_t)taken.name_bytes,
            .data_offset = (uint32_t)taken.name_bytes,
            .data_bytes = (uint32_t)taken.data_bytes,
        };
        copy_value(&view, &found, query);
        result = 0;
    }
    free(taken.bytes);
    return result;
}

int registry_query_value(registry_t *registry, uint64_t key, const uint16_t *name,
                         size_t name_units, struct registry_value_info *info,
                         const struct registry_buffer *data)
{
    static const uint16_t none[1];
    struct value_query query = {
        .key = key,
        .name = name ? name : none,
        .name_units = name_units,
        .info = info,
        .data_out = data,
    };
    int result;

    if (name_units > REGISTRY_MAX_VALUE_NAME)
        return -ENOENT;
    if (registry_transaction_of(key))
        return transaction_query_value(registry, key, query.name, name_units, info, data);
    query.hash = (uint32_t)registry_name_hash(query.name, name_units);
    result = read_cached(registry, key, attempt_value, &query);
    return result > 0 ? query_stored_value(registry, &query) : result;
}

int registry_enumerate_value(registry_t *registry, uint64_t key, uint32_t index,
                             struct registry_value_info *info, const struct registry_buffer *name,
                             const struct registry_buffer *data)
{
    struct value_query query = {
        .key = key,
        .index = index,
        .info = info,
        .name_out = name,
        .data_out = data,
    };
    int result;

    if (registry_transaction_of(key))
        return transaction_enumerate_value(registry, key, index, info, name, data);
    result = read_cached(registry, key, attempt_value, &query);
    return result > 0 ? query_stored_value(registry, &query) : result;
}
