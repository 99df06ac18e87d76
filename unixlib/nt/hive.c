/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive.c - the key family: hives in files. Files are opened by Wine, so that a program can save
 * and load only what it could write and read; what is in them is not trusted.
 * Sources: "ZwSaveKey", "ZwLoadKeyEx", "ZwUnloadKey", "ZwRestoreKey", "RegLoadKey function".
 */
#include "registry/hive_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nt/handle_table.h"
#include "nt/key_path.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "nt/privilege.h"
#include "registry/transaction.h"

#define FILE_READ_DATA 0x1u
#define FILE_WRITE_DATA 0x2u
#define GENERIC_READ_AND_SYNCHRONIZE 0x80100000u
#define FILE_SHARE_READ 0x1u
#define FILE_SYNCHRONOUS_IO_NONALERT 0x20u
#define HIVE_LIMIT (1u << 30) /* bytes */

static ntstatus lacks_privilege(const struct nt_call *call, enum privilege privilege)
{
    return nt_has_privilege(privilege)
               ? STATUS_SUCCESS
               : nt_deny(call, STATUS_PRIVILEGE_NOT_HELD, "the privilege is not enabled");
}

/* ---- files ---- */

static int write_all(int fd, const unsigned char *bytes, size_t size)
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

/* A whole file in memory of the caller's; -EINVAL for what cannot be a hive. */
static int read_all(int fd, void **image, size_t *size)
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

static int descriptor_of(nt_handle file, uint32_t access)
{
    int32_t fd = -1;

    return nt_host_call("wine_server_handle_to_fd", 4, file, access, (uint64_t)&fd, 0) ? -EBADF
                                                                                       : fd;
}

/* Images that cannot be read are no hives to the program; everything else is the store's. */
static ntstatus image_status(int result)
{
    return result == -EINVAL  ? STATUS_NOT_REGISTRY_FILE
           : result == -EBADF ? STATUS_INVALID_HANDLE
                              : key_status(result);
}

/* ---- saving ---- */

ntstatus nt_save_key(const struct nt_call *call)
{
    struct registry_error reason;
    uint64_t key;
    ntstatus status;
    void *image;
    size_t size;
    int fd, result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if ((status = lacks_privilege(call, SE_BACKUP_PRIVILEGE)) ||
        !key_of_handle(call, 0, &key, &status))
        return status;
    fd = descriptor_of(call->arguments[1], FILE_WRITE_DATA);
    if (fd < 0)
        return STATUS_INVALID_HANDLE;
    result = registry_save_hive(nt_personality.registry, key, &image, &size, &reason);
    if (result == 0) {
        result = lseek(fd, 0, SEEK_SET) < 0 || ftruncate(fd, 0) < 0 ? -errno : 0;
        if (result == 0)
            result = write_all(fd, image, size);
        free(image);
    }
    close(fd);
    return key_status(result);
}

/* ---- loading ---- */

struct hive_image {
    void *bytes;
    size_t size;
    char path[PATH_MAX];
};

static ntstatus read_hive(int fd, struct hive_image *image)
{
    char link[40];
    ssize_t length;
    int result = read_all(fd, &image->bytes, &image->size);

    if (result < 0)
        return image_status(result);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, image->path, sizeof image->path - 1);
    image->path[length > 0 ? length : 0] = 0;
    return STATUS_SUCCESS;
}

/* Opens the file that the OBJECT_ATTRIBUTES at `attributes` name. */
static ntstatus open_hive(uint64_t attributes, struct hive_image *image)
{
    struct io_status_block block;
    nt_handle file = 0;
    ntstatus status =
        nt_host_call("NtOpenFile", 6, (uint64_t)&file, GENERIC_READ_AND_SYNCHRONIZE, attributes,
                     (uint64_t)&block, FILE_SHARE_READ, FILE_SYNCHRONOUS_IO_NONALERT);
    int fd;

    if (status)
        return status;
    fd = descriptor_of(file, FILE_READ_DATA);
    nt_host_call("NtClose", 1, file);
    if (fd < 0)
        return STATUS_ACCESS_DENIED;
    status = read_hive(fd, image);
    close(fd);
    return status;
}

