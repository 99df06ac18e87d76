/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_watcher.c - the watcher of the prefix's registry as others see it (prefix_layer.h):
 * whether there is one, who it is, and how it is started. Its lock (flock) says that it lives.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/prefix_layer.h"

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

/* Who publishes the files at this moment is waited for: after that they are published by nobody,
 * since there is a watcher. */
static int wait_for_publisher(const struct pwk_prefix_layer *layer)
{
    int lock = pwk_prefix_layer_lock(layer);

    if (lock >= 0)
        close(lock);
    return lock < 0 ? lock : 0;
}

int pwk_prefix_layer_take_watch(const struct pwk_prefix_layer *layer)
{
    int fd = open_watch(layer), result = -EBUSY;

    if (fd < 0)
        return -errno;
    /* Whoever asks whether it is watched holds the lock for a moment. */
    for (int tries = 0; result < 0 && tries < 100; tries++) {
        result = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -EBUSY : 0;
        if (result < 0)
            usleep(100);
    }
    if (result == 0 && ftruncate(fd, 0) == 0)
        dprintf(fd, "%d\n", (int)getpid());
    if (result == 0)
        result = wait_for_publisher(layer);
    if (result < 0)
        close(fd);
    return result;
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
int pwk_prefix_layer_start_watcher(const char *loader, bool served)
{
    char *arguments[] = {(char *)"pwk-loader64", NULL};
    char **environment = pwk_prefix_layer_environment(
        served ? PWK_WATCH_VARIABLE "=" PWK_WATCH_SERVED : PWK_WATCH_VARIABLE "=1");
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
