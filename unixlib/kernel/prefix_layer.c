/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_layer.c - see prefix_layer.h. Who can write the folder is the user alone, whose prefix it
 * is: a page that says nonsense costs a kernel its lower layer's news, no more.
 */
#include "kernel/prefix_layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel/state.h"

#define MAGIC UINT64_C(0x32726579616c7077)
#define OPEN_TRIES 50
#define LOOK_TRIES 1000
#define LOCK_ROUNDS 10000 /* of 1 ms */
/* FILETIME units: a watcher rests for a second at most (wine/prefix_watch.c). */
#define LONGEST_REST UINT64_C(15000000)
#define SECONDS_1601_TO_1970 UINT64_C(11644473600)

static const char *const text_names[PWK_PREFIX_TEXTS] = {"machine", "user", "default"};

uint64_t pwk_filetime(const struct timespec *time)
{
    return ((uint64_t)time->tv_sec + SECONDS_1601_TO_1970) * 10000000 +
           (uint64_t)time->tv_nsec / 100;
}

/* ---- the folder and the page ---- */

/* One folder a prefix, whatever path leads to it. */
static int name_folder(struct pwk_prefix_layer *layer, const char *runtime, const char *prefix,
                       struct pwk_error *error)
{
    struct stat status;

    if (stat(prefix, &status) < 0)
        return pwk_error_set(error, -errno, "%s: cannot be looked at: %s", prefix, strerror(errno));
    if (snprintf(layer->folder, sizeof layer->folder, "%s/prefix-%llx-%llx", runtime,
                 (unsigned long long)status.st_dev,
                 (unsigned long long)status.st_ino) >= PATH_MAX - 64)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", runtime);
    memcpy(layer->shown, layer->folder, sizeof layer->shown);
    strcat(layer->shown, "/published");
    return 0;
}

static int make_folder(const char *path, struct pwk_error *error)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return pwk_error_set(error, -errno,
                             "%s: cannot be made: %s; mend the folder or set "
                             "XDG_RUNTIME_DIR",
                             path, strerror(errno));
    return 0;
}

/* Who can only read it finds a page that is cut short, or none of ours, of no use. */
static int map_page(struct pwk_prefix_layer *layer, int fd, bool writable)
{
    struct stat status;
    void *page;
    int result = fstat(fd, &status) < 0 ? -errno : 0;

    if (result == 0 && !S_ISREG(status.st_mode))
        result = -EINVAL;
    if (result == 0 && (size_t)status.st_size < sizeof *layer->page)
        result = writable ? -posix_fallocate(fd, 0, sizeof *layer->page) : -EINVAL;
    if (result < 0)
        return result;
    page = mmap(NULL, sizeof *layer->page, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    layer->page = page;
    return 0;
}

int pwk_prefix_layer_open_in(struct pwk_prefix_layer *layer, const char *runtime,
                             const char *prefix, struct pwk_error *error)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    char path[PATH_MAX + 32];
    struct stat status;
    int fd, result = name_folder(layer, runtime, prefix, error);

    if (result < 0)
        return result;
    snprintf(path, sizeof path, "%s/" PWK_PREFIX_PAGE, layer->shown);
    fd = open(path, flags);
    if (fd < 0 && errno == ENOENT) {
        result = make_folder(layer->folder, error);
        if (result == 0)
            result = make_folder(layer->shown, error);
        if (result < 0)
            return result;
        fd = open(path, flags | O_CREAT, 0600);
    }
    result = fd < 0 ? -errno : map_page(layer, fd, true);
    if (result == 0 && stat(layer->folder, &status) < 0)
        result = -errno;
    if (fd >= 0)
        close(fd);
    if (result < 0)
        return pwk_error_set(error, result,
                             "%s: cannot be opened: %s; make room on the disk or "
                             "set XDG_RUNTIME_DIR",
                             path, strerror(-result));
    layer->device = status.st_dev;
    layer->inode = status.st_ino;
    if (layer->page->magic != MAGIC)
        layer->page->magic = MAGIC;
    return 0;
}

