/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * win32_registry.c - an ordinary Windows program that knows nothing of pwk and uses documented
 * calls which Wine's own DLLs have as stubs or not at all: application hives and the registry's
 * transactions, imported from advapi32.dll and ktmw32.dll and found there by GetProcAddress.
 * Sources: "RegLoadAppKeyW function (winreg.h)", "RegCreateKeyTransactedW function",
 * "RegOpenKeyTransactedW function", "RegDeleteKeyTransactedW function", "CreateTransaction function
 * (ktmw32.h)". Works in the current folder and below HKCU\Software\pwk-win32-registry.
 */
#define _WIN32_WINNT 0x0601
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <ktmw32.h>

/* mingw's winerror.h lacks those of transactions. */
#define TRANSACTIONAL_CONFLICT 6800
#define TRANSACTION_NOT_ACTIVE 6701
#define ALREADY_ABORTED 6704
#define ALREADY_COMMITTED 6705

#define BASE L"Software\\pwk-win32-registry"
#define BASE_A "Software\\pwk-win32-registry"

static int failures;

static void check(int right, const char *what, long got)
{
    if (!right) {
        failures++;
        printf("wrong: %s (%ld)\n", what, got);
    }
}

#define EXPECT(expected, call)                                                                     \
    do {                                                                                           \
        LONG got_ = (LONG)(call);                                                                  \
        check(got_ == (LONG)(expected), #call, got_);                                              \
    } while (0)

#define EXPECT_FAILURE(error, call)                                                                \
    do {                                                                                           \
        SetLastError(0);                                                                           \
        check(!(call), #call, 1);                                                                  \
        check(GetLastError() == (error), #call, (long)GetLastError());                             \
    } while (0)

static LONG set(HKEY key, const WCHAR *name, DWORD number)
{
    return RegSetValueExW(key, name, 0, REG_DWORD, (const BYTE *)&number, sizeof(number));
}

/* The number, or -1 where there is none. */
static long get(HKEY key, const WCHAR *name)
{
    DWORD number = 0, size = sizeof(number);

    return RegQueryValueExW(key, name, NULL, NULL, (BYTE *)&number, &size) ? -1 : (long)number;
}

/* ---- application hives ---- */

static void check_app_keys(void)
{
    HKEY key = NULL, second = NULL, sub = NULL;
    WCHAR path[MAX_PATH];

    EXPECT(ERROR_INVALID_PARAMETER, RegLoadAppKeyW(NULL, &key, KEY_READ, 0, 0));
    EXPECT(ERROR_INVALID_PARAMETER, RegLoadAppKeyW(L"app.dat", &key, KEY_READ, 0, 1));
    EXPECT(ERROR_INVALID_PARAMETER, RegLoadAppKeyW(L"app.dat", &key, KEY_READ, 8, 0));
    EXPECT(0, RegLoadAppKeyW(L"app.dat", &key, KEY_ALL_ACCESS, 0, 0));
    check(GetFileAttributesW(L"app.dat") != INVALID_FILE_ATTRIBUTES, "the file is made", 0);
    EXPECT(0, RegCreateKeyExW(key, L"Sub\\Deep", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &sub, NULL));
    EXPECT(0, set(sub, L"number", 42));
    /* The same hive by its full path and in ANSI; not for one process alone while it is loaded. */
    GetFullPathNameW(L"app.dat", MAX_PATH, path, NULL);
    EXPECT(0, RegLoadAppKeyW(path, &second, KEY_READ, 0, 0));
    RegCloseKey(second);
    EXPECT(0, RegLoadAppKeyA("app.dat", &second, KEY_READ, 0, 0));
    check(get(second, L"none") == -1, "no such value", 0);
    EXPECT(ERROR_ACCESS_DENIED, set(second, L"number", 1));
    RegCloseKey(second);
    EXPECT(ERROR_SHARING_VIOLATION,
           RegLoadAppKeyW(L"app.dat", &second, KEY_READ, REG_PROCESS_APPKEY, 0));
    RegCloseKey(sub);
    RegCloseKey(key);
    /* The last handle is closed: what was written is in the file alone. */
    EXPECT(0, RegLoadAppKeyW(L"app.dat", &key, KEY_READ, REG_PROCESS_APPKEY, 0));
    EXPECT(0, RegOpenKeyExW(key, L"Sub\\Deep", 0, KEY_READ, &sub));
    check(get(sub, L"number") == 42, "what was written", get(sub, L"number"));
    RegCloseKey(sub);
    RegCloseKey(key);
    DeleteFileW(L"app.dat");
}

/* ---- transactions ---- */

static HANDLE begin(void)
{
    WCHAR description[] = L"a test";
    HANDLE transaction = CreateTransaction(NULL, NULL, 0, 0, 0, INFINITE, description);

    check(transaction != INVALID_HANDLE_VALUE, "CreateTransaction", (long)GetLastError());
    return transaction;
}

static void check_commit(HKEY base)
{
    HANDLE transaction = begin();
    HKEY made = NULL, opened = NULL, plain = NULL;
    DWORD disposition = 0;

    EXPECT(0,
           RegCreateKeyTransactedW(HKEY_CURRENT_USER, BASE L"\\One\\Two", 0, NULL, 0,
                                   KEY_ALL_ACCESS, NULL, &made, &disposition, transaction, NULL));
    check(disposition == REG_CREATED_NEW_KEY, "disposition", (long)disposition);
    EXPECT(0, set(made, L"v", 1));
    EXPECT(ERROR_FILE_NOT_FOUND, RegOpenKeyExW(base, L"One", 0, KEY_READ, &plain));
    EXPECT(0, RegOpenKeyTransactedW(base, L"One\\Two", 0, KEY_READ, &opened, transaction, NULL));
    check(get(opened, L"v") == 1, "seen inside", 0);
    RegCloseKey(opened);
    EXPECT(0, RegOpenKeyTransactedA(HKEY_CURRENT_USER, BASE_A "\\One\\Two", 0, KEY_READ, &opened,
                                    transaction, NULL));
    check(get(opened, L"v") == 1, "seen inside (A)", 0);
    RegCloseKey(opened);
    check(CommitTransaction(transaction), "commit", (long)GetLastError());
    EXPECT_FAILURE(ALREADY_COMMITTED, CommitTransaction(transaction));
    EXPECT(TRANSACTION_NOT_ACTIVE,
           RegOpenKeyTransactedW(base, L"One", 0, KEY_READ, &opened, transaction, NULL));
    EXPECT(0, RegOpenKeyExW(base, L"One\\Two", 0, KEY_READ, &plain));
    check(get(plain, L"v") == 1, "committed", get(plain, L"v"));
    RegCloseKey(plain);
    RegCloseKey(made);
    CloseHandle(transaction);
}

static void check_delete(HKEY base)
{
    HANDLE transaction = begin();
    HKEY key = NULL;

    EXPECT(ERROR_ACCESS_DENIED, RegDeleteKeyTransactedW(base, L"One", 0, 0, transaction, NULL));
    EXPECT(0, RegDeleteKeyTransactedA(base, "One\\Two", 0, 0, transaction, NULL));
    EXPECT(0, RegDeleteKeyTransactedW(base, L"One", 0, 0, transaction, NULL));
    EXPECT(ERROR_FILE_NOT_FOUND,
           RegOpenKeyTransactedW(base, L"One", 0, KEY_READ, &key, transaction, NULL));
    EXPECT(0, RegOpenKeyExW(base, L"One", 0, KEY_READ, &key));
    RegCloseKey(key);
    check(RollbackTransaction(transaction), "rollback", (long)GetLastError());
    EXPECT_FAILURE(ALREADY_ABORTED, CommitTransaction(transaction));
    EXPECT(0, RegOpenKeyExW(base, L"One\\Two", 0, KEY_READ, &key));
    RegCloseKey(key);
    CloseHandle(transaction);
    EXPECT(ERROR_INVALID_HANDLE, RegDeleteKeyTransactedW(base, L"One", 0, 0, transaction, NULL));
    EXPECT(ERROR_INVALID_PARAMETER, RegDeleteKeyTransactedW(base, NULL, 0, 0, transaction, NULL));
}

static void check_conflict(HKEY base)
{
    HANDLE first = begin(), second = begin();
    HKEY one = NULL, other = NULL;

    EXPECT(0, RegCreateKeyTransactedA(base, "Shared", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &one, NULL,
                                      first, NULL));
    EXPECT(TRANSACTIONAL_CONFLICT,
           RegCreateKeyTransactedA(base, "Shared", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &other, NULL,
                                   second, NULL));
    RegCloseKey(one);
    CloseHandle(first); /* the last handle: rolled back */
    EXPECT(ERROR_FILE_NOT_FOUND, RegOpenKeyExW(base, L"Shared", 0, KEY_READ, &one));
    CloseHandle(second);
}

/* As the calls without a transaction have it. */
static void check_views(void)
{
    HANDLE transaction = begin();
    HKEY key = NULL, plain = NULL;

    EXPECT(0, RegCreateKeyTransactedW(HKEY_LOCAL_MACHINE, L"Software\\pwk-view", 0, NULL, 0,
                                      KEY_ALL_ACCESS | KEY_WOW64_32KEY, NULL, &key, NULL,
                                      transaction, NULL));
    RegCloseKey(key);
    check(CommitTransaction(transaction), "commit", (long)GetLastError());
    CloseHandle(transaction);
    EXPECT(0, RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software\\Wow6432Node\\pwk-view", 0, KEY_READ,
                            &plain));
    RegCloseKey(plain);
    EXPECT(ERROR_FILE_NOT_FOUND,
           RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software\\pwk-view", 0, KEY_READ, &plain));
    transaction = begin();
    EXPECT(0, RegDeleteKeyTransactedW(HKEY_LOCAL_MACHINE, L"Software\\pwk-view", KEY_WOW64_32KEY, 0,
                                      transaction, NULL));
    check(CommitTransaction(transaction), "commit", (long)GetLastError());
    CloseHandle(transaction);
}

static void check_information(void)
{
    HANDLE transaction = begin(), opened;
    DWORD outcome = 0, milliseconds = 1;
    WCHAR text[MAX_TRANSACTION_DESCRIPTION_LENGTH + 1] = L"";
    GUID unit = {0};

    check(GetTransactionId(transaction, &unit), "GetTransactionId", (long)GetLastError());
    opened = OpenTransaction(TRANSACTION_ALL_ACCESS, &unit);
    check(opened != INVALID_HANDLE_VALUE, "OpenTransaction", (long)GetLastError());
    check(GetTransactionInformation(opened, &outcome, NULL, NULL, &milliseconds, ARRAYSIZE(text),
                                    text),
          "GetTransactionInformation", (long)GetLastError());
    check(outcome == 1 && milliseconds == 0 && !wcscmp(text, L"a test"), "information",
          (long)outcome);
    EXPECT_FAILURE(ERROR_BUFFER_OVERFLOW,
                   GetTransactionInformation(opened, NULL, NULL, NULL, NULL, 6, text));
    check(RollbackTransactionAsync(opened), "RollbackTransactionAsync", (long)GetLastError());
    EXPECT_FAILURE(ALREADY_ABORTED, CommitTransactionAsync(transaction));
    CloseHandle(opened);
    CloseHandle(transaction);
    SetLastError(0);
    check(CreateTransaction(NULL, NULL, 0, 7, 0, 0, NULL) == INVALID_HANDLE_VALUE &&
              GetLastError() == ERROR_INVALID_PARAMETER,
          "isolation level", (long)GetLastError());
}

/* ---- the same by name ---- */

static void check_by_name(void)
{
    static const char *const names[] = {
        "RegCreateKeyTransactedA", "RegCreateKeyTransactedW", "RegDeleteKeyTransactedA",
        "RegDeleteKeyTransactedW", "RegLoadAppKeyA",          "RegLoadAppKeyW",
        "RegOpenKeyTransactedA",   "RegOpenKeyTransactedW",
    };
    HMODULE advapi32 = GetModuleHandleA("advapi32.dll");
    HMODULE kernelbase = GetModuleHandleA("kernelbase.dll");
    LONG(WINAPI * load)(const char *, HKEY *, REGSAM, DWORD, DWORD);
    HKEY key = NULL;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check(GetProcAddress(advapi32, names[i]) != NULL, names[i], (long)GetLastError());
    /* What was there before still is, by name and led on to other DLLs. */
    check(GetProcAddress(advapi32, "RegOpenKeyExW") != NULL, "RegOpenKeyExW", 0);
    check(GetProcAddress(advapi32, "SystemFunction036") != NULL, "SystemFunction036", 0);
    check(GetProcAddress(advapi32, "EventRegister") ==
              GetProcAddress(GetModuleHandleA("ntdll.dll"), "EtwEventRegister"),
          "EventRegister", 0);
    check(GetProcAddress(kernelbase, "CreateFileW") != NULL, "CreateFileW", 0);
    check(GetProcAddress(advapi32, "RegLoadAppKey") == NULL, "RegLoadAppKey", 0);
    load = (void *)GetProcAddress(kernelbase, "RegLoadAppKeyA");
    EXPECT(0, load("by name.dat", &key, KEY_ALL_ACCESS, 0, 0));
    EXPECT(0, set(key, L"v", 3));
    RegCloseKey(key);
    DeleteFileA("by name.dat");
}

/* What no Wine's ntdll has ("ZwSaveKeyEx function (wdm.h)", "NtQueryOpenSubKeys"). */
static void check_nt_services(HKEY base)
{
    static const char *const names[] = {
        "NtCompactKeys",     "NtCompressKey",        "NtCreateTransaction", "NtLockRegistryKey",
        "NtOpenTransaction", "NtQueryOpenSubKeysEx", "NtSaveKeyEx",         "NtSaveMergedKeys",
        "NtUnloadKey2",      "NtUnloadKeyEx",
    };
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    LONG(NTAPI * save)(HANDLE, HANDLE, ULONG) = (void *)GetProcAddress(ntdll, "NtSaveKeyEx");
    LONG(NTAPI * compact)(ULONG, HANDLE *) = (void *)GetProcAddress(ntdll, "NtCompactKeys");
    HANDLE keys[] = {base};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check(GetProcAddress(ntdll, names[i]) != NULL, names[i], (long)GetLastError());
    check(GetProcAddress(ntdll, "NtClose") != NULL, "NtClose", 0);
    EXPECT(0, compact(1, keys));
    EXPECT((LONG)0xc000000d, save(base, base, 77));
}

int main(void)
{
    HKEY base = NULL;

    if (RegCreateKeyExW(HKEY_CURRENT_USER, BASE, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &base, NULL))
        return 2;
    check_app_keys();
    check_commit(base);
    check_delete(base);
    check_conflict(base);
    check_views();
    check_information();
    check_by_name();
    check_nt_services(base);
    RegDeleteTreeW(base, NULL);
    printf("%d wrong\n", failures);
    return failures != 0;
}
