/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_hives.c - a Windows program that checks hives in files: application hives, loading with
 * flags, unloading, saving, restoring and replacing. Sources: "RegLoadAppKey function",
 * "RegLoadKey function", "RegReplaceKey function", "RegRestoreKey function".
 */
#include "winetests/nt_calls.h"

#include "winetests/check.h"

#define SE_BACKUP 17
#define SE_RESTORE 18
#define APP_HIVE 0x10
#define PROCESS_PRIVATE 0x20
#define OPEN_HANDLE 0x800
#define OPEN_READ_ONLY 0x2000

static WCHAR folder[MAX_PATH];
static const WCHAR place[] = L"\\Registry\\Machine\\pwk-key-hives";

/* `name` in the unit's folder, as an NT path; good for four calls. */
static WCHAR *in_folder(const WCHAR *name)
{
    static WCHAR paths[4][MAX_PATH + 64];
    static int next;
    WCHAR *path = paths[next++ % 4];

    wcscpy(path, L"\\??\\");
    wcscat(path, folder);
    wcscat(path, L"\\");
    wcscat(path, name);
    return path;
}

static int exists(const WCHAR *name)
{
    return GetFileAttributesW(in_folder(name) + 4) != INVALID_FILE_ATTRIBUTES;
}

static NTSTATUS load(const WCHAR *key, const WCHAR *file, ULONG flags, HANDLE *root)
{
    OBJECT_ATTRIBUTES target, source;
    UNICODE_STRING key_string, file_string;

    return NtLoadKeyEx(name_attributes(&target, &key_string, NULL, key),
                       name_attributes(&source, &file_string, NULL, in_folder(file)), flags, NULL,
                       NULL, KEY_ALL_ACCESS, root, NULL);
}

static NTSTATUS unload(const WCHAR *key)
{
    OBJECT_ATTRIBUTES target;
    UNICODE_STRING string;

    return NtUnloadKey(name_attributes(&target, &string, NULL, key));
}

static void hold_privileges(int held)
{
    BOOLEAN before;

    RtlAdjustPrivilege(SE_BACKUP, held, FALSE, &before);
    RtlAdjustPrivilege(SE_RESTORE, held, FALSE, &before);
}

