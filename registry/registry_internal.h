/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_internal.h - the registry object, its locks, and the layout of what is cached.
 *
 * Order of locks: signals blocked, then the process's mutex, then (writers) the coherence lock.
 */
#ifndef PWK_REGISTRY_INTERNAL_H
#define PWK_REGISTRY_INTERNAL_H

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>

#include "registry/coherence.h"
#include "registry/fair_mutex.h"
#include "registry/fixed_values.h"
#include "registry/hive_store.h"
#include "registry/key_cache.h"
#include "registry/read_ahead.h"
#include "registry/registry.h"

/* No longer than a registry_path, and no larger than it must be: each name that is looked for is
 * held against all of them. */
struct short_path {
    const uint16_t *text;
    size_t units;
};

struct registry {
    char database[PATH_MAX];
    hive_store_t *store;
    coherence_t *coherence;
    const struct coherence_touched *touched; /* the coherence's; once opened */
    struct fair_mutex mutex;
    struct key_cache cache;
    struct fixed_values fixed;
    struct short_path *passthrough; /* with the texts behind them */
    size_t passthrough_count;
    bool read_only; /* as its opener wants it: no call changes anything */
    bool writable;  /* the store's file: then the journal is written down, read_only or not */
    struct registry_lower lower; /* its generation NULL: nothing below is followed */
    uint64_t lower_seen;         /* the generation that was last followed, or failed to be */
    atomic_bool lower_following;
    struct fair_mutex transactions_mutex; /* taken before all others */
    struct transaction *transactions;     /* of this process */
    uint64_t transaction_number;
    struct listing listing;
    struct value_run *run; /* of the large key that was enumerated last (large_key.h) */
    struct subkey_run *subkey_run;
    struct asked_values *asked; /* which single values were asked for once */
    uint32_t stamp;             /* of the last large key's control block */
    struct timespec writing;    /* since when the writers' lock is held for a write to the store */
    bool own_write;             /* what is published now is of this process, and seen to by it */
    bool sound; /* opened and, where need be, checked: its files may be signed at the end */
};

/* ---- what the cache holds; all offsets are from the start of the payload ---- */

struct cached_value {
    uint32_t hash; /* low half of registry_name_hash */
    uint32_t type;
    uint32_t name_offset, name_bytes;
    uint32_t data_offset, data_bytes;
};

/* A key control block. Followed by name, class, an index of value_slots (power of two, 0 when
 * there are no values) numbers of values + 1, and the values in set order. */
struct cached_key {
    uint64_t parent;
    uint64_t last_write;
    uint32_t flags;
    uint32_t
        too_large; /* values are not held here, but one by one; 2: some are fixed: ask the store */
    uint32_t name_offset, name_bytes;
    uint32_t class_offset, class_bytes;
    uint32_t value_count, value_slots;
    uint32_t slots_offset, values_offset;
    uint32_t max_value_name, max_value_data; /* bytes */
    uint32_t layer;                          /* HIVE_... marks */
    uint32_t stale;                          /* of a key that is too large: STALE_... */
    uint32_t stamp;                          /* the same: which single values belong to it */
    uint32_t secured;                        /* it has a descriptor of its own */
    uint32_t hides;                          /* HIDES_... */
    uint32_t unused;
};

/* Whether a tombstone stands for one of the layer below's subkeys: found out when a subkey is made
 * first. Whoever puts one there publishes a change of this key, which drops the block. */
#define HIDES_UNKNOWN 0u
#define HIDES_NOTHING 1u
#define HIDES_SOMETHING 2u

#define STALE_LAST_WRITE 1u
#define STALE_MEASURES 2u /* value_count, max_value_name, max_value_data */

/* A value of a key that is too large, or that there is none of that name. Name and, at the next
 * whole word, data follow. Counts only beside a control block with the same stamp. */
struct cached_single {
    uint32_t stamp;
    uint32_t absent;
    uint32_t type;
    uint32_t name_bytes, data_bytes;
    uint32_t unused;
    unsigned char bytes[];
};

struct cached_subkeys {
    uint32_t count;
    uint32_t max_name, max_class; /* bytes */
    uint32_t state;               /* SUBKEYS_... */
    uint64_t ids[];
};

#define SUBKEYS_NOT_HELD 1u   /* the ids are the store's: too many, or many that have changed */
#define SUBKEYS_UNMEASURED 2u /* the lengths are not known, nor, of what is not held, the count */

#define CACHED_NAME_PASSTHROUGH 1u
#define CACHED_NAME_LINK 2u
#define CACHED_NAME_SECURED 4u /* the subkey has a descriptor of its own */
struct cached_name {
    uint64_t id; /* 0: there is no such subkey */
    uint32_t flags;
    uint32_t units;
    uint16_t upcased[];
};

/* ---- locks (entering.c) ---- */

struct registry_guard {
    sigset_t signals;
};
/* Blocks all signals, takes the process's mutex and takes in what other processes changed. */
int registry_enter(registry_t *registry, struct registry_guard *guard);
/* For what the store says of one key, its values and its subkeys: the journal is written down only
 * where it holds something about that key. */
int registry_enter_for(registry_t *registry, struct registry_guard *guard, uint64_t key);
#define REGISTRY_NO_KEY UINT64_MAX /* the store is not asked at all */
/* registry_enter without following the lower layer first. */
int registry_enter_as_is(registry_t *registry, struct registry_guard *guard);
void registry_leave(registry_t *registry, struct registry_guard *guard);

/* The writers' lock, after which coherence_unlock: what a killed writer left is seen to. Inside
 * enter and leave, or with nobody else in the process; no transaction of the store is open. */
