/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * value_reading.c - values by name and by index: out of the key's control block, or, where a key
 * has too many for that, one by one (large_key.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/large_key.h"
#include "registry/reading.h"
#include "registry/transaction_internal.h"
#include "registry/upcase.h"

struct value_query {
    uint64_t key;
    const uint16_t *name; /* NULL: by index */
    size_t name_units;
    uint32_t hash;
    uint32_t index;
    uint32_t too_large; /* of the key's control block */
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

/* A value that is held by itself. */
static int attempt_single(registry_t *registry, const struct cached_key *head,
                          struct value_query *query)
{
    struct view view;
    const struct cached_single *held = registry_find_single(registry, query->key, head, query->name,
                                                            query->name_units, &view.size);
    struct cached_value value;

    if (!held)
        return NEEDS_STORE;
    if (held->absent)
        return -ENOENT;
    view.bytes = (const unsigned char *)held;
    value = (struct cached_value){
        .type = held->type,
        .name_offset = sizeof *held,
        .name_bytes = (uint32_t)query->name_units * 2,
        .data_offset = cached_single_data_offset((uint32_t)query->name_units * 2),
        .data_bytes = held->data_bytes,
    };
    copy_value(&view, &value, query);
    return 0;
}

static int attempt_value(registry_t *registry, void *context)
{
    struct value_query *query = context;
    struct cached_key head;
    struct view view;

    if (!view_of(registry, CACHE_KEY, query->key, 0, sizeof head, &view))
        return NEEDS_KEY;
    memcpy(&head, view.bytes, sizeof head);
    query->too_large = head.too_large;
    if (head.too_large)
        return head.too_large == 1 && query->name ? attempt_single(registry, &head, query)
                                                  : NEEDS_STORE;
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

/* Of a key without fixed values. */
static int take_stored(registry_t *registry, const struct value_query *query,
                       struct taken_value *taken)
{
    struct hive_value value;
    struct hive_key row;
    int result;

    if (query->name)
        result = hive_store_find_value(registry->store, query->key, query->name, query->name_units,
                                       &value);
    else
        result = value_run_get(registry, query->key, query->index, &value);
    if (query->name && (result == 0 || result == -ENOENT))
        registry_keep_single(registry, query->key, query->name, query->name_units,
                             result == 0 ? &value : NULL);
    if (result == 0)
        return take_value(taken, &value);
    if ((result == -ENOENT || result == -ENODATA) &&
        hive_store_read_key(registry->store, query->key, &row) == -ENOENT)
        return -EIDRM;
    return result;
}

static int query_stored_value(registry_t *registry, struct value_query *query)
{
    bool whole = query->too_large != 1; /* fixed values may be among them */
    struct taken_value taken = {query->name, query->name_units, query->index, 0, 0, 0, NULL};
    struct registry_guard guard;
    int result = registry_enter_for(registry, &guard, whole ? 0 : query->key);

    if (result < 0)
        return result;
    if (whole) {
        result = registry_visit_values(registry, query->key, take_value, &taken);
        result = result ? result : query->name ? -ENOENT : -ENODATA;
    } else {
        taken.index = 0; /* the one that is found */
        result = take_stored(registry, query, &taken);
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
    result = registry_read_cached(registry, key, attempt_value, &query);
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
    result = registry_read_cached(registry, key, attempt_value, &query);
    return result > 0 ? query_stored_value(registry, &query) : result;
}
