/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_access.c - see key_access.h.
 */
#include "nt/key_access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nt/key_path.h"
#include "nt/personality.h"
#include "nt/privilege.h"
#include "nt/security_inherit.h"

#define LOAD_TRIES 8

/* "GENERIC_MAPPING structure (winnt.h)" */
struct generic_mapping {
    uint32_t read, write, execute, all;
};

/* "PRIVILEGE_SET structure (winnt.h)" with room for what may have been used */
struct used_privileges {
    uint32_t count, control;
    uint32_t entries[3 * 8];
};

int key_security_load(uint64_t key, unsigned char **descriptor, size_t *size)
{
    size_t room = 512;

    *descriptor = NULL;
    for (int i = 0; i < LOAD_TRIES; i++) {
        unsigned char *memory = malloc(room);
        int result = memory
                         ? registry_get_security(nt_personality.registry, key, memory, room, size)
                         : -ENOMEM;

        if (result == 0 && *size <= room) {
            *descriptor = memory;
            return 0;
        }
        free(memory);
        if (result < 0) {
            *size = 0;
            return result == -ENODATA ? 0 : result;
        }
        room = *size;
    }
    return -ETIMEDOUT; /* another process makes it longer and longer */
}

/* ---- asking Wine ---- */

struct question {
    const struct nt_call *call;
    nt_handle token;
    const void *owner; /* the key's */
    size_t owner_size;
    unsigned char *descriptor; /* with the key's DACL, and owned by nobody */
    struct security_list_facts facts;
};

/* S-1-0-0, in no token. Wine's server gives an owner more rights than Windows does: those are
 * asked for apart. */
static const unsigned char nobody[12] = {1, 1};

/* A self-relative descriptor of nobody's with this DACL; to be freed. */
static unsigned char *nobodys(const void *acl, size_t size)
{
    struct security_parts parts = {
        .control = SE_DACL_PRESENT,
        .parts = {[SECURITY_OWNER] = {nobody, sizeof nobody},
                  [SECURITY_GROUP] = {nobody, sizeof nobody},
                  [SECURITY_DACL] = {acl, size}},
    };
    size_t whole = security_parts_join(&parts, NULL, 0);
    unsigned char *made = malloc(whole);

    if (made)
        security_parts_join(&parts, made, whole);
    return made;
}

/* NtAccessCheck: all that is asked for, or nothing; of MAXIMUM_ALLOWED, what there is. */
static ntstatus ask_wine(const struct question *question, const unsigned char *descriptor,
                         uint32_t desired, uint32_t *granted)
{
    struct generic_mapping mapping = {KEY_READ_RIGHTS, KEY_WRITE_RIGHTS, KEY_EXECUTE_RIGHTS,
                                      KEY_ALL_RIGHTS};
    struct used_privileges used = {0};
    uint32_t length = sizeof used, access = 0;
    ntstatus access_status = STATUS_ACCESS_DENIED;
    ntstatus status = nt_host_call("NtAccessCheck", 8, (uint64_t)descriptor, question->token,
                                   desired, (uint64_t)&mapping, (uint64_t)&used, (uint64_t)&length,
                                   (uint64_t)&access, (uint64_t)&access_status);

    *granted = status || access_status ? 0 : access;
    return status ? nt_deny(question->call, STATUS_ACCESS_DENIED,
                            "the key's descriptor cannot be understood")
                  : STATUS_SUCCESS;
}

/* What the DACL grants of these rights. Windows goes through the list once for each right, and the
 * first entry that names it decides; Wine's server does so only for one right at a time. */
