/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry.c - the registry object: opening and closing, locks, and keeping the cache in step
 * with other processes.
 */
#include "registry/lower_layer.h"
#include "registry/repair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "registry/transaction_internal.h"

#define OPEN_TRIES 5
#define DEFAULT_CACHE_BYTES (8u << 20)
#define SECONDS_1601_TO_1970 UINT64_C(11644473600)

uint64_t registry_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec + SECONDS_1601_TO_1970) * 10000000 + (uint64_t)now.tv_nsec / 100;
}

/* Size, time and inode of the database and its log: what tells an orderly end from another. */
static bool sign_files(void *context, struct coherence_signature *signature)
{
    const registry_t *registry = context;
    char log[PATH_MAX + 8];
    struct stat status;

    memset(signature, 0, sizeof *signature);
    if (stat(registry->database, &status) < 0)
        return false;
    signature->words[0] = (uint64_t)status.st_ino;
    signature->words[1] = (uint64_t)status.st_size;
    signature->words[2] =
        (uint64_t)status.st_mtim.tv_sec * 1000000000 + (uint64_t)status.st_mtim.tv_nsec;
    snprintf(log, sizeof log, "%s-wal", registry->database);
    if (stat(log, &status) == 0 && status.st_size > 0) {
        signature->words[3] = (uint64_t)status.st_ino;
        signature->words[4] = (uint64_t)status.st_size;
        signature->words[5] =
            (uint64_t)status.st_mtim.tv_sec * 1000000000 + (uint64_t)status.st_mtim.tv_nsec;
    }
    return true;
}

static int copy_passthrough(registry_t *registry, const struct registry_options *options)
{
    if (!options->passthrough_count)
        return 0;
    registry->passthrough = calloc(options->passthrough_count, sizeof *registry->passthrough);
    if (!registry->passthrough)
        return -ENOMEM;
    for (size_t i = 0; i < options->passthrough_count; i++) {
        const char *text = options->passthrough[i];
        struct registry_path *path = &registry->passthrough[i];
        if (strlen(text) > sizeof path->text / sizeof path->text[0])
            return -EINVAL;
        for (; *text; text++)
            path->text[path->units++] = (unsigned char)*text;
    }
    registry->passthrough_count = options->passthrough_count;
    return 0;
}

/* Under the writers' lock, or as the only process. */
static int write_journal_down(registry_t *registry, bool at_the_end)
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

/* The first process of a kernel looks after the store: checks it where the last end was not in
 * order, and drops what was volatile. */
static int take_over_store(registry_t *registry, const struct coherence_finding *finding,
                           struct registry_error *error)
{
    struct coherence_signature found;
    int result = 0;

    if (!sign_files(registry, &found) || memcmp(&found, &finding->signature, sizeof found)) {
        coherence_set_next_key(registry->coherence, 0);
        result = hive_store_check(registry->store, registry->database, error);
    }
    if (result == 0 && registry->writable) {
        journal_start(coherence_journal(registry->coherence), found.words[0]);
        result = write_journal_down(registry, true);
        if (result == 0)
            result = hive_store_remove_volatile(registry->store);
        if (result < 0)
            snprintf(error->text, sizeof error->text, "%s: cannot be written: %s",
                     registry->database, strerror(-result));
    }
    if (result == 0)
        result = coherence_start(registry->coherence);
    return result;
}

static int open_parts(registry_t *registry, const char *directory,
                      const struct registry_options *options, struct registry_error *error)
{
    struct coherence_finding finding;
    char path[PATH_MAX];
    struct stat status;
    int result;

    if (!options->create && access(registry->database, F_OK) < 0) {
        snprintf(error->text, sizeof error->text, "%s: there is no registry here",
                 registry->database);
        return -ENOENT;
    }
    snprintf(path, sizeof path, "%s/registry.coherence", directory);
    result = coherence_open(path, &registry->coherence, &finding, error);
    if (result == 0 && finding.first)
        result = registry_finish_repair(directory, error);
    /* SQLite would take an empty file for a new database and drop the log that belongs to it. */
    if (result == 0 && finding.used && stat(registry->database, &status) == 0 &&
        status.st_size == 0) {
        snprintf(error->text, sizeof error->text,
                 "%s: the file is damaged (it is empty); see what can be saved with pwkctl "
                 "registry KERNEL check --repair, or remove it to start from the prefix again",
                 registry->database);
        return -EUCLEAN;
    }
    if (result == 0)
        result = hive_store_open(registry->database, options->create && !options->read_only,
                                 &registry->store, error);
    if (result == 0) {
        registry->writable = !hive_store_is_read_only(registry->store);
        registry->read_only = registry->read_only || !registry->writable;
    }
    if (result == 0 && finding.first)
        result = take_over_store(registry, &finding, error);
    return result;
}

static void close_parts(registry_t *registry)
{
    hive_store_close(registry->store);
    registry->store = NULL;
    coherence_close(registry->coherence, registry->sound ? sign_files : NULL, registry);
    registry->coherence = NULL;
}

int registry_open(const char *directory, const struct registry_options *options, registry_t **out,
                  struct registry_error *error)
{
    registry_t *registry = calloc(1, sizeof *registry);
    struct registry_error unused;
    struct registry_guard guard;
    int result;

