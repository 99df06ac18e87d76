/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_start.c - see server_start.h. Who starts the server holds a lock (flock) on a file in the
 * run-time folder, until the server has answered or the process ends.
 */
#include "wine/server_start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/state.h"
#include "wine/server_lock.h"

#define ROUNDS 15000 /* of 2 ms */
#define PAUSE_NANOSECONDS 2000000

static int lock = -1;

static int open_lock(const char *prefix)
{
    char runtime[PATH_MAX], path[PATH_MAX];
    struct stat st;

    if (stat(prefix, &st) < 0 || pwk_runtime_path(runtime, NULL) < 0 ||
        snprintf(path, sizeof(path), "%s/start-%llx-%llx", runtime, (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino) >= (int)sizeof(path))
        return -1;
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void pwk_server_start_begin(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NANOSECONDS};
    char prefix[PATH_MAX];

    if (pwk_prefix_path(prefix, NULL) < 0 || pwk_wineserver_of(prefix) != 0)
        return;
    lock = open_lock(prefix);
    for (int i = 0; lock >= 0 && i < ROUNDS; i++) {
        bool first = flock(lock, LOCK_EX | LOCK_NB) == 0;

        if (pwk_wineserver_of(prefix) != 0)
            break;
        if (first)
            return;
        nanosleep(&pause, NULL);
    }
    pwk_server_start_end();
}

void pwk_server_start_end(void)
{
    if (lock >= 0)
        close(lock);
    lock = -1;
}
