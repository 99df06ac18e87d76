/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transactions.c - a Windows program that changes the registry in transactions, through ntdll's
 * keys, advapi32's calls on their handles, and the transactions of ntdll or, where Wine's lacks
 * them, of pwk.dll. Below HKCU\Software\pwk-transactions.
 *
 *   transactions check     all there is to see within one process; 0 where all of it is right
 *   transactions hold      changes in a transaction that it never ends; prints a line, then sleeps
 *   transactions conflict  the status of a write to what `hold` has changed: prints it
 *   transactions show      prints the value "held" or "none"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

#define TRANSACTIONAL_CONFLICT ((NTSTATUS)0xc0190001)
#define TRANSACTION_NOT_ACTIVE ((NTSTATUS)0xc0190003)
#define ALREADY_ABORTED ((NTSTATUS)0xc0190015)
#define ALREADY_COMMITTED ((NTSTATUS)0xc0190016)
#define TRANSACTION_NOT_FOUND ((NTSTATUS)0xc019004e)
#define NAME_NOT_FOUND ((NTSTATUS)0xc0000034)
#define HANDLE_IS_INVALID ((NTSTATUS)0xc0000008)
#define KEY_IS_DELETED ((NTSTATUS)0xc000017c)

static const WCHAR base_path[] = L"Software\\pwk-transactions";

static NTSTATUS(NTAPI *create_transaction)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, GUID *,
                                           HANDLE, ULONG, ULONG, ULONG, LARGE_INTEGER *,
                                           UNICODE_STRING *);
static NTSTATUS(NTAPI *open_transaction)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, GUID *,
                                         HANDLE);
static NTSTATUS(NTAPI *commit_transaction)(HANDLE, BOOLEAN);
static NTSTATUS(NTAPI *rollback_transaction)(HANDLE, BOOLEAN);
static NTSTATUS(NTAPI *query_transaction)(HANDLE, int, void *, ULONG, ULONG *);
static NTSTATUS(NTAPI *create_key)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, ULONG,
                                   UNICODE_STRING *, ULONG, HANDLE, ULONG *);
static NTSTATUS(NTAPI *open_key)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, HANDLE);
static NTSTATUS(NTAPI *open_key_ex)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, ULONG, HANDLE);
static NTSTATUS(NTAPI *delete_key)(HANDLE);
static NTSTATUS(NTAPI *open_plain)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);

static int failures;

static void check(int right, const char *what, long got)
{
    if (!right) {
        failures++;
        printf("wrong: %s (%lx)\n", what, (unsigned long)got);
    }
}

#define EXPECT(expected, call)                                                                     \
    do {                                                                                           \
        NTSTATUS got_ = (NTSTATUS)(call);                                                          \
        check(got_ == (NTSTATUS)(expected), #call, got_);                                          \
    } while (0)

static void *find(const char *name)
{
    void *found = (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), name);

    if (!found)
        found = (void *)GetProcAddress(LoadLibraryA("pwk.dll"), name);
    if (!found) {
        printf("%s: nobody has it\n", name);
        exit(2);
    }
    return found;
}

static void find_all(void)
{
    create_transaction = find("NtCreateTransaction");
    open_transaction = find("NtOpenTransaction");
    commit_transaction = find("NtCommitTransaction");
    rollback_transaction = find("NtRollbackTransaction");
    query_transaction = find("NtQueryInformationTransaction");
    create_key = find("NtCreateKeyTransacted");
    open_key = find("NtOpenKeyTransacted");
    open_key_ex = find("NtOpenKeyTransactedEx");
    delete_key = find("NtDeleteKey");
    open_plain = find("NtOpenKey");
}

static OBJECT_ATTRIBUTES *named(HANDLE root, const WCHAR *name)
{
    static OBJECT_ATTRIBUTES attributes;
    static UNICODE_STRING string;

    RtlInitUnicodeString(&string, name);
    InitializeObjectAttributes(&attributes, &string, OBJ_CASE_INSENSITIVE, root, NULL);
    return &attributes;
}

static HANDLE begin(void)
{
    HANDLE transaction = NULL;

    EXPECT(0, create_transaction(&transaction, 0, NULL, NULL, NULL, 0, 0, 0, NULL, NULL));
    return transaction;
}

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

static HKEY open_base(void)
{
    HKEY base = NULL;

    if (RegCreateKeyExW(HKEY_CURRENT_USER, base_path, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &base,
                        NULL))
        exit(2);
    return base;
}