int pwk_prefix_layer_open(struct pwk_prefix_layer *layer, struct pwk_error *error)
{
    char runtime[PATH_MAX], prefix[PATH_MAX];
    int result = pwk_runtime_path(runtime, error);

    if (result == 0)
        result = pwk_prefix_path(prefix, error);
    return result < 0 ? result : pwk_prefix_layer_open_in(layer, runtime, prefix, error);
}

int pwk_prefix_layer_open_shown(struct pwk_prefix_layer *layer, const char *shown,
                                struct pwk_error *error)
{
    char path[PATH_MAX + 32];
    int fd, result;

    memset(layer, 0, sizeof *layer);
    snprintf(layer->shown, sizeof layer->shown, "%s", shown);
    snprintf(path, sizeof path, "%s/" PWK_PREFIX_PAGE, layer->shown);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    result = fd < 0 ? -errno : map_page(layer, fd, false);
    if (fd >= 0)
        close(fd);
    if (result == 0 && layer->page->magic != MAGIC)
        result = -EINVAL;
    return result == 0 ? 0
                       : pwk_error_set(error, result,
                                       "%s: the prefix's registry cannot be seen in the kernel's "
                                       "own session: %s; end the session's programs and start anew",
                                       path, strerror(-result));
}

/* ---- what is published ---- */

int pwk_prefix_layer_published(const struct pwk_prefix_layer *layer,
                               struct pwk_prefix_published *published, uint64_t *generation)
{
    const struct pwk_prefix_page *page = layer->page;

    for (int tries = 0; tries < LOOK_TRIES; tries++) {
        uint64_t now = __atomic_load_n(&page->generation, __ATOMIC_ACQUIRE);
        const struct pwk_prefix_published *source = &page->published[now & 1];

        published->instance = __atomic_load_n(&source->instance, __ATOMIC_RELAXED);
        for (size_t i = 0; i < PWK_PREFIX_TEXTS; i++)
            published->texts[i] = __atomic_load_n(&source->texts[i], __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&page->generation, __ATOMIC_RELAXED) != now)
            continue;
        *generation = now;
        return now && published->instance ? 0 : -ENOENT;
    }
    return -EAGAIN;
}

int pwk_prefix_layer_look(void *context, struct registry_lower_state *state)
{
    struct pwk_prefix_published published;
    int result = pwk_prefix_layer_published(context, &published, &state->generation);

    state->instance = published.instance;
    return result;
}

int pwk_prefix_layer_text(const struct pwk_prefix_layer *layer, size_t text, uint64_t generation,
                          char path[PATH_MAX])
{
    int length = snprintf(path, PATH_MAX, "%s/%s-%llu", layer->shown, text_names[text],
                          (unsigned long long)generation);

    return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* -ENOENT where the state was replaced meanwhile. */
static int open_texts(const struct pwk_prefix_layer *layer,
                      const struct pwk_prefix_published *published, int fds[], size_t *count)
{
    char path[PATH_MAX];
    int result = 0;

    *count = 0;
    for (size_t i = 0; result == 0 && i < PWK_PREFIX_TEXTS; i++) {
        if (published->texts[i] == 0)
            continue;
        result = pwk_prefix_layer_text(layer, i, published->texts[i], path);
        if (result < 0)
            break;
        fds[*count] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fds[*count] < 0)
            result = -errno;
        else
            ++*count;
    }
    while (result < 0 && *count > 0)
        close(fds[--*count]);
    return result;
}

int pwk_prefix_layer_texts(void *context, struct registry_lower_state *state,
                           int fds[REGISTRY_LOWER_TEXTS], size_t *count)
{
    const struct pwk_prefix_layer *layer = context;
    struct pwk_prefix_published published;
    int result = -ENOENT;

    *count = 0;
    for (int tries = 0; result == -ENOENT && tries < OPEN_TRIES; tries++) {
        result = pwk_prefix_layer_published(layer, &published, &state->generation);
        if (result < 0)
            break;
        state->instance = published.instance;
        result = open_texts(layer, &published, fds, count);
    }
    return result;
}

/* ---- publishing ---- */

