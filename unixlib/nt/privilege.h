/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * privilege.h - for whom a call is made: the token of the calling thread where it impersonates
 * somebody, else the process's, and the privileges in it. All of it is Wine's, and Wine is asked:
 * no lock may be held.
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
    SE_TAKE_OWNERSHIP_PRIVILEGE = 9,
    SE_BACKUP_PRIVILEGE = 17,
    SE_RESTORE_PRIVILEGE = 18,
};

/* "Access Rights for Access-Token Objects" */
#define TOKEN_DUPLICATE 0x2u
#define TOKEN_QUERY 0x8u

/* The token, with TOKEN_QUERY; to be closed. */
ntstatus nt_open_token(nt_handle *token);

/* The same as one that may be impersonated, which NtAccessCheck wants.
 * STATUS_BAD_IMPERSONATION_LEVEL where the thread may only find out whom it impersonates. */
ntstatus nt_open_impersonation_token(nt_handle *token);

/* True where it is held and enabled. */
bool nt_has_privilege(enum privilege privilege);

/* STATUS_SUCCESS, or the refusal of a call that needs the privilege. */
ntstatus nt_need_privilege(const struct nt_call *call, enum privilege privilege);

#endif
