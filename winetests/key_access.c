/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_access.c - a Windows program that checks what the security descriptor of a key lets a caller
 * do: deny entries, empty and missing lists, the owner's rights, privileges, impersonation, and
 * that a change counts in another process at once. Sources: "How AccessCheck Works", "Registry Key
 * Security and Access Rights", "RegCreateKeyExW function (winreg.h)".
 */
#include "winetests/descriptors.h"

static HANDLE base; /* \Registry\Machine\Software\pwk-key-access */

#define BASE L"\\Registry\\Machine\\Software\\pwk-key-access"
#define OWNERS (READ_CONTROL | WRITE_DAC)

/* A new key whose owner is who the tests run as. */
static HANDLE make(const WCHAR *name)
{
    HANDLE key = NULL;
    BYTE memory[128];

    status_is(create_under(&key, base, name, KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(set_owner(key, token_sid(TokenUser, memory, sizeof(memory))), STATUS_SUCCESS);
    return key;
}

static void drop(HANDLE key)
{
    status_is(NtDeleteKey(key), STATUS_SUCCESS);
    NtClose(key);
}

static void test_denied(void)
{
    HANDLE key = make(L"denied"), copy = NULL, opened;
    struct descriptor with;
    DWORD rights = 0;

    empty_descriptor(&with);
    deny(&with, &everyone, 0, KEY_SET_VALUE);
    allow(&with, &everyone, 0, KEY_ALL_ACCESS);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    status_is(try_open(base, L"denied", KEY_SET_VALUE, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"denied", KEY_ALL_ACCESS, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"denied", GENERIC_WRITE, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"denied", KEY_READ, 0, &rights), STATUS_SUCCESS);
    ok(rights == KEY_READ, "rights %lx", rights);
    status_is(try_open(base, L"denied", GENERIC_READ | KEY_WOW64_64KEY, 0, &rights),
              STATUS_SUCCESS);
    ok((rights & KEY_BITS) == KEY_READ, "rights %lx", rights);
    status_is(try_open(base, L"denied", MAXIMUM_ALLOWED, 0, &rights), STATUS_SUCCESS);
    beyond_stock ok((rights & KEY_BITS) == (KEY_ALL_ACCESS & ~KEY_SET_VALUE), "rights %lx", rights);
    beyond_stock status_is(try_open(base, L"denied", MAXIMUM_ALLOWED | KEY_SET_VALUE, 0, NULL),
                           STATUS_ACCESS_DENIED);
    status_is(create_under(&opened, base, L"denied", KEY_SET_VALUE), STATUS_ACCESS_DENIED);
    beyond_stock status_is(try_open(base, L"denied", 0, 0, NULL), STATUS_SUCCESS);

    /* A handle keeps what it was opened with; a copy with more is asked for anew. */
    status_is(set_number(key, L"value", 1), STATUS_SUCCESS);
    status_is(open_under(&opened, base, L"denied", KEY_READ), STATUS_SUCCESS);
    ok(!DuplicateHandle(GetCurrentProcess(), opened, GetCurrentProcess(), &copy, KEY_SET_VALUE,
                        FALSE, 0),
       "a copy has a right that is denied");
    ok(DuplicateHandle(GetCurrentProcess(), opened, GetCurrentProcess(), &copy, KEY_CREATE_SUB_KEY,
                       FALSE, 0),
       "a copy may not have a right that is granted: %lu", GetLastError());
    ok(rights_of(copy) == KEY_CREATE_SUB_KEY, "rights %lx", rights_of(copy));
    NtClose(copy);
    NtClose(opened);
    drop(key);
}

static void test_empty_list(void)
{
    HANDLE key = make(L"empty"), opened;
    struct descriptor with;
    DWORD rights = 0;

    status_is(create_under(&opened, key, L"below", KEY_ALL_ACCESS), STATUS_SUCCESS);
    empty_descriptor(&with);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    status_is(try_open(base, L"empty", KEY_QUERY_VALUE, 0, NULL), STATUS_ACCESS_DENIED);
    beyond_stock status_is(try_open(base, L"empty", DELETE, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"empty", KEY_READ, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"empty", OWNERS, 0, &rights), STATUS_SUCCESS);
    ok(rights == OWNERS, "rights %lx", rights);
    status_is(try_open(base, L"empty", MAXIMUM_ALLOWED, 0, &rights), STATUS_SUCCESS);
    beyond_stock ok((rights & KEY_BITS) == OWNERS, "rights %lx", rights);

    /* Nor may who is not the owner do anything. */
    status_is(set_owner(key, &replicator), STATUS_SUCCESS);
    status_is(try_open(base, L"empty", READ_CONTROL, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"empty", MAXIMUM_ALLOWED, 0, NULL), STATUS_ACCESS_DENIED);

    /* The way there needs no right. */
    status_is(try_open(base, L"empty\\below", KEY_ALL_ACCESS, 0, NULL), STATUS_SUCCESS);
    drop(opened);
    drop(key);
}

static void test_no_list(void)
{
    HANDLE key = make(L"none");
    struct descriptor with;
    DWORD rights = 0;

    empty_descriptor(&with);
    SetSecurityDescriptorDacl(&with.head, TRUE, NULL, FALSE);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    status_is(set_owner(key, &replicator), STATUS_SUCCESS);
    status_is(try_open(base, L"none", KEY_ALL_ACCESS, 0, &rights), STATUS_SUCCESS);
    ok(rights == KEY_ALL_ACCESS, "rights %lx", rights);
    beyond_stock
    {
        status_is(try_open(base, L"none", MAXIMUM_ALLOWED, 0, &rights), STATUS_SUCCESS);
        ok(rights == KEY_ALL_ACCESS, "rights %lx", rights);
        status_is(try_open(base, L"none", ACCESS_SYSTEM_SECURITY, 0, NULL),
                  STATUS_PRIVILEGE_NOT_HELD);
    }
    drop(key);
}

static void test_bad_lists(void)
{
    HANDLE key = make(L"bad");
    struct descriptor with;
    ACL *list = (ACL *)with.list;
    ACE_HEADER *ace = (ACE_HEADER *)(list + 1);

    empty_descriptor(&with);
    allow(&with, &everyone, 0, KEY_READ);
    ace->AceSize = 0;
    beyond_stock status_is(set_list(key, &with), STATUS_INVALID_ACL);
    ace->AceSize = 0x4000;
    beyond_stock status_is(set_list(key, &with), STATUS_INVALID_ACL);
    ace->AceSize = 20;
    list->AceCount = 200;
    beyond_stock status_is(set_list(key, &with), STATUS_INVALID_ACL);
    beyond_stock status_is(try_open(base, L"bad", KEY_ALL_ACCESS, 0, NULL), STATUS_SUCCESS);
    drop(key);
}

/* The first entry that names a right decides; "OWNER RIGHTS" takes the place of what an owner has
 * anyway. */
static void test_order(void)
{
    HANDLE key = make(L"order");
    struct descriptor with;
    DWORD rights = 0;

    if (under_stock) {
        drop(key);
        return;
    }
    empty_descriptor(&with);
    allow(&with, &everyone, 0, KEY_QUERY_VALUE);
    deny(&with, &everyone, 0, KEY_QUERY_VALUE | KEY_NOTIFY | WRITE_DAC);
    allow(&with, &everyone, 0, KEY_SET_VALUE | KEY_NOTIFY);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    status_is(try_open(base, L"order", KEY_QUERY_VALUE | KEY_SET_VALUE, 0, NULL), STATUS_SUCCESS);
    status_is(try_open(base, L"order", KEY_NOTIFY, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"order", KEY_SET_VALUE | WRITE_DAC, 0, NULL), STATUS_SUCCESS);
    status_is(try_open(base, L"order", MAXIMUM_ALLOWED, 0, &rights), STATUS_SUCCESS);
    ok(rights == (KEY_QUERY_VALUE | KEY_SET_VALUE | OWNERS), "rights %lx", rights);

    empty_descriptor(&with);
    allow(&with, &owner_rights, 0, READ_CONTROL | KEY_NOTIFY);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    status_is(try_open(base, L"order", WRITE_DAC, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"order", READ_CONTROL | KEY_NOTIFY, 0, NULL), STATUS_SUCCESS);
    status_is(try_open(base, L"order", MAXIMUM_ALLOWED, 0, &rights), STATUS_SUCCESS);
    ok(rights == (READ_CONTROL | KEY_NOTIFY), "rights %lx", rights);
    status_is(set_owner(key, &replicator), STATUS_SUCCESS);
    status_is(try_open(base, L"order", READ_CONTROL, 0, NULL), STATUS_ACCESS_DENIED);
    drop(key);
}

/* ---- privileges ---- */

static void test_take_ownership(void)
{
    HANDLE key = make(L"taken"), opened;
    struct descriptor with;
    BYTE memory[128];
    DWORD rights = 0;

    empty_descriptor(&with);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    status_is(set_owner(key, &replicator), STATUS_SUCCESS);
    status_is(try_open(base, L"taken", WRITE_OWNER, 0, NULL), STATUS_ACCESS_DENIED);
    enable(SE_TAKE_OWNERSHIP, 1);
    beyond_stock
    {
        status_is(try_open(base, L"taken", WRITE_OWNER, 0, &rights), STATUS_SUCCESS);
        ok(rights == WRITE_OWNER, "rights %lx", rights);
    }
    status_is(try_open(base, L"taken", WRITE_OWNER | WRITE_DAC, 0, NULL), STATUS_ACCESS_DENIED);
    beyond_stock
    {
        status_is(open_under(&opened, base, L"taken", WRITE_OWNER), STATUS_SUCCESS);
        status_is(set_owner(opened, token_sid(TokenUser, memory, sizeof(memory))), STATUS_SUCCESS);
        NtClose(opened);
        status_is(open_under(&opened, base, L"taken", WRITE_DAC), STATUS_SUCCESS);
        open_up(opened);
        NtClose(opened);
        status_is(try_open(base, L"taken", KEY_READ, 0, NULL), STATUS_SUCCESS);
    }
    enable(SE_TAKE_OWNERSHIP, 0);
    drop(key);
}

static void test_backup(void)
{
    static const struct {
        int backup, restore;
        DWORD rights;
    } cases[] = {{0, 0, 0},
                 {1, 0, KEY_READ | ACCESS_SYSTEM_SECURITY},
                 {0, 1, KEY_WRITE | DELETE | ACCESS_SYSTEM_SECURITY},
                 {1, 1, KEY_READ | KEY_WRITE | DELETE | ACCESS_SYSTEM_SECURITY}};
    HANDLE key, opened = NULL;
    struct descriptor with;

    if (under_stock)
        return; /* which knows nothing of the option */
    key = make(L"backup");
    empty_descriptor(&with);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        NTSTATUS expected = cases[i].rights ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
        DWORD rights = 0;
        enable(SE_BACKUP, cases[i].backup);
        enable(SE_RESTORE, cases[i].restore);
        status_is(try_open(base, L"backup", KEY_NOTIFY, REG_OPTION_BACKUP_RESTORE, &rights),
                  expected);
        ok(rights == cases[i].rights, "case %u: rights %lx", i, rights);
        status_is(
            create_with(&opened, base, L"backup", KEY_NOTIFY, REG_OPTION_BACKUP_RESTORE, NULL),
            expected);
        if (cases[i].rights) {
            ok(rights_of(opened) == cases[i].rights, "case %u: created", i);
            NtClose(opened);
        }
        status_is(create_with(&opened, base, L"backup\\new", 0, REG_OPTION_BACKUP_RESTORE, NULL),
                  cases[i].restore ? STATUS_SUCCESS : STATUS_ACCESS_DENIED);
        if (cases[i].restore)
            drop(opened);
    }
    enable(SE_BACKUP, 0);
    enable(SE_RESTORE, 0);
    /* Neither is of use without the option. */
    status_is(try_open(base, L"backup", KEY_READ, 0, NULL), STATUS_ACCESS_DENIED);
    drop(key);
}

/* ---- whom the thread stands for ---- */

static void test_impersonation(void)
{
    HANDLE key = make(L"impersonated"), token = NULL, restricted = NULL;
    SID_AND_ATTRIBUTES disabled = {(SID *)&administrators, 0};
    struct descriptor with;

    empty_descriptor(&with);
    allow(&with, &administrators, 0, KEY_ALL_ACCESS);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    status_is(set_owner(key, &replicator), STATUS_SUCCESS);
    status_is(try_open(base, L"impersonated", KEY_READ, 0, NULL), STATUS_SUCCESS);

    ok(OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token), "no token");
    ok(CreateRestrictedToken(token, 0, 1, &disabled, 0, NULL, 0, NULL, &restricted),
       "no restricted token: %lu", GetLastError());
    ok(ImpersonateLoggedOnUser(restricted), "no impersonation: %lu", GetLastError());
    status_is(try_open(base, L"impersonated", KEY_READ, 0, NULL), STATUS_ACCESS_DENIED);
    RevertToSelf();
    status_is(try_open(base, L"impersonated", KEY_READ, 0, NULL), STATUS_SUCCESS);

    /* Who may only look at whom it stands for may not act for them. */
    ok(ImpersonateSelf(SecurityIdentification), "no impersonation: %lu", GetLastError());
    beyond_stock status_is(try_open(base, L"impersonated", KEY_READ, 0, NULL),
                           STATUS_BAD_IMPERSONATION_LEVEL);
    RevertToSelf();
    CloseHandle(restricted);
    CloseHandle(token);
    drop(key);
}

