/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_changes.c - see prefix_changes.h.
 */
#include "kernel/prefix_changes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/prefix_layer.h"

#define MAGIC UINT64_C(0x3173676e68637770)
#define CHILD_FD 3 /* the first behind the standard ones */
#define POLL_NANOSECONDS 20000000

static uint64_t rounded(uint64_t size)
{
    return (size + 7) & ~UINT64_C(7);
}

/* ---- the file ---- */

int pwk_prefix_changes_begin(struct pwk_prefix_changes *changes)
{
    *changes = (struct pwk_prefix_changes){.size = sizeof *changes->page};
    changes->fd = memfd_create("pwk-prefix-changes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return changes->fd < 0 ? -errno : 0;
}

void pwk_prefix_changes_finish(struct pwk_prefix_changes *changes)
{
    if (changes->page)
        munmap(changes->page, changes->size);
    if (changes->fd >= 0)
        close(changes->fd);
    *changes = (struct pwk_prefix_changes){.fd = -1};
}

static int append(struct pwk_prefix_changes *changes, const void *data, size_t size)
{
    const uint64_t end = changes->size + rounded(size);

    for (size_t done = 0; done < size;) {
        ssize_t count = pwrite(changes->fd, (const char *)data + done, size - done,
                               (off_t)(changes->size + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        done += (size_t)count;
    }
    changes->size = end;
    return 0;
}

int pwk_prefix_changes_add(struct pwk_prefix_changes *changes,
                           const struct registry_layer_change *change)
{
    const size_t path = change->path_units * 2, name = change->name_units * 2;
    struct pwk_changes_record record = {
        .kind = change->kind,
        .type = change->type,
        .path_units = (uint32_t)change->path_units,
        .name_units = (uint32_t)change->name_units,
        .data_size = (uint32_t)change->size,
    };
    uint64_t size = sizeof record + rounded(path) + rounded(name) + rounded(change->size);
    int result = size > UINT32_MAX || changes->count == UINT32_MAX ? -E2BIG : 0;

    record.size = (uint32_t)size;
    if (result == 0)
        result = append(changes, &record, sizeof record);
    if (result == 0)
        result = append(changes, change->path, path);
    if (result == 0)
        result = append(changes, change->name, name);
    if (result == 0)
        result = append(changes, change->data, change->size);
    changes->count += result == 0;
    return result;
}

int pwk_prefix_changes_map(struct pwk_prefix_changes *changes)
{
    struct stat status;
    void *page;

    if (fstat(changes->fd, &status) < 0)
        return -errno;
    if ((uint64_t)status.st_size < sizeof *changes->page)
        return -EINVAL;
    page = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, changes->fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    changes->page = page;
    changes->size = (uint64_t)status.st_size;
    return changes->page->magic == MAGIC && changes->page->size == changes->size ? 0 : -EINVAL;
}

struct pwk_changes_record *pwk_prefix_changes_next(const struct pwk_prefix_changes *changes,
                                                   uint64_t *at,
                                                   struct registry_layer_change *change)
{
    char *start = (char *)changes->page;
    struct pwk_changes_record *record;
    uint64_t path, name, size;

    if (*at < sizeof *changes->page)
        *at = sizeof *changes->page;
    if (changes->size - *at < sizeof *record)
        return NULL;
    record = (struct pwk_changes_record *)(start + *at);
    path = rounded(UINT64_C(2) * record->path_units);
    name = rounded(UINT64_C(2) * record->name_units);
    size = sizeof *record + path + name + rounded(record->data_size);
    if (record->kind >= REGISTRY_LAYER_KINDS || size != record->size || size > changes->size - *at)
        return NULL;
    start += *at + sizeof *record;
    *change = (struct registry_layer_change){.kind = (enum registry_layer_kind)record->kind,
                                             .path = (const uint16_t *)start,
                                             .path_units = record->path_units,
                                             .name = (const uint16_t *)(start + path),
                                             .name_units = record->name_units,
                                             .type = record->type,
                                             .data = start + path + name,
                                             .size = record->data_size};
    *at += size;
    return record;
}

/* ---- the process that writes ---- */

/* Whoever writes its outcomes cannot cut it short. */
static int close_file(struct pwk_prefix_changes *changes)
{
    const struct pwk_changes_page page = {
        .magic = MAGIC,
        .size = changes->size,
        .count = changes->count,
        .parent = (uint32_t)getpid(),
    };

    if (ftruncate(changes->fd, (off_t)changes->size) < 0 ||
        pwrite(changes->fd, &page, sizeof page, 0) != (ssize_t)sizeof page ||
        fcntl(changes->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    return pwk_prefix_changes_map(changes);
}

/* Nothing of the caller's is open in it, and nothing that it starts (wineserver) holds the caller's
 * output. */
static int start(const struct pwk_prefix_changes *changes, const char *loader, pid_t *child)
{
    char *arguments[] = {(char *)"pwk-loader64", NULL};
    char variable[sizeof PWK_CHANGES_VARIABLE + 16];
    posix_spawn_file_actions_t actions;
    char **environment;
    int result;

    snprintf(variable, sizeof variable, "%s=%d", PWK_CHANGES_VARIABLE, CHILD_FD);
    environment = pwk_prefix_layer_environment(variable);
    if (!environment)
        return -ENOMEM;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, changes->fd, CHILD_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_FD + 1);
    for (int fd = 0; fd < CHILD_FD; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addchdir_np(&actions, "/");
    result = -posix_spawn(child, loader, &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return result;
}

static void wait_for(const struct pwk_prefix_changes *changes, pid_t child,
                     registry_progress progress, void *context)
{
    const struct timespec pause = {.tv_nsec = POLL_NANOSECONDS};
    pid_t ended = 0;

    while (ended == 0 || (ended < 0 && errno == EINTR)) {
        ended = waitpid(child, NULL, WNOHANG);
        if (ended != 0)
            continue;
        /* Looking is a small part of the work, as writing is in a session that is in use. */
        if (progress && changes->page->phase == PWK_CHANGES_WRITING)
            progress(context, (double)__atomic_load_n(&changes->page->done, __ATOMIC_RELAXED) /
                                  (changes->count ? changes->count : 1));
        nanosleep(&pause, NULL);
    }
}

int pwk_prefix_changes_write(struct pwk_prefix_changes *changes, const char *loader,
                             registry_progress progress, void *context, struct pwk_error *error)
{
    pid_t child;
    int result = close_file(changes);

    if (result == 0)
        result = start(changes, loader, &child);
    if (result < 0)
        return pwk_error_set(error, result, "%s cannot be started: %s", loader, strerror(-result));
    wait_for(changes, child, progress, context);
    switch (changes->page->phase) {
    case PWK_CHANGES_CHECKED:
    case PWK_CHANGES_WRITTEN:
        return 0;
    case PWK_CHANGES_WAITING:
        return pwk_error_set(error, -EIO,
                             "Wine does not start in the prefix, or its wineserver was killed: "
                             "nothing was written; do it again, and see what stock Wine says there "
                             "(wine64 wineboot) if it stays so");
    default:
        return pwk_error_set(error, -EIO,
                             "the prefix's wineserver, or pwk's process in its session, ended in "
                             "the middle: a part may have been written; the kernel has kept all, "
                             "so do it again");
    }
}