/* Seen inside, not outside; then by all. */
static void check_commit(HKEY base)
{
    HANDLE transaction = begin(), inside = NULL, sub = NULL, plain = NULL, watched;
    ULONG disposition = 0;
    DWORD subkeys = 9;

    watched = CreateEventW(NULL, TRUE, FALSE, NULL);
    check(RegNotifyChangeKeyValue(base, TRUE, REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET,
                                  watched, TRUE) == 0,
          "watch", 0);
    EXPECT(0, open_key(&inside, KEY_ALL_ACCESS, named(base, L""), transaction));
    EXPECT(0, create_key(&sub, KEY_ALL_ACCESS, named(inside, L"Sub"), 0, NULL, 0, transaction,
                         &disposition));
    check(disposition == REG_CREATED_NEW_KEY, "disposition", disposition);
    check(set(inside, L"v", 1) == 0 && set(sub, L"v", 2) == 0, "set inside", 0);
    check(get(inside, L"v") == 1 && get(sub, L"v") == 2, "get inside", 0);
    RegQueryInfoKeyW(inside, NULL, NULL, NULL, &subkeys, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    check(subkeys == 1, "subkeys inside", subkeys);
    RegQueryInfoKeyW(base, NULL, NULL, NULL, &subkeys, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    check(subkeys == 0, "subkeys outside", subkeys);
    check(get(base, L"v") == -1, "get outside", 0);
    EXPECT(NAME_NOT_FOUND, open_plain(&plain, KEY_READ, named(base, L"Sub")));
    /* A plain open below a key of a transaction is outside it. */
    EXPECT(NAME_NOT_FOUND, open_plain(&plain, KEY_READ, named(inside, L"Sub")));
    EXPECT(0, open_key_ex(&plain, KEY_READ, named(inside, L"Sub"), 0, transaction));
    NtClose(plain);
    check(WaitForSingleObject(watched, 0) == WAIT_TIMEOUT, "told too early", 0);
    check(WaitForSingleObject(transaction, 0) == WAIT_TIMEOUT, "outcome known too early", 0);
    EXPECT(0, commit_transaction(transaction, TRUE));
    check(WaitForSingleObject(watched, 10000) == WAIT_OBJECT_0, "not told", 0);
    check(WaitForMultipleObjects(1, &transaction, TRUE, 0) == WAIT_OBJECT_0, "outcome unknown", 0);
    check(get(base, L"v") == 1, "committed", get(base, L"v"));
    EXPECT(0, open_plain(&plain, KEY_READ, named(base, L"Sub")));
    check(get(plain, L"v") == 2, "committed below", 0);
    EXPECT(ALREADY_COMMITTED, commit_transaction(transaction, TRUE));
    check(set(inside, L"w", 1) != 0 && get(inside, L"v") == -1, "use after the end", 0);
    EXPECT(TRANSACTION_NOT_ACTIVE, open_key(&sub, KEY_READ, named(base, L""), transaction));
    NtClose(plain);
    NtClose(inside);
    NtClose(transaction);
    CloseHandle(watched);
    EXPECT(HANDLE_IS_INVALID, NtClose(transaction));
}

/* Rolled back: by a call, by the last close, and by a write outside. */
static void check_rollback(HKEY base)
{
    for (int how = 0; how < 3; how++) {
        HANDLE transaction = begin(), inside = NULL, copy = NULL, sub = NULL;

        EXPECT(0, create_key(&inside, KEY_ALL_ACCESS, named(base, L""), 0, NULL, 0, transaction,
                             NULL));
        EXPECT(0, open_key(&sub, KEY_ALL_ACCESS, named(base, L"sub"), transaction));
        EXPECT(0, delete_key(sub));
        EXPECT(KEY_IS_DELETED, open_key(&copy, KEY_READ, named(sub, L"x"), transaction));
        check(set(inside, L"back", 1) == 0, "set inside", how);
        if (how == 0) {
            EXPECT(0, rollback_transaction(transaction, TRUE));
            EXPECT(ALREADY_ABORTED, commit_transaction(transaction, TRUE));
        } else if (how == 1) {
            check(DuplicateHandle(GetCurrentProcess(), transaction, GetCurrentProcess(), &copy, 0,
                                  FALSE, DUPLICATE_SAME_ACCESS),
                  "duplicate", (long)GetLastError());
            NtClose(transaction);
            check(get(inside, L"back") == 1, "alive by its second handle", 0);
            transaction = copy;
        } else {
            check(set(base, L"outside", 7) == 0, "a write outside", 0);
            EXPECT(ALREADY_ABORTED, commit_transaction(transaction, TRUE));
            check(get(base, L"outside") == 7, "the write outside stays", 0);
        }
        NtClose(transaction);
        check(get(inside, L"back") == -1 && get(base, L"back") == -1, "rolled back", how);
        NtClose(inside);
        NtClose(sub);
        EXPECT(0, open_plain(&sub, KEY_READ, named(base, L"Sub")));
        NtClose(sub);
    }
}

static void check_objects(HKEY base)
{
    GUID unit = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}}, other = {0};
    struct {
        GUID unit;
        ULONG state, outcome;
    } basic = {0};
    struct {
        ULONG level, flags;
        LONGLONG timeout;
        ULONG outcome, length;
        WCHAR text[64];
    } properties = {0};
    struct {
        UNICODE_STRING name;
        ULONG rest[22];
        WCHAR text[16];
    } type = {{0}};
    HANDLE first = NULL, second = NULL, key = NULL;
    UNICODE_STRING text;
    ULONG size = 0;

    RtlInitUnicodeString(&text, L"a test");
    EXPECT(0, create_transaction(&first, 0x1f003f, NULL, &unit, NULL, 0, 0, 0, NULL, &text));
    EXPECT(0, query_transaction(first, 0, &basic, sizeof(basic), &size));
    check(!memcmp(&basic.unit, &unit, sizeof(unit)) && basic.outcome == 1, "basic",
          (long)basic.outcome);
    EXPECT(0, query_transaction(first, 1, &properties, sizeof(properties), &size));
    check(properties.length == 12 && !wcscmp(properties.text, L"a test"), "properties",
          (long)properties.length);
    EXPECT(0xc0000004, query_transaction(first, 0, &basic, 8, &size));
    EXPECT(0, open_transaction(&second, 0x1f003f, NULL, &unit, NULL));
    EXPECT(TRANSACTION_NOT_FOUND, open_transaction(&key, 0x1f003f, NULL, &other, NULL));
    EXPECT(0, rollback_transaction(second, FALSE));
    EXPECT(0, query_transaction(first, 0, &basic, sizeof(basic), &size));
    check(basic.outcome == 3, "outcome", (long)basic.outcome);
    EXPECT(0, NtQueryObject(first, 2, &type, sizeof(type), &size));
    check(type.name.Length == 8 && !memcmp(type.name.Buffer, L"TmTx", 8), "type", 0);
    NtClose(first);
    NtClose(second);
    EXPECT(HANDLE_IS_INVALID,
           create_key(&key, KEY_READ, named(base, L"x"), 0, NULL, 0, (HANDLE)0x1234, NULL));
    EXPECT(HANDLE_IS_INVALID, commit_transaction((HANDLE)0x44003ffc, TRUE));
    EXPECT(0xc000000d, create_transaction(&first, 0, NULL, NULL, NULL, 0, 7, 0, NULL, NULL));
    EXPECT(0xc0000005, create_transaction(&first, 0, NULL, (GUID *)16, NULL, 0, 0, 0, NULL, NULL));
    EXPECT(0, create_transaction(&first, 0x1, NULL, NULL, NULL, 0, 0, 0, NULL, NULL));
    EXPECT(0xc0000022, commit_transaction(first, TRUE));
    NtClose(first);
}

