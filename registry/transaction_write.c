/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_write.c - changes inside a transaction: each is checked as if it were made now, shows
 * in what the transaction sees, and is recorded for the commit. All memory is had before anything
 * changes, so that a change that fails leaves nothing.
 */
#include "registry/transaction_internal.h"

#include <errno.h>
#include <string.h>

#include "registry/upcase.h"

static struct transaction_record *make_record(struct transaction_scope *scope,
                                              enum transaction_operation operation,
                                              struct transaction_key *key)
{
    struct transaction_record *record = transaction_allocate(scope->transaction, sizeof *record);

    if (record) {
        record->operation = operation;
        record->key = key;
        record->time = registry_now();
    }
    return record;
}

static void append(struct transaction *transaction, struct transaction_record *record)
{
    if (transaction->last)
        transaction->last->next = record;
    else
        transaction->first = record;
    transaction->last = record;
}

/* The key that is to be changed, locked and loaded. */
static int claim(struct transaction_scope *scope, uint64_t id, struct transaction_key **claimed)
{
    struct transaction_key *key = transaction_add_key(scope->transaction, registry_key_outside(id));
    int result = 0;

    if (!key)
        return -ENOMEM;
    if (key->deleted)
        return -EIDRM;
    if (!key->loaded && key->id >= TRANSACTION_OWN_KEY)
        return -EIDRM;
    if (!key->written)
        result = transaction_lock_key(scope, key);
    if (result == 0)
        result = transaction_load_key(scope->registry, scope->transaction, key);
    if (result == 0)
        key->written = true;
    *claimed = key;
    return result;
}

/* The parent of a claimed key, which is to differ from the store's. */
static int claim_place(struct transaction_scope *scope, struct transaction_key *key)
{
    if (!key->parent)
        key->parent = transaction_add_key(scope->transaction, key->parent_id);
    return key->parent ? 0 : -ENOMEM;
}

static void differ(struct transaction_key *key)
{
    if (!transaction_key_differs(key)) {
        key->next_differing = key->parent->differing;
        key->parent->differing = key;
    }
}

/* ---- keys ---- */

/* True in *created where there is no such key yet; otherwise its id. */
static int look_for(struct transaction_scope *scope, struct transaction_key *parent,
                    const uint16_t *name, size_t units, uint64_t *id, bool *missing)
{
    struct transaction_key *found;
    uint32_t flags;
    int result;

    *missing = false;
    if (transaction_sees_subkey(parent, name, units, &found)) {
        *missing = !found;
        *id = found ? found->id : 0;
        return 0;
    }
    result = hive_store_find_key(scope->registry->store, parent->id, name, units, id, &flags);
    *missing = result == -ENOENT;
    return *missing ? 0 : result;
}

/* The flags of a key that may get a subkey. */
static int parent_flags(struct transaction_scope *scope, const struct transaction_key *parent,
                        uint32_t *flags)
{
    struct hive_key row;
    int result;

    *flags = parent->flags;
    if (parent->deleted || (parent->id >= TRANSACTION_OWN_KEY && !parent->created))
        return -EIDRM;
    if (parent->created)
        return 0;
    result = hive_store_read_key(scope->registry->store, parent->id, &row);
    if (result == 0)
        *flags = row.flags;
    return result == -ENOENT ? -EIDRM : result;
}

/* 0 where the parent's own descriptor is the one that the creator took into account. */
static int check_parent(struct transaction_scope *scope, const struct transaction_key *parent,
                        const struct registry_creation *creation)
{
    const void *stored = parent->security;
    size_t size = parent->security_size;

    if (!parent->created && !parent->has_security) {
        int result = hive_store_read_security(scope->registry->store, parent->id, &stored, &size);
        if (result == -ENODATA)
            size = 0;
        else if (result < 0)
            return result;
    }
    return registry_is_expected_security(creation, stored, size);
}

static int insert(struct transaction_scope *scope, struct transaction_key *parent,
                  const struct walk *walk, const struct registry_creation *creation, uint64_t *id)
{
    size_t class_units = creation->class_units, security_size = creation->security_size;
    struct transaction *transaction = scope->transaction;
    struct transaction_key *key =
        transaction_add_key(transaction, TRANSACTION_OWN_KEY + ++transaction->created);
    struct transaction_record *record = key ? make_record(scope, TRANSACTION_CREATE, key) : NULL;

    if (!record)
        return -ENOMEM;
    key->name = transaction_keep(transaction, walk->name, walk->name_units * 2);
    key->class_name = transaction_keep(transaction, creation->class_name, class_units * 2);
    record->data = transaction_keep(transaction, creation->security, security_size);
    if (!key->name || !key->class_name || !record->data)
        return -ENOMEM;
    key->name_units = walk->name_units;
    key->name_hash = registry_name_hash(key->name, key->name_units);
    key->class_units = class_units;
    key->parent = parent;
    key->parent_id = parent->id;
    key->flags = creation->key_flags & (REGISTRY_VOLATILE | REGISTRY_CREATE_LINK);
    key->security = record->data;
    record->size = key->security_size = security_size;
    key->secured = security_size > 0;
    differ(key);
    key->created = key->loaded = key->written = true;
    key->last_write = parent->last_write = record->time;
    record->name = key->name;
    record->name_units = key->name_units;
    append(transaction, record);
    *id = key->id;
    return 0;
}

