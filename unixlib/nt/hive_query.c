/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_query.c - the key family: which keys are open, and what looks after a hive's inside.
 * Sources: "NtQueryOpenSubKeys function (winternl.h)", "NtCompactKeys", "NtCompressKey" and
 * "NtLockRegistryKey" in Microsoft's list of ntdll entries. Handles of other processes of the
 * kernel are not counted.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "nt/handle_table.h"
#include "nt/key_path.h"
#include "nt/key_protect.h"
#include "nt/personality.h"
#include "nt/privilege.h"
#include "registry/hive_files.h"

/* ---- open subkeys ---- */

struct open_keys {
    uint64_t top;
    uint64_t *keys; /* each once */
    size_t count, capacity;
    bool failed;
};

static bool note_open(uint64_t key, void *context)
{
    struct open_keys *open = context;

    if (key == open->top || !registry_is_within(nt_personality.registry, key, open->top))
        return false;
    for (size_t i = 0; i < open->count; i++)
        if (open->keys[i] == key)
            return false;
    if (open->count == open->capacity) {
        size_t capacity = open->capacity * 2 + 16;
        uint64_t *grown = realloc(open->keys, capacity * sizeof *grown);

        if (!grown)
            return open->failed = true;
        open->keys = grown;
        open->capacity = capacity;
    }
    open->keys[open->count++] = key;
    return false;
}

/* The keys below the one that the call's first argument names; the caller frees open->keys. */
static ntstatus find_open(const struct nt_call *call, struct open_keys *open)
{
    struct key_target target;
    ntstatus status = STATUS_INVALID_PARAMETER;
    int result;

    if (key_target_read((const void *)call->arguments[0], &target, &status) != KEY_OURS)
        return status;
    if (key_target_is_app_hive(&target))
        return STATUS_ACCESS_DENIED;
    result = registry_lookup(nt_personality.registry, target.from, target.path, target.units, 0,
                             &open->top, NULL);
    if (result < 0)
        return key_status(result);
    key_handle_any(note_open, open);
    if (!open->failed)
        return STATUS_SUCCESS;
    free(open->keys);
    return STATUS_NO_MEMORY;
}

ntstatus nt_query_open_subkeys(const struct nt_call *call)
{
    struct open_keys open = {0};
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    status = find_open(call, &open);
    if (status)
        return status;
    free(open.keys);
    *(uint32_t *)call->arguments[1] = (uint32_t)open.count;
    return STATUS_SUCCESS;
}

/* KEY_OPEN_SUBKEYS_INFORMATION, with an array of KEY_PID_ARRAY behind it */
struct key_pid {
    uint64_t process_id;
    struct unicode_string name;
};
#define OPEN_SUBKEYS_FIXED 8u

/* Writes what fits; the whole size. */
static size_t put_open(const struct open_keys *open, uint64_t process, unsigned char *out,
                       size_t length)
{
    size_t names = OPEN_SUBKEYS_FIXED + open->count * sizeof(struct key_pid);
    uint32_t count = (uint32_t)open->count;

    if (length >= sizeof count)
        memcpy(out, &count, sizeof count);
    for (size_t i = 0; i < open->count; i++) {
        struct registry_path path;
        struct key_pid entry = {.process_id = process};
        size_t at = OPEN_SUBKEYS_FIXED + i * sizeof entry, bytes;

        if (registry_key_path(nt_personality.registry, open->keys[i], &path) < 0)
            path.units = 0;
        bytes = path.units * 2;
        if (names + bytes <= length) {
            entry.name = (struct unicode_string){(uint16_t)bytes, (uint16_t)bytes,
                                                 (uint16_t *)(out + names)};
            memcpy(out + at, &entry, sizeof entry);
            memcpy(out + names, path.text, bytes);
        }
        names += bytes;
    }
    return names;
}

ntstatus nt_query_open_subkeys_ex(const struct nt_call *call)
{
    uint32_t length = (uint32_t)call->arguments[1];
    unsigned char *out = (unsigned char *)call->arguments[2], *copy;
    struct open_keys open = {0};
    uint64_t process[6] = {0}; /* PROCESS_BASIC_INFORMATION: the fifth is the process's id */
    ntstatus status;
    size_t size;

    if (!nt_personality.registry)
        return nt_forward(call);
    if ((status = nt_need_privilege(call, SE_RESTORE_PRIVILEGE)) ||
        (status = nt_host_call("NtQueryInformationProcess", 5, NT_CURRENT_PROCESS, 0,
                               (uint64_t)process, sizeof process, 0)) ||
        (status = find_open(call, &open)))
        return status;
    /* Measured first: the program's memory may fault, and the list must be freed before. */
    size = put_open(&open, process[4], NULL, 0);
    copy = size <= length ? nt_scratch(size) : NULL;
    if (copy)
        put_open(&open, process[4], copy, size);
    free(open.keys);
    *(uint32_t *)call->arguments[3] = (uint32_t)size;
    if (size > length)
        return length < OPEN_SUBKEYS_FIXED ? STATUS_BUFFER_TOO_SMALL : STATUS_BUFFER_OVERFLOW;
    if (!copy)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < open.count; i++) {
        struct key_pid *entry = (struct key_pid *)(copy + OPEN_SUBKEYS_FIXED) + i;
        entry->name.buffer = (uint16_t *)(out + ((unsigned char *)entry->name.buffer - copy));
    }
    memcpy(out, copy, size);
    return STATUS_SUCCESS;
}

/* ---- a hive's inside ---- */

#define COMPACT_LIMIT 0x10000u /* keys */

/* The store keeps what belongs together in one place by itself: the keys are only checked. */
ntstatus nt_compact_keys(const struct nt_call *call)
{
    uint32_t count = (uint32_t)call->arguments[0];
    const nt_handle *handles = (const nt_handle *)call->arguments[1];

    if (!nt_personality.registry)
        return nt_forward(call);
    if (count > COMPACT_LIMIT)
        return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < count; i++) {
        struct key_handle content;
        ntstatus status;

        if (!key_handle_get(handles[i], &content))
            return STATUS_INVALID_HANDLE;
        if ((content.access & KEY_WRITE_RIGHTS) != KEY_WRITE_RIGHTS)
            return nt_deny(call, STATUS_ACCESS_DENIED, "the handle was opened without that right");
        if ((status = key_check(content.key)))
            return status;
    }
    return STATUS_SUCCESS;
}

/* A hive is written without free space whenever it goes to its file. */
ntstatus nt_compress_key(const struct nt_call *call)
{
    char path[PATH_MAX];
    uint64_t key;
    ntstatus status;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (!key_of_handle(call, KEY_WRITE_RIGHTS, &key, &status) || (status = key_check(key)))
        return status;
    result = registry_hive_file(nt_personality.registry, key, path);
    if (result < 0)
        return result == -ENOENT ? STATUS_INVALID_PARAMETER : key_status(result);
    return key_status(registry_flush(nt_personality.registry));
}

/* Until this process ends nothing writes to the key through it. */
ntstatus nt_lock_registry_key(const struct nt_call *call)
{
    uint64_t key;
    ntstatus status;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if ((status = nt_need_privilege(call, SE_LOCK_MEMORY_PRIVILEGE)) ||
        !key_of_handle(call, KEY_WRITE_RIGHTS, &key, &status) || (status = key_check(key)))
        return status;
    return key_protect(key, false) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}
