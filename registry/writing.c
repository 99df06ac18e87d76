/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writing.c - everything that changes the registry: one transaction of the hive store each,
 * published to the caches of all processes before it returns.
 */
#include "registry/registry_internal.h"

#include <errno.h>
#include <string.h>

#include "registry/large_key.h"
#include "registry/transaction_internal.h"
#include "registry/upcase.h"

/* Inserts the key unless another process was faster (then `created` is false). */
static int insert_key(registry_t *registry, const struct hive_key *row, uint64_t *key,
                      bool *created)
{
    struct hive_key parent;
    uint32_t flags;
    int result =
        hive_store_find_key(registry->store, row->parent, row->name, row->name_units, key, &flags);

    *created = false;
    if (result != -ENOENT)
        return result;
    result = hive_store_read_key(registry->store, row->parent, &parent);
    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    if (parent.flags & REGISTRY_VOLATILE && !(row->flags & REGISTRY_VOLATILE))
        return -ECHILD;
    result = hive_store_insert_key(registry->store, row, key);
    if (result == 0)
        result = hive_store_touch_key(registry->store, row->parent, row->last_write);
    if (result == 0)
        coherence_set_next_key(registry->coherence, *key + 1);
    *created = result == 0;
    return result;
}

static int create_missing(registry_t *registry, struct hive_key *row, uint64_t *key, bool *created)
{
    struct coherence_change changes[1] = {{
        .key = row->parent,
        .name_hash = registry_name_hash(row->name, row->name_units),
        .kinds = REGISTRY_CHANGED_NAME,
    }};
    struct registry_guard guard;
    int result = registry_create_journalled(registry, row);

    if (result != -E2BIG) {
        *key = row->id;
        *created = result == 0;
        return result;
    }
    row->id = row->layer = 0;
    result = registry_begin_write(registry, &guard);
    if (result < 0)
        return result;
    result = insert_key(registry, row, key, created);
    return registry_end_write(registry, &guard, result, changes, 1);
}

int registry_create(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                    unsigned lookup_flags, unsigned key_flags, const uint16_t *class_name,
                    size_t class_units, uint64_t *key, bool *created, struct registry_path *rest)
{
    struct walk walk = {.rest = rest};
    struct hive_key row;
    int result = registry_walk(registry, from, path, units, lookup_flags, &walk);

    *created = false;
    if (result == -ENOENT && walk.name_units) {
        if (registry_transaction_of(walk.parent))
            return transaction_create(registry, &walk, key_flags, class_name, class_units, key,
                                      created);
        row = (struct hive_key){
            .parent = walk.parent,
            .last_write = registry_now(),
            .flags = key_flags & (REGISTRY_VOLATILE | REGISTRY_CREATE_LINK),
            .name = walk.name,
            .name_units = walk.name_units,
            .class_name = class_name,
            .class_units = class_units,
        };
        return create_missing(registry, &row, key, created);
    }
    if (result == -ENOTDIR || (result == 0 && walk.key == from))
        return registry_lookup(registry, from, path, units, lookup_flags, key, rest);
    if (result == 0)
        *key = walk.key;
    return result;
}

int registry_delete(registry_t *registry, uint64_t key)
{
    struct coherence_change changes[2] = {{.key = key, .kinds = REGISTRY_CHANGED_GONE},
                                          {.kinds = REGISTRY_CHANGED_NAME}};
    struct registry_guard guard;
    struct hive_key row;
    int result;

    if (registry_key_outside(key) == REGISTRY_ROOT_KEY)
        return -ENOTEMPTY;
    if (registry_transaction_of(key))
        return transaction_delete(registry, key);
    result = registry_delete_journalled(registry, key);
    if (result != -E2BIG)
        return result;
    result = registry_begin_write_key(registry, &guard, key, &row);
    if (result < 0)
        return result;
    changes[1].key = row.parent;
    changes[1].name_hash = registry_name_hash(row.name, row.name_units);
    changes[0].name_hash = changes[1].name_hash;
    result = hive_store_remove_key(registry->store, key);
    if (result == 0)
        result = hive_store_touch_key(registry->store, changes[1].key, registry_now());
    return registry_end_write(registry, &guard, result, changes, 2);
}

static bool is_key_name(const uint16_t *name, size_t units)
{
    for (size_t i = 0; i < units; i++)
        if (name[i] == '\\')
            return false;
    return units > 0 && units <= REGISTRY_MAX_KEY_NAME;
}

int registry_rename(registry_t *registry, uint64_t key, const uint16_t *name, size_t units)
{
    struct coherence_change changes[3] = {{.key = key},
                                          {.kinds = REGISTRY_CHANGED_NAME},
                                          {.name_hash = registry_name_hash(name, units)}};
    struct registry_guard guard;
    struct hive_key row;
    int result;

    if (!is_key_name(name, units) || registry_key_outside(key) == REGISTRY_ROOT_KEY)
        return -EINVAL;
    if (registry_transaction_of(key))
        return transaction_rename(registry, key, name, units);
    result = registry_begin_write_key(registry, &guard, key, &row);
    if (result < 0)
        return result;
    changes[1].key = changes[2].key = row.parent;
    changes[1].name_hash = registry_name_hash(row.name, row.name_units);
    result = registry_name_compare(row.name, row.name_units, name, units) == 0
                 ? -EEXIST
                 : hive_store_rename_key(registry->store, key, name, units);
    if (result == 0)
        result = hive_store_touch_key(registry->store, changes[1].key, registry_now());
    return registry_end_write(registry, &guard, result, changes, 3);
}

