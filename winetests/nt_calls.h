/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nt_calls.h - the NT services that the units of ours call, as ntdll.dll exports them, and the few
 * names that mingw's headers lack. Sources: the Microsoft pages of the Zw... functions.
 */
#ifndef PWK_WINETESTS_NT_CALLS_H
#define PWK_WINETESTS_NT_CALLS_H

#define WIN32_NO_STATUS
#include <windows.h>
#include <winternl.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>

enum { KeyBasicInformation, KeyNodeInformation, KeyFullInformation, KeyNameInformation,
       KeyCachedInformation, KeyFlagsInformation, KeyVirtualizationInformation,
       KeyHandleTagsInformation, KeyTrustInformation, KeyLayerInformation };
enum { KeyValueBasicInformation, KeyValueFullInformation, KeyValuePartialInformation,
       KeyValueFullInformationAlign64, KeyValuePartialInformationAlign64,
       KeyValueLayerInformation };

NTSTATUS NTAPI NtCreateEvent(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, int, BOOLEAN);
NTSTATUS NTAPI NtResetEvent(HANDLE, LONG *);
NTSTATUS NTAPI NtCreateKey(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, ULONG, UNICODE_STRING *,
                           ULONG, ULONG *);
NTSTATUS NTAPI NtOpenKey(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);
NTSTATUS NTAPI NtOpenKeyEx(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, ULONG);
NTSTATUS NTAPI NtDeleteKey(HANDLE);
NTSTATUS NTAPI NtFlushKey(HANDLE);
NTSTATUS NTAPI NtRenameKey(HANDLE, UNICODE_STRING *);
NTSTATUS NTAPI NtQueryKey(HANDLE, int, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtEnumerateKey(HANDLE, ULONG, int, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtSetValueKey(HANDLE, UNICODE_STRING *, ULONG, ULONG, const void *, ULONG);
NTSTATUS NTAPI NtDeleteValueKey(HANDLE, UNICODE_STRING *);
NTSTATUS NTAPI NtQueryValueKey(HANDLE, UNICODE_STRING *, int, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtEnumerateValueKey(HANDLE, ULONG, int, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtNotifyChangeKey(HANDLE, HANDLE, PIO_APC_ROUTINE, void *, IO_STATUS_BLOCK *, ULONG,
                                 BOOLEAN, void *, ULONG, BOOLEAN);
NTSTATUS NTAPI NtNotifyChangeMultipleKeys(HANDLE, ULONG, OBJECT_ATTRIBUTES *, HANDLE,
                                          PIO_APC_ROUTINE, void *, IO_STATUS_BLOCK *, ULONG,
                                          BOOLEAN, void *, ULONG, BOOLEAN);
NTSTATUS NTAPI NtLoadKeyEx(OBJECT_ATTRIBUTES *, OBJECT_ATTRIBUTES *, ULONG, HANDLE, HANDLE,
                           ACCESS_MASK, HANDLE *, IO_STATUS_BLOCK *);
NTSTATUS NTAPI NtUnloadKey(OBJECT_ATTRIBUTES *);
NTSTATUS NTAPI NtSaveKey(HANDLE, HANDLE);
NTSTATUS NTAPI NtRestoreKey(HANDLE, HANDLE, ULONG);
NTSTATUS NTAPI NtReplaceKey(OBJECT_ATTRIBUTES *, HANDLE, OBJECT_ATTRIBUTES *);
NTSTATUS NTAPI NtQueryObject(HANDLE, OBJECT_INFORMATION_CLASS, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtQuerySecurityObject(HANDLE, ULONG, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtSetSecurityObject(HANDLE, ULONG, void *);
NTSTATUS NTAPI RtlAdjustPrivilege(ULONG, BOOLEAN, BOOLEAN, BOOLEAN *);

static inline OBJECT_ATTRIBUTES *name_attributes(OBJECT_ATTRIBUTES *attributes,
                                                 UNICODE_STRING *string, HANDLE root,
                                                 const WCHAR *name)
{
    RtlInitUnicodeString(string, name);
    InitializeObjectAttributes(attributes, string, OBJ_CASE_INSENSITIVE, root, NULL);
    return attributes;
}

static inline NTSTATUS open_under(HANDLE *key, HANDLE root, const WCHAR *name, ACCESS_MASK access)
{
    UNICODE_STRING string;
    OBJECT_ATTRIBUTES attributes;

    return NtOpenKey(key, access, name_attributes(&attributes, &string, root, name));
}

static inline NTSTATUS create_under(HANDLE *key, HANDLE root, const WCHAR *name, ACCESS_MASK access)
{
    UNICODE_STRING string;
    OBJECT_ATTRIBUTES attributes;

    return NtCreateKey(key, access, name_attributes(&attributes, &string, root, name), 0, NULL, 0,
                       NULL);
}

static inline NTSTATUS set_number(HANDLE key, const WCHAR *name, DWORD number)
{
    UNICODE_STRING string;

    RtlInitUnicodeString(&string, name);
    return NtSetValueKey(key, &string, 0, REG_DWORD, &number, sizeof(number));
}

/* -1 where there is no such value. */
static inline DWORD get_number(HANDLE key, const WCHAR *name)
{
    unsigned char buffer[64];
    UNICODE_STRING string;
    DWORD number, length;

    RtlInitUnicodeString(&string, name);
    if (NtQueryValueKey(key, &string, KeyValuePartialInformation, buffer, sizeof(buffer), &length))
        return ~0u;
    memcpy(&number, buffer + 12, sizeof(number));
    return number;
}

#endif
