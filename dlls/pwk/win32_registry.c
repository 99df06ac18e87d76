/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * win32_registry.c - the calls of advapi32.dll (kernelbase.dll) that Wine has as stubs or not at
 * all, over NT's services. Those DLLs lead here in processes of a kernel
 * (unixlib/wine/image_exports.h). Sources: "RegLoadAppKeyW function (winreg.h)",
 * "RegCreateKeyTransactedW function", "RegOpenKeyTransactedW function",
 * "RegDeleteKeyTransactedW function", "Registry Redirector".
 *
 * A root that RegOverridePredefKey has replaced is known to kernelbase alone: here it is the root.
 */
#include "win32_status.h"

#include <wchar.h>

#define APP_HIVE 0x10u
#define PROCESS_PRIVATE 0x20u
#define VIEW_32 KEY_WOW64_32KEY
#define PATH_INVALID ((NTSTATUS)0xc0000039)
#define NAME_NOT_FOUND ((NTSTATUS)0xc0000034)

NTSTATUS NTAPI NtLoadKeyEx(OBJECT_ATTRIBUTES *target, OBJECT_ATTRIBUTES *file, ULONG flags,
                           HANDLE trust, HANDLE event, ACCESS_MASK access, HANDLE *root,
                           void *reserved);
NTSTATUS NTAPI NtOpenKey(HANDLE *key, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes);
NTSTATUS NTAPI NtDeleteKey(HANDLE key);
NTSTATUS NTAPI NtCreateKeyTransacted(HANDLE *key, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes,
                                     ULONG title, UNICODE_STRING *class, ULONG options,
                                     HANDLE transaction, ULONG *disposition);
NTSTATUS NTAPI NtOpenKeyTransactedEx(HANDLE *key, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes,
                                     ULONG options, HANDLE transaction);
NTSTATUS NTAPI RtlOpenCurrentUser(ACCESS_MASK access, HANDLE *key);
BOOLEAN NTAPI RtlEqualUnicodeString(const UNICODE_STRING *one, const UNICODE_STRING *other,
                                    BOOLEAN ignore_case);

/* ---- application hives ---- */

/* A name below \Registry\A that no other call has given. */
static void name_hive(WCHAR name[64])
{
    static LONG calls;
    LARGE_INTEGER counter;

    QueryPerformanceCounter(&counter);
    swprintf(name, 64, L"\\Registry\\A\\{%08lx-%08lx-%016llx}", GetCurrentProcessId(),
             (unsigned long)InterlockedIncrement(&calls), (unsigned long long)counter.QuadPart);
}

