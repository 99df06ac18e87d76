/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_inheritance.c - a Windows program that checks which security descriptor a new key has: the
 * one its creator gives, and what it inherits; also inside transactions. Sources: "ZwCreateKey",
 * "DACL for a New Object", "Owner of a New Object", "ACE Inheritance Rules".
 */
#include "winetests/descriptors.h"

static HANDLE base; /* \Registry\Machine\Software\pwk-key-inheritance */

#define CI CONTAINER_INHERIT_ACE
#define OI OBJECT_INHERIT_ACE
#define IO INHERIT_ONLY_ACE
#define NP NO_PROPAGATE_INHERIT_ACE
#define INHERITED INHERITED_ACE
#define ALLOWED ACCESS_ALLOWED_ACE_TYPE
#define DENIED ACCESS_DENIED_ACE_TYPE

static HANDLE make(HANDLE root, const WCHAR *name)
{
    HANDLE key = NULL;

    status_is(create_under(&key, root, name, KEY_ALL_ACCESS), STATUS_SUCCESS);
    return key;
}

static void drop(HANDLE key)
{
    status_is(NtDeleteKey(key), STATUS_SUCCESS);
    NtClose(key);
}

/* A key that lets nobody do more than change its list. */
static void drop_locked(const WCHAR *path)
{
    HANDLE key;

    status_is(open_under(&key, base, path, WRITE_DAC), STATUS_SUCCESS);
    open_up(key);
    NtClose(key);
    status_is(open_under(&key, base, path, DELETE), STATUS_SUCCESS);
    drop(key);
}

static void check_from_token(HANDLE key, SECURITY_INFORMATION which, int class)
{
    BYTE memory[128], descriptor[256];
    BOOL defaulted;
    SID *sid = NULL;
    DWORD length;

    status_is(NtQuerySecurityObject(key, which, descriptor, sizeof(descriptor), &length),
              STATUS_SUCCESS);
    if (which == OWNER_SECURITY_INFORMATION)
        GetSecurityDescriptorOwner(descriptor, (void **)&sid, &defaulted);
    else
        GetSecurityDescriptorGroup(descriptor, (void **)&sid, &defaulted);
    ok(sid && EqualSid(sid, token_sid(class, memory, sizeof(memory))),
       "part %lx is not the token's", which);
}

static void test_given(void)
{
    struct descriptor with;
    BYTE memory[1024];
    HANDLE key = NULL;
    ACL *list;

    if (under_stock)
        return; /* where who made it needs its leave */
    empty_descriptor(&with);
    allow(&with, &everyone, 0, GENERIC_READ);
    status_is(create_with(&key, base, L"given", KEY_ALL_ACCESS, 0, &with.head), STATUS_SUCCESS);
    /* Who made it may do what they asked for. */
    ok(rights_of(key) == KEY_ALL_ACCESS, "rights %lx", rights_of(key));
    status_is(set_number(key, L"value", 1), STATUS_SUCCESS);
    status_is(try_open(base, L"given", KEY_SET_VALUE, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"given", KEY_READ, 0, NULL), STATUS_SUCCESS);
    list = list_of(key, memory, sizeof(memory));
    ok(list && list->AceCount == 1 && is_ace(list, 0, ALLOWED, 0, KEY_READ, &everyone),
       "not the list that was given");
    check_from_token(key, OWNER_SECURITY_INFORMATION, TokenOwner);
    check_from_token(key, GROUP_SECURITY_INFORMATION, TokenPrimaryGroup);

    /* Of a key that is there it changes nothing. */
    empty_descriptor(&with);
    allow(&with, &everyone, 0, KEY_ALL_ACCESS);
    status_is(create_with(&key, base, L"given", KEY_READ, 0, &with.head), STATUS_SUCCESS);
    status_is(try_open(base, L"given", KEY_SET_VALUE, 0, NULL), STATUS_ACCESS_DENIED);
    NtClose(key);
    drop_locked(L"given");
}

