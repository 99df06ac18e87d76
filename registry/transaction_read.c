/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_read.c - reading inside a transaction: what it holds itself is copied under its lock
 * and given out behind it; everything else is asked of the registry.
 */
#include "registry/transaction_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/upcase.h"

static void give(const struct registry_buffer *buffer, const void *bytes, size_t size)
{
    if (buffer && buffer->capacity && size)
        memcpy(buffer->data, bytes, size < buffer->capacity ? size : buffer->capacity);
}

static uint32_t name_flags(const struct transaction_key *key)
{
    return (key->flags & REGISTRY_CREATE_LINK ? CACHED_NAME_LINK : 0) |
           (key->secured ? CACHED_NAME_SECURED : 0);
}

/* A subkey that stands where the store has it, but may have been given a descriptor. */
static int find_stored(registry_t *registry, uint64_t parent, const uint16_t *name, size_t units,
                       uint64_t *id, uint32_t *flags)
{
    const struct transaction_key *key;
    struct transaction_scope scope;
    int result =
        registry_find_subkey(registry, registry_key_outside(parent), name, units, id, flags);

    if (result < 0 || !*id)
        return result;
    result = transaction_enter(registry, parent, &scope);
    if (result < 0)
        return result;
    key = transaction_find_key(scope.transaction, *id);
    if (key && key->has_security)
        *flags = (*flags & ~CACHED_NAME_SECURED) | (name_flags(key) & CACHED_NAME_SECURED);
    transaction_leave(&scope);
    return 0;
}

int transaction_find_subkey(registry_t *registry, uint64_t parent, const uint16_t *name,
                            size_t units, uint64_t *id, uint32_t *flags)
{
    uint64_t outside = registry_key_outside(parent);
    struct transaction_key *key, *found = NULL;
    struct transaction_scope scope;
    bool seen = false;
    int result = transaction_enter(registry, parent, &scope);

    if (result < 0)
        return result;
    key = transaction_find_key(scope.transaction, outside);
    if (key)
        seen = transaction_sees_subkey(key, name, units, &found);
    *id = found ? found->id : 0;
    *flags = found ? name_flags(found) : 0;
    transaction_leave(&scope);
    if (!seen)
        result = find_stored(registry, parent, name, units, id, flags);
    if (result == 0 && *id)
        *id = registry_key_in_transaction(*id, registry_transaction_of(parent));
    return result;
}

/* ---- lists of subkeys ---- */

struct list_entry {
    uint64_t id;
    size_t name_at, name_units; /* in `text` */
    size_t class_units;
};

struct list {
    const struct transaction *transaction;
    const struct transaction_key *parent;
    struct list_entry *entries;
    size_t count, room;
    uint16_t *text;
    size_t text_used, text_room;
};

