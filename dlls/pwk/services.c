/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * services.c - NT services on registry keys that no Wine's ntdll has. In processes of a kernel
 * ntdll leads here (unixlib/wine/image_exports.h). Names, arguments and answers are those of
 * Windows' ntdll.
 */
#include <windows.h>
#include <winternl.h>

#include "unix_side.h"

NTSTATUS NTAPI NtCompactKeys(ULONG count, HANDLE *keys)
{
    struct pwk_service_params params = {PWK_SERVICE_COMPACT_KEYS, 0, {count, address(keys)}};

    return call_service(&params);
}

NTSTATUS NTAPI NtCompressKey(HANDLE key)
{
    struct pwk_service_params params = {PWK_SERVICE_COMPRESS_KEY, 0, {address(key)}};

    return call_service(&params);
}

NTSTATUS NTAPI NtLockRegistryKey(HANDLE key)
{
    struct pwk_service_params params = {PWK_SERVICE_LOCK_REGISTRY_KEY, 0, {address(key)}};

    return call_service(&params);
}

NTSTATUS NTAPI NtQueryOpenSubKeys(OBJECT_ATTRIBUTES *attributes, ULONG *count)
{
    struct pwk_service_params params = {
        PWK_SERVICE_QUERY_OPEN_SUBKEYS, 0, {address(attributes), address(count)}};

    return call_service(&params);
}

NTSTATUS NTAPI NtQueryOpenSubKeysEx(OBJECT_ATTRIBUTES *attributes, ULONG size, void *buffer,
                                    ULONG *needed)
{
    struct pwk_service_params params = {
        PWK_SERVICE_QUERY_OPEN_SUBKEYS_EX,
        0,
        {address(attributes), size, address(buffer), address(needed)}};

    return call_service(&params);
}

NTSTATUS NTAPI NtSaveKeyEx(HANDLE key, HANDLE file, ULONG format)
{
    struct pwk_service_params params = {
        PWK_SERVICE_SAVE_KEY_EX, 0, {address(key), address(file), format}};

    return call_service(&params);
}

NTSTATUS NTAPI NtSaveMergedKeys(HANDLE high, HANDLE low, HANDLE file)
{
    struct pwk_service_params params = {
        PWK_SERVICE_SAVE_MERGED_KEYS, 0, {address(high), address(low), address(file)}};

    return call_service(&params);
}

NTSTATUS NTAPI NtUnloadKey2(OBJECT_ATTRIBUTES *target, ULONG flags)
{
    struct pwk_service_params params = {PWK_SERVICE_UNLOAD_KEY2, 0, {address(target), flags}};

    return call_service(&params);
}

NTSTATUS NTAPI NtUnloadKeyEx(OBJECT_ATTRIBUTES *target, HANDLE event)
{
    struct pwk_service_params params = {
        PWK_SERVICE_UNLOAD_KEY_EX, 0, {address(target), address(event)}};

    return call_service(&params);
}