/* A privilege that the thread's token alone has enabled. */
static void test_privilege_of_thread(void)
{
    HANDLE key = make(L"thread");
    struct descriptor with;
    BOOLEAN before;

    empty_descriptor(&with);
    status_is(set_list(key, &with), STATUS_SUCCESS);
    ok(ImpersonateSelf(SecurityImpersonation), "no impersonation: %lu", GetLastError());
    status_is(RtlAdjustPrivilege(SE_TAKE_OWNERSHIP, TRUE, TRUE, &before), STATUS_SUCCESS);
    beyond_stock status_is(try_open(base, L"thread", WRITE_OWNER, 0, NULL), STATUS_SUCCESS);
    RevertToSelf();
    beyond_stock status_is(try_open(base, L"thread", WRITE_OWNER, 0, NULL), STATUS_ACCESS_DENIED);
    drop(key);
}

/* ---- another process ---- */

#define ROUNDS 6
#define GO L"pwk-key-access-go"
#define DONE L"pwk-key-access-done"

/* The other process: opens the key each time it is told, and says in its exit code how that went,
 * a bit a round. */
static int open_again_and_again(void)
{
    HANDLE go = OpenEventW(EVENT_ALL_ACCESS, FALSE, GO);
    HANDLE done = OpenEventW(EVENT_ALL_ACCESS, FALSE, DONE);
    int opened = 0;

    for (int i = 0; i < ROUNDS; i++) {
        if (WaitForSingleObject(go, 60000))
            return -1;
        if (!try_open(NULL, BASE L"\\shared", KEY_READ, 0, NULL))
            opened |= 1 << i;
        SetEvent(done);
    }
    return opened;
}

