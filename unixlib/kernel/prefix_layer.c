/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_layer.c - see prefix_layer.h. Who can write the folder is the user alone, whose prefix it
 * is: a page that says nonsense costs a kernel its lower layer's news, no more.
 */
#include "kernel/prefix_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/state.h"

#define MAGIC UINT64_C(0x31726579616c7077)
#define OPEN_TRIES 50
/* FILETIME units: a watcher rests for a second at most (wine/prefix_watch.c). */
#define LONGEST_REST UINT64_C(15000000)
#define SECONDS_1601_TO_1970 UINT64_C(11644473600)

static uint64_t filetime(const struct timespec *time)
{
    return ((uint64_t)time->tv_sec + SECONDS_1601_TO_1970) * 10000000 +
           (uint64_t)time->tv_nsec / 100;
}

/* One folder a prefix, whatever path leads to it. */
static int find_folder(struct pwk_prefix_layer *layer, struct pwk_error *error)
{
    char runtime[PATH_MAX], prefix[PATH_MAX];
    struct stat status;
    int result = pwk_runtime_path(runtime, error);

    if (result == 0)
        result = pwk_prefix_path(prefix, error);
    if (result < 0)
        return result;
    if (stat(prefix, &status) < 0)
        return pwk_error_set(error, -errno, "%s: cannot be looked at: %s", prefix, strerror(errno));
    if (snprintf(layer->folder, sizeof layer->folder, "%s/prefix-%llx-%llx", runtime,
                 (unsigned long long)status.st_dev,
                 (unsigned long long)status.st_ino) >= PATH_MAX - 64)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", runtime);
    if (mkdir(layer->folder, 0700) < 0 && errno != EEXIST)
        return pwk_error_set(error, -errno,
                             "%s: cannot be made: %s; mend the folder or set "
                             "XDG_RUNTIME_DIR",
                             layer->folder, strerror(errno));
    if (stat(layer->folder, &status) < 0)
        return pwk_error_set(error, -errno, "%s: cannot be looked at: %s", layer->folder,
                             strerror(errno));
    layer->device = status.st_dev;
    layer->inode = status.st_ino;
    return 0;
}

static int map_page(struct pwk_prefix_layer *layer, const char *path)
{
    struct stat status;
    void *page;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = fd < 0 ? -errno : 0;

    if (result == 0 && fstat(fd, &status) < 0)
        result = -errno;
    if (result == 0 && !S_ISREG(status.st_mode))
        result = -EINVAL;
    if (result == 0 && (size_t)status.st_size < sizeof *layer->page)
        result = -posix_fallocate(fd, 0, sizeof *layer->page);
    if (result == 0) {
        page = mmap(NULL, sizeof *layer->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED)
            result = -errno;
        else
            layer->page = page;
    }
    if (fd >= 0)
        close(fd);
    return result;
}

int pwk_prefix_layer_open(struct pwk_prefix_layer *layer, struct pwk_error *error)
{
    char path[PATH_MAX + 8];
    int result = find_folder(layer, error);

    if (result < 0)
        return result;
    snprintf(path, sizeof path, "%s/state", layer->folder);
    result = map_page(layer, path);
    if (result < 0)
        return pwk_error_set(error, result,
                             "%s: cannot be opened: %s; make room on the disk or "
                             "set XDG_RUNTIME_DIR",
                             path, strerror(-result));
    if (layer->page->magic != MAGIC)
        layer->page->magic = MAGIC;
    return 0;
}

int pwk_prefix_layer_text(const struct pwk_prefix_layer *layer, size_t branch, uint64_t generation,
                          char path[PATH_MAX])
{
    static const char *const names[PWK_PREFIX_BRANCHES] = {"machine", "user"};
    int length = snprintf(path, PATH_MAX, "%s/%s-%llu", layer->folder, names[branch],
                          (unsigned long long)generation);

    return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* All branches as the page names them; -ENOENT where one was replaced meanwhile. */
static int open_texts(const struct pwk_prefix_layer *layer, int fds[], size_t *count)
{
    char path[PATH_MAX];
    int result = 0;

    for (*count = 0; result == 0 && *count < PWK_PREFIX_BRANCHES;) {
        uint64_t generation = __atomic_load_n(&layer->page->branches[*count], __ATOMIC_ACQUIRE);
        result = pwk_prefix_layer_text(layer, *count, generation, path);
        if (result < 0)
            break;
        fds[*count] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fds[*count] < 0)
            result = -errno;
        else
            ++*count;
    }
    while (result < 0 && *count > 0)
        close(fds[--*count]);
    return result;
}

int pwk_prefix_layer_texts(void *context, uint64_t *generation, int fds[REGISTRY_LOWER_TEXTS],
                           size_t *count)
{
    const struct pwk_prefix_layer *layer = context;
    int result = -ENOENT;

    _Static_assert(PWK_PREFIX_BRANCHES <= REGISTRY_LOWER_TEXTS, "a text a branch");
    for (int tries = 0; result == -ENOENT && tries < OPEN_TRIES; tries++) {
        *generation = __atomic_load_n(&layer->page->generation, __ATOMIC_ACQUIRE);
        result = open_texts(layer, fds, count);
    }
    return result;
}

