/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_lock.c - see server_lock.h. wineserver holds a lock (fcntl) on a file in the folder of its
 * socket. That folder's name has the prefix's device and inode; what it lies in is Wine's own
 * /tmp/.wine-UID, or with Debian's Wine a folder whose name stands in the prefix.
 */
#include "wine/server_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_SIZE 64

static pid_t lock_owner(const char *folder, const struct stat *prefix)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    char path[PATH_MAX];
    pid_t owner = 0;
    int fd;

    snprintf(path, sizeof(path), "/tmp/%s/server-%llx-%llx/lock", folder,
             (unsigned long long)prefix->st_dev, (unsigned long long)prefix->st_ino);
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return 0;
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
        owner = lock.l_pid;
    close(fd);
    return owner;
}

/* Debian's note in the prefix, which a Windows program can write: a name, no path. */
static bool read_note(const char *prefix, char name[NAME_MAX_SIZE])
{
    char path[PATH_MAX];
    ssize_t size;
    int fd;

    if (snprintf(path, sizeof(path), "%s/wineserver", prefix) >= (int)sizeof(path))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    size = read(fd, name, NAME_MAX_SIZE - 1);
    close(fd);
    name[size > 0 ? size : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    return name[0] != '\0' && name[0] != '.' && !strchr(name, '/');
}

int pwk_wineserver_places(const char *prefix, struct pwk_server_places *places)
{
    char name[NAME_MAX_SIZE];
    struct stat st;

    if (stat(prefix, &st) < 0)
        return -errno;
    memset(places, 0, sizeof(*places));
    if (read_note(prefix, name))
        snprintf(places->paths[0], sizeof(places->paths[0]), "/tmp/%s", name);
    snprintf(places->paths[1], sizeof(places->paths[1]), "/tmp/.wine-%u", (unsigned)getuid());
    snprintf(places->name, sizeof(places->name), "server-%llx-%llx", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    return 0;
}

pid_t pwk_wineserver_of(const char *prefix)
{
    char name[NAME_MAX_SIZE];
    struct stat st;
    pid_t owner = 0;

    if (stat(prefix, &st) < 0)
        return 0;
    if (read_note(prefix, name))
        owner = lock_owner(name, &st);
    if (owner == 0) {
        snprintf(name, sizeof(name), ".wine-%u", (unsigned)getuid());
        owner = lock_owner(name, &st);
    }
    return owner;
}