LSTATUS WINAPI pwk_RegLoadAppKeyW(const WCHAR *file, HKEY *key, REGSAM access, DWORD options,
                                  DWORD reserved)
{
    OBJECT_ATTRIBUTES target, source;
    UNICODE_STRING target_name, source_name;
    HANDLE root = NULL;
    WCHAR name[64];
    NTSTATUS status;

    if (!file || !key || reserved || options & ~(DWORD)REG_PROCESS_APPKEY) {
        return ERROR_INVALID_PARAMETER;
    }
    if (!RtlDosPathNameToNtPathName_U(file, &source_name, NULL, NULL)) {
        return ERROR_PATH_NOT_FOUND;
    }
    name_hive(name);
    RtlInitUnicodeString(&target_name, name);
    InitializeObjectAttributes(&target, &target_name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    InitializeObjectAttributes(&source, &source_name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = NtLoadKeyEx(&target, &source,
                         APP_HIVE | (options & REG_PROCESS_APPKEY ? PROCESS_PRIVATE : 0), NULL,
                         NULL, access, &root, NULL);
    RtlFreeUnicodeString(&source_name);
    if (NT_SUCCESS(status)) {
        *key = root;
    }
    return win32_status(status);
}

LSTATUS WINAPI pwk_RegLoadAppKeyA(const char *file, HKEY *key, REGSAM access, DWORD options,
                                  DWORD reserved)
{
    UNICODE_STRING wide;
    LSTATUS error;

    if (!file) {
        return ERROR_INVALID_PARAMETER;
    }
    if (!RtlCreateUnicodeStringFromAsciiz(&wide, file)) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    error = pwk_RegLoadAppKeyW(wide.Buffer, key, access, options, reserved);
    RtlFreeUnicodeString(&wide);
    return error;
}

/* ---- where a path begins ---- */

/* A key that a call works below: the program's handle, or one of ours. */
struct place {
    HANDLE key;
    BOOL ours;
};

static void leave(struct place *place)
{
    if (place->ours) {
        NtClose(place->key);
    }
    place->ours = FALSE;
}

static void move_to(struct place *place, HANDLE key)
{
    leave(place);
    place->key = key;
    place->ours = TRUE;
}

/* "Predefined Keys" */
static const WCHAR *path_of_root(HKEY key)
{
    if (key == HKEY_LOCAL_MACHINE) {
        return L"\\Registry\\Machine";
    }
    if (key == HKEY_USERS) {
        return L"\\Registry\\User";
    }
    if (key == HKEY_CLASSES_ROOT) {
        return L"\\Registry\\Machine\\Software\\Classes";
    }
    if (key == HKEY_CURRENT_CONFIG) {
        return L"\\Registry\\Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current";
    }
    return NULL;
}

static NTSTATUS begin(HKEY key, struct place *place)
{
    const WCHAR *path = path_of_root(key);
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    NTSTATUS status;

    place->key = key;
    place->ours = FALSE;
    if (key == HKEY_CURRENT_USER) {
        status = RtlOpenCurrentUser(MAXIMUM_ALLOWED, &place->key);
    } else if (path) {
        RtlInitUnicodeString(&name, path);
        InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
        status = NtOpenKey(&place->key, MAXIMUM_ALLOWED, &attributes);
    } else {
        return 0;
    }
    place->ours = NT_SUCCESS(status);
    return status;
}

/* ---- along a path ---- */

static NTSTATUS open_below(HANDLE *key, HANDLE root, UNICODE_STRING *name, ACCESS_MASK access,
                           ULONG options, HANDLE transaction)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(
        &attributes, name,
        OBJ_CASE_INSENSITIVE | (options & REG_OPTION_OPEN_LINK ? OBJ_OPENLINK : 0), root, NULL);
    return NtOpenKeyTransactedEx(key, access, &attributes, options, transaction);
}

/* The first name of a path; the rest is what stands behind its separators. */
static UNICODE_STRING split(const UNICODE_STRING *path, UNICODE_STRING *rest)
{
    USHORT units = path->Length / sizeof(WCHAR), at = 0;
    UNICODE_STRING first = *path;

    while (at < units && path->Buffer[at] != '\\') {
        at++;
    }
    first.Length = first.MaximumLength = at * sizeof(WCHAR);
    while (at < units && path->Buffer[at] == '\\') {
        at++;
    }
    rest->Buffer = path->Buffer + at;
    rest->Length = rest->MaximumLength = (units - at) * sizeof(WCHAR);
    return first;
}

static BOOL enter(struct place *place, const WCHAR *name, HANDLE transaction)
{
    UNICODE_STRING text;
    HANDLE key;

    RtlInitUnicodeString(&text, name);
    if (!NT_SUCCESS(open_below(&key, place->key, &text, MAXIMUM_ALLOWED, 0, transaction))) {
        return FALSE;
    }
    move_to(place, key);
    return TRUE;
}

/* The 32-bit view of a program of 64 bits, as kernelbase makes it for the calls without
 * transaction: where a key on the way has a Wow6432Node, the rest of the path is below that.
 * `path` becomes what is left of it. */
static void take_view(struct place *place, UNICODE_STRING *path, HANDLE transaction)
{
    static const WCHAR node[] = L"Wow6432Node";
    UNICODE_STRING view, first, rest;

    RtlInitUnicodeString(&view, node);
    while (path->Length) {
        HANDLE key;

        first = split(path, &rest);
        if (RtlEqualUnicodeString(&first, &view, TRUE) ||
            !NT_SUCCESS(open_below(&key, place->key, &first, MAXIMUM_ALLOWED, 0, transaction))) {
            return;
        }
        move_to(place, key);
        *path = rest;
        first = split(path, &rest);
        if (!RtlEqualUnicodeString(&first, &view, TRUE) && enter(place, node, transaction)) {
            return;
        }
    }
}

/* Where the path of a call begins, and what of it there is still to go. */
static NTSTATUS set_out(HKEY key, const WCHAR *name, REGSAM access, HANDLE transaction,
                        struct place *place, UNICODE_STRING *path)
{
    NTSTATUS status = begin(key, place);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    RtlInitUnicodeString(path, name);
    if (path->Length && path->Buffer[0] == '\\') {
        leave(place);
        return PATH_INVALID;
    }
    if (access & VIEW_32) {
        take_view(place, path, transaction);
    }
    return 0;
}

/* ---- opening and deleting ---- */

static LSTATUS open_key(HKEY root, const WCHAR *name, ULONG options, REGSAM access, HKEY *key,
                        HANDLE transaction)
{
    UNICODE_STRING path;
    struct place place;
    HANDLE opened = NULL;
    NTSTATUS status = set_out(root, name, access, transaction, &place, &path);

    if (NT_SUCCESS(status)) {
        status = open_below(&opened, place.key, &path, access, options, transaction);
        leave(&place);
    }
    *key = NT_SUCCESS(status) ? opened : NULL;
    return win32_status(status);
}

LSTATUS WINAPI pwk_RegOpenKeyTransactedW(HKEY root, const WCHAR *name, DWORD options, REGSAM access,
                                         HKEY *key, HANDLE transaction, void *reserved)
{
    if (!key || reserved || options & ~(DWORD)REG_OPTION_OPEN_LINK) {
        return ERROR_INVALID_PARAMETER;
    }
    return open_key(root, name, options, access, key, transaction);
}

/* Views alone count of `access`: what is needed to delete a key is asked for. */
LSTATUS WINAPI pwk_RegDeleteKeyTransactedW(HKEY root, const WCHAR *name, REGSAM access,
                                           DWORD reserved, HANDLE transaction, void *reserved2)
{
    LSTATUS error;
    HKEY key;

    if (!name || reserved || reserved2) {
        return ERROR_INVALID_PARAMETER;
    }
    error =
        open_key(root, name, 0, DELETE | (access & (VIEW_32 | KEY_WOW64_64KEY)), &key, transaction);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    error = win32_status(NtDeleteKey(key));
    NtClose(key);
    return error;
}

/* ---- creating ---- */

struct creation {
    UNICODE_STRING class;
    ULONG options;
    REGSAM access;
    void *security;
    BOOL inherit;
    HANDLE transaction;
    ULONG disposition;
};

static NTSTATUS create_below(struct creation *creation, HANDLE root, UNICODE_STRING *name,
                             ACCESS_MASK access, ULONG options, HANDLE *key)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, name,
                               OBJ_CASE_INSENSITIVE | (creation->inherit ? OBJ_INHERIT : 0) |
                                   (options & REG_OPTION_CREATE_LINK ? OBJ_OPENLINK : 0),
                               root, creation->security);
    return NtCreateKeyTransacted(key, access, &attributes, 0,
                                 creation->class.Buffer ? &creation->class : NULL, options,
                                 creation->transaction, &creation->disposition);
}

