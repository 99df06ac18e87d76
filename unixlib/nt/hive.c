/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive.c - the key family: loading hives from files, unloading and replacing them.
 * Sources: "ZwLoadKeyEx", "ZwUnloadKey", "RegLoadKey function", "RegLoadAppKey function",
 * "RegReplaceKey function".
 */
#include "registry/hive_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nt/handle_table.h"
#include "nt/hive_file.h"
#include "nt/hive_mount.h"
#include "nt/key_path.h"
#include "nt/key_protect.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "nt/privilege.h"

/* ---- loading ---- */

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

struct loading {
    uint32_t flags;
    uint32_t access; /* of the handle */
    nt_handle *out;  /* the program's; NULL: none is wanted */
};

static ntstatus load(const struct nt_call *call, const struct loading *loading)
{
    static const struct hive_open_mode mode = {FILE_READ_DATA, FILE_SHARE_READ, FILE_OPEN};
    struct key_target target;
    struct registry_error reason;
    uint64_t parent, key;
    char path[PATH_MAX];
    size_t name_at, size;
    nt_handle handle = 0;
    void *image;
    ntstatus status = STATUS_INVALID_PARAMETER;
    int fd, result;

    if (key_target_read((const void *)call->arguments[0], &target, &status) != KEY_OURS)
        return status;
    if (key_target_is_app_hive(&target))
        return STATUS_INVALID_PARAMETER;
    if ((status = nt_need_privilege(call, SE_RESTORE_PRIVILEGE)) ||
        (status = find_parent(&target, &parent, &name_at)) ||
        (status = hive_open(call->arguments[1], &mode, &fd, path)))
        return status;
    result = hive_read_all(fd, &image, &size);
    close(fd);
    if (result < 0)
        return hive_status(result);
    result = registry_load_hive(nt_personality.registry, parent, target.path + name_at,
                                target.units - name_at, path, image, size, &key, &reason);
    free(image);
    nt_notify_written();
    if (result < 0)
        return hive_status(result);
    if (loading->flags & (REG_OPEN_READ_ONLY | REG_IMMUTABLE) && !key_protect(key, true))
        return STATUS_INSUFFICIENT_RESOURCES;
    if (!loading->out)
        return STATUS_SUCCESS;
    status = key_open_handle_of(call, key, loading->access, target.attributes, &handle);
    *loading->out = handle;
    return status;
}

/* NtLoadKey and NtLoadKey2. The flags that the latter takes are those of NtLoadKeyEx. */
ntstatus nt_load_key(const struct nt_call *call)
{
    struct loading loading = {0};

    if (!nt_personality.registry)
        return nt_forward(call);
    if (call->row != nt_row(nt_load_key))
        loading.flags = (uint32_t)call->arguments[2];
    if (loading.flags & (uint32_t)(REG_APP_HIVE | ~REG_LOAD_FLAGS))
        return STATUS_INVALID_PARAMETER;
    return load(call, &loading);
}

/* No privilege is needed, and no key but \Registry\A has such hives below it. A file that is not
 * there is made. */
static ntstatus load_app_hive(const struct nt_call *call, const struct loading *loading)
{
    struct hive_open_mode mode = {FILE_READ_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN};
    struct app_hive hive = {
        .process_private = loading->flags & REG_PROCESS_PRIVATE,
        .read_only = loading->flags & (REG_OPEN_READ_ONLY | REG_IMMUTABLE),
        .access = loading->access,
    };
    struct key_target target;
    char path[PATH_MAX];
    nt_handle handle = 0;
    ntstatus status = STATUS_INVALID_PARAMETER;
    int fd;

    if (key_target_read((const void *)call->arguments[0], &target, &status) != KEY_OURS)
        return status;
    if (!key_target_app_hive_name(&target, &hive.name, &hive.units))
        return STATUS_INVALID_PARAMETER;
    if (!hive.read_only) {
        mode.access |= FILE_WRITE_DATA;
        mode.disposition = FILE_OPEN_IF;
    }
    if ((status = hive_open(call->arguments[1], &mode, &fd, path)))
        return status;
    close(fd);
    hive.path = path;
    hive.attributes = target.attributes;
    status = hive_mount_app(call, &hive, &handle);
    *loading->out = handle;
    return status;
}

/* The trust class and the event are of no consequence here: no link leads out of a hive into one
 * of another class, and no log is replayed. */
ntstatus nt_load_key_ex(const struct nt_call *call)
{
    struct loading loading = {(uint32_t)call->arguments[2], (uint32_t)call->arguments[5],
                              (nt_handle *)call->arguments[6]};
    bool app_hive = loading.flags & REG_APP_HIVE;

    if (!nt_personality.registry)
        return nt_forward(call);
    if (loading.flags & ~(uint32_t)REG_LOAD_FLAGS ||
        (loading.flags & REG_PROCESS_PRIVATE && !app_hive))
        return STATUS_INVALID_PARAMETER;
    if (!loading.out != !(app_hive || loading.flags & REG_LOAD_HIVE_OPEN_HANDLE))
        return STATUS_INVALID_PARAMETER_7;
    return app_hive ? load_app_hive(call, &loading) : load(call, &loading);
}

/* ---- unloading ---- */

/* What Windows itself loads stands below these two, and is not given up. */
static bool is_of_the_system(uint64_t key)
{
    static const uint16_t tops[][7] = {u"Machine", u"User"};
    static const size_t units[] = {7, 4};
    struct registry_key_info info;
    uint64_t top;

    if (registry_query_key(nt_personality.registry, key, false, &info, NULL, NULL) < 0)
        return false;
    for (size_t i = 0; i < 2; i++)
        if (registry_lookup(nt_personality.registry, REGISTRY_ROOT_KEY, tops[i], units[i], 0, &top,
                            NULL) == 0 &&
            top == info.parent)
            return true;
    return false;
}

