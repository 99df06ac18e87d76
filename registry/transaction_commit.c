/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_commit.c - a transaction beside what others have written: what rolls it back, and its
 * operations carried out on the store.
 */
#include "registry/transaction_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "registry/upcase.h"

/* True where the change says that a subkey of this name came or went. */
static bool is_about(const struct coherence_change *change, const struct transaction_key *subkey)
{
    return change->name_hash == subkey->name_hash ||
           (!subkey->created && change->name_hash == subkey->stored_hash);
}

/* Changes of two subkeys of one key do not concern each other, nor do its subkeys and its values.
 */
bool transaction_is_hit(const struct transaction *transaction,
                        const struct coherence_change *change)
{
    const struct transaction_key *key = transaction_find_key(transaction, change->key);

    if (!key)
        return false;
    if (change->kinds & REGISTRY_CHANGED_GONE)
        return key->written || key->differing;
    if (key->deleted)
        return true;
    if (key->written && (change->kinds & ~REGISTRY_CHANGED_NAME || !change->name_hash))
        return true;
    for (const struct transaction_key *subkey = key->differing; change->name_hash && subkey;
         subkey = subkey->next_differing)
        if (is_about(change, subkey))
            return true;
    return false;
}

static int is_key_outdated(registry_t *registry, const struct transaction_key *key)
{
    struct hive_key row;
    int result;

    if (key->created || !(key->written || key->differing))
        return 0;
    result = hive_store_read_key(registry->store, key->id, &row);
    if (result < 0)
        return result == -ENOENT ? 1 : result;
    return key->written &&
           (row.last_write != key->stored_last_write ||
            registry_name_compare(row.name, row.name_units, key->stored_name, key->stored_units));
}

int transaction_is_outdated(registry_t *registry, const struct transaction *transaction)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < TRANSACTION_BUCKETS; i++)
        for (const struct transaction_key *key = transaction->buckets[i]; result == 0 && key;
             key = key->next)
            result = is_key_outdated(registry, key);
    return result;
}

/* ---- carrying out ---- */

struct changes {
    struct coherence_change *list;
    size_t count, room;
};

static int note(struct changes *changes, uint64_t key, uint64_t name_hash, uint32_t kinds)
{
    struct coherence_change *last = changes->count ? &changes->list[changes->count - 1] : NULL;

    if (last && last->key == key && last->name_hash == name_hash) {
        last->kinds |= kinds;
        return 0;
    }
    if (changes->count == changes->room) {
        size_t room = changes->room * 2 + 64;
        struct coherence_change *grown = realloc(changes->list, room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        changes->list = grown;
        changes->room = room;
    }
    changes->list[changes->count++] =
        (struct coherence_change){.key = key, .name_hash = name_hash, .kinds = kinds};
    return 0;
}

static int create(hive_store_t *store, const struct transaction_record *record)
{
    struct transaction_key *key = record->key;
    struct hive_key row = {
        .parent = key->parent->stored_id,
        .last_write = record->time,
        .flags = key->flags,
        .name = record->name,
        .name_units = record->name_units,
        .class_name = key->class_name,
        .class_units = key->class_units,
    };
    uint64_t other;
    uint32_t flags;
    int result =
        hive_store_find_key(store, row.parent, record->name, record->name_units, &other, &flags);

    if (result == 0)
        return -EEXIST;
    if (result != -ENOENT)
        return result;
    result = hive_store_insert_key(store, &row, &key->stored_id);
    return result == 0 && record->size
               ? hive_store_put_security(store, key->stored_id, record->data, record->size)
               : result;
}

static int carry_out(hive_store_t *store, const struct transaction_record *record)
{
    uint64_t id = record->key->stored_id;
    struct hive_value value = {record->name, record->name_units, record->type, record->data,
                               record->size};
    int result;

    switch (record->operation) {
    case TRANSACTION_CREATE:
        return create(store, record);
    case TRANSACTION_DELETE:
        return hive_store_remove_key(store, id);
    case TRANSACTION_RENAME:
        return hive_store_rename_key(store, id, record->name, record->name_units);
    case TRANSACTION_SET_VALUE:
        return hive_store_put_value(store, id, &value, record->time);
    case TRANSACTION_DELETE_VALUE:
        /* A fixed value may be seen that the store does not hold. */
        result = hive_store_remove_value(store, id, record->name, record->name_units);
        return result == 0 || result == -ENOENT ? hive_store_touch_key(store, id, record->time)
                                                : result;
    case TRANSACTION_SET_TIME:
        return hive_store_touch_key(store, id, record->time);
    case TRANSACTION_SET_SECURITY:
        return hive_store_put_security(store, id, record->data, record->size);
    }
    return -EINVAL;
}

/* What a record changes beside its own key: the parent, at one name or two. */
static int note_place(struct changes *changes, const struct transaction_record *record)
{
    uint64_t parent = record->key->parent->stored_id;
    int result = 0;

    if (record->old_name)
        result = note(changes, parent, registry_name_hash(record->old_name, record->old_units),
                      REGISTRY_CHANGED_NAME);
    if (result == 0 && record->name)
        result = note(changes, parent, registry_name_hash(record->name, record->name_units),
                      REGISTRY_CHANGED_NAME);
    return result;
}

/* Whether a key has a descriptor of its own is known beside its name. */
static int note_secured(struct changes *changes, const struct transaction_key *key)
{
    return note(changes, key->parent ? key->parent->stored_id : key->parent_id, key->name_hash, 0);
}

static int note_record(struct changes *changes, const struct transaction_record *record)
{
    static const uint32_t kinds[] = {
        [TRANSACTION_SET_VALUE] = REGISTRY_CHANGED_VALUES,
        [TRANSACTION_DELETE_VALUE] = REGISTRY_CHANGED_VALUES,
        [TRANSACTION_SET_TIME] = REGISTRY_CHANGED_ATTRIBUTES,
        [TRANSACTION_SET_SECURITY] = REGISTRY_CHANGED_SECURITY,
    };
    uint64_t id = record->key->stored_id;
    int result = 0;

    if (record->operation == TRANSACTION_DELETE)
        result = note(changes, id, registry_name_hash(record->old_name, record->old_units),
                      REGISTRY_CHANGED_GONE);
    else if (record->operation == TRANSACTION_RENAME)
        result = note(changes, id, 0, 0);
    else if (record->operation != TRANSACTION_CREATE)
        result = note(changes, id, 0, kinds[record->operation]);
    if (result == 0 && record->operation == TRANSACTION_SET_SECURITY)
        return note_secured(changes, record->key);
    return result || record->operation > TRANSACTION_RENAME ? result : note_place(changes, record);
}

int transaction_write_down(registry_t *registry, struct transaction *transaction,
                           struct coherence_change **changes, size_t *count)
{
    struct changes made = {0};
    int result = 0;

    for (struct transaction_record *record = transaction->first; result == 0 && record;
         record = record->next) {
        result = carry_out(registry->store, record);
        if (result == 0 && record->operation <= TRANSACTION_RENAME)
            result =
                hive_store_touch_key(registry->store, record->key->parent->stored_id, record->time);
        if (result == 0)
            result = note_record(&made, record);
    }
    /* What was checked when it was done can fail now only where others were in between. */
    if (result == -EEXIST || result == -EIDRM || result == -ENOENT || result == -ENOTEMPTY)
        result = -ECANCELED;
    *changes = made.list;
    *count = made.count;
    return result;
}
