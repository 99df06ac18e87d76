/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_mount.c - see hive_mount.h. The lock is held with all signals blocked, and never while Wine
 * is called.
 */
#include "nt/hive_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "nt/guard.h"
#include "nt/handle_table.h"
#include "nt/hive_file.h"
#include "nt/key_path.h"
#include "nt/key_protect.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "registry/hive_files.h"

#define LOCK_TRIES 40
#define LOCK_WAIT_US 50000

struct mount {
    struct mount *next;
    uint64_t key;
    int lock; /* an application hive's, else -1 */
    bool process_private;
    nt_handle event; /* ours; 0: none */
    char path[PATH_MAX];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mount *mounts;
static atomic_uint mount_count;

static bool is_below(uint64_t key, void *context)
{
    return registry_is_within(nt_personality.registry, key, *(uint64_t *)context);
}

bool hive_in_use(uint64_t key)
{
    return key_handle_any(is_below, &key);
}

int hive_unload(uint64_t key, const char *path)
{
    int result = key_is_read_only_hive(key) ? 0 : hive_write_back(key, path);

    if (result == 0)
        result = registry_unload_hive(nt_personality.registry, key);
    if (result == 0)
        key_unprotect(key);
    return result;
}

/* ---- the file's lock ---- */

static bool is_still_at(int fd, const char *path)
{
    struct stat opened, named;

    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

static bool is_empty(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_size == 0;
}

/* A descriptor with the lock: alone where nobody has the file loaded (*first), else shared, unless
 * `alone` is wanted. -EBUSY. Those who write a file back have it alone for a moment and put a new
 * file in its place. */
static int lock_file(const char *path, bool alone, bool *first)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
            return -errno;
        *first = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if ((*first || (!alone && flock(fd, LOCK_SH | LOCK_NB) == 0)) && is_still_at(fd, path))
            return fd;
        close(fd);
        usleep(LOCK_WAIT_US);
    }
    return -EBUSY;
}

/* ---- application hives ---- */

/* \Registry\A */
static int app_root(uint64_t *root)
{
    static const uint16_t name[] = {'A'};
    bool created;

    return registry_create(nt_personality.registry, REGISTRY_ROOT_KEY, name, 1, 0, 0, NULL, 0, root,
                           &created, NULL);
}

/* The hive of that file in the store; -ENOENT. */
static int find_in_store(uint64_t root, const char *path, uint64_t *key)
{
    char file[PATH_MAX];

    for (uint32_t i = 0;; i++) {
        int result = registry_enumerate_key(nt_personality.registry, root, i, key);

        if (result < 0)
            return result == -ENODATA ? -ENOENT : result;
        if (registry_hive_file(nt_personality.registry, *key, file) == 0 && !strcmp(file, path))
            return 0;
    }
}

/* A file without content becomes a hive at once, in place: from now on an empty file is one that
 * somebody has made anew. */
static int fill_empty_file(uint64_t key, const char *path)
{
    struct registry_error reason;
    void *image;
    size_t size;
    int fd, result = registry_save_hive(nt_personality.registry, key, REGISTRY_HIVE_LATEST, &image,
                                        &size, &reason);

    if (result < 0)
        return result;
    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    result = fd < 0 ? -errno : hive_write_all(fd, image, size);
    if (fd >= 0)
        close(fd);
    free(image);
    return result;
}

static int load_file(uint64_t root, const struct app_hive *hive, int fd, uint64_t *key)
{
    struct registry_error reason;
    void *image = NULL;
    size_t size = 0;
    bool empty = is_empty(fd);
    int result = empty ? 0 : hive_read_all(fd, &image, &size);

    if (result == 0)
        result = registry_load_hive(nt_personality.registry, root, hive->name, hive->units,
                                    hive->path, image, size, key, &reason);
    free(image);
    if (result == 0 && empty && !hive->read_only) {
        result = fill_empty_file(*key, hive->path);
        if (result < 0)
            registry_unload_hive(nt_personality.registry, *key);
    }
    return result;
}

/* Finds or makes the hive's key with the file locked; the lock becomes a shared one. */
static int bring_in(const struct app_hive *hive, int fd, bool first, uint64_t *key)
{
    uint64_t root;
    int result = app_root(&root);

    if (result == 0)
        result = find_in_store(root, hive->path, key);
    /* Left behind by a killed process, and its file was removed since. */
    if (result == 0 && first && is_empty(fd)) {
        result = registry_unload_hive(nt_personality.registry, *key);
        result = result < 0 ? result : -ENOENT;
    }
    if (result == -ENOENT)
        result = first ? load_file(root, hive, fd, key) : -EBUSY;
    if (result == 0 && first && !hive->process_private && flock(fd, LOCK_SH | LOCK_NB) < 0)
        result = -errno;
    if (result == 0 && hive->read_only && !key_protect(*key, true))
        result = -EMFILE;
    return result;
}