int registry_lock_writers(registry_t *registry);
/* Under the writers' lock, or as the only process. */
int registry_write_journal_down(registry_t *registry, bool at_the_end);

/* A write: enter, the coherence lock and BEGIN; then commit (0: publishes `changes`; other:
 * rolls back) and leave. Answers `result` or the error of the commit. */
int registry_begin_write(registry_t *registry, struct registry_guard *guard);
int registry_begin_write_as_is(registry_t *registry, struct registry_guard *guard);
/* The same for a write to a key that must exist (-EIDRM), whose row it reads. */
int registry_begin_write_key(registry_t *registry, struct registry_guard *guard, uint64_t key,
                             struct hive_key *row);
int registry_end_write(registry_t *registry, struct registry_guard *guard, int result,
                       const struct coherence_change *changes, size_t count);

/* To publish that everything may have changed. */
#define REGISTRY_EVERYTHING (COHERENCE_RING / 2 + 1)
extern const struct coherence_change registry_everything[REGISTRY_EVERYTHING];

/* A write by way of the journal: calls `write` with the writers' lock held and the cache in step.
 * It answers -EAGAIN where something is to be brought into the cache first, and -E2BIG where the
 * store must be written instead (or the journal first). */
int registry_by_journal(registry_t *registry, int (*write)(registry_t *registry, void *context),
                        void *context);

/* These bring into the cache what is missing there, and answer -E2BIG where it is for the store.
 * A key with `layer` 0 is given its id. */
int registry_set_journalled(registry_t *registry, uint64_t key, const struct hive_value *value,
                            const struct coherence_change *change);         /* patch.c */
int registry_create_journalled(registry_t *registry, struct hive_key *row); /* journalled_keys.c */
/* -ENOTEMPTY, -EIDRM */
int registry_delete_journalled(registry_t *registry, uint64_t key);

/* True where the lower layer has moved on since the store was last brought in step. */
static inline bool lower_is_behind(const registry_t *registry)
{
    const uint64_t *generation = registry->lower.generation;

    return generation && __atomic_load_n(generation, __ATOMIC_ACQUIRE) !=
                             __atomic_load_n(&registry->lower_seen, __ATOMIC_RELAXED);
}

/* True when the cache has seen all that was published about a key: its record, its values, its
 * subkeys and their names. */
static inline bool registry_fresh_for(const registry_t *registry, uint64_t key)
{
    return coherence_knows(registry->touched, key,
                           __atomic_load_n(&registry->cache.seen, __ATOMIC_RELAXED)) &&
           !lower_is_behind(registry);
}

uint64_t registry_now(void); /* FILETIME */

/* 0, or -EACCES where the descriptor (size 0: none) is not what creation->parent_security says. */
int registry_is_expected_security(const struct registry_creation *creation, const void *descriptor,
                                  size_t size);

/* ---- filling the cache (fill.c); inside enter and leave ---- */

int registry_fill_key(registry_t *registry, uint64_t key);     /* -EIDRM, -E2BIG */
int registry_fill_subkeys(registry_t *registry, uint64_t key); /* -EIDRM, -E2BIG (subkeys.c) */
/* Brings the measures of a list up to date that the cache has or knows that it cannot have. */
int registry_measure_subkeys(registry_t *registry, uint64_t key);
/* A subkey came or went, or, `gone`, the key itself; or it is known which one went. Between
 * key_cache_write_begin and its end. */
void registry_forget_subkeys(registry_t *registry, uint64_t key, bool gone);
void registry_forget_subkey(registry_t *registry, uint64_t key, uint64_t subkey);
/* Brings up to date what is stale in the control block of a key that is too large: its time, and
 * with `measures` the measures of its values. (large_key.c) */
int registry_measure_key(registry_t *registry, uint64_t key, bool measures);
int registry_fill_name(registry_t *registry, uint64_t parent, const uint16_t *name, size_t units);
/* The same without the store, where the cache knows that there is no subkey at all; else false. */
bool registry_fill_missing_name(registry_t *registry, uint64_t parent, const uint16_t *name,
                                size_t units);
/* True for a subkey, there or not, that lives elsewhere. */
bool registry_is_passthrough(registry_t *registry, uint64_t parent, const uint16_t *name,
                             size_t units);
/* Lays a key control block out and puts it into the cache, without its values where they do not
 * fit. -E2BIG: not even then. */
struct value_list;
int registry_store_key(registry_t *registry, uint64_t id, const struct cached_key *head,
                       const void *name, const void *class_name, const struct value_list *values);
/* What is known of a subkey's name, or of the subkeys: where they do not fit, they are not held. */
void registry_store_name(registry_t *registry, uint64_t parent, const uint16_t *name,
                         const struct cached_name *head);
bool registry_store_subkeys(registry_t *registry, uint64_t key, const struct cached_subkeys *head,
                            const uint64_t *ids);
/* What the cache holds of a name; false where it does not. Between read_begin and read_valid, or
 * under the lock. (lookup.c) */
bool registry_cached_subkey(registry_t *registry, uint64_t parent, const uint16_t *name,
                            size_t units, uint64_t *id, uint32_t *flags);
/* All values of a key with the fixed ones in their places; for keys that the cache cannot hold. */
int registry_visit_values(registry_t *registry, uint64_t key,
                          int (*visit)(void *context, const struct hive_value *value),
                          void *context);
/* The full path of a key; -EIDRM, or -EINVAL where it does not fit. */
int registry_read_path(registry_t *registry, uint64_t key, struct registry_path *path);

#endif
