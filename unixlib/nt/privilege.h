/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * privilege.h - privileges of the calling process, as Wine's token has them.
 */
#ifndef PWK_NT_PRIVILEGE_H
#define PWK_NT_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

#include "nt/services.h"

/* "Privilege Constants (winnt.h)" by their numbers */
enum privilege {
    SE_LOCK_MEMORY_PRIVILEGE = 4,
    SE_SECURITY_PRIVILEGE = 8,
    SE_BACKUP_PRIVILEGE = 17,
    SE_RESTORE_PRIVILEGE = 18,
};

/* True where it is held and enabled. Wine is asked. */
bool nt_has_privilege(enum privilege privilege);

/* STATUS_SUCCESS, or the refusal of a call that needs the privilege. */
ntstatus nt_need_privilege(const struct nt_call *call, enum privilege privilege);

#endif
