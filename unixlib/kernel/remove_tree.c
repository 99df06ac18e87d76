/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * remove_tree.c - see remove_tree.h.
 */
#include "kernel/remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A folder that its owner may not search, list and change cannot be emptied, nor moved. */
static void make_changeable(int parent, const char *name)
{
    struct stat st;

    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
        (st.st_mode & S_IRWXU) != S_IRWXU)
        fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW);
}

static DIR *open_folder(int parent, const char *name)
{
    int fd;
    DIR *folder;

    make_changeable(parent, name);
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL && fd >= 0)
        close(fd);
    return folder;
}

/* Empties folder `name` below `root`: what cannot be removed at once, a folder with something in
 * it, is moved up into `root`. So a tree of any depth needs two descriptors and no recursion. */
static int empty_folder(int root, const char *name, unsigned *moved)
{
    DIR *folder = open_folder(root, name);
    const struct dirent *entry;
    char place[32];
    int rc = 0;

    if (folder == NULL)
        return -errno;
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        if (is_dots(entry->d_name) || unlinkat(dirfd(folder), entry->d_name, 0) == 0)
            continue;
        if (errno != EISDIR && errno != EPERM)
            rc = -errno;
        else if (unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR) != 0) {
            do
                snprintf(place, sizeof(place), ".removed-%u", (*moved)++);
            while (faccessat(root, place, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
            make_changeable(dirfd(folder), entry->d_name);
            if (renameat(dirfd(folder), entry->d_name, root, place) != 0)
                rc = -errno;
        }
    }
    closedir(folder);
    return rc;
}

/* One pass over the entries of `root`; `*left` tells whether there were any. */
static int remove_entries(DIR *root, unsigned *moved, bool *left)
{
    const struct dirent *entry;
    int rc = 0;

    *left = false;
    rewinddir(root);
    while (rc == 0 && (entry = readdir(root)) != NULL) {
        if (is_dots(entry->d_name))
            continue;
        *left = true;
        if (unlinkat(dirfd(root), entry->d_name, 0) == 0 || errno == ENOENT)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return -errno;
        rc = empty_folder(dirfd(root), entry->d_name, moved);
        if (rc == 0 && unlinkat(dirfd(root), entry->d_name, AT_REMOVEDIR) != 0 && errno != ENOENT &&
            errno != ENOTEMPTY)
            rc = -errno;
    }
    return rc;
}

int pwk_remove_below(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *root = fd < 0 ? NULL : fdopendir(fd);
    unsigned moved = 0;
    bool left = true;
    int rc = 0;

    if (root == NULL) {
        rc = -errno;
        if (fd >= 0)
            close(fd);
        return rc;
    }
    while (rc == 0 && left)
        rc = remove_entries(root, &moved, &left);
    closedir(root);
    return rc;
}

int pwk_remove_at(int folder, const char *name)
{
    DIR *stream;
    int rc;

    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    stream = open_folder(folder, name);
    if (stream == NULL)
        return -errno;
    rc = pwk_remove_below(dirfd(stream));
    closedir(stream);
    return rc == 0 && unlinkat(folder, name, AT_REMOVEDIR) < 0 ? -errno : rc;
}
