/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_files.c - see prefix_files.h. The files can be written by Windows programs of the shared
 * session, and of own ones without a view of their own: they are copied as bytes, and only those
 * who take them in parse them. A link would have any file of the user's published to programs that
 * must not see it.
 */
#include "kernel/prefix_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/state.h"

#define PUBLISH_TRIES 20

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

static void add_facts(struct pwk_prefix_files *files, const struct stat *status)
{
    const uint64_t facts[] = {(uint64_t)status->st_ino, (uint64_t)status->st_size,
                              pwk_filetime(&status->st_mtim)};

    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        files->signature = (files->signature ^ facts[i]) * UINT64_C(0xd6e8feb86659fd93) + 1;
    files->newest = facts[2] > files->newest ? facts[2] : files->newest;
}

int pwk_prefix_files_look(struct pwk_prefix_files *files)
{
    char path[PATH_MAX + 16];
    struct stat status;

    *files = (struct pwk_prefix_files){.signature = 1};
    for (size_t i = 0; i < REGISTRY_LOWER_TEXTS; i++) {
        int result = file_path(path, i);
        if (result == 0 && lstat(path, &status) < 0)
            result = -errno;
        if (result == 0 && !S_ISREG(status.st_mode))
            result = S_ISLNK(status.st_mode) ? -ELOOP : -EINVAL;
        if (result < 0)
            return result;
        add_facts(files, &status);
    }
    files->signature |= 1;
    return 0;
}

int pwk_prefix_files_open(int fds[REGISTRY_LOWER_TEXTS])
{
    char path[PATH_MAX + 16];
    size_t count = 0;
    int result = 0;

    while (result == 0 && count < REGISTRY_LOWER_TEXTS) {
        result = file_path(path, count);
        if (result == 0 &&
            (fds[count] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0)
            result = -errno;
        count += result == 0;
    }
    while (result < 0 && count > 0)
        close(fds[--count]);
    return result;
}

/* ---- publishing ---- */

static bool is_there(const struct pwk_prefix_layer *layer, size_t text, uint64_t generation)
{
    char path[PATH_MAX];

    return generation != 0 && pwk_prefix_layer_text(layer, text, generation, path) == 0 &&
           access(path, R_OK) == 0;
}

bool pwk_prefix_files_are_published(const struct pwk_prefix_layer *layer,
                                    const struct pwk_prefix_files *files)
{
    struct pwk_prefix_published published;
    uint64_t generation;
    bool are = pwk_prefix_layer_published(layer, &published, &generation) == 0 &&
               published.instance == files->signature;

    for (size_t i = 0; are && i < PWK_PREFIX_TEXTS; i++)
        are = is_there(layer, i, published.texts[i]);
    return are;
}

/* Whose bytes the descriptors lead to, whatever has the files' names by now. */
static int look_at_open(const int fds[], struct pwk_prefix_files *files)
{
    struct stat status;

    *files = (struct pwk_prefix_files){.signature = 1};
    for (size_t i = 0; i < REGISTRY_LOWER_TEXTS; i++) {
        if (fstat(fds[i], &status) < 0)
            return -errno;
        if (!S_ISREG(status.st_mode))
            return -EINVAL;
        add_facts(files, &status);
    }
    files->signature |= 1;
    return 0;
}

static int copy_text(int from, const char *path)
{
    ssize_t copied = 1;
    off_t at = 0;
    int to, result = 0;

    unlink(path);
    to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return -errno;
    while (result == 0 && copied > 0)
        if ((copied = sendfile(to, from, &at, 1 << 24)) < 0)
            result = -errno;
    close(to);
    return result;
}

static int copy_all(const struct pwk_prefix_layer *layer, const int fds[], uint64_t generation)
{
    char path[PATH_MAX];
    int result = 0;

    for (size_t i = 0; result == 0 && i < PWK_PREFIX_TEXTS; i++) {
        result = pwk_prefix_layer_text(layer, i, generation, path);
        if (result == 0)
            result = copy_text(fds[i], path);
    }
    return result;
}

static void remove_all(const struct pwk_prefix_layer *layer, uint64_t generation)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < PWK_PREFIX_TEXTS; i++)
        if (pwk_prefix_layer_text(layer, i, generation, path) == 0)
            unlink(path);
}

/* -EAGAIN where they have changed meanwhile: their signature would not be that of the copies. */
static int publish_open(struct pwk_prefix_layer *layer, const int fds[])
{
    uint64_t generation = pwk_prefix_layer_next(layer, 0);
    struct pwk_prefix_published published = {0};
    struct pwk_prefix_files before, after;
    int result = look_at_open(fds, &before);

    if (result < 0)
        return result;
    if (pwk_prefix_files_are_published(layer, &before))
        return 0;
    result = copy_all(layer, fds, generation);
    if (result == 0)
        result = look_at_open(fds, &after);
    if (result == 0 && after.signature != before.signature)
        result = -EAGAIN;
    if (result < 0) {
        remove_all(layer, generation);
        return result;
    }
    published.instance = before.signature;
    for (size_t i = 0; i < PWK_PREFIX_TEXTS; i++)
        published.texts[i] = generation;
    pwk_prefix_layer_publish(layer, &published, generation);
    pwk_prefix_layer_sweep(layer);
    return 0;
}

int pwk_prefix_files_publish(struct pwk_prefix_layer *layer)
{
    int result = -EAGAIN;

    for (int tries = 0; result == -EAGAIN && tries < PUBLISH_TRIES; tries++) {
        int fds[REGISTRY_LOWER_TEXTS];

        result = pwk_prefix_files_open(fds);
        if (result < 0)
            return result;
        result = publish_open(layer, fds);
        for (size_t i = 0; i < REGISTRY_LOWER_TEXTS; i++)
            close(fds[i]);
    }
    return result;
}
