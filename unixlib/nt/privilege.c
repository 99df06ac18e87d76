/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * privilege.c - see privilege.h.
 */
#include "nt/privilege.h"

#include "nt/personality.h"

#define TOKEN_QUERY 0x8u
#define SE_PRIVILEGE_ENABLED 2u

/* "PRIVILEGE_SET structure (winnt.h)" with one entry */
struct privilege_set {
    uint32_t count, control;
    uint32_t luid_low;
    int32_t luid_high;
    uint32_t attributes;
};

bool nt_has_privilege(enum privilege privilege)
{
    struct privilege_set set = {1, 1, privilege, 0, SE_PRIVILEGE_ENABLED};
    nt_handle token = 0;
    uint8_t held = 0;

    if (nt_host_call("NtOpenProcessToken", 3, NT_CURRENT_PROCESS, TOKEN_QUERY, (uint64_t)&token))
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