/* All keys on the way are made too. */
static NTSTATUS create_path(struct creation *creation, struct place *place, UNICODE_STRING *path,
                            HANDLE *key)
{
    NTSTATUS status =
        create_below(creation, place->key, path, creation->access, creation->options, key);

    while (status == NAME_NOT_FOUND && path->Length) {
        UNICODE_STRING rest, first = split(path, &rest);
        HANDLE next;

        if (!rest.Length) {
            return status;
        }
        status = create_below(creation, place->key, &first, MAXIMUM_ALLOWED,
                              creation->options & ~(ULONG)REG_OPTION_CREATE_LINK, &next);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        move_to(place, next);
        *path = rest;
        split(path, &rest);
        status = rest.Length ? NAME_NOT_FOUND
                             : create_below(creation, place->key, path, creation->access,
                                            creation->options, key);
    }
    return status;
}

LSTATUS WINAPI pwk_RegCreateKeyTransactedW(HKEY root, const WCHAR *name, DWORD reserved,
                                           WCHAR *class, DWORD options, REGSAM access,
                                           SECURITY_ATTRIBUTES *security, HKEY *key,
                                           DWORD *disposition, HANDLE transaction, void *reserved2)
{
    struct creation creation = {.options = options, .access = access, .transaction = transaction};
    UNICODE_STRING path;
    struct place place;
    HANDLE made = NULL;
    NTSTATUS status;

    if (!name || !key || reserved || reserved2) {
        return ERROR_INVALID_PARAMETER;
    }
    RtlInitUnicodeString(&creation.class, class);
    creation.security = security ? security->lpSecurityDescriptor : NULL;
    creation.inherit = security && security->bInheritHandle;
    status = set_out(root, name, access, transaction, &place, &path);
    if (NT_SUCCESS(status)) {
        status = create_path(&creation, &place, &path, &made);
        leave(&place);
    }
    if (NT_SUCCESS(status)) {
        *key = made;
        if (disposition) {
            *disposition = creation.disposition;
        }
    }
    return win32_status(status);
}