/* The hive that the OBJECT_ATTRIBUTES of a call's first argument name; `path` is its file. */
static ntstatus find_hive(const struct nt_call *call, uint64_t *key, char *path)
{
    struct key_target target;
    ntstatus status = STATUS_INVALID_PARAMETER;
    int result;

    if (!call->arguments[0])
        return STATUS_ACCESS_VIOLATION;
    if (key_target_read((const void *)call->arguments[0], &target, &status) != KEY_OURS)
        return status;
    if ((status = nt_need_privilege(call, SE_RESTORE_PRIVILEGE)))
        return status;
    if (key_target_is_app_hive(&target))
        return STATUS_ACCESS_DENIED;
    result = registry_lookup(nt_personality.registry, target.from, target.path, target.units, 0,
                             key, NULL);
    if (result < 0)
        return result == -ENOENT ? STATUS_INVALID_PARAMETER : key_status(result);
    result = registry_hive_file(nt_personality.registry, *key, path);
    if (result == -ENOENT)
        return is_of_the_system(*key) ? STATUS_ACCESS_DENIED : STATUS_INVALID_PARAMETER;
    return key_status(result);
}

static ntstatus unload(uint64_t key, const char *path)
{
    int result = hive_unload(key, path);

    nt_notify_written();
    return key_status(result);
}

ntstatus nt_unload_key(const struct nt_call *call)
{
    char path[PATH_MAX];
    uint64_t key;
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    status = find_hive(call, &key, path);
    if (status)
        return status;
    return hive_in_use(key) ? STATUS_CANNOT_DELETE : unload(key, path);
}

/* Forced: handles into the hive find their keys deleted. */
ntstatus nt_unload_key2(const struct nt_call *call)
{
    uint32_t flags = (uint32_t)call->arguments[1];
    char path[PATH_MAX];
    uint64_t key;
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    if (flags & ~(uint32_t)REG_FORCE_UNLOAD)
        return STATUS_INVALID_PARAMETER;
    status = find_hive(call, &key, path);
    if (status)
        return status;
    return !(flags & REG_FORCE_UNLOAD) && hive_in_use(key) ? STATUS_CANNOT_DELETE
                                                           : unload(key, path);
}

/* With an event a hive that is in use is unloaded when it no longer is. */
ntstatus nt_unload_key_ex(const struct nt_call *call)
{
    nt_handle event = 0;
    char path[PATH_MAX];
    uint64_t key;
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    if (!call->arguments[1])
        return nt_unload_key(call);
    status = find_hive(call, &key, path);
    if (status ||
        (status = nt_host_call("NtDuplicateObject", 7, NT_CURRENT_PROCESS, call->arguments[1],
                               NT_CURRENT_PROCESS, (uint64_t)&event, EVENT_MODIFY_STATE, 0, 0)))
        return status;
    if (hive_in_use(key)) {
        status = hive_unload_later(key, path, event);
        if (status == STATUS_PENDING)
            return status;
    } else if ((status = unload(key, path)) == STATUS_SUCCESS) {
        nt_host_call("NtSetEvent", 2, event, 0);
    }
    nt_host_call("NtClose", 1, event);
    return status;
}

/* ---- replacing ---- */

struct replacement {
    char current[PATH_MAX], new[PATH_MAX], old[PATH_MAX];
};

static ntstatus check_file(int fd)
{
    struct registry_error reason;
    void *image;
    size_t size;
    int result = hive_read_all(fd, &image, &size);

    if (result == 0) {
        result = registry_check_hive(image, size, &reason);
        free(image);
    }
    return hive_status(result);
}

static ntstatus open_files(const struct nt_call *call, struct replacement *files)
{
    static const struct hive_open_mode reading = {FILE_READ_DATA | ACCESS_DELETE,
                                                  FILE_SHARE_READ | FILE_SHARE_DELETE, FILE_OPEN};
    static const struct hive_open_mode making = {FILE_WRITE_DATA, 0, FILE_CREATE};
    int fd;
    ntstatus status = hive_open(call->arguments[0], &reading, &fd, files->new);

    if (status)
        return status;
    status = check_file(fd);
    close(fd);
    if (status == STATUS_SUCCESS &&
        !(status = hive_open(call->arguments[2], &making, &fd, files->old)))
        close(fd);
    return status;
}

/* "RegReplaceKey function": the new file takes the place of the hive's, and is what the next load
 * finds; what is loaded now goes to the old file, now and when it is unloaded. Served for hives
 * that were loaded from a file. */
ntstatus nt_replace_key(const struct nt_call *call)
{
    struct key_handle handle;
    struct replacement files;
    ntstatus status;
    int result;

    if (!nt_personality.registry || !is_key_handle(call->arguments[1]))
        return nt_forward(call);
    if ((status = nt_need_privilege(call, SE_RESTORE_PRIVILEGE)))
        return status;
    if (!key_handle_get(call->arguments[1], &handle))
        return STATUS_INVALID_HANDLE;
    result = registry_hive_file(nt_personality.registry, handle.key, files.current);
    if (result < 0)
        return result == -ENOENT ? STATUS_INVALID_PARAMETER : key_status(result);
    if ((status = open_files(call, &files)))
        return status;
    result = hive_write_back(handle.key, files.old);
    if (result == 0)
        result = rename(files.new, files.current) < 0 ? -errno : 0;
    if (result == 0)
        result = registry_set_hive_file(nt_personality.registry, handle.key, files.old);
    else
        unlink(files.old);
    return key_status(result);
}
