/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * entering.c - coming into the registry and leaving it: locks, the changes of other processes, and
 * the journal, in that order. The contracts are in registry_internal.h.
 */
#include <errno.h>

#include "registry/large_key.h"
#include "registry/lower_layer.h"
#include "registry/transaction_internal.h"

int registry_write_journal_down(registry_t *registry, bool at_the_end)
{
    struct journal *journal = coherence_journal(registry->coherence);
    int result;

    if (!journal_pending(journal))
        return 0;
    result = hive_store_begin(registry->store);
    if (result == 0)
        result = journal_apply(journal, registry->store, at_the_end);
    if (result == 0)
        result = hive_store_commit(registry->store);
    if (result < 0)
        hive_store_rollback(registry->store);
    else
        journal_clear(journal);
    return result;
}

/* A writer that was killed may have left a whole transaction in SQLite's log
 * that its index does not tell of: nobody sees it, but at the next start it would be found there,
 * and come after what was done meanwhile. A transaction of ours is written over it. Where that
 * fails, the next one will do. */
int registry_lock_writers(registry_t *registry)
{
    int64_t deaths;
    int result = coherence_lock(registry->coherence);

    if (result != COHERENCE_HOLDER_DIED)
        return result;
    if (registry->writable && hive_store_begin(registry->store) == 0) {
        if (hive_store_get_mark(registry->store, "killed_writers", &deaths) < 0 ||
            hive_store_set_mark(registry->store, "killed_writers", deaths + 1) < 0 ||
            hive_store_commit(registry->store) < 0)
            hive_store_rollback(registry->store);
        else
            coherence_forget_death(registry->coherence);
    }
    return 0;
}

/* To write to the store; then coherence_unlock_long. */
static int lock_to_write(registry_t *registry)
{
    int result = registry_lock_writers(registry);

    clock_gettime(CLOCK_MONOTONIC, &registry->writing);
    return result;
}

static void apply_change(registry_t *registry, const struct coherence_change *change)
{
    struct key_cache *cache = &registry->cache;

    if (!registry_forget_single(registry, change))
        key_cache_remove(cache, CACHE_KEY, change->key, 0);
    if (change->name_hash) {
        if (!registry->own_write)
            subkey_run_forget(registry, change->key);
        registry_forget_subkeys(registry, change->key, change->kinds & REGISTRY_CHANGED_GONE);
        key_cache_remove(cache, CACHE_NAME, change->key, change->name_hash);
    }
}

/* What changed is no longer known one by one: keys that share a place with one that did are
 * dropped, or everything. */
static void sweep(registry_t *registry)
{
    const struct coherence_touched *touched = registry->touched;
    struct key_cache *cache = &registry->cache;

    value_run_forget(registry, 0);
    subkey_run_forget(registry, 0);
    if (atomic_load_explicit(&touched->everything, memory_order_acquire) > cache->seen)
        key_cache_clear(cache);
    else
        key_cache_sweep(cache, touched->places, coherence_place);
}

/* Drops from the cache what was changed since it was last in step. */
static void take_in_changes(registry_t *registry)
{
    struct coherence_change changes[64];
    uint64_t now = coherence_generation(registry->coherence);
    struct key_cache *cache = &registry->cache;

    if (now == cache->seen)
        return;
    key_cache_write_begin(cache);
    while (cache->seen != now) {
        uint64_t some = now - cache->seen < 64 ? now - cache->seen : 64;
        int count = now - cache->seen > COHERENCE_RING / 2
                        ? -EOVERFLOW
                        : coherence_changes(registry->coherence, cache->seen, cache->seen + some,
                                            changes, sizeof changes / sizeof changes[0]);

        if (count < 0)
            sweep(registry);
        for (int i = 0; i < count; i++)
            apply_change(registry, &changes[i]);
        __atomic_store_n(&cache->seen, count < 0 ? now : cache->seen + some, __ATOMIC_RELAXED);
    }
    key_cache_write_end(cache);
}

const struct coherence_change registry_everything[REGISTRY_EVERYTHING];

static bool must_write_down(registry_t *registry, uint64_t key)
{
    const struct journal *journal = coherence_journal(registry->coherence);

    return registry->writable && key != REGISTRY_NO_KEY && journal_pending(journal) &&
           (!key || journal_concerns(journal, key));
}

