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

/* The same for one listener on the calling thread, and as pwk_notify_loop_run otherwise. Its filter
 * sends here every call that the policy does not allow: where that is to end the process, it is
 * killed. */
int pwk_policy_serve(int listener, int wake, const struct pwk_policy *policy, pwk_audit_t *audit);

/* Calls that have been served, and how many of them were refused. */
void pwk_policy_served(uint64_t *served, uint64_t *refused);

#endif
