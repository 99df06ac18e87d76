/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * user_map.c - see user_map.h. A group can be mapped by who has no privileges outside only if the
 * namespace's processes cannot leave groups.
 */
#include "sandbox/user_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_map(pid_t pid, const char *name, const char *text)
{
    char path[48];
    ssize_t size;
    int fd, result;

    if (pid == 0)
        snprintf(path, sizeof(path), "/proc/self/%s", name);
    else
        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size = write(fd, text, strlen(text));
    result = size == (ssize_t)strlen(text) ? 0 : size < 0 ? -errno : -EIO;
    close(fd);
    return result;
}

int pwk_user_map(pid_t pid, uid_t user, gid_t group)
{
    int result = write_map(pid, "setgroups", "deny");
    char text[64];

    snprintf(text, sizeof(text), "%u %u 1", (unsigned)user, (unsigned)user);
    if (result == 0)
        result = write_map(pid, "uid_map", text);
    snprintf(text, sizeof(text), "%u %u 1", (unsigned)group, (unsigned)group);
    return result < 0 ? result : write_map(pid, "gid_map", text);
}