/* Loaded again and again, as it may be. */
static HMODULE load_ktmw32(void)
{
    for (int i = 0; i < 20; i++)
        FreeLibrary(LoadLibraryA("ktmw32.dll"));
    return LoadLibraryA("ktmw32.dll");
}

static void check_ktmw32(HKEY base)
{
    HMODULE ktmw32 = load_ktmw32();
    HANDLE(WINAPI * create)
    (void *, GUID *, DWORD, DWORD, DWORD, DWORD, WCHAR *) =
        (void *)GetProcAddress(ktmw32, "CreateTransaction");
    BOOL(WINAPI * commit)(HANDLE) = (void *)GetProcAddress(ktmw32, "CommitTransaction");
    BOOL(WINAPI * rollback)(HANDLE) = (void *)GetProcAddress(ktmw32, "RollbackTransaction");
    WCHAR description[] = L"by ktmw32";

    for (int commits = 0; commits < 2; commits++) {
        HANDLE transaction = create(NULL, NULL, 0, 0, 0, commits ? 60000 : INFINITE, description);
        HANDLE inside = NULL;

        check(transaction != INVALID_HANDLE_VALUE, "CreateTransaction", (long)GetLastError());
        EXPECT(0, open_key(&inside, KEY_ALL_ACCESS, named(base, L""), transaction));
        check(set(inside, L"ktmw32", 5) == 0, "set inside", 0);
        check((commits ? commit : rollback)(transaction), "its end", (long)GetLastError());
        check(!commit(transaction), "its second end", 0);
        check(get(base, L"ktmw32") == (commits ? 5 : -1), "what is left", get(base, L"ktmw32"));
        NtClose(inside);
        CloseHandle(transaction);
    }
}

static HANDLE hold(HKEY base, HKEY *inside)
{
    HANDLE transaction = begin();

    EXPECT(0, open_key((HANDLE *)inside, KEY_ALL_ACCESS, named(base, L""), transaction));
    return transaction;
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    HKEY base = open_base(), inside = NULL;
    HANDLE transaction;

    find_all();
    if (!strcmp(what, "check")) {
        check_commit(base);
        check_rollback(base);
        check_objects(base);
        check_ktmw32(base);
        printf("%d wrong\n", failures);
        return failures != 0;
    }
    if (!strcmp(what, "show")) {
        printf("%ld\n", get(base, L"held"));
        return 0;
    }
    transaction = hold(base, &inside);
    if (!strcmp(what, "conflict")) {
        printf("%ld\n", set(inside, L"held", 2));
        NtClose(transaction);
        return failures;
    }
    if (!strcmp(what, "hold")) {
        if (set(inside, L"held", 1) || get(inside, L"held") != 1 || failures)
            return 1;
        puts("held");
        fflush(stdout);
        Sleep(120000);
        return 1;
    }
    fputs("usage: transactions check|hold|conflict|show\n", stderr);
    return 2;
}
