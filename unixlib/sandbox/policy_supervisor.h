/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_supervisor.h - the process that answers the calls which a policy logs or refuses with a
 * record. It lets the former through without a decision, and refuses the latter; it never decides
 * by what it has read of a process, which can change until Linux reads it.
 */
#ifndef PWK_SANDBOX_POLICY_SUPERVISOR_H
#define PWK_SANDBOX_POLICY_SUPERVISOR_H

#include "kernel/audit.h"
#include "sandbox/policy.h"
#include "sandbox/policy_arm.h"

/* Takes the listeners that processes offer on `page` and serves them, each on a thread of its own,
 * until the process behind `launcher` (a pidfd) and all processes under the policy have ended. */
void pwk_policy_supervise(struct pwk_policy_page *page, const struct pwk_policy *policy,
                          pwk_audit_t *audit, int launcher);

#endif