/* Makes the key, the parent known and the transaction entered. */
static int create_below(struct transaction_scope *scope, struct transaction_key *parent,
                        const struct walk *walk, const struct registry_creation *creation,
                        const struct registry_creation *checked, uint64_t *id)
{
    uint32_t above;
    int result = parent_flags(scope, parent, &above);

    if (result == 0 && checked)
        result = check_parent(scope, parent, checked);
    if (result == 0 && above & REGISTRY_VOLATILE && !(creation->key_flags & REGISTRY_VOLATILE))
        result = -ECHILD;
    if (result == 0)
        result = transaction_lock_name(scope, parent, walk->name, walk->name_units);
    return result ? result : insert(scope, parent, walk, creation, id);
}

int transaction_create(registry_t *registry, const struct walk *walk,
                       const struct registry_creation *creation,
                       const struct registry_creation *checked, struct registry_found *found)
{
    struct transaction_scope scope;
    struct transaction_key *parent;
    uint64_t id = 0;
    bool missing = false;
    int result = transaction_enter_change(registry, walk->parent, &scope);

    if (result < 0)
        return result;
    parent = transaction_add_key(scope.transaction, registry_key_outside(walk->parent));
    result =
        parent ? look_for(&scope, parent, walk->name, walk->name_units, &id, &missing) : -ENOMEM;
    if (result == 0 && missing)
        result = create_below(&scope, parent, walk, creation, checked, &id);
    found->created = missing && result == 0;
    found->secured = found->created && creation->security_size;
    if (result == 0)
        found->key = registry_key_in_transaction(id, registry_transaction_of(walk->parent));
    return transaction_leave_change(&scope, result);
}

/* Ends the walk at the first key that the transaction sees as the store has it. */
static int is_seen(void *context, const struct hive_key *row)
{
    const struct transaction_key *key = transaction_find_key(context, row->id);

    return !key || !transaction_key_differs(key);
}

/* 1 where the transaction sees a key below this one, or 0. */
static int subkeys_of(struct transaction_scope *scope, const struct transaction_key *key)
{
    int result = 0;

    for (const struct transaction_key *below = key->differing; below; below = below->next_differing)
        if (!below->deleted)
            return 1;
    if (!key->created)
        result =
            hive_store_visit_subkeys(scope->registry->store, key->id, is_seen, scope->transaction);
    return result;
}

static int delete_claimed(struct transaction_scope *scope, struct transaction_key *key)
{
    struct transaction_record *record;
    int result = subkeys_of(scope, key);

    if (result != 0)
        return result < 0 ? result : -ENOTEMPTY;
    result = claim_place(scope, key);
    if (result == 0)
        result = transaction_lock_name(scope, key->parent, key->name, key->name_units);
    if (result < 0)
        return result;
    record = make_record(scope, TRANSACTION_DELETE, key);
    if (!record)
        return -ENOMEM;
    record->old_name = key->name;
    record->old_units = key->name_units;
    differ(key);
    key->deleted = true;
    key->parent->last_write = record->time;
    append(scope->transaction, record);
    return 0;
}

int transaction_delete(registry_t *registry, uint64_t key)
{
    struct transaction_scope scope;
    struct transaction_key *found;
    int result = transaction_enter_change(registry, key, &scope);

    if (result < 0)
        return result;
    result = claim(&scope, key, &found);
    if (result == 0)
        result = delete_claimed(&scope, found);
    return transaction_leave_change(&scope, result);
}

static int rename_claimed(struct transaction_scope *scope, struct transaction_key *key,
                          const uint16_t *name, size_t units)
{
    struct transaction_record *record;
    uint64_t other;
    bool missing;
    int result = claim_place(scope, key);

    if (result == 0)
        result = look_for(scope, key->parent, name, units, &other, &missing);
    if (result == 0 && !missing)
        result = -EEXIST;
    if (result == 0)
        result = transaction_lock_name(scope, key->parent, key->name, key->name_units);
    if (result == 0)
        result = transaction_lock_name(scope, key->parent, name, units);
    if (result < 0)
        return result;
    record = make_record(scope, TRANSACTION_RENAME, key);
    if (!record)
        return -ENOMEM;
    record->name = transaction_keep(scope->transaction, name, units * 2);
    if (!record->name)
        return -ENOMEM;
    record->name_units = units;
    record->old_name = key->name;
    record->old_units = key->name_units;
    differ(key);
    key->renamed = true;
    key->name = record->name;
    key->name_units = units;
    key->name_hash = registry_name_hash(key->name, units);
    key->parent->last_write = record->time;
    append(scope->transaction, record);
    return 0;
}