/* The parent of the key to be made, and the key's name within target->path. */
static ntstatus find_parent(struct key_target *target, uint64_t *parent, size_t *name_at)
{
    int result;

    while (target->units && target->path[target->units - 1] == '\\')
        target->units--;
    *name_at = target->units;
    while (*name_at && target->path[*name_at - 1] != '\\')
        --*name_at;
    result = registry_lookup(nt_personality.registry, target->from, target->path, *name_at, 0,
                             parent, NULL);
    return result == -EXDEV ? STATUS_ACCESS_DENIED : key_status(result);
}

static ntstatus load(const struct nt_call *call)
{
    struct key_target target;
    struct hive_image image;
    struct registry_error reason;
    uint64_t parent, key;
    size_t name_at;
    ntstatus status = STATUS_INVALID_PARAMETER;
    int result;

    if (key_target_read((const void *)call->arguments[0], &target, &status) != KEY_OURS)
        return status;
    if ((status = lacks_privilege(call, SE_RESTORE_PRIVILEGE)) ||
        (status = find_parent(&target, &parent, &name_at)) ||
        (status = open_hive(call->arguments[1], &image)))
        return status;
    result = registry_load_hive(nt_personality.registry, parent, target.path + name_at,
                                target.units - name_at, image.path, image.bytes, image.size, &key,
                                &reason);
    free(image.bytes);
    nt_notify_written();
    return image_status(result);
}

/* NtLoadKey and NtLoadKey2. */
ntstatus nt_load_key(const struct nt_call *call)
{
    return nt_personality.registry ? load(call) : nt_forward(call);
}

/* A root handle is given out for application hives only, which are not served. */
ntstatus nt_load_key_ex(const struct nt_call *call)
{
    static const uint32_t app_hive = 0x10;

    if (!nt_personality.registry)
        return nt_forward(call);
    if ((uint32_t)call->arguments[2] & app_hive)
        return nt_deny(call, STATUS_NOT_IMPLEMENTED, "application hives are not in this version");
    if (call->arguments[6])
        return STATUS_INVALID_PARAMETER_7;
    return load(call);
}

static bool is_below(uint64_t key, void *context)
{
    return registry_is_within(nt_personality.registry, registry_key_outside(key),
                              *(uint64_t *)context);
}

/* The hive goes back to its file first: nothing is lost when that fails. */
static int write_back(uint64_t key, const char *path)
{
    struct registry_error reason;
    char temporary[PATH_MAX + 16];
    void *image;
    size_t size;
    int fd, result = registry_save_hive(nt_personality.registry, key, &image, &size, &reason);

    if (result < 0)
        return result;
    snprintf(temporary, sizeof temporary, "%s.pwk-new", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    result = fd < 0 ? -errno : write_all(fd, image, size);
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

ntstatus nt_unload_key(const struct nt_call *call)
{
    struct key_target target;
    char path[PATH_MAX];
    uint64_t key;
    ntstatus status = STATUS_INVALID_PARAMETER;
    int result;

    if (!nt_personality.registry)
        return nt_forward(call);
    if (!call->arguments[0])
        return STATUS_ACCESS_VIOLATION;
    if (key_target_read((const void *)call->arguments[0], &target, &status) != KEY_OURS)
        return status;
    if ((status = lacks_privilege(call, SE_RESTORE_PRIVILEGE)))
        return status;
    result = registry_lookup(nt_personality.registry, target.from, target.path, target.units, 0,
                             &key, NULL);
    if (result == 0)
        result = registry_hive_file(nt_personality.registry, key, path);
    if (result < 0)
        return result == -ENOENT ? STATUS_INVALID_PARAMETER : key_status(result);
    if (key_handle_any(is_below, &key))
        return STATUS_CANNOT_DELETE;
    result = write_back(key, path);
    if (result == 0)
        result = registry_unload_hive(nt_personality.registry, key);
    nt_notify_written();
    return key_status(result);
}

ntstatus nt_restore_key(const struct nt_call *call)
{
    struct hive_image image;
    struct registry_error reason;
    uint64_t key;
    ntstatus status;
    int fd, result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if ((status = lacks_privilege(call, SE_RESTORE_PRIVILEGE)) ||
        !key_of_handle(call, 0, &key, &status))
        return status;
    fd = descriptor_of(call->arguments[1], FILE_READ_DATA);
    if (fd < 0)
        return STATUS_INVALID_HANDLE;
    status = read_hive(fd, &image);
    close(fd);
    if (status)
        return status;
    result = registry_restore_hive(nt_personality.registry, key, image.bytes, image.size, &reason);
    free(image.bytes);
    nt_notify_written();
    return image_status(result);
}
