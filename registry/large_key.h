/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * large_key.h - keys whose values do not fit into the cache together. Their control block has no
 * values; those that are asked for again and again are held one by one, and a value counts only
 * beside a block with its stamp, so that dropping the block drops them all. Enumeration works on a
 * run of values that is kept from call to call.
 *
 * A value is taken in when it is asked for a second time within a while: who reads a large key
 * through once does not drive out what others need.
 *
 * All functions: inside registry_enter and registry_leave.
 */
#ifndef PWK_REGISTRY_LARGE_KEY_H
#define PWK_REGISTRY_LARGE_KEY_H

#include "registry/registry_internal.h"

void large_key_finish(registry_t *registry);

/* For a block that is about to be laid out without values. `name`: the key's. */
void registry_mark_too_large(registry_t *registry, struct cached_key *head, const void *name);

/* What the store says of a value; `value` NULL: there is none of that name. */
void registry_keep_single(registry_t *registry, uint64_t key, const uint16_t *name, size_t units,
                          const struct hive_value *value);
/* The same without waiting for a second time; in place of what was held. */
void registry_put_single(registry_t *registry, uint64_t key, const uint16_t *name, size_t units,
                         const struct hive_value *value);

/* The value as it is held, for the block `head`; NULL where it is not. `size`: of the payload, all
 * of which may be torn unless the lock is held. */
const struct cached_single *registry_find_single(const registry_t *registry, uint64_t key,
                                                 const struct cached_key *head,
                                                 const uint16_t *name, size_t units, size_t *size);
static inline uint32_t cached_single_data_offset(uint32_t name_bytes)
{
    return (uint32_t)sizeof(struct cached_single) + ((name_bytes + 7) & ~7u);
}

/* Takes a change in without dropping the key's block, where that is enough; else false. Between
 * key_cache_write_begin and its end. */
bool registry_forget_single(registry_t *registry, const struct coherence_change *change);

/* ---- the run of values that was enumerated last (value_run.c) ---- */

/* The value at `index` of the key's order, until the next call; -ENODATA. The store is up to date
 * about the key. */
int value_run_get(registry_t *registry, uint64_t key, uint32_t index, struct hive_value *value);
/* What this process did itself: a value was set, or deleted. Others' changes, and all others of
 * ours, end the run: `key` 0: whatever key it is of. */
void value_run_set(registry_t *registry, uint64_t key, const uint16_t *name, size_t units);
void value_run_delete(registry_t *registry, uint64_t key, const uint16_t *name, size_t units);
void value_run_forget(registry_t *registry, uint64_t key);
void value_run_finish(registry_t *registry);

/* ---- the run of subkeys that was enumerated last, of a key that has too many (subkeys.c) ---- */

/* As value_run_get. */
int subkey_run_get(registry_t *registry, uint64_t key, uint32_t index, uint64_t *subkey);
/* What this process did itself: the subkey was deleted. All other changes end the run: `key` 0:
 * whatever key it is of. */
void subkey_run_delete(registry_t *registry, uint64_t key, uint64_t subkey);
void subkey_run_forget(registry_t *registry, uint64_t key);

#endif
