/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lower_layer.c - see lower_layer.h.
 */
#include "registry/lower_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/import.h"
#include "registry/lower_apply.h"
#include "registry/lower_image.h"

/* Marks of the store: which text is kept, what it must hash to, and which state it is of. */
#define MARK_NUMBER "lower_number"
#define MARK_HASH "lower_hash"
#define MARK_INSTANCE "lower_instance"
#define MARK_GENERATION "lower_generation"

/* ---- texts ---- */

/* The file may be another process's to cut short: it is copied, since what is mapped would fault.
 */
static int read_text(struct lower_source *source, int fd)
{
    struct stat status;
    size_t size = 0;
    char *text;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return S_ISREG(status.st_mode) ? 0 : -EINVAL;
    text = malloc((size_t)status.st_size);
    if (!text)
        return -ENOMEM;
    while (size < (size_t)status.st_size) {
        ssize_t count = pread(fd, text + size, (size_t)status.st_size - size, (off_t)size);
        if (count <= 0) {
            free(text);
            return count < 0 ? -errno : -EIO;
        }
        size += (size_t)count;
    }
    source->text = text;
    source->size = size;
    return 0;
}

int lower_sources_open(struct lower_source *sources, const int *fds, size_t count)
{
    int result = count > REGISTRY_LOWER_TEXTS ? -EINVAL : 0;

    memset(sources, 0, REGISTRY_LOWER_TEXTS * sizeof *sources);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = read_text(&sources[i], fds[i]);
    return result;
}

void lower_sources_close(struct lower_source *sources, size_t count)
{
    for (size_t i = 0; i < count && i < REGISTRY_LOWER_TEXTS; i++)
        free(sources[i].text);
}

static int image_of(struct lower_image *image, const struct lower_source *sources, size_t count)
{
    int result = 0;

    memset(image, 0, sizeof *image);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = lower_image_add(image, sources[i].text, sources[i].size);
    return result;
}

/* ---- the kept text ---- */

static int64_t hash_text(const char *text, size_t size)
{
    uint64_t hash = size * UINT64_C(0x9e3779b97f4a7c15), word;

    for (; size >= sizeof word; size -= sizeof word, text += sizeof word) {
        memcpy(&word, text, sizeof word);
        hash = (hash ^ word) * UINT64_C(0xd6e8feb86659fd93);
        hash ^= hash >> 32;
    }
    for (; size; size--)
        hash = (hash ^ (unsigned char)*text++) * UINT64_C(0x100000001b3);
    return (int64_t)hash;
}