/* `key` 0: any key may be asked for. */
static int enter(registry_t *registry, struct registry_guard *guard, uint64_t key)
{
    sigset_t all;
    int result = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &guard->signals);
    fair_mutex_take(&registry->mutex);
    /* A writer between commit and publication is waited for. */
    if (coherence_busy(registry->coherence)) {
        result = registry_lock_writers(registry);
        if (result == 0)
            coherence_unlock(registry->coherence);
    }
    /* Before the journal is looked at: a change that came in between would count as taken in, and
     * what the store says without it would be cached for good. */
    take_in_changes(registry);
    if (result == 0 && must_write_down(registry, key)) {
        result = lock_to_write(registry);
        if (result == 0) {
            take_in_changes(registry);
            result = registry_write_journal_down(registry, false);
            coherence_unlock_long(registry->coherence, &registry->writing);
        }
    }
    if (result < 0)
        registry_leave(registry, guard);
    return result;
}

int registry_enter(registry_t *registry, struct registry_guard *guard)
{
    if (lower_is_behind(registry))
        lower_catch_up(registry);
    return registry_enter_as_is(registry, guard);
}

int registry_enter_as_is(registry_t *registry, struct registry_guard *guard)
{
    return enter(registry, guard, 0);
}

int registry_enter_for(registry_t *registry, struct registry_guard *guard, uint64_t key)
{
    if (lower_is_behind(registry))
        lower_catch_up(registry);
    return enter(registry, guard, key);
}

int registry_by_journal(registry_t *registry, int (*write)(registry_t *registry, void *context),
                        void *context)
{
    struct registry_guard guard;
    sigset_t all;
    int result = -EAGAIN;

    if (registry->read_only)
        return -EROFS;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &guard.signals);
    fair_mutex_take(&registry->mutex);
    if (registry_lock_writers(registry) == 0) {
        take_in_changes(registry);
        result = write(registry, context);
        coherence_unlock(registry->coherence);
    }
    registry_leave(registry, &guard);
    return result;
}

void registry_leave(registry_t *registry, struct registry_guard *guard)
{
    hive_store_release(registry->store);
    fair_mutex_give(&registry->mutex);
    pthread_sigmask(SIG_SETMASK, &guard->signals, NULL);
}

int registry_begin_write(registry_t *registry, struct registry_guard *guard)
{
    if (lower_is_behind(registry))
        lower_catch_up(registry);
    return registry_begin_write_as_is(registry, guard);
}

int registry_begin_write_as_is(registry_t *registry, struct registry_guard *guard)
{
    int result = registry_enter_as_is(registry, guard);

    if (result < 0)
        return result;
    if (registry->read_only)
        result = -EROFS;
    if (result == 0)
        result = lock_to_write(registry);
    if (result < 0) {
        registry_leave(registry, guard);
        return result;
    }
    take_in_changes(registry);
    /* The store gives out ids from here on. */
    coherence_set_next_key(registry->coherence, 0);
    /* What another process put into the journal since we came in. */
    result = registry_write_journal_down(registry, false);
    if (result == 0)
        result = hive_store_begin(registry->store);
    if (result < 0) {
        coherence_unlock(registry->coherence);
        registry_leave(registry, guard);
    }
    return result;
}

int registry_begin_write_key(registry_t *registry, struct registry_guard *guard, uint64_t key,
                             struct hive_key *row)
{
    int result;

    if (registry_transaction_of(key))
        return -EOPNOTSUPP;
    result = registry_begin_write(registry, guard);
    if (result < 0)
        return result;
    result = hive_store_read_key(registry->store, key, row);
    if (result < 0)
        registry_end_write(registry, guard, result, NULL, 0);
    return result == -ENOENT ? -EIDRM : result;
}

int registry_end_write(registry_t *registry, struct registry_guard *guard, int result,
                       const struct coherence_change *changes, size_t count)
{
    if (result == 0) {
        coherence_announce(registry->coherence);
        result = hive_store_commit(registry->store);
    }
    if (result == 0)
        coherence_publish(registry->coherence, changes, count);
    else
        hive_store_rollback(registry->store);
    if (registry->own_write) {
        if (result < 0) {
            value_run_forget(registry, 0);
            subkey_run_forget(registry, 0);
        } else {
            take_in_changes(registry); /* ours alone: the lock is held */
        }
        registry->own_write = false;
    }
    coherence_unlock_long(registry->coherence, &registry->writing);
    take_in_changes(registry);
    registry_leave(registry, guard);
    return result;
}