    error = error ? error : &unused;
    snprintf(error->text, sizeof error->text, "%s: out of memory", directory);
    if (!registry)
        return -ENOMEM;
    if (snprintf(registry->database, sizeof registry->database, "%s/registry.db", directory) >=
        PATH_MAX - 16) {
        snprintf(error->text, sizeof error->text, "the path of the kernel's state is too long");
        free(registry);
        return -ENAMETOOLONG;
    }
    pthread_mutex_init(&registry->mutex, NULL);
    pthread_mutex_init(&registry->transactions_mutex, NULL);
    registry->read_only = options->read_only;
    result = copy_passthrough(registry, options);
    if (result == -EINVAL)
        snprintf(error->text, sizeof error->text, "a passthrough path is too long; shorten it");
    if (result == 0)
        result = key_cache_init(&registry->cache,
                                options->cache_bytes ? options->cache_bytes : DEFAULT_CACHE_BYTES);
    if (result == 0) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &guard.signals);
        for (int tries = 0; tries < OPEN_TRIES; tries++) {
            result = open_parts(registry, directory, options, error);
            if (result != -EAGAIN)
                break;
            close_parts(registry);
        }
        pthread_sigmask(SIG_SETMASK, &guard.signals, NULL);
    }
    if (result < 0) {
        registry_close(registry);
        return result;
    }
    registry->clock = coherence_clock(registry->coherence);
    registry->cache.seen = coherence_generation(registry->coherence);
    registry->sound = true;
    *out = registry;
    return 0;
}

/* What the journal holds, before this process closes the store. */
static void write_rest_down(registry_t *registry)
{
    bool last;

    if (!registry->sound || !registry->writable || registry_lock_writers(registry) < 0)
        return;
    last = coherence_is_last(registry->coherence);
    write_journal_down(registry, last);
    /* Who came in the meantime may have seen what was volatile. */
    if (last)
        coherence_publish(registry->coherence, registry_everything, REGISTRY_EVERYTHING);
    coherence_unlock(registry->coherence);
}

void registry_close(registry_t *registry)
{
    sigset_t all, before;

    if (!registry)
        return;
    transaction_finish_all(registry);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    write_rest_down(registry);
    close_parts(registry);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    key_cache_finish(&registry->cache);
    pthread_mutex_destroy(&registry->mutex);
    pthread_mutex_destroy(&registry->transactions_mutex);
    free(registry->passthrough);
    free(registry);
}

void registry_abandon(registry_t *registry)
{
    struct timespec deadline;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    /* A thread that Wine ended cannot hold it; one that writes will soon be done. */
    if (pthread_mutex_timedlock(&registry->mutex, &deadline) != 0)
        return;
    write_rest_down(registry);
    hive_store_close(registry->store);
    registry->store = NULL;
    coherence_leave(registry->coherence, sign_files, registry);
}

static void apply_change(struct key_cache *cache, const struct coherence_change *change)
{
    key_cache_remove(cache, CACHE_KEY, change->key, 0);
    if (change->name_hash) {
        key_cache_remove(cache, CACHE_SUBKEYS, change->key, 0);
        key_cache_remove(cache, CACHE_NAME, change->key, change->name_hash);
    }
}

/* Drops from the cache what was changed since it was last in step. */
static void take_in_changes(registry_t *registry)
{
    struct coherence_change changes[64];
    uint64_t now = coherence_generation(registry->coherence);
    struct key_cache *cache = &registry->cache;
    int count;

    if (now == cache->seen)
        return;
    count = coherence_changes(registry->coherence, cache->seen, now, changes,
                              sizeof changes / sizeof changes[0]);
    key_cache_write_begin(cache);
    if (count < 0)
        key_cache_clear(cache);
    for (int i = 0; i < count; i++)
        apply_change(cache, &changes[i]);
    __atomic_store_n(&cache->seen, now, __ATOMIC_RELAXED);
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
    pthread_mutex_lock(&registry->mutex);
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
        result = registry_lock_writers(registry);
        if (result == 0) {
            take_in_changes(registry);
            result = write_journal_down(registry, false);
            coherence_unlock(registry->coherence);
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
    pthread_mutex_lock(&registry->mutex);
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
    pthread_mutex_unlock(&registry->mutex);
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
        result = registry_lock_writers(registry);
    if (result < 0) {
        registry_leave(registry, guard);
        return result;
    }
    take_in_changes(registry);
    /* The store gives out ids from here on. */
    coherence_set_next_key(registry->coherence, 0);
    /* What another process put into the journal since we came in. */
    result = write_journal_down(registry, false);
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
    coherence_unlock(registry->coherence);
    take_in_changes(registry);
    registry_leave(registry, guard);
    return result;
}

int registry_is_empty(registry_t *registry)
{
    struct registry_guard guard;
    int64_t imported;
    int result = registry_enter(registry, &guard);

    if (result < 0)
        return result;
    result = hive_store_get_mark(registry->store, "imported", &imported);
    registry_leave(registry, &guard);
    return result < 0 ? result : imported == 0;
}

void registry_set_fixed_values(registry_t *registry, const struct registry_fixed_value *values,
                               size_t count)
{
    struct registry_guard guard;

    if (registry_enter(registry, &guard) < 0)
        return;
    registry->fixed.values = values;
    registry->fixed.count = count;
    key_cache_write_begin(&registry->cache);
    key_cache_clear(&registry->cache);
    key_cache_write_end(&registry->cache);
    registry_leave(registry, &guard);
}

int registry_flush(registry_t *registry)
{
    struct registry_guard guard;
    int result = registry_enter(registry, &guard);

    if (result < 0)
        return result;
    result = hive_store_checkpoint(registry->store);
    registry_leave(registry, &guard);
    return result;
}
