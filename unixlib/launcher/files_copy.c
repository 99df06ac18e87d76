/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_copy.c - see files_copy.h.
 */
#include "launcher/files_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launcher/files_layer.h"
#include "launcher/files_open.h"

#define BLOCK ((size_t)128 * 1024)

/* ---- content ---- */

static int write_all(int to, const char *bytes, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t written = pwrite(to, bytes, size, at);

        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
            at += written;
        }
    }
    return 0;
}

static int copy_by_hand(int from, int to, off_t at, off_t end)
{
    char *block = malloc(BLOCK);
    int rc = block == NULL ? -ENOMEM : 0;

    while (rc == 0 && at < end) {
        size_t want = end - at < (off_t)BLOCK ? (size_t)(end - at) : BLOCK;
        ssize_t size = pread(from, block, want, at);

        if (size < 0 && errno == EINTR)
            continue;
        rc = size < 0 ? -errno : size == 0 ? -ESTALE : write_all(to, block, (size_t)size, at);
        at += size > 0 ? size : 0;
    }
    free(block);
    return rc;
}

/* Linux' own copy shares what the file system can share. */
static int copy_range(int from, int to, off_t at, off_t end)
{
    while (at < end) {
        off_t in = at, out = at;
        ssize_t size = copy_file_range(from, &in, to, &out, (size_t)(end - at), 0);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO))
            return -errno;
        if (size <= 0)
            return copy_by_hand(from, to, at, end);
        at += size;
    }
    return 0;
}

static int copy_content(int from, int to, off_t size)
{
    off_t at = 0;

    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA), hole;
        int rc;

        if (data < 0 && errno == ENXIO)
            break;
        hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (data < 0 || hole < 0)
            return -errno;
        if (hole > size)
            hole = size;
        rc = copy_range(from, to, data, hole);
        if (rc < 0)
            return rc;
        at = hole;
    }
    return ftruncate(to, size) < 0 ? -errno : 0;
}

/* ---- attributes ---- */

static int remove_attributes(int fd, char *names)
{
    ssize_t size = flistxattr(fd, names, XATTR_LIST_MAX);

    if (size < 0)
        return errno == ENOTSUP ? 0 : -errno;
    for (const char *name = names; name < names + size; name += strlen(name) + 1)
        if (files_is_attribute(name) && fremovexattr(fd, name) < 0)
            return -errno;
    return 0;
}

static int add_attributes(int from, int to, char *names, char *value)
{
    ssize_t size = flistxattr(from, names, XATTR_LIST_MAX);

    if (size < 0)
        return errno == ENOTSUP ? 0 : -errno;
    for (const char *name = names; name < names + size; name += strlen(name) + 1) {
        ssize_t bytes;

        if (!files_is_attribute(name))
            continue;
        bytes = fgetxattr(from, name, value, XATTR_SIZE_MAX);
        if (bytes < 0 || fsetxattr(to, name, value, (size_t)bytes, 0) < 0)
            return -errno;
    }
    return 0;
}

int files_copy_attributes(int from, int to)
{
    char *names = malloc(XATTR_LIST_MAX), *value = malloc(XATTR_SIZE_MAX);
    int rc = names == NULL || value == NULL ? -ENOMEM : remove_attributes(to, names);

    if (rc == 0)
        rc = add_attributes(from, to, names, value);
    free(names);
    free(value);
    return rc;
}

/* ---- files and links ---- */

int files_copy_file(int from, int to, const char *name)
{
    struct stat st;
    int fd, rc;

    if (fstat(from, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ESTALE;
    fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    rc = copy_content(from, fd, st.st_size);
    if (rc == 0)
        rc = files_copy_attributes(from, fd);
    if (rc == 0) {
        const struct timespec times[2] = {st.st_atim, st.st_mtim};

        if (fchmod(fd, st.st_mode & FILES_MODE_BITS) < 0 || futimens(fd, times) < 0)
            rc = -errno;
    }
    close(fd);
    return rc;
}

int files_copy_link(int from, int to, const char *name)
{
    char text[PATH_MAX];
    ssize_t size = readlinkat(from, "", text, sizeof(text) - 1);
    struct timespec times[2];
    struct stat st;

    if (size < 0 || fstat(from, &st) < 0)
        return -errno;
    text[size] = '\0';
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    if (symlinkat(text, to, name) < 0 || utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}