static int list_add(struct list *list, uint64_t id, const uint16_t *name, size_t units,
                    size_t class_units)
{
    if (list->count == list->room) {
        size_t room = list->room * 2 + 64;
        struct list_entry *grown = realloc(list->entries, room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        list->entries = grown;
        list->room = room;
    }
    if (list->text_used + units > list->text_room) {
        size_t room = (list->text_used + units) * 2 + 256;
        uint16_t *grown = realloc(list->text, room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        list->text = grown;
        list->text_room = room;
    }
    if (units)
        memcpy(list->text + list->text_used, name, units * sizeof *name);
    list->entries[list->count++] = (struct list_entry){id, list->text_used, units, class_units};
    list->text_used += units;
    return 0;
}

static int list_stored(void *context, const struct hive_key *row)
{
    struct list *list = context;
    const struct transaction_key *key = transaction_find_key(list->transaction, row->id);

    if (key && transaction_key_differs(key))
        return 0;
    return list_add(list, row->id, row->name, row->name_units, row->class_units);
}

static int compare_entries(const void *a, const void *b, void *text)
{
    const struct list_entry *first = a, *second = b;
    const uint16_t *names = text;

    return registry_name_compare(names + first->name_at, first->name_units, names + second->name_at,
                                 second->name_units);
}

static int collect(registry_t *registry, struct list *list)
{
    struct registry_guard guard;
    int result = 0;

    if (!list->parent->created) {
        result = registry_enter(registry, &guard);
        if (result < 0)
            return result;
        result = hive_store_visit_subkeys(registry->store, list->parent->id, list_stored, list);
        registry_leave(registry, &guard);
    }
    for (const struct transaction_key *key = list->parent->differing; result == 0 && key;
         key = key->next_differing)
        if (!key->deleted)
            result = list_add(list, key->id, key->name, key->name_units, key->class_units);
    return result;
}

/* Brings the list of a key's subkeys up to date. */
static int list_subkeys(struct transaction_scope *scope, struct transaction_key *key)
{
    struct transaction_listing *listing = &key->listing;
    struct list list = {.transaction = scope->transaction, .parent = key};
    uint64_t generation = registry_generation(scope->registry);
    int result;

    if (listing->ids && listing->operations == scope->transaction->operations &&
        coherence_knows(scope->registry->touched, key->id, listing->generation))
        return 0;
    result = collect(scope->registry, &list);
    if (result == 0) {
        free(listing->ids);
        *listing = (struct transaction_listing){
            .ids = malloc((list.count + 1) * sizeof *listing->ids),
            .generation = generation,
            .operations = scope->transaction->operations,
        };
        result = listing->ids ? 0 : -ENOMEM;
    }
    if (result == 0 && list.count)
        qsort_r(list.entries, list.count, sizeof *list.entries, compare_entries, list.text);
    for (size_t i = 0; result == 0 && i < list.count; i++) {
        const struct list_entry *entry = &list.entries[i];
        listing->ids[listing->count++] = entry->id;
        if (entry->name_units * 2 > listing->max_name)
            listing->max_name = (uint32_t)entry->name_units * 2;
        if (entry->class_units * 2 > listing->max_class)
            listing->max_class = (uint32_t)entry->class_units * 2;
    }
    free(list.entries);
    free(list.text);
    return result;
}

int transaction_enumerate_key(registry_t *registry, uint64_t key, uint32_t index, uint64_t *subkey)
{
    struct transaction_scope scope;
    struct transaction_key *found;
    bool ours;
    int result = transaction_enter(registry, key, &scope);

    if (result < 0)
        return result;
    found = transaction_find_key(scope.transaction, registry_key_outside(key));
    ours = found && (found->differing || found->created || found->deleted);
    if (ours) {
        result = found->deleted ? -EIDRM : list_subkeys(&scope, found);
        if (result == 0 && index >= found->listing.count)
            result = -ENODATA;
        if (result == 0)
            *subkey = found->listing.ids[index];
    }
    transaction_leave(&scope);
    if (!ours)
        result = registry_enumerate_key(registry, registry_key_outside(key), index, subkey);
    if (result == 0)
        *subkey = registry_key_in_transaction(*subkey, registry_transaction_of(key));
    return result;
}

/* ---- keys ---- */

/* What a transaction knows of a key, in memory of the caller's. */
struct known_key {
    bool loaded, counted;
    uint64_t last_write;
    struct registry_key_info info;
    unsigned char *bytes; /* name, then class */
};

static int describe(struct transaction_scope *scope, struct transaction_key *key,
                    bool count_subkeys, struct known_key *known)
{
    int result = key->deleted ? -EIDRM : 0;

    if (result == 0 && count_subkeys && (key->differing || key->created)) {
        result = list_subkeys(scope, key);
        known->counted = true;
        known->info.subkeys = key->listing.count;
        known->info.max_subkey_name = key->listing.max_name;
        known->info.max_subkey_class = key->listing.max_class;
    }
    known->last_write = key->last_write;
    known->loaded = key->loaded;
    if (result < 0 || !key->loaded)
        return result;
    known->info.parent = key->parent_id;
    known->info.flags = key->flags;
    known->info.secured = key->secured;
    known->info.values = (uint32_t)key->value_count;
    for (size_t i = 0; i < key->value_count; i++) {
        if (key->values[i].name_units * 2 > known->info.max_value_name)
            known->info.max_value_name = (uint32_t)key->values[i].name_units * 2;
        if (key->values[i].size > known->info.max_value_data)
            known->info.max_value_data = (uint32_t)key->values[i].size;
    }
    known->info.name_bytes = (uint32_t)key->name_units * 2;
    known->info.class_bytes = (uint32_t)key->class_units * 2;
    known->bytes = malloc(known->info.name_bytes + known->info.class_bytes + 1);
    if (!known->bytes)
        return -ENOMEM;
    memcpy(known->bytes, key->name, known->info.name_bytes);
    memcpy(known->bytes + known->info.name_bytes, key->class_name, known->info.class_bytes);
    return 0;
}

static int know_key(registry_t *registry, uint64_t key, bool count_subkeys, struct known_key *known)
{
    struct transaction_scope scope;
    struct transaction_key *found;
    int result = transaction_enter(registry, key, &scope);

    if (result < 0)
        return result;
    found = transaction_find_key(scope.transaction, registry_key_outside(key));
    if (found)
        result = describe(&scope, found, count_subkeys, known);
    transaction_leave(&scope);
    return result;
}

int transaction_query_key(registry_t *registry, uint64_t key, bool count_subkeys,
                          struct registry_key_info *info, const struct registry_buffer *name,
                          const struct registry_buffer *class_name)
{
    struct registry_key_info plain = {0};
    struct known_key known = {0};
    int result = know_key(registry, key, count_subkeys, &known);

    if (result < 0)
        return result;
    if (!known.loaded || (count_subkeys && !known.counted))
        result = registry_query_key(registry, registry_key_outside(key), count_subkeys, &plain,
                                    known.loaded ? NULL : name, known.loaded ? NULL : class_name);
    if (result == 0) {
        *info = known.loaded ? known.info : plain;
        if (count_subkeys) {
            const struct registry_key_info *counts = known.counted ? &known.info : &plain;
            info->subkeys = counts->subkeys;
            info->max_subkey_name = counts->max_subkey_name;
            info->max_subkey_class = counts->max_subkey_class;
        }
        if (known.last_write)
            info->last_write = known.last_write;
        if (info->parent)
            info->parent = registry_key_in_transaction(info->parent, registry_transaction_of(key));
    }
    if (result == 0 && known.loaded) {
        give(name, known.bytes, info->name_bytes);
        give(class_name, known.bytes + info->name_bytes, info->class_bytes);
    }
    free(known.bytes);
    return result;
}

int transaction_key_path(registry_t *registry, uint64_t key, struct registry_path *path)
{
    static const uint16_t top[] = u"\\REGISTRY";
    size_t top_units = sizeof top / sizeof top[0] - 1;
    size_t capacity = sizeof path->text / sizeof path->text[0], at = capacity;

    /* Written from its end, then moved to the front. */
    while (registry_key_outside(key) != REGISTRY_ROOT_KEY) {
        uint16_t name[REGISTRY_MAX_KEY_NAME];
        struct registry_buffer buffer = {name, sizeof name};
        struct registry_key_info info;
        int result = registry_query_key(registry, key, false, &info, &buffer, NULL);
        size_t units;

        if (result < 0)
            return result;
        units = info.name_bytes / 2;
        if (units > REGISTRY_MAX_KEY_NAME || units + 1 + top_units > at || !info.parent)
            return -EINVAL;
        at -= units;
        memcpy(path->text + at, name, units * 2);
        path->text[--at] = '\\';
        key = info.parent;
    }
    at -= top_units;
    memcpy(path->text + at, top, top_units * sizeof top[0]);
    path->units = capacity - at;
    memmove(path->text, path->text + at, path->units * 2);
    return 0;
}

int transaction_get_security(registry_t *registry, uint64_t key, void *descriptor, size_t capacity,
                             size_t *size)
{
    struct transaction_scope scope;
    struct transaction_key *found;
    bool ours;
    int result = transaction_enter(registry, key, &scope);

    if (result < 0)
        return result;
    found = transaction_find_key(scope.transaction, registry_key_outside(key));
    ours = found && (found->deleted || found->created || found->has_security);
    if (ours) {
        *size = found->security_size;
        result = found->deleted ? -EIDRM : *size ? 0 : -ENODATA;
        if (result == 0)
            memcpy(descriptor, found->security, *size < capacity ? *size : capacity);
    }
    transaction_leave(&scope);
    return ours ? result
                : registry_get_security(registry, registry_key_outside(key), descriptor, capacity,
                                        size);
}

/* ---- values ---- */

/* Copies the value that is meant to memory of its own. 1: the transaction does not hold the key. */
static int take_value(registry_t *registry, uint64_t key, const uint16_t *name, size_t name_units,
                      uint32_t index, struct registry_value_info *info, unsigned char **bytes)
{
    const struct transaction_value *value = NULL;
    struct transaction_scope scope;
    struct transaction_key *found;
    int result = transaction_enter(registry, key, &scope);

    if (result < 0)
        return result;
    found = transaction_find_key(scope.transaction, registry_key_outside(key));
    if (!found || !(found->loaded || found->deleted))
        result = 1;
    else if (found->deleted)
        result = -EIDRM;
    else if (name)
        value = transaction_find_value(found, name, name_units);
    else if (index < found->value_count)
        value = &found->values[index];
    if (value) {
        *info = (struct registry_value_info){value->type, (uint32_t)value->name_units * 2,
                                             (uint32_t)value->size};
        *bytes = malloc(info->name_bytes + value->size + 1);
        if (*bytes) {
            memcpy(*bytes, value->name, info->name_bytes);
            memcpy(*bytes + info->name_bytes, value->data, value->size);
        } else {
            result = -ENOMEM;
        }
    } else if (result == 0) {
        result = name ? -ENOENT : -ENODATA;
    }
    transaction_leave(&scope);
    return result;
}

int transaction_query_value(registry_t *registry, uint64_t key, const uint16_t *name,
                            size_t name_units, struct registry_value_info *info,
                            const struct registry_buffer *data)
{
    struct registry_value_info taken;
    unsigned char *bytes = NULL;
    int result = take_value(registry, key, name, name_units, 0, &taken, &bytes);

    if (result == 1)
        return registry_query_value(registry, registry_key_outside(key), name, name_units, info,
                                    data);
    if (result == 0) {
        *info = taken;
        give(data, bytes + taken.name_bytes, taken.data_bytes);
    }
    free(bytes);
    return result;
}

int transaction_enumerate_value(registry_t *registry, uint64_t key, uint32_t index,
                                struct registry_value_info *info,
                                const struct registry_buffer *name,
                                const struct registry_buffer *data)
{
    struct registry_value_info taken;
    unsigned char *bytes = NULL;
    int result = take_value(registry, key, NULL, 0, index, &taken, &bytes);

    if (result == 1)
        return registry_enumerate_value(registry, registry_key_outside(key), index, info, name,
                                        data);
    if (result == 0) {
        *info = taken;
        give(name, bytes, taken.name_bytes);
        give(data, bytes + taken.name_bytes, taken.data_bytes);
    }
    free(bytes);
    return result;
}