static int open_watch(const struct pwk_prefix_layer *layer)
{
    char path[PATH_MAX + 16];

    snprintf(path, sizeof path, "%s/watcher", layer->folder);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool pwk_prefix_layer_watched(const struct pwk_prefix_layer *layer)
{
    int fd = open_watch(layer);
    bool watched = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

    if (fd >= 0)
        close(fd);
    return watched;
}

pid_t pwk_prefix_layer_watcher(const struct pwk_prefix_layer *layer)
{
    char text[16] = "";
    int fd = pwk_prefix_layer_watched(layer) ? open_watch(layer) : -1;
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    return size > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

int pwk_prefix_layer_take_watch(const struct pwk_prefix_layer *layer)
{
    int fd = open_watch(layer);

    if (fd < 0)
        return -errno;
    /* Whoever asks whether it is watched holds the lock for a moment. */
    for (int tries = 0; tries < 100; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (ftruncate(fd, 0) == 0)
                dprintf(fd, "%d\n", (int)getpid());
            return 0;
        }
        usleep(100);
    }
    close(fd);
    return -EBUSY;
}

char **pwk_prefix_layer_environment(const char *variable)
{
    static const char own[] = "WINESERVERSOCKET=";
    size_t count = 0, kept = 0;
    char **copy;

    while (environ[count])
        count++;
    copy = calloc(count + 2, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        if (strncmp(environ[i], own, sizeof own - 1) && strncmp(environ[i], "PWK_KERNEL=", 11) &&
            strncmp(environ[i], "PWK-KERNEL=", 11))
            copy[kept++] = environ[i];
    if (copy)
        copy[kept] = (char *)variable;
    return copy;
}

/* The loader divides at once and its first half ends: the watcher is nobody's child, and nothing
 * of this process's is open in it. */
int pwk_prefix_layer_start_watcher(const char *loader)
{
    char *arguments[] = {(char *)"pwk-loader64", NULL};
    char **environment = pwk_prefix_layer_environment(PWK_WATCH_VARIABLE "=1");
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t child;
    int result;

    if (!environment)
        return -ENOMEM;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawn_file_actions_addchdir_np(&actions, "/");
    result = -posix_spawn(&child, loader, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(environment);
    if (result == 0)
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            continue;
    return result;
}

uint64_t pwk_filetime_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return filetime(&now);
}

static int file_path(char path[PATH_MAX + 16], size_t number)
{
    static const char *const names[REGISTRY_LOWER_TEXTS] = {"system.reg", "user.reg",
                                                            "userdef.reg"};
    char prefix[PATH_MAX];
    int result = pwk_prefix_path(prefix, NULL);

    if (result == 0)
        snprintf(path, PATH_MAX + 16, "%s/%s", prefix, names[number]);
    return result;
}

int pwk_prefix_files_look(struct pwk_prefix_files *files)
{
    char path[PATH_MAX + 16];
    struct stat status;

    *files = (struct pwk_prefix_files){.signature = 1};
    for (size_t i = 0; i < REGISTRY_LOWER_TEXTS; i++) {
        int result = file_path(path, i);
        if (result == 0 && stat(path, &status) < 0)
            result = -errno;
        if (result < 0)
            return result;
        const uint64_t facts[] = {(uint64_t)status.st_ino, (uint64_t)status.st_size,
                                  filetime(&status.st_mtim)};
        for (size_t j = 0; j < sizeof facts / sizeof facts[0]; j++)
            files->signature = (files->signature ^ facts[j]) * UINT64_C(0xd6e8feb86659fd93) + 1;
        files->newest = facts[2] > files->newest ? facts[2] : files->newest;
    }
    files->signature |= 1;
    return 0;
}

int pwk_prefix_files_texts(void *context, uint64_t *generation, int fds[REGISTRY_LOWER_TEXTS],
                           size_t *count)
{
    char path[PATH_MAX + 16];
    int result = 0;

    (void)context;
    (void)generation;
    for (*count = 0; result == 0 && *count < REGISTRY_LOWER_TEXTS;) {
        result = file_path(path, *count);
        if (result == 0 && (fds[*count] = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
            result = -errno;
        *count += result == 0;
    }
    while (result < 0 && *count > 0)
        close(fds[--*count]);
    return result;
}

void pwk_prefix_layer_wait(struct pwk_prefix_layer *layer, uint64_t seen, unsigned milliseconds)
{
    struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};

    if (__atomic_load_n(&layer->page->generation, __ATOMIC_ACQUIRE) == seen)
        syscall(SYS_futex, &layer->page->generation, FUTEX_WAIT, (uint32_t)seen, &time, NULL, 0);
}

bool pwk_prefix_layer_rests(const struct pwk_prefix_layer *layer)
{
    uint64_t newest = 0;

    for (size_t i = 0; i < PWK_PREFIX_BRANCHES; i++) {
        uint64_t generation = __atomic_load_n(&layer->page->branches[i], __ATOMIC_ACQUIRE);
        char path[PATH_MAX];
        struct stat status;

        if (pwk_prefix_layer_text(layer, i, generation, path) == 0 && stat(path, &status) == 0 &&
            filetime(&status.st_mtim) > newest)
            newest = filetime(&status.st_mtim);
    }
    return pwk_filetime_now() - newest < LONGEST_REST;
}

void pwk_prefix_layer_want(struct pwk_prefix_layer *layer)
{
    __atomic_store_n(&layer->page->wanted, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &layer->page->wanted, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
