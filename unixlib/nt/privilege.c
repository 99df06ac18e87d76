/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * privilege.c - see privilege.h.
 */
#include "nt/privilege.h"

#include "nt/nt_status.h"
#include "nt/personality.h"

#define NT_CURRENT_THREAD UINT64_C(0xfffffffffffffffe)
#define SE_PRIVILEGE_ENABLED 2u
#define TOKEN_TYPE_IMPERSONATION 2u /* "TOKEN_TYPE enumeration (winnt.h)" */
#define SECURITY_IMPERSONATION 2u   /* "SECURITY_IMPERSONATION_LEVEL enumeration (winnt.h)" */
#define TOKEN_IMPERSONATION_LEVEL_CLASS 9u /* "TOKEN_INFORMATION_CLASS enumeration (winnt.h)" */

/* "PRIVILEGE_SET structure (winnt.h)" with one entry */
struct privilege_set {
    uint32_t count, control;
    uint32_t luid_low;
    int32_t luid_high;
    uint32_t attributes;
};

/* "SECURITY_QUALITY_OF_SERVICE structure (winnt.h)" */
struct quality_of_service {
    uint32_t length;
    uint32_t level;
    uint8_t tracks, effective_only;
};

/* STATUS_NO_TOKEN where the thread impersonates nobody. */
static ntstatus open_thread_token(nt_handle *token)
{
    return nt_host_call("NtOpenThreadToken", 4, NT_CURRENT_THREAD, TOKEN_QUERY, 1, (uint64_t)token);
}

ntstatus nt_open_token(nt_handle *token)
{
    ntstatus status = open_thread_token(token);

    return status == STATUS_NO_TOKEN ? nt_host_call("NtOpenProcessToken", 3, NT_CURRENT_PROCESS,
                                                    TOKEN_QUERY, (uint64_t)token)
                                     : status;
}

static ntstatus check_level(nt_handle token)
{
    uint32_t level = 0, length = 0;
    ntstatus status =
        nt_host_call("NtQueryInformationToken", 5, token, TOKEN_IMPERSONATION_LEVEL_CLASS,
                     (uint64_t)&level, sizeof level, (uint64_t)&length);

    return status == STATUS_SUCCESS && level < SECURITY_IMPERSONATION
               ? STATUS_BAD_IMPERSONATION_LEVEL
               : status;
}

ntstatus nt_open_impersonation_token(nt_handle *token)
{
    struct quality_of_service quality = {sizeof quality, SECURITY_IMPERSONATION, 0, 0};
    struct object_attributes attributes = {.length = sizeof attributes,
                                           .security_quality_of_service = &quality};
    nt_handle primary = 0;
    ntstatus status = open_thread_token(token);

    if (status == STATUS_SUCCESS && (status = check_level(*token)))
        nt_host_call("NtClose", 1, *token);
    if (status != STATUS_NO_TOKEN)
        return status;
    status = nt_host_call("NtOpenProcessToken", 3, NT_CURRENT_PROCESS,
                          TOKEN_QUERY | TOKEN_DUPLICATE, (uint64_t)&primary);
    if (status)
        return status;
    status = nt_host_call("NtDuplicateToken", 6, primary, TOKEN_QUERY, (uint64_t)&attributes, 0,
                          TOKEN_TYPE_IMPERSONATION, (uint64_t)token);
    nt_host_call("NtClose", 1, primary);
    return status;
}

bool nt_has_privilege(enum privilege privilege)
{
    struct privilege_set set = {1, 1, privilege, 0, SE_PRIVILEGE_ENABLED};
    nt_handle token = 0;
    uint8_t held = 0;

    if (nt_open_token(&token))
        return false;
    if (nt_host_call("NtPrivilegeCheck", 3, token, (uint64_t)&set, (uint64_t)&held))
        held = 0;
    nt_host_call("NtClose", 1, token);
    return held;
}

ntstatus nt_need_privilege(const struct nt_call *call, enum privilege privilege)
{
    return nt_has_privilege(privilege)
               ? STATUS_SUCCESS
               : nt_deny(call, STATUS_PRIVILEGE_NOT_HELD, "the privilege is not enabled");
}
