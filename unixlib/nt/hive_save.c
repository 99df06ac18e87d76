/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_save.c - the key family: saving branches to files that the program has open, and restoring
 * them from such files.
 * Sources: "ZwSaveKey", "ZwSaveKeyEx", "ZwRestoreKey", "RegSaveKeyEx function", "RegRestoreKey
 * function".
 */
#include "registry/hive_files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "nt/handle_table.h"
#include "nt/hive_file.h"
#include "nt/key_path.h"
#include "nt/key_protect.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "nt/privilege.h"

/* Puts an image, which it frees, in the place of what the file holds. */
static int put_image(int fd, void *image, size_t size)
{
    int result = lseek(fd, 0, SEEK_SET) < 0 || ftruncate(fd, 0) < 0 ? -errno : 0;

    if (result == 0)
        result = hive_write_all(fd, image, size);
    free(image);
    return result;
}

static ntstatus save(const struct nt_call *call, uint32_t version)
{
    struct registry_error reason;
    uint64_t key;
    ntstatus status;
    void *image;
    size_t size;
    int fd, result;

    if ((status = nt_need_privilege(call, SE_BACKUP_PRIVILEGE)) ||
        !key_of_handle(call, 0, &key, &status))
        return status;
    fd = hive_descriptor(call->arguments[1], FILE_WRITE_DATA);
    if (fd < 0)
        return STATUS_INVALID_HANDLE;
    result = registry_save_hive(nt_personality.registry, key, version, &image, &size, &reason);
    if (result == 0)
        result = put_image(fd, image, size);
    close(fd);
    return key_status(result);
}

ntstatus nt_save_key(const struct nt_call *call)
{
    return is_key_handle(call->arguments[0]) ? save(call, REGISTRY_HIVE_STANDARD)
                                             : nt_forward(call);
}

/* "RegSaveKeyEx function": REG_NO_COMPRESSION is for the root of a hive. What is written holds no
 * free space in any case. */
static bool is_hive(uint64_t handle)
{
    struct key_handle content;
    char path[PATH_MAX];

    return !key_handle_get(handle, &content) ||
           registry_hive_file(nt_personality.registry, content.key, path) != -ENOENT ||
           key_check(content.key) != STATUS_SUCCESS;
}

ntstatus nt_save_key_ex(const struct nt_call *call)
{
    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    switch ((uint32_t)call->arguments[2]) {
    case REG_STANDARD_FORMAT:
        return save(call, REGISTRY_HIVE_STANDARD);
    case REG_NO_COMPRESSION:
        if (!is_hive(call->arguments[0]))
            return STATUS_INVALID_PARAMETER;
        return save(call, REGISTRY_HIVE_LATEST);
    case REG_LATEST_FORMAT:
        return save(call, REGISTRY_HIVE_LATEST);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

/* Of what both branches have, the first one's is saved. */
ntstatus nt_save_merged_keys(const struct nt_call *call)
{
    struct registry_error reason;
    struct key_handle low;
    uint64_t high;
    ntstatus status;
    void *image;
    size_t size;
    int fd, result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if ((status = nt_need_privilege(call, SE_BACKUP_PRIVILEGE)) ||
        !key_of_handle(call, 0, &high, &status))
        return status;
    if (!key_handle_get(call->arguments[1], &low))
        return STATUS_INVALID_HANDLE;
    fd = hive_descriptor(call->arguments[2], FILE_WRITE_DATA);
    if (fd < 0)
        return STATUS_INVALID_HANDLE;
    result = registry_save_merged(nt_personality.registry, high, low.key, &image, &size, &reason);
    if (result == 0)
        result = put_image(fd, image, size);
    close(fd);
    return key_status(result);
}

static bool is_strictly_below(uint64_t key, void *context)
{
    uint64_t top = *(uint64_t *)context;

    return key != top && registry_is_within(nt_personality.registry, key, top);
}

/* REG_WHOLE_HIVE_VOLATILE is for a hive that is not there yet, REG_REFRESH_HIVE for one whose file
 * stays as it is: neither is a thing of this registry. */
ntstatus nt_restore_key(const struct nt_call *call)
{
    uint32_t flags = (uint32_t)call->arguments[2];
    struct registry_error reason;
    uint64_t key;
    ntstatus status;
    void *image;
    size_t size;
    int fd, result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (flags & ~(uint32_t)(REG_NO_LAZY_FLUSH | REG_FORCE_RESTORE))
        return STATUS_INVALID_PARAMETER;
    if ((status = nt_need_privilege(call, SE_RESTORE_PRIVILEGE)) ||
        !key_of_handle(call, 0, &key, &status) || (status = key_check(key)))
        return status;
    if (key_is_protected(key))
        return nt_deny(call, STATUS_ACCESS_DENIED, "the key may not be changed");
    if (!(flags & REG_FORCE_RESTORE) && key_handle_any(is_strictly_below, &key))
        return STATUS_CANNOT_DELETE;
    fd = hive_descriptor(call->arguments[1], FILE_READ_DATA);
    if (fd < 0)
        return STATUS_INVALID_HANDLE;
    result = hive_read_all(fd, &image, &size);
    close(fd);
    if (result < 0)
        return hive_status(result);
    result = registry_restore_hive(nt_personality.registry, key, image, size, &reason);
    free(image);
    nt_notify_written();
    return hive_status(result);
}