static void test_two_processes(void)
{
    HANDLE go = CreateEventW(NULL, FALSE, FALSE, GO), done = CreateEventW(NULL, FALSE, FALSE, DONE);
    HANDLE key = make(L"shared");
    WCHAR program[MAX_PATH], command[MAX_PATH + 16];
    STARTUPINFOW startup = {sizeof(startup)};
    PROCESS_INFORMATION process = {0};
    struct descriptor with;
    DWORD opened = 0;

    GetModuleFileNameW(NULL, program, MAX_PATH);
    swprintf(command, MAX_PATH + 16, L"\"%ls\" other", program);
    ok(CreateProcessW(program, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process),
       "no process: %lu", GetLastError());
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 2) {
            empty_descriptor(&with);
            status_is(set_list(key, &with), STATUS_SUCCESS);
        } else if (i) {
            open_up(key);
        }
        SetEvent(go);
        ok(WaitForSingleObject(done, 60000) == 0, "the other process says nothing");
    }
    WaitForSingleObject(process.hProcess, 60000);
    GetExitCodeProcess(process.hProcess, &opened);
    ok(opened == 0x15, "opened in rounds %lx", opened);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    CloseHandle(go);
    CloseHandle(done);
    drop(key);
}

/* ---- beside pwkctl ---- */

