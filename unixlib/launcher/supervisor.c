/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * supervisor.c - see supervisor.h.
 */
#include "launcher/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/policy_supervisor.h"

/* Lets go of everything that it was born with but the launcher's pidfd, which becomes 3. A terminal
 * or pipe that it kept open would keep its other end waiting. */
static bool detach(int launcher)
{
    int null = open("/dev/null", O_RDWR);
    int high = fcntl(launcher, F_DUPFD, 4);

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            return false;
    if (dup2(high, 3) < 0 || close_range(4, ~0u, 0) != 0 || chdir("/") != 0)
        return false;
    /* What ends a terminal's programs leaves it at its post until they have ended; and no program
     * of the user's may look into it. */
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    prctl(PR_SET_NAME, "pwk-supervisor");
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

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

/* In the supervisor itself. What can go wrong with the log was found by the caller. */
static void run(const struct pwk_plan *plan, struct pwk_policy_page *page, int launcher)
{
    const struct pwk_boot_record *record = &plan->record;
    pwk_audit_t *audit;

    if (detach(launcher) && open_audit(record, &audit, NULL) == 0) {
        if (record->session == PWK_SESSION_OWN)
            pwk_audit_join(audit, record->runtime, record->state, NULL, NULL, false);
        pwk_policy_supervise(page, &plan->policy, audit, 3);
    }
    _exit(0);
}

/* 0 once it is on its own. */
static int start(const struct pwk_plan *plan, struct pwk_policy_page *page)
{
    int launcher = pidfd_open(getpid(), 0);
    pid_t child = launcher < 0 ? -1 : fork();
    int status = child < 0 ? -errno : 0;

    if (child == 0) {
        if (setsid() < 0 || (child = fork()) < 0)
            _exit(1);
        if (child == 0)
            run(plan, page, launcher);
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (launcher >= 0)
        close(launcher);
    return status > 0 ? -EAGAIN : status;
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
