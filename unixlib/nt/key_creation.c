/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_creation.c - see key_creation.h. Sources: "ZwCreateKey", "Owner of a New Object", "DACL for a
 * New Object", "SACL for a New Object".
 */
#include "nt/key_creation.h"

#include <stdlib.h>
#include <string.h>

#include "nt/key_access.h"
#include "nt/key_path.h"
#include "nt/personality.h"
#include "nt/privilege.h"
#include "nt/security_inherit.h"

/* "TOKEN_INFORMATION_CLASS enumeration (winnt.h)" */
#define TOKEN_OWNER_CLASS 4u
#define TOKEN_PRIMARY_GROUP_CLASS 5u
#define SID_LIMIT 68u

/* TOKEN_OWNER or TOKEN_PRIMARY_GROUP: a pointer to the SID behind it. */
struct token_sid {
    const unsigned char *sid;
    unsigned char bytes[SID_LIMIT + 8];
};

void key_descriptors_free(struct key_descriptors *made)
{
    free(made->parent);
    free(made->own);
    *made = (struct key_descriptors){0};
}

static bool read_sid(nt_handle token, uint32_t class, struct token_sid *from, const void **sid,
                     size_t *size)
{
    uint32_t length = 0;
    size_t at;

    if (nt_host_call("NtQueryInformationToken", 5, token, class, (uint64_t)from, sizeof *from,
                     (uint64_t)&length))
        return false;
    at = (size_t)(from->sid - from->bytes);
    if (from->sid < from->bytes || at > sizeof from->bytes - 8)
        return false;
    *sid = from->sid;
    *size = 8 + 4u * from->sid[1];
    return *size <= sizeof from->bytes - at;
}

/* Makes the descriptor in `made`, for whom the caller's token says. */
static ntstatus make_own(const struct nt_call *call, const struct new_security *wanted,
                         struct key_descriptors *made)
{
    struct security_parts creator = {.control = 0}, fallback;
    struct new_security from = *wanted;
    struct token_sid owner, group;
    nt_handle token = 0;
    bool known;

    if (nt_open_token(&token))
        return nt_deny(call, STATUS_ACCESS_DENIED, "the caller's token cannot be asked");
    known = read_sid(token, TOKEN_OWNER_CLASS, &owner, &creator.parts[SECURITY_OWNER].bytes,
                     &creator.parts[SECURITY_OWNER].size) &&
            read_sid(token, TOKEN_PRIMARY_GROUP_CLASS, &group, &creator.parts[SECURITY_GROUP].bytes,
                     &creator.parts[SECURITY_GROUP].size);
    nt_host_call("NtClose", 1, token);
    if (!known)
        return nt_deny(call, STATUS_ACCESS_DENIED, "the caller's token has no owner");
    security_parts_default(&fallback);
    from.creator = &creator;
    from.fallback = &fallback;
    made->own = malloc(SECURITY_DESCRIPTOR_LIMIT);
    return made->own ? security_make_new(&from, made->own, &made->own_size) : STATUS_NO_MEMORY;
}

ntstatus key_descriptors_make(const struct nt_call *call, uint64_t parent,
                              const struct security_parts *given, uint32_t options,
                              struct key_descriptors *made)
{
    struct security_parts above;
    struct new_security wanted = {.given = given};
    uint32_t granted;
    ntstatus status = STATUS_SUCCESS;
    int result;

    key_descriptors_free(made);
    result = key_security_load(parent, &made->parent, &made->parent_size);
    if (result < 0)
        return key_status(result);
    if (made->parent &&
        !(options & REG_OPTION_BACKUP_RESTORE && nt_has_privilege(SE_RESTORE_PRIVILEGE)))
        status = key_access_by(call, made->parent, made->parent_size, KEY_CREATE_SUB_KEY, &granted);
    if (status == STATUS_SUCCESS && given && given->parts[SECURITY_SACL].size)
        status = nt_need_privilege(call, SE_SECURITY_PRIVILEGE);
    if (status)
        return status;
    if (made->parent) {
        if (!security_parts_split(made->parent, made->parent_size, &above))
            return nt_deny(call, STATUS_BAD_INHERITANCE_ACL, "the parent's descriptor is damaged");
        wanted.parent = &above;
    }
    return given || made->parent ? make_own(call, &wanted, made) : STATUS_SUCCESS;
}
