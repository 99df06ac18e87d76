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

/* 0 where the parent's own descriptor is the one that the creator took into account. */
static int check_parent(registry_t *registry, const struct hive_key *parent,
                        const struct registry_creation *creation)
{
    const void *stored = NULL;
    size_t size = 0;
    int result =
        parent->secured ? hive_store_read_security(registry->store, parent->id, &stored, &size) : 0;

    return result < 0 ? result : registry_is_expected_security(creation, stored, size);
}

int registry_is_expected_security(const struct registry_creation *creation, const void *descriptor,
                                  size_t size)
{
    return size == creation->parent_security_size &&
                   (!size || !memcmp(descriptor, creation->parent_security, size))
               ? 0
               : -EACCES;
}

/* Inserts the key unless another process was faster. `creation` NULL: descriptors do not matter. */
static int insert_key(registry_t *registry, const struct hive_key *row,
                      const struct registry_creation *creation, struct registry_found *found)
{
    struct hive_key parent;
    uint32_t flags = 0;
    int result = hive_store_find_key(registry->store, row->parent, row->name, row->name_units,
                                     &found->key, &flags);

    found->secured = flags & HIVE_FOUND_SECURED;
    if (result != -ENOENT)
        return result;
    result = hive_store_read_key(registry->store, row->parent, &parent);
    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    if (creation && (result = check_parent(registry, &parent, creation)) < 0) {
        found->key = row->parent;
        return result;
    }
    if (parent.flags & REGISTRY_VOLATILE && !(row->flags & REGISTRY_VOLATILE))
        return -ECHILD;
    result = hive_store_insert_key(registry->store, row, &found->key);
    if (result == 0 && creation && creation->security_size)
        result = hive_store_put_security(registry->store, found->key, creation->security,
                                         creation->security_size);
    if (result == 0)
        result = hive_store_touch_key(registry->store, row->parent, row->last_write);
    if (result == 0)
        coherence_set_next_key(registry->coherence, found->key + 1);
    found->created = result == 0;
    found->secured = creation && creation->security_size;
    return result;
}

static int create_missing(registry_t *registry, struct hive_key *row,
                          const struct registry_creation *creation, struct registry_found *found)
{
    struct coherence_change changes[1] = {{
        .key = row->parent,
        .name_hash = registry_name_hash(row->name, row->name_units),
        .kinds = REGISTRY_CHANGED_NAME,
    }};
    bool plain = !creation || (!creation->security_size && !creation->parent_security_size);
    struct registry_guard guard;
    int result = plain ? registry_create_journalled(registry, row) : -E2BIG;

    if (result != -E2BIG) {
        found->key = row->id;
        found->created = result == 0;
        return result;
    }
    row->id = row->layer = 0;
    result = registry_begin_write(registry, &guard);
    if (result < 0)
        return result;
    result = insert_key(registry, row, creation, found);
    return registry_end_write(registry, &guard, result, changes, 1);
}

/* What a walk found missing; `checked` NULL: whatever descriptors there are. */
static int create_behind(registry_t *registry, struct walk *walk,
                         const struct registry_creation *creation,
                         const struct registry_creation *checked, struct registry_found *found)
{
    struct hive_key row;

    found->key = walk->parent;
    if (checked && checked->only_find)
        return -EACCES;
    if (registry_transaction_of(walk->parent))
        return transaction_create(registry, walk, creation, checked, found);
    row = (struct hive_key){
        .parent = walk->parent,
        .last_write = registry_now(),
        .flags = creation->key_flags & (REGISTRY_VOLATILE | REGISTRY_CREATE_LINK),
        .name = walk->name,
        .name_units = walk->name_units,
        .class_name = creation->class_name,
        .class_units = creation->class_units,
    };
    return create_missing(registry, &row, checked, found);
}

static int find_or_create(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                          const struct registry_creation *creation,
                          const struct registry_creation *checked, struct registry_found *found,
                          struct registry_path *rest)
{
    struct walk walk = {.rest = rest};
    int result = registry_walk(registry, from, path, units, creation->lookup_flags, &walk);

    *found =
        (struct registry_found){.key = walk.key, .secured = walk.key_flags & CACHED_NAME_SECURED};
    if (result == -ENOENT && walk.name_units) {
        found->secured = false;
        return create_behind(registry, &walk, creation, checked, found);
    }
    if (result == -ENOTDIR || (result == 0 && !walk.parent))
        return registry_find(registry, from, path, units, creation->lookup_flags, found, rest);
    return result;
}

int registry_find_or_create(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                            const struct registry_creation *creation, struct registry_found *found,
                            struct registry_path *rest)
{
    return find_or_create(registry, from, path, units, creation, creation, found, rest);
}

int registry_create(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                    unsigned lookup_flags, unsigned key_flags, const uint16_t *class_name,
                    size_t class_units, uint64_t *key, bool *created, struct registry_path *rest)
{
    struct registry_creation creation = {.lookup_flags = lookup_flags,
                                         .key_flags = key_flags,
                                         .class_name = class_name,
                                         .class_units = class_units};
    struct registry_found found;
    int result = find_or_create(registry, from, path, units, &creation, NULL, &found, rest);

    *created = found.created;
    if (result == 0)
        *key = found.key;
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
    registry->own_write = true;
    result = hive_store_remove_key(registry->store, key);
    if (result == 0)
        result = hive_store_touch_key(registry->store, changes[1].key, registry_now());
    if (result == 0) {
        subkey_run_delete(registry, changes[1].key, key);
        value_run_forget(registry, key);
    }
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

int registry_set_last_write(registry_t *registry, uint64_t key, uint64_t last_write)
{
    struct coherence_change change = {.key = key, .kinds = REGISTRY_CHANGED_ATTRIBUTES};
    struct registry_guard guard;
    struct hive_key row;
    int result;

    if (registry_transaction_of(key))
        return transaction_set_last_write(registry, key, last_write);
    result = registry_begin_write_key(registry, &guard, key, &row);
    if (result < 0)
        return result;
    result = hive_store_touch_key(registry->store, key, last_write);
    return registry_end_write(registry, &guard, result, &change, 1);
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
    /* Whether there is one is known beside the name, too. */
    struct coherence_change changes[2] = {{.key = key, .kinds = REGISTRY_CHANGED_SECURITY}};
    struct registry_guard guard;
    struct hive_key row;
    int result;

    if (registry_transaction_of(key))
        return transaction_set_security(registry, key, descriptor, size);
    result = registry_begin_write_key(registry, &guard, key, &row);
    if (result < 0)
        return result;
    changes[1].key = row.parent;
    changes[1].name_hash = registry_name_hash(row.name, row.name_units);
    result = hive_store_put_security(registry->store, key, descriptor, size);
    return registry_end_write(registry, &guard, result, changes, 2);
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