static ntstatus ask_list(const struct question *question, uint32_t rights, uint32_t *granted)
{
    ntstatus status = STATUS_SUCCESS;

    *granted = 0;
    if (!question->facts.denies)
        return rights ? ask_wine(question, question->descriptor, rights, granted) : STATUS_SUCCESS;
    if (rights & ACCESS_MAXIMUM_ALLOWED)
        rights |= KEY_ALL_RIGHTS;
    rights &= ~(uint32_t)ACCESS_MAXIMUM_ALLOWED;
    while (rights && status == STATUS_SUCCESS) {
        uint32_t right = rights & -rights, found;

        status = ask_wine(question, question->descriptor, right, &found);
        *granted |= found;
        rights &= ~right;
    }
    return status;
}

/* The owner's rights where the caller is the owner: who a list lets in that has one entry. */
static ntstatus ask_owner(const struct question *question, uint32_t *granted)
{
    struct {
        uint8_t revision, zero;
        uint16_t size, entries, zeros;
        uint8_t type, flags;
        uint16_t entry_size;
        uint32_t mask;
        unsigned char sid[68];
    } list = {.revision = 2, .entries = 1, .mask = question->facts.owner_rights};
    unsigned char *descriptor;
    ntstatus status;

    *granted = 0;
    if (!question->owner_size || !list.mask)
        return STATUS_SUCCESS;
    list.entry_size = (uint16_t)(8 + question->owner_size);
    list.size = (uint16_t)(8 + list.entry_size);
    memcpy(list.sid, question->owner, question->owner_size);
    descriptor = nobodys(&list, list.size);
    if (!descriptor)
        return STATUS_NO_MEMORY;
    status = ask_wine(question, descriptor, list.mask, granted);
    free(descriptor);
    return status;
}

/* Of what is the owner's in any case and of the rest apart, as Wine answers all or nothing. */
static ntstatus ask_all(const struct question *question, uint32_t wanted, uint32_t *granted)
{
    uint32_t owners = question->facts.owner_rights, found, missing;
    ntstatus status;

    if (wanted & ACCESS_MAXIMUM_ALLOWED) {
        status = ask_list(question, wanted, granted);
    } else {
        status = ask_list(question, wanted & ~owners, granted);
        if (status == STATUS_SUCCESS && (wanted & ~owners & ~*granted) == 0) {
            status = ask_list(question, wanted & owners, &found);
            *granted |= found;
        }
    }
    missing = owners & ~*granted;
    if (status || !(missing & (wanted & ACCESS_MAXIMUM_ALLOWED ? UINT32_MAX : wanted)))
        return status;
    status = ask_owner(question, &found);
    *granted |= found;
    return status;
}

/* What the descriptor grants of `wanted`, which may have MAXIMUM_ALLOWED in it. */
static ntstatus ask_descriptor(const struct nt_call *call, const unsigned char *descriptor,
                               size_t size, uint32_t wanted, uint32_t *granted)
{
    struct question question = {.call = call};
    struct security_parts parts, usual;
    ntstatus status;

    *granted = 0;
    if (!security_parts_split(descriptor, size, &parts))
        return nt_deny(call, STATUS_ACCESS_DENIED, "the key's descriptor is damaged");
    if (!(parts.control & SE_DACL_PRESENT) || !parts.parts[SECURITY_DACL].size) {
        *granted = wanted | (wanted & ACCESS_MAXIMUM_ALLOWED ? KEY_ALL_RIGHTS : 0);
        return STATUS_SUCCESS;
    }
    if (!security_list_look_at(parts.parts[SECURITY_DACL].bytes, parts.parts[SECURITY_DACL].size,
                               &question.facts))
        return nt_deny(call, STATUS_ACCESS_DENIED, "the key's descriptor is damaged");
    security_parts_default(&usual);
    if (!parts.parts[SECURITY_OWNER].size)
        parts.parts[SECURITY_OWNER] = usual.parts[SECURITY_OWNER];
    question.owner = parts.parts[SECURITY_OWNER].bytes;
    question.owner_size = parts.parts[SECURITY_OWNER].size;
    status = nt_open_impersonation_token(&question.token);
    if (status)
        return nt_deny(call, status, "the caller's token cannot be asked");
    question.descriptor =
        nobodys(parts.parts[SECURITY_DACL].bytes, parts.parts[SECURITY_DACL].size);
    status = question.descriptor ? ask_all(&question, wanted, granted) : STATUS_NO_MEMORY;
    free(question.descriptor);
    nt_host_call("NtClose", 1, question.token);
    return status;
}

