/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_open.c - see files_open.h.
 */
#include "launcher/files_open.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sandbox/view_mounts.h"

int files_open(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    long fd;

    /* A rename somewhere on the way makes Linux ask for another try. */
    do
        fd = syscall(SYS_openat2, root, *path == '\0' ? "." : path, &how, sizeof(how));
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return fd < 0 ? -errno : (int)fd;
}

int files_open_parent(int root, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX] = "";

    *name = slash == NULL ? path : slash + 1;
    if (slash != NULL) {
        if ((size_t)(slash - path) >= sizeof(parent))
            return -ENAMETOOLONG;
        memcpy(parent, path, (size_t)(slash - path));
        parent[slash - path] = '\0';
    }
    return files_open(root, parent, O_PATH | O_DIRECTORY);
}

int files_list(int folder, int (*visit)(void *context, const char *name), void *context)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (stream == NULL) {
        result = -errno;
        if (fd >= 0)
            close(fd);
        return result;
    }
    errno = 0;
    while (result == 0 && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = visit(context, entry->d_name);
        errno = 0;
    }
    if (result == 0 && errno != 0)
        result = -errno;
    closedir(stream);
    return result;
}

const char *files_descriptor_path(int fd, struct files_descriptor_path *path)
{
    snprintf(path->text, sizeof(path->text), "/proc/self/fd/%d", fd);
    return path->text;
}

bool files_has_attribute(int fd, const char *name, const char *value)
{
    struct files_descriptor_path path;
    char found[16];
    ssize_t size = getxattr(files_descriptor_path(fd, &path), name, found, sizeof(found));

    if (value == NULL)
        return size >= 0 || errno == ERANGE;
    return size >= (ssize_t)strlen(value) && memcmp(found, value, strlen(value)) == 0;
}

bool files_is_attribute(const char *name)
{
    return strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0 &&
           strcmp(name, PWK_VIEW_PLACE_MARK) != 0;
}
