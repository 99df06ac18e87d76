/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * descriptors.h - security descriptors for the units of ours, built of one access list.
 */
#ifndef PWK_WINETESTS_DESCRIPTORS_H
#define PWK_WINETESTS_DESCRIPTORS_H

#include "winetests/check.h"
#include "winetests/nt_calls.h"

#define KEY_BITS 0x1ff03fu

NTSTATUS NTAPI NtOpenProcessToken(HANDLE, ACCESS_MASK, HANDLE *);

/* Well-known SIDs: authority and up to two parts. */
struct sid {
    BYTE revision, count;
    BYTE authority[6];
    DWORD parts[2];
};
__attribute__((unused)) static struct sid everyone = {1, 1, {0, 0, 0, 0, 0, 1}, {0}};
__attribute__((unused)) static struct sid creator_owner = {1, 1, {0, 0, 0, 0, 0, 3}, {0}};
__attribute__((unused)) static struct sid creator_group = {1, 1, {0, 0, 0, 0, 0, 3}, {1}};
__attribute__((unused)) static struct sid owner_rights = {1, 1, {0, 0, 0, 0, 0, 3}, {4}};
__attribute__((unused)) static struct sid administrators = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 544}};
__attribute__((unused)) static struct sid replicator = {
    1, 2, {0, 0, 0, 0, 0, 5}, {32, 552}}; /* in nobody's token */

/* A descriptor with room for its list. */
struct descriptor {
    SECURITY_DESCRIPTOR head;
    _Alignas(8) BYTE list[1024];
};

/* With an empty list. */
static inline void empty_descriptor(struct descriptor *made)
{
    InitializeSecurityDescriptor(&made->head, SECURITY_DESCRIPTOR_REVISION);
    InitializeAcl((ACL *)made->list, sizeof(made->list), ACL_REVISION);
    SetSecurityDescriptorDacl(&made->head, TRUE, (ACL *)made->list, FALSE);
}

static inline void allow(struct descriptor *made, void *sid, DWORD flags, DWORD mask)
{
    ok(AddAccessAllowedAceEx((ACL *)made->list, ACL_REVISION, flags, mask, sid), "no ACE: %lu",
       GetLastError());
}

static inline void deny(struct descriptor *made, void *sid, DWORD flags, DWORD mask)
{
    ok(AddAccessDeniedAceEx((ACL *)made->list, ACL_REVISION, flags, mask, sid), "no ACE: %lu",
       GetLastError());
}

static inline NTSTATUS set_list(HANDLE key, struct descriptor *with)
{
    return NtSetSecurityObject(key, DACL_SECURITY_INFORMATION, &with->head);
}

static inline NTSTATUS set_owner(HANDLE key, void *sid)
{
    struct descriptor with;

    empty_descriptor(&with);
    SetSecurityDescriptorOwner(&with.head, sid, FALSE);
    return NtSetSecurityObject(key, OWNER_SECURITY_INFORMATION, &with.head);
}

/* Everybody may everything. */
static inline void open_up(HANDLE key)
{
    struct descriptor with;

    empty_descriptor(&with);
    allow(&with, &everyone, 0, KEY_ALL_ACCESS);
    status_is(set_list(key, &with), STATUS_SUCCESS);
}

/* What a handle carries. */
static inline DWORD rights_of(HANDLE key)
{
    PUBLIC_OBJECT_BASIC_INFORMATION information = {0};

    status_is(NtQueryObject(key, ObjectBasicInformation, &information, sizeof(information), NULL),
              STATUS_SUCCESS);
    return information.GrantedAccess;
}

/* Tries to open, closes what came of it, and tells its rights. */
static inline NTSTATUS try_open(HANDLE root, const WCHAR *name, DWORD access, DWORD options,
                                DWORD *rights)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING string;
    HANDLE key = NULL;
    NTSTATUS status =
        NtOpenKeyEx(&key, access, name_attributes(&attributes, &string, root, name), options);

    ok(!status == (key != NULL), "status %lx, handle %p", status, key);
    if (!status && rights)
        *rights = rights_of(key);
    if (!status)
        NtClose(key);
    return status;
}

static inline NTSTATUS create_with(HANDLE *key, HANDLE root, const WCHAR *name, DWORD access,
                                   DWORD options, void *descriptor)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING string;

    name_attributes(&attributes, &string, root, name);
    attributes.SecurityDescriptor = descriptor;
    return NtCreateKey(key, access, &attributes, 0, NULL, options, NULL);
}

/* The key's list in memory; NULL: it has none. */
static inline ACL *list_of(HANDLE key, void *memory, DWORD size)
{
    BOOL present = FALSE, defaulted;
    ACL *list = NULL;
    DWORD length = 0;

    status_is(NtQuerySecurityObject(key, DACL_SECURITY_INFORMATION, memory, size, &length),
              STATUS_SUCCESS);
    ok(GetSecurityDescriptorDacl(memory, &present, &list, &defaulted), "no descriptor");
    return present ? list : NULL;
}

/* One entry of a list. */
static inline int is_ace(const ACL *list, DWORD index, BYTE type, BYTE flags, DWORD mask, void *sid)
{
    ACCESS_ALLOWED_ACE *ace = NULL;

    if (!list || !GetAce((ACL *)list, index, (void **)&ace))
        return 0;
    if (ace->Header.AceType == type && ace->Header.AceFlags == flags && ace->Mask == mask &&
        EqualSid((SID *)&ace->SidStart, sid))
        return 1;
    printf("entry %lu: type %u, flags %02x, mask %08lx\n", index, ace->Header.AceType,
           ace->Header.AceFlags, ace->Mask);
    return 0;
}

/* A SID that the token names: TokenUser, TokenOwner or TokenPrimaryGroup. */
static inline void *token_sid(int class, void *memory, DWORD size)
{
    HANDLE token;
    DWORD length;

    OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token);
    ok(GetTokenInformation(token, class, memory, size, &length), "class %d: %lu", class,
       GetLastError());
    CloseHandle(token);
    return *(void **)memory;
}

static inline void enable(DWORD privilege, int on)
{
    BOOLEAN before;

    status_is(RtlAdjustPrivilege(privilege, on != 0, FALSE, &before), STATUS_SUCCESS);
}

#define SE_SECURITY 8
#define SE_TAKE_OWNERSHIP 9
#define SE_BACKUP 17
#define SE_RESTORE 18

#endif
