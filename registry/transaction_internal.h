/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_internal.h - what a transaction holds in memory: the keys as it sees them where they
 * differ from the store, and the list of its operations, which a commit carries out.
 *
 * One lock a process guards all transactions, with all signals blocked; it is taken before the
 * locks of registry_internal.h.
 */
#ifndef PWK_REGISTRY_TRANSACTION_INTERNAL_H
#define PWK_REGISTRY_TRANSACTION_INTERNAL_H

#include "registry/lookup.h"
#include "registry/registry_internal.h"
#include "registry/transaction.h"

/* Ids of keys that were created inside. */
#define TRANSACTION_OWN_KEY (UINT64_C(1) << (REGISTRY_TRANSACTION_SHIFT - 1))

#define TRANSACTION_MAX_BYTES ((size_t)256 << 20)
#define TRANSACTION_BUCKETS 1024u

struct transaction_value {
    const uint16_t *name;
    size_t name_units;
    uint64_t hash;
    uint32_t type;
    const void *data;
    size_t size;
};

/* The subkeys of a key in order, as of one moment. */
struct transaction_listing {
    uint64_t *ids; /* NULL: none made yet */
    uint32_t count, max_name, max_class;
    uint64_t generation, operations;
};

struct transaction_key {
    uint64_t id;
    uint64_t stored_id;           /* at commit: the id in the store */
    struct transaction_key *next; /* in its bucket */
    struct transaction_key *parent;
    /* Subkeys whose being there or name differs from the store. */
    struct transaction_key *differing, *next_differing;
    const uint16_t *name, *stored_name, *class_name;
    size_t name_units, stored_units, class_units;
    uint64_t name_hash, stored_hash; /* of the two names */
    uint64_t parent_id;
    uint64_t last_write;        /* 0: the store's */
    uint64_t stored_last_write; /* when it was loaded */
    uint32_t flags;
    bool loaded;  /* what it is and its values are held here */
    bool written; /* locked: its values, descriptor or name are changed */
    bool created, deleted, renamed;
    struct transaction_value *values;
    size_t value_count, value_capacity;
    bool secured;      /* it has a descriptor of its own */
    bool has_security; /* one was set */
    const void *security;
    size_t security_size;
    struct transaction_listing listing;
};

enum transaction_operation {
    TRANSACTION_CREATE,
    TRANSACTION_DELETE,
    TRANSACTION_RENAME,
    TRANSACTION_SET_VALUE,
    TRANSACTION_DELETE_VALUE,
    TRANSACTION_SET_TIME,
    TRANSACTION_SET_SECURITY,
};

struct transaction_record {
    struct transaction_record *next;
    enum transaction_operation operation;
    struct transaction_key *key;
    uint64_t time;
    const uint16_t *name; /* of the key or value */
    size_t name_units;
    const uint16_t *old_name; /* of a key that is renamed or deleted */
    size_t old_units;
    uint32_t type;
    const void *data;
    size_t size;
};

struct transaction_block {
    struct transaction_block *next;
    size_t used, room;
    _Alignas(16) unsigned char bytes[];
};

struct transaction {
    struct transaction *next;
    uint64_t id; /* as it stands in ids of keys */
    enum registry_transaction_state state;
    uint64_t deadline;   /* CLOCK_MONOTONIC, ms; 0: none */
    uint64_t generation; /* changes of others have been looked at up to here */
    uint64_t operations; /* carried out so far */
    uint64_t created;
    int locks; /* the file of locks, or -1 */
    size_t bytes;
    struct transaction_block *blocks;
    struct transaction_record *first, *last;
    struct transaction_key *buckets[TRANSACTION_BUCKETS];
};

/* ---- memory and keys (transaction_keys.c) ---- */

/* Memory until the transaction's end; NULL also where it has had its share. */
void *transaction_allocate(struct transaction *transaction, size_t size);
/* A copy; never NULL for size 0. */
void *transaction_keep(struct transaction *transaction, const void *bytes, size_t size);
/* Gives everything back and lets the locks go. */
void transaction_empty(struct transaction *transaction);

struct transaction_key *transaction_find_key(const struct transaction *transaction, uint64_t id);
struct transaction_key *transaction_add_key(struct transaction *transaction, uint64_t id);
struct transaction_value *transaction_find_value(const struct transaction_key *key,
                                                 const uint16_t *name, size_t units);