static void kept_path(const registry_t *registry, int64_t number, char path[PATH_MAX + 32])
{
    size_t folder = strlen(registry->database) - strlen("registry.db");

    snprintf(path, PATH_MAX + 32, "%.*sregistry.lower-%lld", (int)folder, registry->database,
             (long long)number);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int keep_text(registry_t *registry, const struct lower_text *text)
{
    char path[PATH_MAX + 32];
    int64_t number;
    int fd, result = hive_store_get_mark(registry->store, MARK_NUMBER, &number);

    if (result < 0)
        return result;
    kept_path(registry, ++number, path);
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    result = write_all(fd, text->data, text->size);
    close(fd);
    if (result == 0)
        result = hive_store_set_mark(registry->store, MARK_NUMBER, number);
    if (result == 0)
        result = hive_store_set_mark(registry->store, MARK_HASH, hash_text(text->data, text->size));
    if (result < 0)
        unlink(path);
    return result;
}

static int keep_image(registry_t *registry, const struct lower_image *image)
{
    struct lower_text text = {0};
    int result = lower_image_text(image, &text);

    if (result == 0)
        result = keep_text(registry, &text);
    free(text.data);
    return result;
}

int lower_keep(registry_t *registry, const struct lower_source *sources, size_t count)
{
    struct lower_image image;
    int result = image_of(&image, sources, count);

    if (result == 0)
        result = keep_image(registry, &image);
    lower_image_finish(&image);
    return result;
}

void lower_forget_older(registry_t *registry)
{
    struct registry_guard guard;
    char path[PATH_MAX + 32];
    int64_t number;

    if (registry_enter_as_is(registry, &guard) < 0)
        return;
    if (hive_store_get_mark(registry->store, MARK_NUMBER, &number) == 0) {
        /* More than one where a process was killed before it came here. */
        do
            kept_path(registry, --number, path);
        while (number > 0 && unlink(path) == 0);
    }
    registry_leave(registry, &guard);
}

/* Reads the kept text; false where there is none or it is not what was kept. */
static bool open_kept(registry_t *registry, struct lower_source *kept)
{
    char path[PATH_MAX + 32];
    int64_t number, hash;
    int fd;
    bool good;

    memset(kept, 0, sizeof *kept);
    if (hive_store_get_mark(registry->store, MARK_NUMBER, &number) < 0 || number == 0 ||
        hive_store_get_mark(registry->store, MARK_HASH, &hash) < 0)
        return false;
    kept_path(registry, number, path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    good = read_text(kept, fd) == 0 && kept->size && hash_text(kept->text, kept->size) == hash;
    close(fd);
    return good;
}

int lower_open_kept(registry_t *registry, hive_store_t **lower)
{
    struct lower_changes changes = {.count = 0};
    struct registry_error error;
    struct lower_source kept;
    struct lower_text text;
    int result;

    if (!open_kept(registry, &kept)) {
        lower_sources_close(&kept, 1);
        return -ENODATA;
    }
    text = (struct lower_text){.data = kept.text, .size = kept.size};
    result = hive_store_open(":memory:", true, lower, &error);
    if (result == 0) {
        result = hive_store_begin(*lower);
        if (result == 0)
            result = lower_apply_changed(*lower, &text, &changes);
        if (result == 0)
            result = hive_store_commit(*lower);
        if (result < 0)
            hive_store_close(*lower);
    }
    lower_sources_close(&kept, 1);
    return result;
}

int registry_lower_file(registry_t *registry, char path[PATH_MAX])
{
    struct registry_guard guard;
    char kept[PATH_MAX + 32];
    int64_t number;
    int result = registry_enter(registry, &guard);

    if (result < 0)
        return result;
    result = hive_store_get_mark(registry->store, MARK_NUMBER, &number);
    registry_leave(registry, &guard);
    if (result < 0 || number == 0)
        return result < 0 ? result : -ENOENT;
    kept_path(registry, number, kept);
    return snprintf(path, PATH_MAX, "%s", kept) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* ---- coming in step ---- */

static int apply(registry_t *registry, const struct lower_image *before,
                 const struct lower_image *now, struct lower_changes *changes)
{
    struct lower_text changed = {0}, gone = {0};
    int result = lower_image_compare(before, now, &changed, &gone);

    /* First what is gone: a key that is there again in another spelling is a new key. */
    if (result == 0)
        result = lower_apply_gone(registry->store, &gone, changes);
    if (result == 0)
        result = lower_apply_changed(registry->store, &changed, changes);
    if (result == 0)
        result = registry_make_fixed_keys(registry);
    if (result == 0 && (changed.size || gone.size))
        result = keep_image(registry, now);
    free(changed.data);
    free(gone.data);
    return result;
}

/* The image of the newest state. Each text has one key at least: without any it is that of a
 * wineserver that lost its registry, for which nothing is thrown away. */
static int image_of_newest(struct lower_image *image, const struct lower_source *sources,
                           size_t count)
{
    int result = count ? 0 : -ENODATA;

    memset(image, 0, sizeof *image);
    for (size_t i = 0; result == 0 && i < count; i++) {
        size_t sections = image->count;
        result = lower_image_add(image, sources[i].text, sources[i].size);
        if (result == 0 && image->count == sections)
            result = -ENODATA;
    }
    return result;
}

/* Without the text of the earlier state all that is the lower layer's is taken in anew. */
int lower_bring_in_step(registry_t *registry, const struct lower_source *sources, size_t count,
                        struct lower_changes *changes)
{
    struct lower_image before = {0}, now;
    struct lower_source kept;
    int result = image_of_newest(&now, sources, count);

    if (result == 0) {
        if (!open_kept(registry, &kept) || lower_image_add(&before, kept.text, kept.size) < 0) {
            lower_image_finish(&before);
            changes->count = COHERENCE_RING;
            result = hive_store_forget_lower(registry->store);
        }
        if (result == 0)
            result = apply(registry, &before, &now, changes);
        lower_sources_close(&kept, 1);
    }
    lower_image_finish(&before);
    lower_image_finish(&now);
    return result;
}

/* Generations of one instance only grow. */
static bool covers(struct coherence_lower have, struct registry_lower_state wanted)
{
    return have.instance == wanted.instance && (int64_t)(have.generation - wanted.generation) >= 0;
}

/* The state that the store is in step with; instance 0: none. Inside enter and leave. */
static int read_state(registry_t *registry, struct coherence_lower *state)
{
    int64_t instance, generation;
    int result = hive_store_get_mark(registry->store, MARK_INSTANCE, &instance);

    if (result == 0)
        result = hive_store_get_mark(registry->store, MARK_GENERATION, &generation);
    if (result == 0)
        *state = (struct coherence_lower){(uint64_t)instance, (uint64_t)generation};
    return result;
}

int lower_write_state(registry_t *registry, struct coherence_lower state)
{
    int result = hive_store_set_mark(registry->store, MARK_INSTANCE, (int64_t)state.instance);

    return result
               ? result
               : hive_store_set_mark(registry->store, MARK_GENERATION, (int64_t)state.generation);
}

/* As the store itself says. */
int lower_tell_state(registry_t *registry)
{
    struct coherence_lower state;
    struct registry_guard guard;
    int result = registry_enter_as_is(registry, &guard);

    if (result < 0)
        return result;
    result = registry_lock_writers(registry);
    if (result == 0) {
        result = read_state(registry, &state);
        if (result == 0)
            coherence_set_lower(registry->coherence, state);
        coherence_unlock(registry->coherence);
    }
    registry_leave(registry, &guard);
    return result;
}

static int synchronise(registry_t *registry, const int *fds, size_t count,
                       struct registry_lower_state state)
{
    struct lower_source sources[REGISTRY_LOWER_TEXTS];
    struct lower_changes changes = {.count = 0};
    struct coherence_lower stored;
    struct registry_guard guard;
    int result = lower_sources_open(sources, fds, count);

    if (result == 0)
        result = registry_begin_write_as_is(registry, &guard);
    if (result == 0) {
        result = read_state(registry, &stored);
        /* Another process may have been faster, with this state or a newer one. */
        if (result == 0 && !covers(stored, state)) {
            result = lower_bring_in_step(registry, sources, count, &changes);
            result = result ? result
                            : lower_write_state(registry, (struct coherence_lower){
                                                              state.instance, state.generation});
        }
        if (changes.count > sizeof changes.list / sizeof changes.list[0])
            result = registry_end_write(registry, &guard, result, registry_everything,
                                        REGISTRY_EVERYTHING);
        else
            result = registry_end_write(registry, &guard, result, changes.list, changes.count);
    }
    lower_sources_close(sources, count);
    if (result == 0)
        result = lower_tell_state(registry);
    if (result == 0)
        lower_forget_older(registry);
    return result;
}

static int follow(registry_t *registry)
{
    const struct registry_lower *lower = &registry->lower;
    uint64_t seen = __atomic_load_n(lower->generation, __ATOMIC_ACQUIRE);
    int fds[REGISTRY_LOWER_TEXTS], result = 0;
    struct registry_lower_state state;
    size_t count = 0;

    if (coherence_lower(registry->coherence).instance == 0)
        result = lower_tell_state(registry);
    if (result == 0)
        result = lower->look(lower->context, &state);
    if (result == 0)
        seen = state.generation;
    if (result == 0 && !covers(coherence_lower(registry->coherence), state)) {
        result = lower->open(lower->context, &state, fds, &count);
        if (result == 0) {
            seen = state.generation;
            result = synchronise(registry, fds, count, state);
        }
        while (count > 0)
            close(fds[--count]);
    }
    __atomic_store_n(&registry->lower_seen, seen, __ATOMIC_RELAXED);
    return result;
}

void lower_catch_up(registry_t *registry)
{
    sigset_t all, before;

    /* One thread is enough; the others read what there is. */
    if (atomic_exchange(&registry->lower_following, true))
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    follow(registry);
    atomic_store(&registry->lower_following, false);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* How to mend it that the store cannot follow. */
static const char *remedy(int result)
{
    switch (-result) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return "make room on the disk";
    case EINVAL:
        return "run the prefix once with stock Wine to have it written anew";
    default:
        return "run 'pwkctl registry NAME check' on the kernel";
    }
}

int registry_follow_lower(registry_t *registry, const struct registry_lower *lower,
                          struct registry_error *error)
{
    sigset_t all, before;
    int result;

    registry->lower = *lower;
    if (lower->later) {
        registry->lower_seen = lower->seen;
        return 0;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* `open` may read the registry. */
    atomic_store(&registry->lower_following, true);
    result = registry->read_only ? 0 : follow(registry);
    atomic_store(&registry->lower_following, false);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result < 0) {
        registry->lower.generation = NULL;
        snprintf(error->text, sizeof error->text,
                 "%s: cannot be brought in step with the prefix's registry: %s; %s",
                 registry->database, strerror(-result), remedy(result));
    }
    return result;
}

int registry_is_layer(registry_t *registry)
{
    struct coherence_lower state = {0};
    struct registry_guard guard;
    int result = registry_enter(registry, &guard);

    if (result < 0)
        return result;
    result = read_state(registry, &state);
    registry_leave(registry, &guard);
    return result < 0 ? result : state.instance != 0;
}