static struct mount *add_mount(uint64_t key, int lock, const char *path)
{
    struct mount *mount = calloc(1, sizeof *mount);

    if (!mount)
        return NULL;
    mount->key = key;
    mount->lock = lock;
    snprintf(mount->path, sizeof mount->path, "%s", path);
    mount->next = mounts;
    mounts = mount;
    atomic_fetch_add(&mount_count, 1);
    return mount;
}

static int mount_file(const struct app_hive *hive, uint64_t *key)
{
    struct mount *mount;
    bool first = false;
    int result, fd = lock_file(hive->path, hive->process_private, &first);

    if (fd < 0)
        return fd;
    result = bring_in(hive, fd, first, key);
    mount = result == 0 ? add_mount(*key, fd, hive->path) : NULL;
    if (!mount) {
        close(fd);
        return result < 0 ? result : -ENOMEM;
    }
    mount->process_private = hive->process_private;
    return 0;
}

static int find_or_mount(const struct app_hive *hive, uint64_t *key)
{
    for (struct mount *mount = mounts; mount; mount = mount->next) {
        if (mount->lock < 0 || strcmp(mount->path, hive->path))
            continue;
        *key = mount->key;
        return mount->process_private || hive->process_private ? -EBUSY : 0;
    }
    return mount_file(hive, key);
}

ntstatus hive_mount_app(const struct nt_call *call, const struct app_hive *hive, nt_handle *handle)
{
    struct key_handle without_rights = {0};
    nt_handle keeping = 0;
    ntstatus status;
    sigset_t before;
    int result;

    nt_lock(&mutex, &before);
    result = find_or_mount(hive, &without_rights.key);
    if (result == 0)
        keeping = key_handle_open(&without_rights);
    nt_unlock(&mutex, &before);
    nt_notify_written();
    if (result < 0)
        return result == -EBUSY ? STATUS_SHARING_VIOLATION : hive_status(result);
    /* The hive stays while Wine is asked what may be done with it. */
    status = keeping ? key_open_handle_of(call, without_rights.key, hive->access, hive->attributes,
                                          handle)
                     : STATUS_INSUFFICIENT_RESOURCES;
    if (keeping)
        key_handle_close(keeping);
    hive_handle_closed();
    return status;
}

ntstatus hive_unload_later(uint64_t key, const char *path, nt_handle event)
{
    struct mount *mount;
    sigset_t before;

    nt_lock(&mutex, &before);
    mount = add_mount(key, -1, path);
    if (mount)
        mount->event = event;
    nt_unlock(&mutex, &before);
    if (!mount)
        return STATUS_NO_MEMORY;
    hive_handle_closed(); /* the last one may have gone in between */
    return STATUS_PENDING;
}

/* ---- leaving ---- */

static void leave(struct mount *mount)
{
    int result = 0;

    /* Who still has it loaded keeps it. */
    if (mount->lock < 0 || flock(mount->lock, LOCK_EX | LOCK_NB) == 0)
        result = hive_unload(mount->key, mount->path);
    if (result < 0 && result != -EIDRM)
        nt_report_store_error(result);
    if (mount->lock >= 0)
        close(mount->lock);
    key_unprotect(mount->key);
}

/* Takes those that are no longer in use, or all, out of the list. */
static struct mount *leave_unused(bool all)
{
    struct mount *left = NULL;

    for (struct mount **link = &mounts; *link;) {
        struct mount *mount = *link;

        if (!all && hive_in_use(mount->key)) {
            link = &mount->next;
            continue;
        }
        *link = mount->next;
        atomic_fetch_sub(&mount_count, 1);
        leave(mount);
        mount->next = left;
        left = mount;
    }
    return left;
}

void hive_handle_closed(void)
{
    struct mount *left;
    sigset_t before;

    if (!atomic_load_explicit(&mount_count, memory_order_relaxed))
        return;
    nt_lock(&mutex, &before);
    left = leave_unused(false);
    nt_unlock(&mutex, &before);
    if (left)
        nt_notify_written();
    while (left) {
        struct mount *next = left->next;

        if (left->event) {
            nt_host_call("NtSetEvent", 2, left->event, 0);
            nt_host_call("NtClose", 1, left->event);
        }
        free(left);
        left = next;
    }
}

/* Other threads may still be at work: nobody is waited for long. Events are not set: Wine may be
 * gone. */
void hive_mount_end(void)
{
    struct timespec deadline;
    struct mount *left = NULL;
    sigset_t all, before;

    if (!atomic_load(&mount_count))
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    if (pthread_mutex_timedlock(&mutex, &deadline) == 0) {
        left = leave_unused(true);
        pthread_mutex_unlock(&mutex);
    }
    while (left) {
        struct mount *next = left->next;

        free(left);
        left = next;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
