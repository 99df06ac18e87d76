/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * supervisor.h - the process beside the program that answers the calls which the Linux policy logs
 * or refuses with a record (sandbox/policy_supervisor.h).
 */
#ifndef PWK_LAUNCHER_SUPERVISOR_H
#define PWK_LAUNCHER_SUPERVISOR_H

#include "launcher/plan.h"

/* Starts it, as nobody's child, by the process that is about to become the loader, in the
 * namespaces that the program will be in. `plan->record.policy_file` is the policy's. */
int pwk_supervisor_start(const struct pwk_plan *plan, struct pwk_error *error);

#endif