uint64_t pwk_prefix_layer_next(const struct pwk_prefix_layer *layer, uint64_t last)
{
    uint64_t now = __atomic_load_n(&layer->page->generation, __ATOMIC_ACQUIRE);
    uint64_t next = (int64_t)(last - now) > 0 ? last : now;

    do
        next++;
    while (next == 0 || (next & 1) == (now & 1));
    return next;
}

static bool has_text(const struct pwk_prefix_published *published, size_t text, uint64_t generation)
{
    return published->texts[text] == generation;
}

void pwk_prefix_layer_publish(struct pwk_prefix_layer *layer,
                              const struct pwk_prefix_published *published, uint64_t generation)
{
    struct pwk_prefix_page *page = layer->page;
    struct pwk_prefix_published before = page->published[page->generation & 1];
    struct pwk_prefix_published *place = &page->published[generation & 1];
    char path[PATH_MAX];

    __atomic_store_n(&place->instance, published->instance, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < PWK_PREFIX_TEXTS; i++)
        __atomic_store_n(&place->texts[i], published->texts[i], __ATOMIC_SEQ_CST);
    __atomic_store_n(&page->generation, generation, __ATOMIC_SEQ_CST);
    __atomic_store_n(&page->busy, 0, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &page->generation, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    for (size_t i = 0; i < PWK_PREFIX_TEXTS; i++)
        if (before.texts[i] != 0 && !has_text(published, i, before.texts[i]) &&
            pwk_prefix_layer_text(layer, i, before.texts[i], path) == 0)
            unlink(path);
}

static bool is_published(const struct pwk_prefix_published *published, const char *name)
{
    const char *dash = strrchr(name, '-');
    char *end;

    for (size_t i = 0; dash && i < PWK_PREFIX_TEXTS; i++)
        if (strlen(text_names[i]) == (size_t)(dash - name) &&
            strncmp(text_names[i], name, (size_t)(dash - name)) == 0 &&
            has_text(published, i, strtoull(dash + 1, &end, 10)) && *end == '\0')
            return true;
    return false;
}

void pwk_prefix_layer_sweep(const struct pwk_prefix_layer *layer)
{
    struct pwk_prefix_published published;
    const struct dirent *entry;
    uint64_t generation;
    DIR *folder;

    if (pwk_prefix_layer_published(layer, &published, &generation) < 0)
        return;
    folder = opendir(layer->shown);
    while (folder && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, PWK_PREFIX_PAGE) != 0 &&
            !is_published(&published, entry->d_name))
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

int pwk_prefix_layer_lock(const struct pwk_prefix_layer *layer)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    char path[PATH_MAX + 16];
    int fd;

    snprintf(path, sizeof path, "%s/publisher", layer->folder);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    for (int i = 0; i < LOCK_ROUNDS; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        nanosleep(&pause, NULL);
    }
    close(fd);
    return -EBUSY;
}

/* ---- waiting ---- */

uint64_t pwk_filetime_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return pwk_filetime(&now);
}

void pwk_prefix_layer_wait(struct pwk_prefix_layer *layer, uint64_t seen, unsigned milliseconds)
{
    struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};

    if (__atomic_load_n(&layer->page->generation, __ATOMIC_ACQUIRE) == seen)
        syscall(SYS_futex, &layer->page->generation, FUTEX_WAIT, (uint32_t)seen, &time, NULL, 0);
}

bool pwk_prefix_layer_rests(const struct pwk_prefix_layer *layer)
{
    struct pwk_prefix_published published;
    uint64_t newest = 0, generation;

    if (pwk_prefix_layer_published(layer, &published, &generation) < 0)
        return false;
    for (size_t i = 0; i < PWK_PREFIX_BRANCHES; i++) {
        char path[PATH_MAX];
        struct stat status;

        if (pwk_prefix_layer_text(layer, i, published.texts[i], path) == 0 &&
            stat(path, &status) == 0 && pwk_filetime(&status.st_mtim) > newest)
            newest = pwk_filetime(&status.st_mtim);
    }
    return pwk_filetime_now() - newest < LONGEST_REST;
}

void pwk_prefix_layer_want(struct pwk_prefix_layer *layer)
{
    __atomic_store_n(&layer->page->wanted, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &layer->page->wanted, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