/* ---- names in ANSI ---- */

/* A buffer of NULL for a text of NULL. */
static BOOL widen(const char *text, UNICODE_STRING *wide)
{
    wide->Buffer = NULL;
    return !text || RtlCreateUnicodeStringFromAsciiz(wide, text);
}

static void forget(UNICODE_STRING *wide)
{
    if (wide->Buffer) {
        RtlFreeUnicodeString(wide);
    }
}

LSTATUS WINAPI pwk_RegOpenKeyTransactedA(HKEY root, const char *name, DWORD options, REGSAM access,
                                         HKEY *key, HANDLE transaction, void *reserved)
{
    UNICODE_STRING wide;
    LSTATUS error;

    if (!widen(name, &wide)) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    error =
        pwk_RegOpenKeyTransactedW(root, wide.Buffer, options, access, key, transaction, reserved);
    forget(&wide);
    return error;
}

LSTATUS WINAPI pwk_RegDeleteKeyTransactedA(HKEY root, const char *name, REGSAM access,
                                           DWORD reserved, HANDLE transaction, void *reserved2)
{
    UNICODE_STRING wide;
    LSTATUS error;

    if (!widen(name, &wide)) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    error =
        pwk_RegDeleteKeyTransactedW(root, wide.Buffer, access, reserved, transaction, reserved2);
    forget(&wide);
    return error;
}

LSTATUS WINAPI pwk_RegCreateKeyTransactedA(HKEY root, const char *name, DWORD reserved, char *class,
                                           DWORD options, REGSAM access,
                                           SECURITY_ATTRIBUTES *security, HKEY *key,
                                           DWORD *disposition, HANDLE transaction, void *reserved2)
{
    UNICODE_STRING wide, wide_class = {0};
    LSTATUS error = ERROR_NOT_ENOUGH_MEMORY;

    if (widen(name, &wide) && widen(class, &wide_class)) {
        error =
            pwk_RegCreateKeyTransactedW(root, wide.Buffer, reserved, wide_class.Buffer, options,
                                        access, security, key, disposition, transaction, reserved2);
    }
    forget(&wide);
    forget(&wide_class);
    return error;
}
