/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bequest.h - what a child inherits of our key handles when NtCreateUserProcess starts it.
 *
 * The child's table is made and filled before Wine is called, so that nothing that happens to the
 * parent's handles later harms the child, and the child has it before its first instruction.
 */
#ifndef PWK_NT_BEQUEST_H
#define PWK_NT_BEQUEST_H

#include "nt/services.h"

struct nt_bequest {
    uint64_t birth; /* the number that tells this child from all others; 0: there is no registry */
};

/* Reads the call's arguments, makes the child's table and has it handed on. An error is the call's
 * answer: then there is nothing to end. */
ntstatus nt_bequest_begin(const struct nt_call *call, struct nt_bequest *bequest);

/* After Wine has answered `status`: makes the child known by its Windows id, so that handles can be
 * duplicated into it though it may not have run yet. */
void nt_bequest_end(const struct nt_call *call, const struct nt_bequest *bequest, ntstatus status);

#endif
