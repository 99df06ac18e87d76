/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach_supervisor.h - the process that holds another, which was started without pwk, to a
 * kernel's Linux policy.
 */
#ifndef PWK_LAUNCHER_ATTACH_SUPERVISOR_H
#define PWK_LAUNCHER_ATTACH_SUPERVISOR_H

#include "kernel/audit.h"
#include "launcher/attached.h"
#include "sandbox/policy.h"

/* What a supervisor is started with. */
struct pwk_attach_job {
    struct pwk_attached attached; /* but for what the supervisor itself is and counts */
    const struct pwk_policy *policy;
    enum pwk_audit_level audit_level;
    uint64_t audit_limit;
};

/* Starts one, as nobody's child and without a terminal, and answers when its process is attached
 * to. It ends with the last process under its filter. */
int pwk_attach_supervisor_start(const struct pwk_attach_job *job, struct pwk_error *error);

#endif
