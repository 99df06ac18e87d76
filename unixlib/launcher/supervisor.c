/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * supervisor.c - see supervisor.h.
 */
#include "launcher/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "launcher/detached.h"
#include "sandbox/policy_supervisor.h"

/* In a session of the kernel's own it is apart from the log, as all of its processes are. */
static int open_audit(const struct pwk_boot_record *record, pwk_audit_t **audit,
                      struct pwk_error *error)
{
    bool own = record->session == PWK_SESSION_OWN;
    char path[PATH_MAX];
    int rc;

    if (snprintf(path, sizeof(path), "%s/audit.jsonl", record->state) >= (int)sizeof(path))
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", record->state);
    rc = pwk_audit_open(record->kernel, own ? NULL : path, record->audit, record->audit_level,
                        audit, error);
    if (rc == 0)
        pwk_audit_set_limit(*audit, record->audit_limit);
    return rc;
}

struct post {
    const struct pwk_plan *plan;
    struct pwk_policy_page *page;
};

/* In the supervisor itself. What can go wrong with the log was found by the caller. */
static void run(void *context)
{
    const struct post *post = context;
    const struct pwk_boot_record *record = &post->plan->record;
    pwk_audit_t *audit;

    /* What ends a terminal's programs leaves it at its post until they have ended; and no program
     * of the user's may look into it. */
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || open_audit(record, &audit, NULL) != 0)
        return;
    if (record->session == PWK_SESSION_OWN)
        pwk_audit_join(audit, record->runtime, record->state, NULL, NULL, false);
    pwk_policy_supervise(post->page, &post->plan->policy, audit, PWK_DETACHED_FIRST);
}

/* 0 once it is on its own. */
static int start(const struct pwk_plan *plan, struct pwk_policy_page *page)
{
    struct post post = {plan, page};
    int launcher = pidfd_open(getpid(), 0), result;

    if (launcher < 0)
        return -errno;
    result = pwk_detached_start("pwk-supervisor", &launcher, 1, run, &post);
    close(launcher);
    return result;
}

int pwk_supervisor_start(const struct pwk_plan *plan, struct pwk_error *error)
{
    struct pwk_policy_page *page;
    pwk_audit_t *audit;
    int rc = open_audit(&plan->record, &audit, error);

    if (rc != 0)
        return rc;
    pwk_audit_close(audit);
    rc = pwk_policy_page_open(plan->record.policy_file, &page, error);
    if (rc != 0)
        return rc;
    rc = start(plan, page);
    pwk_policy_page_close(page);
    return rc == 0 ? 0
                   : pwk_error_set(error, rc,
                                   "the supervisor of the Linux policy cannot be started: %s",
                                   strerror(-rc));
}
