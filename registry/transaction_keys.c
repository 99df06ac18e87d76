/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_keys.c - the memory of a transaction and the keys that it sees otherwise than the
 * store has them.
 */
#include "registry/transaction_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/upcase.h"

#define BLOCK_BYTES 65536u

void *transaction_allocate(struct transaction *transaction, size_t size)
{
    struct transaction_block *block = transaction->blocks;
    size_t needed = (size + 15) & ~(size_t)15;
    void *memory;

    if (size > TRANSACTION_MAX_BYTES)
        return NULL;
    if (!block || block->room - block->used < needed) {
        size_t room = needed > BLOCK_BYTES ? needed : BLOCK_BYTES;
        if (transaction->bytes + room > TRANSACTION_MAX_BYTES)
            return NULL;
        block = malloc(sizeof *block + room);
        if (!block)
            return NULL;
        *block = (struct transaction_block){.next = transaction->blocks, .room = room};
        transaction->blocks = block;
        transaction->bytes += room;
    }
    memory = block->bytes + block->used;
    block->used += needed;
    return memset(memory, 0, needed);
}

void *transaction_keep(struct transaction *transaction, const void *bytes, size_t size)
{
    static unsigned char nothing[1];
    void *copy;

    if (!size)
        return nothing;
    copy = transaction_allocate(transaction, size);
    return copy ? memcpy(copy, bytes, size) : NULL;
}

void transaction_empty(struct transaction *transaction)
{
    for (size_t i = 0; i < TRANSACTION_BUCKETS; i++) {
        for (struct transaction_key *key = transaction->buckets[i]; key; key = key->next)
            free(key->listing.ids);
        transaction->buckets[i] = NULL;
    }
    while (transaction->blocks) {
        struct transaction_block *block = transaction->blocks;
        transaction->blocks = block->next;
        free(block);
    }
    transaction->first = transaction->last = NULL;
    transaction->bytes = 0;
    if (transaction->locks >= 0)
        close(transaction->locks);
    transaction->locks = -1;
}

struct transaction_key *transaction_find_key(const struct transaction *transaction, uint64_t id)
{
    struct transaction_key *key = transaction->buckets[id % TRANSACTION_BUCKETS];

    while (key && key->id != id)
        key = key->next;
    return key;
}

struct transaction_key *transaction_add_key(struct transaction *transaction, uint64_t id)
{
    struct transaction_key *key = transaction_find_key(transaction, id);
    struct transaction_key **bucket = &transaction->buckets[id % TRANSACTION_BUCKETS];

    if (key)
        return key;
    key = transaction_allocate(transaction, sizeof *key);
    if (!key)
        return NULL;
    key->id = key->stored_id = id;
    key->next = *bucket;
    *bucket = key;
    return key;
}

struct transaction_value *transaction_find_value(const struct transaction_key *key,
                                                 const uint16_t *name, size_t units)
{
    uint64_t hash = registry_name_hash(name, units);

    for (size_t i = 0; i < key->value_count; i++) {
        struct transaction_value *value = &key->values[i];
        if (value->hash == hash &&
            registry_name_compare(value->name, value->name_units, name, units) == 0)
            return value;
    }
    return NULL;
}

bool transaction_reserve_value(struct transaction *transaction, struct transaction_key *key)
{
    size_t capacity = key->value_capacity * 2 + 8;
    struct transaction_value *grown;

    if (key->value_count < key->value_capacity)
        return true;
    if (capacity > TRANSACTION_MAX_BYTES / sizeof *grown)
        return false;
    grown = transaction_allocate(transaction, capacity * sizeof *grown);
    if (!grown)
        return false;
    if (key->value_count)
        memcpy(grown, key->values, key->value_count * sizeof *grown);
    key->values = grown;
    key->value_capacity = capacity;
    return true;
}

bool transaction_sees_subkey(const struct transaction_key *parent, const uint16_t *name,
                             size_t units, struct transaction_key **found)
{
    bool hidden = parent->created || parent->deleted;
    uint64_t hash = registry_name_hash(name, units);

    *found = NULL;
    for (struct transaction_key *key = parent->differing; key; key = key->next_differing) {
        if (!key->deleted && key->name_hash == hash &&
            !registry_name_compare(key->name, key->name_units, name, units)) {
            *found = key;
            return true;
        }
        if (!key->created && key->stored_hash == hash &&
            !registry_name_compare(key->stored_name, key->stored_units, name, units))
            hidden = true;
    }
    return hidden;
}

struct loading {
    struct transaction *transaction;
    struct transaction_key *key;
};

static int load_value(void *context, const struct hive_value *value)
{
    struct loading *loading = context;
    struct transaction_key *key = loading->key;
    struct transaction_value *slot;

    if (!transaction_reserve_value(loading->transaction, key))
        return -ENOMEM;
    slot = &key->values[key->value_count];
    slot->name = transaction_keep(loading->transaction, value->name, value->name_units * 2);
    slot->data = transaction_keep(loading->transaction, value->data, value->size);
    if (!slot->name || !slot->data)
        return -ENOMEM;
    slot->name_units = value->name_units;
    slot->hash = registry_name_hash(value->name, value->name_units);
    slot->type = value->type;
    slot->size = value->size;
    key->value_count++;
    return 0;
}

int transaction_load_key(registry_t *registry, struct transaction *transaction,
                         struct transaction_key *key)
{
    struct loading loading = {transaction, key};
    struct hive_key row;
    int result;

    if (key->loaded)
        return 0;
    result = hive_store_read_key(registry->store, key->id, &row);
    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    key->name = key->stored_name = transaction_keep(transaction, row.name, row.name_units * 2);
    key->class_name = transaction_keep(transaction, row.class_name, row.class_units * 2);
    if (!key->name || !key->class_name)
        return -ENOMEM;
    key->name_units = key->stored_units = row.name_units;
    key->name_hash = key->stored_hash = registry_name_hash(key->name, key->name_units);
    key->class_units = row.class_units;
    key->parent_id = row.parent;
    key->stored_last_write = row.last_write;
    if (!key->last_write)
        key->last_write = row.last_write;
    key->flags = row.flags;
    key->secured = row.secured;
    key->value_count = 0;
    result = registry_visit_values(registry, key->id, load_value, &loading);
    key->loaded = result == 0;
    return result;
}