/* Application hives are not in stock Wine at all. */
static void test_app_hive(void)
{
    HANDLE root = NULL, other = NULL, key = NULL, other2 = NULL;

    if (under_stock)
        return;
    status_is(load(L"\\Registry\\A\\one", L"app.dat", APP_HIVE, &root), STATUS_SUCCESS);
    ok(root != NULL, "no handle");
    ok(exists(L"app.dat"), "the file was not made");
    status_is(set_number(root, L"number", 7), STATUS_SUCCESS);
    status_is(create_under(&key, root, L"below", KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(set_number(key, L"deep", 8), STATUS_SUCCESS);

    /* No path leads there. */
    status_is(open_under(&other, NULL, L"\\Registry\\A\\one", KEY_READ), STATUS_ACCESS_DENIED);
    status_is(open_under(&other, NULL, L"\\Registry\\A", KEY_READ), STATUS_ACCESS_DENIED);
    status_is(create_under(&other, NULL, L"\\Registry\\a\\two", KEY_READ), STATUS_ACCESS_DENIED);
    status_is(load(L"\\Registry\\A\\two", L"app.dat", 0, NULL), STATUS_INVALID_PARAMETER);
    status_is(load(L"\\Registry\\Machine\\two", L"app2.dat", APP_HIVE, &other),
              STATUS_INVALID_PARAMETER);
    status_is(load(L"\\Registry\\A\\one\\two", L"app2.dat", APP_HIVE, &other),
              STATUS_INVALID_PARAMETER);

    /* The same file again is the same hive; nobody can have it alone now. */
    status_is(load(L"\\Registry\\A\\two", L"app.dat", APP_HIVE | PROCESS_PRIVATE, &other),
              STATUS_SHARING_VIOLATION);
    ok(!other, "the handle is %p", other);
    status_is(load(L"\\Registry\\A\\two", L"app.dat", APP_HIVE, &other), STATUS_SUCCESS);
    ok(get_number(other, L"number") == 7, "another hive: %ld", get_number(other, L"number"));
    status_is(load(L"\\Registry\\A\\one", L"app2.dat", APP_HIVE, &other2),
              STATUS_OBJECT_NAME_COLLISION);

    NtClose(root);
    NtClose(other);
    ok(get_number(key, L"deep") == 8, "unloaded under a handle");
    NtClose(key);
}

/* What was written is in the file when the last handle is closed. */
static void test_app_hive_is_kept(void)
{
    HANDLE root = NULL, key = NULL, other = NULL;

    if (under_stock)
        return;
    status_is(load(L"\\Registry\\A\\kept", L"kept.dat", APP_HIVE | PROCESS_PRIVATE, &root),
              STATUS_SUCCESS);
    status_is(create_under(&key, root, L"below", KEY_ALL_ACCESS), STATUS_SUCCESS);
    NtClose(root);
    status_is(set_number(key, L"deep", 8), STATUS_SUCCESS);
    status_is(load(L"\\Registry\\A\\kept2", L"kept.dat", APP_HIVE, &other),
              STATUS_SHARING_VIOLATION);
    NtClose(key);

    status_is(load(L"\\Registry\\A\\other name", L"kept.dat", APP_HIVE | OPEN_READ_ONLY, &root),
              STATUS_SUCCESS);
    status_is(open_under(&key, root, L"below", KEY_ALL_ACCESS), STATUS_SUCCESS);
    ok(get_number(key, L"deep") == 8, "lost: %ld", get_number(key, L"deep"));
    status_is(set_number(key, L"deep", 9), STATUS_ACCESS_DENIED);
    status_is(create_under(&other, root, L"new", KEY_ALL_ACCESS), STATUS_ACCESS_DENIED);
    status_is(create_under(&other, root, L"below", KEY_ALL_ACCESS), STATUS_SUCCESS);
    NtClose(other);
    status_is(NtDeleteKey(key), STATUS_ACCESS_DENIED);
    NtClose(key);
    NtClose(root);
    status_is(load(L"\\Registry\\A\\none", L"no such file.dat", APP_HIVE | OPEN_READ_ONLY, &root),
              STATUS_OBJECT_NAME_NOT_FOUND);
    ok(!exists(L"no such file.dat"), "the file was made");
}

static NTSTATUS save(HANDLE key, const WCHAR *name)
{
    HANDLE file = CreateFileW(in_folder(name) + 4, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    NTSTATUS status = NtSaveKey(key, file);

    NtClose(file);
    return status;
}

static void test_load_and_unload(void)
{
    static const WCHAR loaded[] = L"\\Registry\\Machine\\pwk-loaded";
    HANDLE key, root = (HANDLE)0xdead;

    status_is(create_under(&key, NULL, place, KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(set_number(key, L"number", 1), STATUS_SUCCESS);
    status_is(save(key, L"hive.dat"), STATUS_SUCCESS);
    status_is(NtDeleteKey(key), STATUS_SUCCESS);
    NtClose(key);

    beyond_stock
    {
        status_is(load(loaded, L"hive.dat", 0, &root), STATUS_INVALID_PARAMETER_7);
        status_is(load(loaded, L"hive.dat", PROCESS_PRIVATE, NULL), STATUS_INVALID_PARAMETER);
        status_is(load(loaded, L"hive.dat", 1, NULL), STATUS_INVALID_PARAMETER);
        status_is(load(loaded, L"hive.dat", OPEN_HANDLE, NULL), STATUS_INVALID_PARAMETER_7);
    }
    if (under_stock)
        return; /* which has loaded it four times over */
    status_is(load(loaded, L"hive.dat", OPEN_HANDLE, &root), STATUS_SUCCESS);
    ok(get_number(root, L"number") == 1, "number: %ld", get_number(root, L"number"));
    status_is(set_number(root, L"number", 2), STATUS_SUCCESS);
    status_is(unload(loaded), STATUS_CANNOT_DELETE);
    NtClose(root);
    status_is(unload(loaded), STATUS_SUCCESS);
    status_is(open_under(&key, NULL, loaded, KEY_READ), STATUS_OBJECT_NAME_NOT_FOUND);
    status_is(load(loaded, L"hive.dat", OPEN_HANDLE | OPEN_READ_ONLY, &root), STATUS_SUCCESS);
    ok(get_number(root, L"number") == 2, "changes are lost: %ld", get_number(root, L"number"));
    status_is(set_number(root, L"number", 3), STATUS_ACCESS_DENIED);
    NtClose(root);
    status_is(unload(loaded), STATUS_SUCCESS);

    /* "NtUnloadKey" in Wine 10's advapi32:registry: what the system loaded stays. */
    status_is(unload(L"\\Registry\\User\\.Default"), STATUS_ACCESS_DENIED);
    status_is(unload(L"\\Registry\\Machine\\Software"), STATUS_ACCESS_DENIED);
    status_is(unload(L"\\Registry\\Machine\\Software\\Microsoft"), STATUS_INVALID_PARAMETER);

    hold_privileges(0);
    status_is(load(loaded, L"hive.dat", 0, NULL), STATUS_PRIVILEGE_NOT_HELD);
    status_is(unload(loaded), STATUS_PRIVILEGE_NOT_HELD);
    hold_privileges(1);
}

static NTSTATUS replace(const WCHAR *new, HANDLE key, const WCHAR *old)
{
    OBJECT_ATTRIBUTES source, target;
    UNICODE_STRING source_string, target_string;

    return NtReplaceKey(name_attributes(&source, &source_string, NULL, in_folder(new)), key,
                        name_attributes(&target, &target_string, NULL, in_folder(old)));
}

/* The loaded hive goes on under the old name; the next load finds the new one. */
static void test_replace(void)
{
    static const WCHAR loaded[] = L"\\Registry\\Machine\\pwk-replaced";
    HANDLE root, key, file;

    if (under_stock)
        return; /* it says that it did */
    status_is(create_under(&key, NULL, place, KEY_ALL_ACCESS), STATUS_SUCCESS);
    set_number(key, L"number", 1);
    status_is(save(key, L"first.dat"), STATUS_SUCCESS);
    set_number(key, L"number", 2);
    status_is(save(key, L"second.dat"), STATUS_SUCCESS);
    status_is(replace(L"second.dat", key, L"old.dat"), STATUS_INVALID_PARAMETER);
    NtDeleteKey(key);
    NtClose(key);

    status_is(load(loaded, L"first.dat", OPEN_HANDLE, &root), STATUS_SUCCESS);
    file = CreateFileW(in_folder(L"junk.dat") + 4, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    ok(WriteFile(file, "no hive at all", 14, &(DWORD){0}, NULL), "the file cannot be written");
    CloseHandle(file);
    status_is(replace(L"junk.dat", root, L"old.dat"), STATUS_NOT_REGISTRY_FILE);
    ok(!exists(L"old.dat"), "a refused call left a file");
    status_is(replace(L"second.dat", root, L"junk.dat"), STATUS_OBJECT_NAME_COLLISION);
    status_is(replace(L"second.dat", root, L"old.dat"), STATUS_SUCCESS);
    ok(get_number(root, L"number") == 1, "replaced at once: %ld", get_number(root, L"number"));
    status_is(set_number(root, L"number", 11), STATUS_SUCCESS);
    ok(!exists(L"second.dat"), "the new file is still under its own name");
    NtClose(root);
    status_is(unload(loaded), STATUS_SUCCESS);
    status_is(load(loaded, L"first.dat", OPEN_HANDLE, &root), STATUS_SUCCESS);
    ok(get_number(root, L"number") == 2, "not replaced: %ld", get_number(root, L"number"));
    NtClose(root);
    status_is(unload(loaded), STATUS_SUCCESS);
    status_is(load(loaded, L"old.dat", OPEN_HANDLE, &root), STATUS_SUCCESS);
    ok(get_number(root, L"number") == 11, "the old hive: %ld", get_number(root, L"number"));
    NtClose(root);
    status_is(unload(loaded), STATUS_SUCCESS);
}

static void test_restore(void)
{
    HANDLE key, child, file;

    if (under_stock)
        return; /* it says that it did */
    status_is(create_under(&key, NULL, place, KEY_ALL_ACCESS), STATUS_SUCCESS);
    set_number(key, L"number", 1);
    status_is(save(key, L"restore.dat"), STATUS_SUCCESS);
    set_number(key, L"number", 2);
    status_is(create_under(&child, key, L"child", KEY_ALL_ACCESS), STATUS_SUCCESS);
    file =
        CreateFileW(in_folder(L"restore.dat") + 4, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    status_is(NtRestoreKey(key, file, 2), STATUS_INVALID_PARAMETER);
    status_is(NtRestoreKey(key, file, 0), STATUS_CANNOT_DELETE);
    status_is(NtRestoreKey(key, file, 8), STATUS_SUCCESS);
    ok(get_number(key, L"number") == 1, "not restored: %ld", get_number(key, L"number"));
    status_is(set_number(child, L"number", 1), STATUS_KEY_DELETED);
    NtClose(child);
    NtClose(file);
    NtDeleteKey(key);
    NtClose(key);
}

static void remove_files(void)
{
    static const WCHAR *const names[] = {L"app.dat",  L"app2.dat",    L"kept.dat",
                                         L"hive.dat", L"first.dat",   L"junk.dat",
                                         L"old.dat",  L"restore.dat", L"survivor.dat"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        DeleteFileW(in_folder(names[i]) + 4);
    ok(RemoveDirectoryW(folder), "files are left: %lu", GetLastError());
}

/* key_hives write: writes to an application hive and waits to be killed. key_hives read: what was
 * acknowledged is there. */
static int survive(const char *what)
{
    HANDLE root = NULL;

    status_is(load(L"\\Registry\\A\\survivor", L"survivor.dat", APP_HIVE, &root), STATUS_SUCCESS);
    if (!strcmp(what, "write")) {
        status_is(set_number(root, L"number", 77), STATUS_SUCCESS);
        printf("ready\n");
        getchar();
    }
    ok(get_number(root, L"number") == 77, "lost: %ld", get_number(root, L"number"));
    NtClose(root);
    if (!strcmp(what, "remove"))
        remove_files();
    return report();
}

int main(int argc, char **argv)
{
    begin_unit(argc, argv);
    GetTempPathW(MAX_PATH, folder);
    wcscat(folder, L"pwk-key-hives");
    CreateDirectoryW(folder, NULL);
    if (argc > 1 && !under_stock)
        return survive(argv[1]);
    test_app_hive();
    test_app_hive_is_kept();
    hold_privileges(1);
    test_load_and_unload();
    test_replace();
    test_restore();
    if (!under_stock)
        remove_files();
    return report();
}