/* True for one of the keys that stand in their parent's list of what differs. */
static inline bool transaction_key_differs(const struct transaction_key *key)
{
    return key->created || key->deleted || key->renamed;
}
/* Room for one more. */
bool transaction_reserve_value(struct transaction *transaction, struct transaction_key *key);
/* The key that the transaction sees under a name, in *found; true also where it sees none though
 * the store may have one (NULL). */
bool transaction_sees_subkey(const struct transaction_key *parent, const uint16_t *name,
                             size_t units, struct transaction_key **found);
/* Reads key and values from the store, the store entered. -EIDRM, -ENOMEM. */
int transaction_load_key(registry_t *registry, struct transaction *transaction,
                         struct transaction_key *key);

/* ---- locks and life (transaction.c) ---- */

struct transaction_scope {
    registry_t *registry;
    struct transaction *transaction;
    sigset_t signals;
    struct registry_guard guard;
};

/* Takes the lock of transactions; -ECANCELED where the one that `key` carries is not active. */
int transaction_enter(registry_t *registry, uint64_t key, struct transaction_scope *scope);
void transaction_leave(struct transaction_scope *scope);
/* The same with the store entered for one change, of which nothing is written yet. */
int transaction_enter_change(registry_t *registry, uint64_t key, struct transaction_scope *scope);
/* Answers `result`. */
int transaction_leave_change(struct transaction_scope *scope, int result);

/* Locks a key of the store, or the place of a name below one, until the end; -EBUSY where another
 * transaction has it. */
int transaction_lock_key(struct transaction_scope *scope, const struct transaction_key *key);
int transaction_lock_name(struct transaction_scope *scope, const struct transaction_key *parent,
                          const uint16_t *name, size_t units);

/* Carries all operations out, the store entered; the changes, to be freed, are for publication.
 * (transaction_commit.c) */
int transaction_write_down(registry_t *registry, struct transaction *transaction,
                           struct coherence_change **changes, size_t *count);

/* True where a change of others has touched what the transaction changed. */
bool transaction_is_hit(const struct transaction *transaction,
                        const struct coherence_change *change);
/* The same without knowing the changes: what is in the store is compared. 1, 0 or an error. */
int transaction_is_outdated(registry_t *registry, const struct transaction *transaction);

/* For the end of the registry. */
void transaction_finish_all(registry_t *registry);

/* ---- registry.h for ids that carry a transaction (transaction_read.c, transaction_write.c) ----
 */

int transaction_find_subkey(registry_t *registry, uint64_t parent, const uint16_t *name,
                            size_t units, uint64_t *id, uint32_t *flags);
int transaction_query_key(registry_t *registry, uint64_t key, bool count_subkeys,
                          struct registry_key_info *info, const struct registry_buffer *name,
                          const struct registry_buffer *class_name);
int transaction_enumerate_key(registry_t *registry, uint64_t key, uint32_t index, uint64_t *subkey);
int transaction_key_path(registry_t *registry, uint64_t key, struct registry_path *path);
int transaction_query_value(registry_t *registry, uint64_t key, const uint16_t *name,
                            size_t name_units, struct registry_value_info *info,
                            const struct registry_buffer *data);
int transaction_enumerate_value(registry_t *registry, uint64_t key, uint32_t index,
                                struct registry_value_info *info,
                                const struct registry_buffer *name,
                                const struct registry_buffer *data);
int transaction_get_security(registry_t *registry, uint64_t key, void *descriptor, size_t capacity,
                             size_t *size);

/* Creates what a walk found missing; `checked` NULL: whatever descriptors there are. */
int transaction_create(registry_t *registry, const struct walk *walk,
                       const struct registry_creation *creation,
                       const struct registry_creation *checked, struct registry_found *found);
int transaction_delete(registry_t *registry, uint64_t key);
int transaction_rename(registry_t *registry, uint64_t key, const uint16_t *name, size_t units);
int transaction_set_last_write(registry_t *registry, uint64_t key, uint64_t last_write);
int transaction_set_security(registry_t *registry, uint64_t key, const void *descriptor,
                             size_t size);
int transaction_set_value(registry_t *registry, uint64_t key, const struct hive_value *value);
int transaction_delete_value(registry_t *registry, uint64_t key, const uint16_t *name,
                             size_t units);

#endif