/* ---- granting ---- */

/* What privileges give whatever the descriptor says, of what is asked for by name. */
static ntstatus by_privilege(const struct nt_call *call, bool secured, uint32_t wanted,
                             uint32_t *have)
{
    *have = 0;
    if (wanted & ACCESS_SYSTEM_SECURITY) {
        ntstatus status = nt_need_privilege(call, SE_SECURITY_PRIVILEGE);
        if (status)
            return status;
        *have |= ACCESS_SYSTEM_SECURITY;
    }
    if (secured && wanted & ACCESS_WRITE_OWNER && nt_has_privilege(SE_TAKE_OWNERSHIP_PRIVILEGE))
        *have |= ACCESS_WRITE_OWNER;
    return STATUS_SUCCESS;
}

ntstatus key_access_by(const struct nt_call *call, const unsigned char *descriptor, size_t size,
                       uint32_t desired, uint32_t *granted)
{
    uint32_t maximum = descriptor ? desired & ACCESS_MAXIMUM_ALLOWED : 0;
    uint32_t wanted = key_access_granted(desired & ~maximum), found, have, rest;
    ntstatus status = by_privilege(call, descriptor != NULL, wanted, &have);

    *granted = 0;
    if (status)
        return status;
    rest = wanted & ~have;
    found = rest;
    if (descriptor && (rest || maximum) &&
        (status = ask_descriptor(call, descriptor, size, rest | maximum, &found)))
        return status;
    found &= ~(uint32_t)ACCESS_MAXIMUM_ALLOWED;
    if (rest & ~found || (maximum && !(found | have)))
        return nt_deny(call, STATUS_ACCESS_DENIED, "the key's descriptor does not grant it");
    *granted = have | (maximum ? found : rest);
    return STATUS_SUCCESS;
}

/* "RegCreateKeyExW function (winreg.h)", REG_OPTION_BACKUP_RESTORE: what is asked for does not
 * matter, and the descriptor neither. */
static ntstatus for_backup(const struct nt_call *call, uint32_t *granted)
{
    *granted = 0;
    if (nt_has_privilege(SE_BACKUP_PRIVILEGE))
        *granted |= KEY_READ_RIGHTS | ACCESS_SYSTEM_SECURITY;
    if (nt_has_privilege(SE_RESTORE_PRIVILEGE))
        *granted |= KEY_WRITE_RIGHTS | ACCESS_DELETE | ACCESS_SYSTEM_SECURITY;
    return *granted ? STATUS_SUCCESS
                    : nt_deny(call, STATUS_ACCESS_DENIED, "neither backup nor restore is enabled");
}

ntstatus key_access_decide(const struct nt_call *call, const struct registry_found *found,
                           uint32_t desired, uint32_t options, uint32_t *granted)
{
    unsigned char *descriptor;
    ntstatus status;
    size_t size;
    int result;

    if (options & REG_OPTION_BACKUP_RESTORE)
        return for_backup(call, granted);
    if (!found->secured || found->created || !(desired & ~(uint32_t)KEY_WOW64_VIEWS)) {
        if (desired & ACCESS_SYSTEM_SECURITY)
            return key_access_by(call, NULL, 0, desired, granted);
        *granted = key_access_granted(desired); /* nearly always: the short way */
        return STATUS_SUCCESS;
    }
    result = key_security_load(found->key, &descriptor, &size);
    if (result < 0)
        return key_status(result);
    status = key_access_by(call, descriptor, size, desired, granted);
    free(descriptor);
    return status;
}
