/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_file.c - see hive_file.h.
 */
#include "nt/hive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nt/key_path.h"
#include "nt/personality.h"
#include "registry/hive_files.h"

#define HIVE_LIMIT (1u << 30) /* bytes */

int hive_write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

int hive_read_all(int fd, void **image, size_t *size)
{
    struct stat status;
    size_t done = 0;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size > HIVE_LIMIT)
        return -EINVAL;
    *size = (size_t)status.st_size;
    *image = malloc(*size);
    if (!*image)
        return -ENOMEM;
    while (done < *size) {
        ssize_t got = pread(fd, (unsigned char *)*image + done, *size - done, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            free(*image);
            return got < 0 ? -errno : -EINVAL;
        }
        done += (size_t)got;
    }
    return 0;
}

int hive_descriptor(nt_handle file, uint32_t access)
{
    int32_t fd = -1;

    return nt_host_call("wine_server_handle_to_fd", 4, file, access, (uint64_t)&fd, 0) ? -EBADF
                                                                                       : fd;
}

ntstatus hive_open(uint64_t attributes, const struct hive_open_mode *mode, int *fd, char *path)
{
    struct io_status_block block;
    char link[40];
    ssize_t length;
    nt_handle file = 0;
    ntstatus status =
        nt_host_call("NtCreateFile", 11, (uint64_t)&file, mode->access | ACCESS_SYNCHRONIZE,
                     attributes, (uint64_t)&block, 0, FILE_ATTRIBUTE_NORMAL, mode->sharing,
                     mode->disposition, FILE_SYNCHRONOUS_IO_NONALERT, 0, 0);

    if (status)
        return status;
    *fd = hive_descriptor(file, mode->access & FILE_WRITE_DATA ? FILE_WRITE_DATA : FILE_READ_DATA);
    nt_host_call("NtClose", 1, file);
    if (*fd < 0)
        return STATUS_ACCESS_DENIED;
    snprintf(link, sizeof link, "/proc/self/fd/%d", *fd);
    length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return STATUS_SUCCESS;
}

int hive_write_back(uint64_t key, const char *path)
{
    struct registry_error reason;
    char temporary[PATH_MAX + 16];
    struct stat before;
    void *image;
    size_t size;
    int fd, result = registry_save_hive(nt_personality.registry, key, REGISTRY_HIVE_LATEST, &image,
                                        &size, &reason);

    if (result < 0)
        return result;
    snprintf(temporary, sizeof temporary, "%s.pwk-new", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    result = fd < 0 ? -errno : hive_write_all(fd, image, size);
    if (result == 0 && stat(path, &before) == 0 && fchmod(fd, before.st_mode & 07777) < 0)
        result = -errno;
    free(image);
    if (fd >= 0) {
        if (result == 0 && fsync(fd) < 0)
            result = -errno;
        close(fd);
        if (result == 0 && rename(temporary, path) < 0)
            result = -errno;
        if (result < 0)
            unlink(temporary);
    }
    return result;
}

ntstatus hive_status(int result)
{
    return result == -EINVAL  ? STATUS_NOT_REGISTRY_FILE
           : result == -EBADF ? STATUS_INVALID_HANDLE
                              : key_status(result);
}
