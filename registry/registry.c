/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry.c - the registry object: opening and closing, locks, and keeping the cache in step
 * with other processes.
 */
#include "registry/hive_store_check.h"
#include "registry/large_key.h"
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

void registry_prepare_confined(void)
{
    journal_know_boot();
    hive_store_prepare_confined();
}

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
    const size_t count = options->passthrough_count;
    size_t units = 0;
    uint16_t *text;

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(options->passthrough[i]);
        if (length > REGISTRY_PATH_UNITS)
            return -EINVAL;
        units += length;
    }
    if (!count)
        return 0;
    registry->passthrough = malloc(count * sizeof *registry->passthrough + units * sizeof *text);
    if (!registry->passthrough)
        return -ENOMEM;
    text = (uint16_t *)(registry->passthrough + count);
    for (size_t i = 0; i < count; i++) {
        registry->passthrough[i].text = text;
        for (const char *from = options->passthrough[i]; *from; from++)
            *text++ = (unsigned char)*from;
        registry->passthrough[i].units = (size_t)(text - registry->passthrough[i].text);
    }
    registry->passthrough_count = count;
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
        result = registry_write_journal_down(registry, true);
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

static int no_registry(registry_t *registry, struct registry_error *error)
{
    snprintf(error->text, sizeof error->text, "%s: there is no registry here", registry->database);
    return -ENOENT;
}

static int open_parts(registry_t *registry, const char *directory,
                      const struct registry_options *options, struct registry_error *error)
{
    struct coherence_finding finding;
    char path[PATH_MAX];
    struct stat status;
    int result;

    if (!options->create && access(registry->database, F_OK) < 0)
        return no_registry(registry, error);
    snprintf(path, sizeof path, "%s/registry.coherence", directory);
    result = coherence_open(path, &registry->coherence, &finding, error);
    if (result == 0 && finding.first)
        result = registry_finish_repair(directory, error);
    if (result == 0 && !options->create && finding.first && !finding.used &&
        hive_store_is_unborn(registry->database))
        return no_registry(registry, error);
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
    fair_mutex_init(&registry->mutex);
    fair_mutex_init(&registry->transactions_mutex);
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
    registry->touched = coherence_touched(registry->coherence);
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
    registry_write_journal_down(registry, last);
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
    large_key_finish(registry);
    fair_mutex_finish(&registry->mutex);
    fair_mutex_finish(&registry->transactions_mutex);
    free(registry->passthrough);
    free(registry);
}

void registry_abandon(registry_t *registry)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    /* A thread that Wine ended cannot hold it; one that writes will soon be done. */
    if (!fair_mutex_take_at_the_end(&registry->mutex, 1))
        return;
    write_rest_down(registry);
    hive_store_close(registry->store);
    registry->store = NULL;
    coherence_leave(registry->coherence, sign_files, registry);
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
    value_run_forget(registry, 0);
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