int transaction_rename(registry_t *registry, uint64_t key, const uint16_t *name, size_t units)
{
    struct transaction_scope scope;
    struct transaction_key *found;
    int result = transaction_enter_change(registry, key, &scope);

    if (result < 0)
        return result;
    result = claim(&scope, key, &found);
    if (result == 0)
        result = rename_claimed(&scope, found, name, units);
    return transaction_leave_change(&scope, result);
}

int transaction_set_last_write(registry_t *registry, uint64_t key, uint64_t last_write)
{
    struct transaction_record *record;
    struct transaction_scope scope;
    struct transaction_key *found;
    int result = transaction_enter_change(registry, key, &scope);

    if (result < 0)
        return result;
    result = claim(&scope, key, &found);
    if (result == 0) {
        record = make_record(&scope, TRANSACTION_SET_TIME, found);
        result = record ? 0 : -ENOMEM;
    }
    if (result == 0) {
        record->time = found->last_write = last_write;
        append(scope.transaction, record);
    }
    return transaction_leave_change(&scope, result);
}

int transaction_set_security(registry_t *registry, uint64_t key, const void *descriptor,
                             size_t size)
{
    struct transaction_record *record = NULL;
    struct transaction_scope scope;
    struct transaction_key *found;
    int result = transaction_enter_change(registry, key, &scope);

    if (result < 0)
        return result;
    result = claim(&scope, key, &found);
    if (result == 0)
        record = make_record(&scope, TRANSACTION_SET_SECURITY, found);
    if (record)
        record->data = transaction_keep(scope.transaction, descriptor, size);
    if (result == 0 && (!record || !record->data))
        result = -ENOMEM;
    if (result == 0) {
        record->size = found->security_size = size;
        found->security = record->data;
        found->has_security = true;
        found->secured = size > 0;
        append(scope.transaction, record);
    }
    return transaction_leave_change(&scope, result);
}

/* ---- values ---- */

static int set_claimed(struct transaction_scope *scope, struct transaction_key *key,
                       const struct hive_value *value)
{
    struct transaction *transaction = scope->transaction;
    struct transaction_value *place = transaction_find_value(key, value->name, value->name_units);
    struct transaction_record *record = make_record(scope, TRANSACTION_SET_VALUE, key);

    if (!record || (!place && !transaction_reserve_value(transaction, key)))
        return -ENOMEM;
    record->name = transaction_keep(transaction, value->name, value->name_units * 2);
    record->data = transaction_keep(transaction, value->data, value->size);
    if (!record->name || !record->data)
        return -ENOMEM;
    record->name_units = value->name_units;
    record->type = value->type;
    record->size = value->size;
    /* A value that is set again keeps its place and the spelling of its name. */
    if (!place) {
        place = &key->values[key->value_count++];
        place->name = record->name;
        place->name_units = record->name_units;
        place->hash = registry_name_hash(record->name, record->name_units);
    }
    place->type = record->type;
    place->data = record->data;
    place->size = record->size;
    key->last_write = record->time;
    append(transaction, record);
    return 0;
}

int transaction_set_value(registry_t *registry, uint64_t key, const struct hive_value *value)
{
    struct transaction_scope scope;
    struct transaction_key *found;
    int result = transaction_enter_change(registry, key, &scope);

    if (result < 0)
        return result;
    result = claim(&scope, key, &found);
    if (result == 0)
        result = set_claimed(&scope, found, value);
    return transaction_leave_change(&scope, result);
}

static int delete_claimed_value(struct transaction_scope *scope, struct transaction_key *key,
                                const uint16_t *name, size_t units)
{
    struct transaction_value *value = transaction_find_value(key, name, units);
    struct transaction_record *record;
    size_t behind;

    if (!value)
        return -ENOENT;
    record = make_record(scope, TRANSACTION_DELETE_VALUE, key);
    if (!record)
        return -ENOMEM;
    record->name = value->name;
    record->name_units = value->name_units;
    behind = (size_t)(key->values + key->value_count - (value + 1));
    memmove(value, value + 1, behind * sizeof *value);
    key->value_count--;
    key->last_write = record->time;
    append(scope->transaction, record);
    return 0;
}

int transaction_delete_value(registry_t *registry, uint64_t key, const uint16_t *name, size_t units)
{
    struct transaction_scope scope;
    struct transaction_key *found;
    int result = transaction_enter_change(registry, key, &scope);

    if (result < 0)
        return result;
    result = claim(&scope, key, &found);
    if (result == 0)
        result = delete_claimed_value(&scope, found, name, units);
    return transaction_leave_change(&scope, result);
}