static void test_bad_given(void)
{
    struct descriptor with;
    ACE_HEADER *ace = (ACE_HEADER *)((ACL *)with.list + 1);
    HANDLE key = NULL;

    empty_descriptor(&with);
    allow(&with, &everyone, 0, KEY_READ);
    ace->AceSize = 0xfff0;
    beyond_stock status_is(create_with(&key, base, L"bad", KEY_READ, 0, &with.head),
                           STATUS_INVALID_ACL);
    with.head.Revision = 7;
    beyond_stock
    {
        ok(create_with(&key, base, L"bad", KEY_READ, 0, &with.head) != 0, "another revision");
        ok(create_with(&key, base, L"bad", KEY_READ, 0, (void *)1) != 0, "no address");
        status_is(try_open(base, L"bad", KEY_READ, 0, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    }
    if (!open_under(&key, base, L"bad", KEY_ALL_ACCESS))
        drop(key);
}

/* "SACL for a New Object": to give one needs a privilege. */
static void test_given_audit(void)
{
    struct descriptor with;
    BYTE audit[64];
    HANDLE key = NULL;

    if (under_stock)
        return;
    empty_descriptor(&with);
    allow(&with, &everyone, CI, KEY_ALL_ACCESS);
    InitializeAcl((ACL *)audit, sizeof(audit), ACL_REVISION);
    AddAuditAccessAceEx((ACL *)audit, ACL_REVISION, CI, KEY_SET_VALUE, &everyone, TRUE, FALSE);
    SetSecurityDescriptorSacl(&with.head, TRUE, (ACL *)audit, FALSE);
    status_is(create_with(&key, base, L"audited", KEY_READ, 0, &with.head),
              STATUS_PRIVILEGE_NOT_HELD);
    status_is(try_open(base, L"audited", KEY_READ, 0, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    enable(SE_SECURITY, 1);
    status_is(create_with(&key, base, L"audited", DELETE, 0, &with.head), STATUS_SUCCESS);
    drop(key);
    enable(SE_SECURITY, 0);
}

/* A parent with one of everything. */
static HANDLE make_parent(const WCHAR *name)
{
    HANDLE parent = make(base, name);
    struct descriptor with;

    empty_descriptor(&with);
    deny(&with, &everyone, CI | NP, KEY_CREATE_LINK);
    allow(&with, &everyone, CI, KEY_ALL_ACCESS);
    allow(&with, &creator_owner, CI | IO, GENERIC_READ);
    allow(&with, &creator_group, CI | NP | IO, KEY_NOTIFY);
    allow(&with, &administrators, OI, KEY_SET_VALUE);
    allow(&with, &administrators, 0, KEY_READ);
    status_is(set_list(parent, &with), STATUS_SUCCESS);
    return parent;
}

static void check_inherited(HANDLE child, HANDLE grandchild)
{
    BYTE memory[1024], owner[128], group[128];
    void *who = token_sid(TokenOwner, owner, sizeof(owner));
    void *with = token_sid(TokenPrimaryGroup, group, sizeof(group));
    ACL *list = list_of(child, memory, sizeof(memory));

    ok(list && list->AceCount == 6, "%d entries", list ? list->AceCount : -1);
    ok(is_ace(list, 0, DENIED, INHERITED, KEY_CREATE_LINK, &everyone), "no propagation");
    ok(is_ace(list, 1, ALLOWED, CI | INHERITED, KEY_ALL_ACCESS, &everyone), "plain");
    ok(is_ace(list, 2, ALLOWED, INHERITED, KEY_READ, who), "the owner");
    ok(is_ace(list, 3, ALLOWED, CI | IO | INHERITED, GENERIC_READ, &creator_owner), "handed on");
    ok(is_ace(list, 4, ALLOWED, INHERITED, KEY_NOTIFY, with), "the group");
    ok(is_ace(list, 5, ALLOWED, OI | IO | INHERITED, KEY_SET_VALUE, &administrators), "objects");

    list = list_of(grandchild, memory, sizeof(memory));
    ok(list && list->AceCount == 4, "%d entries", list ? list->AceCount : -1);
    ok(is_ace(list, 0, ALLOWED, CI | INHERITED, KEY_ALL_ACCESS, &everyone), "plain");
    ok(is_ace(list, 1, ALLOWED, INHERITED, KEY_READ, who), "the owner");
    ok(is_ace(list, 2, ALLOWED, CI | IO | INHERITED, GENERIC_READ, &creator_owner), "handed on");
    ok(is_ace(list, 3, ALLOWED, OI | IO | INHERITED, KEY_SET_VALUE, &administrators), "objects");
}

static void test_inherited(void)
{
    HANDLE parent, child, grandchild;

    if (under_stock)
        return; /* where nothing is inherited */
    parent = make_parent(L"parent");
    child = make(parent, L"child");
    grandchild = make(child, L"grandchild");
    check_inherited(child, grandchild);
    status_is(try_open(parent, L"child", KEY_CREATE_LINK, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(child, L"grandchild", KEY_CREATE_LINK, 0, NULL), STATUS_SUCCESS);
    drop(grandchild);
    drop(child);
    drop(parent);
}

static void test_given_and_inherited(void)
{
    HANDLE parent, child = NULL;
    struct descriptor with;
    BYTE memory[1024];
    ACL *list;

    if (under_stock)
        return;
    parent = make_parent(L"both");
    empty_descriptor(&with);
    allow(&with, &replicator, 0, KEY_READ);
    status_is(create_with(&child, parent, L"child", KEY_ALL_ACCESS, 0, &with.head), STATUS_SUCCESS);
    list = list_of(child, memory, sizeof(memory));
    ok(list && list->AceCount == 7 && is_ace(list, 0, ALLOWED, 0, KEY_READ, &replicator) &&
           is_ace(list, 1, DENIED, INHERITED, KEY_CREATE_LINK, &everyone),
       "%d entries", list ? list->AceCount : -1);
    drop(child);

    SetSecurityDescriptorControl(&with.head, SE_DACL_PROTECTED, SE_DACL_PROTECTED);
    status_is(create_with(&child, parent, L"child", KEY_ALL_ACCESS, 0, &with.head), STATUS_SUCCESS);
    list = list_of(child, memory, sizeof(memory));
    ok(list && list->AceCount == 1, "%d entries", list ? list->AceCount : -1);
    ok(((SECURITY_DESCRIPTOR_RELATIVE *)memory)->Control & SE_DACL_PROTECTED, "not protected");
    drop(child);
    drop(parent);
}

/* Neither a parent without descriptor nor one that hands nothing on gives any. */
static void test_nothing_inherited(void)
{
    HANDLE parent = make(base, L"plain"), child, usual;
    BYTE memory[1024], other[1024];
    struct descriptor with;
    ACL *list, *usual_list;

    usual = make(base, L"usual");
    usual_list = list_of(usual, other, sizeof(other));
    child = make(parent, L"child");
    list = list_of(child, memory, sizeof(memory));
    ok(list && usual_list && list->AceCount == usual_list->AceCount, "another list");
    drop(child);
    empty_descriptor(&with);
    allow(&with, &everyone, 0, KEY_ALL_ACCESS);
    status_is(set_list(parent, &with), STATUS_SUCCESS);
    child = make(parent, L"child");
    list = list_of(child, memory, sizeof(memory));
    ok(list && usual_list && list->AceCount == usual_list->AceCount, "another list");
    drop(child);
    drop(parent);
    drop(usual);
}

static void test_no_right_to_create(void)
{
    HANDLE parent = make(base, L"closed"), child = make(parent, L"there"), key = NULL;
    struct descriptor with;

    empty_descriptor(&with);
    deny(&with, &everyone, 0, KEY_CREATE_SUB_KEY);
    allow(&with, &everyone, 0, KEY_ALL_ACCESS);
    status_is(set_list(parent, &with), STATUS_SUCCESS);
    beyond_stock
    {
        status_is(create_under(&key, base, L"closed\\new", KEY_READ), STATUS_ACCESS_DENIED);
        status_is(try_open(base, L"closed\\new", KEY_READ, 0, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    }
    if (!open_under(&key, base, L"closed\\new", KEY_ALL_ACCESS))
        drop(key);
    status_is(create_under(&key, base, L"closed\\there", KEY_ALL_ACCESS), STATUS_SUCCESS);
    NtClose(key);
    drop(child);
    drop(parent);
}

/* A program that adds to the list of a key keeps Administrators in the keys below. */
static void test_added_to(void)
{
    HANDLE parent = make(base, L"added to"), child;
    struct descriptor with;
    BYTE memory[1024];
    ACL *list = list_of(parent, memory, sizeof(memory));
    ACCESS_ALLOWED_ACE *ace = NULL;

    empty_descriptor(&with);
    allow(&with, &everyone, CI, KEY_READ);
    for (DWORD i = 0; list && GetAce(list, i, (void **)&ace); i++)
        AddAce((ACL *)with.list, ACL_REVISION, ~0u, ace, ace->Header.AceSize);
    status_is(set_list(parent, &with), STATUS_SUCCESS);
    child = make(parent, L"child");
    status_is(try_open(parent, L"child", KEY_ALL_ACCESS, 0, NULL), STATUS_SUCCESS);
    drop(child);
    drop(parent);
}

/* ---- in a transaction ---- */

static NTSTATUS(NTAPI *create_transaction)(HANDLE *, ACCESS_MASK, void *, void *, HANDLE, ULONG,
                                           ULONG, ULONG, void *, void *);
static NTSTATUS(NTAPI *commit_transaction)(HANDLE, BOOLEAN);
static NTSTATUS(NTAPI *create_key)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, ULONG,
                                   UNICODE_STRING *, ULONG, HANDLE, ULONG *);
static NTSTATUS(NTAPI *open_key)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, HANDLE);

static NTSTATUS create_in(HANDLE transaction, HANDLE *key, HANDLE root, const WCHAR *name,
                          void *descriptor)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING string;

    name_attributes(&attributes, &string, root, name);
    attributes.SecurityDescriptor = descriptor;
    return create_key(key, KEY_ALL_ACCESS, &attributes, 0, NULL, 0, transaction, NULL);
}

static NTSTATUS open_in(HANDLE transaction, const WCHAR *name, DWORD access)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING string;
    HANDLE key = NULL;
    NTSTATUS status =
        open_key(&key, access, name_attributes(&attributes, &string, base, name), transaction);

    if (!status)
        NtClose(key);
    return status;
}

static void check_committed(void)
{
    BYTE memory[1024];
    HANDLE key = NULL;
    ACL *list;

    status_is(try_open(base, L"changed", KEY_READ, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"made", KEY_SET_VALUE, 0, NULL), STATUS_ACCESS_DENIED);
    status_is(open_under(&key, base, L"made\\below", KEY_ALL_ACCESS), STATUS_ACCESS_DENIED);
    status_is(open_under(&key, base, L"made\\below", KEY_READ), STATUS_SUCCESS);
    list = list_of(key, memory, sizeof(memory));
    ok(list && list->AceCount == 1 && is_ace(list, 0, ALLOWED, CI | INHERITED, KEY_READ, &everyone),
       "nothing inherited");
    NtClose(key);
}

static void test_transaction(void)
{
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    HANDLE transaction = NULL, changed, seen = NULL, made = NULL, below = NULL, refused = NULL;
    struct descriptor with;

    if (under_stock)
        return; /* which has no transactions */
    create_transaction = (void *)GetProcAddress(ntdll, "NtCreateTransaction");
    commit_transaction = (void *)GetProcAddress(ntdll, "NtCommitTransaction");
    create_key = (void *)GetProcAddress(ntdll, "NtCreateKeyTransacted");
    open_key = (void *)GetProcAddress(ntdll, "NtOpenKeyTransacted");
    ok(create_key && open_key, "no transactions");
    changed = make(base, L"changed");
    status_is(create_transaction(&transaction, 0x1f003f, NULL, NULL, NULL, 0, 0, 0, NULL, NULL),
              STATUS_SUCCESS);

    status_is(create_in(transaction, &seen, base, L"changed", NULL), STATUS_SUCCESS);
    empty_descriptor(&with);
    status_is(set_list(seen, &with), STATUS_SUCCESS);
    status_is(open_in(transaction, L"changed", KEY_READ), STATUS_ACCESS_DENIED);
    status_is(try_open(base, L"changed", KEY_READ, 0, NULL), STATUS_SUCCESS);

    empty_descriptor(&with);
    allow(&with, &everyone, CI, KEY_READ | KEY_CREATE_SUB_KEY);
    status_is(create_in(transaction, &made, base, L"made", &with.head), STATUS_SUCCESS);
    status_is(open_in(transaction, L"made", KEY_SET_VALUE), STATUS_ACCESS_DENIED);
    empty_descriptor(&with);
    allow(&with, &everyone, CI, KEY_READ);
    status_is(create_in(transaction, &below, base, L"made\\below", NULL), STATUS_SUCCESS);
    status_is(set_list(made, &with), STATUS_SUCCESS);
    status_is(set_list(below, &with), STATUS_SUCCESS);
    NtDeleteKey(below);
    NtClose(below);
    status_is(create_in(transaction, &refused, base, L"made\\below", NULL), STATUS_ACCESS_DENIED);
    allow(&with, &everyone, 0, KEY_CREATE_SUB_KEY);
    status_is(set_list(made, &with), STATUS_SUCCESS);
    status_is(create_in(transaction, &below, base, L"made\\below", NULL), STATUS_SUCCESS);
    status_is(try_open(base, L"made", KEY_READ, 0, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    status_is(commit_transaction(transaction, TRUE), STATUS_SUCCESS);
    NtClose(below);
    NtClose(made);
    NtClose(seen);
    NtClose(transaction);
    check_committed();

    drop_locked(L"made\\below");
    drop_locked(L"made");
    drop(changed);
}

int main(int argc, char **argv)
{
    begin_unit(argc, argv);
    status_is(create_under(&base, NULL, L"\\Registry\\Machine\\Software\\pwk-key-inheritance",
                           KEY_ALL_ACCESS),
              STATUS_SUCCESS);
    test_given();
    test_bad_given();
    test_given_audit();
    test_inherited();
    test_given_and_inherited();
    test_nothing_inherited();
    test_no_right_to_create();
    test_added_to();
    test_transaction();
    status_is(NtDeleteKey(base), STATUS_SUCCESS);
    NtClose(base);
    return report();
}