#define LOCKED L"\\Registry\\Machine\\Software\\pwk-locked"

/* Leaves a key behind that no program may look into. */
static int lock(void)
{
    struct descriptor with;
    HANDLE key = NULL;

    empty_descriptor(&with);
    status_is(create_with(&key, NULL, LOCKED, KEY_READ, 0, &with.head), STATUS_SUCCESS);
    NtClose(key);
    status_is(try_open(NULL, LOCKED, KEY_READ, 0, NULL), STATUS_ACCESS_DENIED);
    return report();
}

/* What pwkctl wrote there meanwhile changed nothing of that. */
static int unlock(void)
{
    HANDLE key = NULL;

    status_is(try_open(NULL, LOCKED, KEY_READ, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(open_under(&key, NULL, LOCKED, WRITE_DAC), STATUS_SUCCESS);
    open_up(key);
    NtClose(key);
    status_is(open_under(&key, NULL, LOCKED, KEY_ALL_ACCESS), STATUS_SUCCESS);
    ok(get_number(key, L"Level") == 3, "not what pwkctl set: %lu", get_number(key, L"Level"));
    drop(key);
    return report();
}

int main(int argc, char **argv)
{
    begin_unit(argc, argv);
    if (argc > 1 && !strcmp(argv[1], "lock"))
        return lock();
    if (argc > 1 && !strcmp(argv[1], "unlock"))
        return unlock();
    if (argc > 1 && !strcmp(argv[1], "other"))
        return open_again_and_again();
    status_is(create_under(&base, NULL, BASE, KEY_ALL_ACCESS), STATUS_SUCCESS);
    test_denied();
    test_empty_list();
    test_no_list();
    test_bad_lists();
    test_order();
    test_take_ownership();
    test_backup();
    test_impersonation();
    test_privilege_of_thread();
    test_two_processes();
    status_is(NtDeleteKey(base), STATUS_SUCCESS);
    NtClose(base);
    return report();
}