/* A write to the key's own record. */
static int write_key(registry_t *registry, struct coherence_change *change,
                     int (*write)(hive_store_t *store, uint64_t key, const void *data, size_t size),
                     const void *data, size_t size)
{
    struct registry_guard guard;
    struct hive_key row;
    int result = registry_begin_write_key(registry, &guard, change->key, &row);

    if (result < 0)
        return result;
    result = write(registry->store, change->key, data, size);
    return registry_end_write(registry, &guard, result, change, 1);
}

static int write_time(hive_store_t *store, uint64_t key, const void *data, size_t size)
{
    (void)size;
    return hive_store_touch_key(store, key, *(const uint64_t *)data);
}

int registry_set_last_write(registry_t *registry, uint64_t key, uint64_t last_write)
{
    struct coherence_change change = {.key = key, .kinds = REGISTRY_CHANGED_ATTRIBUTES};

    if (registry_transaction_of(key))
        return transaction_set_last_write(registry, key, last_write);
    return write_key(registry, &change, write_time, &last_write, sizeof last_write);
}

int registry_set_flags(registry_t *registry, uint64_t key, uint32_t mask, uint32_t flags)
{
    struct coherence_change change = {.key = key, .kinds = REGISTRY_CHANGED_ATTRIBUTES};
    uint16_t class_name[UINT16_MAX / 2];
    struct registry_guard guard;
    struct hive_key row;
    int result = registry_begin_write_key(registry, &guard, key, &row);

    if (result < 0)
        return result;
    mask &= REGISTRY_SETTABLE_FLAGS;
    if (row.class_units > sizeof class_name / sizeof class_name[0])
        result = -EUCLEAN;
    else if (row.class_units)
        memcpy(class_name, row.class_name, row.class_units * sizeof class_name[0]);
    if (result == 0)
        result = hive_store_update_key(registry->store, key, row.last_write,
                                       (row.flags & ~mask) | (flags & mask), class_name,
                                       row.class_units);
    return registry_end_write(registry, &guard, result, &change, 1);
}

int registry_set_security(registry_t *registry, uint64_t key, const void *descriptor, size_t size)
{
    struct coherence_change change = {.key = key, .kinds = REGISTRY_CHANGED_SECURITY};

    if (registry_transaction_of(key))
        return transaction_set_security(registry, key, descriptor, size);
    return write_key(registry, &change, hive_store_put_security, descriptor, size);
}

int registry_set_value(registry_t *registry, uint64_t key, const uint16_t *name, size_t name_units,
                       uint32_t type, const void *data, size_t size)
{
    struct coherence_change changes[1] = {{.key = key, .kinds = REGISTRY_CHANGED_VALUES}};
    struct hive_value value = {name, name_units, type, data, size};
    struct registry_guard guard;
    int result;

    if (name_units > REGISTRY_MAX_VALUE_NAME || size > REGISTRY_MAX_VALUE_SIZE)
        return -EINVAL;
    if (registry_transaction_of(key))
        return transaction_set_value(registry, key, &value);
    changes[0].value = (uint32_t)registry_name_hash(name, name_units);
    result = registry_set_journalled(registry, key, &value, changes);
    if (result != -E2BIG)
        return result;
    result = registry_begin_write(registry, &guard);
    if (result < 0)
        return result;
    registry->own_write = true;
    result = hive_store_put_value(registry->store, key, &value, registry_now());
    if (result == 0)
        value_run_set(registry, key, name, name_units);
    return registry_end_write(registry, &guard, result, changes, 1);
}

int registry_delete_value(registry_t *registry, uint64_t key, const uint16_t *name,
                          size_t name_units)
{
    struct coherence_change changes[1] = {{.key = key, .kinds = REGISTRY_CHANGED_VALUES}};
    struct registry_guard guard;
    struct hive_key row;
    int result;

    if (name_units > REGISTRY_MAX_VALUE_NAME)
        return -ENOENT;
    if (registry_transaction_of(key))
        return transaction_delete_value(registry, key, name, name_units);
    changes[0].value = (uint32_t)registry_name_hash(name, name_units);
    result = registry_begin_write_key(registry, &guard, key, &row);
    if (result < 0)
        return result;
    registry->own_write = true;
    result = hive_store_remove_value(registry->store, key, name, name_units);
    if (result == 0)
        value_run_delete(registry, key, name, name_units);
    if (result == 0)
        result = hive_store_touch_key(registry->store, key, registry_now());
    return registry_end_write(registry, &guard, result, changes, 1);
}
