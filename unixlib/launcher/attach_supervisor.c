/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach_supervisor.c - see attach_supervisor.h.
 */
#include "launcher/attach_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/call_filter.h"
#include "sandbox/inject.h"
#include "sandbox/notify_loop.h"
#include "sandbox/policy_supervisor.h"

static int explain(pid_t pid, int rc, struct pwk_error *error)
{
    const char *why = strerror(-rc);

    switch (rc) {
    case -ESRCH:
        why = "there is no such process (a thread's number is none)";
        break;
    case -EPERM:
        why = "Linux does not let this user trace it: it is another user's, a set-uid program, or "
              "kernel.yama.ptrace_scope keeps it (0 allows a user's own processes; root may, too)";
        break;
    case -EBUSY:
        why = "it is being debugged, or has a supervisor or seccomp filters that cannot be joined";
        break;
    case -ENOTSUP:
        why = "it is a 32-bit program, which this version cannot attach to";
        break;
    case -ETIMEDOUT:
        why =
            "one of its threads cannot be stopped: try again when it no longer waits for a device";
        break;
    }
    return pwk_error_set(error, rc, "process %d cannot be attached to: %s", (int)pid, why);
}

/* Every call that the policy does not simply allow comes to the supervisor. */
static int open_listener(const struct pwk_attach_job *job, struct pwk_error *error)
{
    int numbers[PWK_POLICY_CALLS];
    pid_t pid = job->attached.pid;
    struct sock_fprog program;
    size_t count = 0;
    int rc = pwk_inject_check(pid);

    for (int nr = 0; nr < PWK_POLICY_CALLS; nr++)
        if (pwk_policy_action(job->policy, nr) != PWK_SYSCALL_ALLOW)
            numbers[count++] = nr;
    if (rc == 0)
        rc = pwk_call_filter_build(&program, PWK_CALL_FILTER_NOTIFY, numbers, count, false);
    if (rc == 0) {
        rc = pwk_inject_listener(pid, &program);
        pwk_call_filter_free(&program);
    }
    return rc < 0 ? explain(pid, rc, error) : rc;
}

static void let_through(void *context, const struct pwk_notification *call,
                        struct pwk_notify_answer *answer)
{
    (void)context;
    (void)call;
    answer->let_through = true;
}

/* True where the process is to be let go. */
static bool serve_request(const struct pwk_attach_job *job, int socket)
{
    struct pwk_attached answer = job->attached;
    enum pwk_attached_request request;
    int connection = pwk_attached_accept(socket, &request);

    if (connection < 0)
        return false;
    answer.supervisor = getpid();
    pwk_policy_served(&answer.served, &answer.refused);
    if (request == PWK_ATTACHED_DETACH)
        pwk_attached_unlink(answer.pid);
    send(connection, &answer, sizeof(answer), MSG_NOSIGNAL);
    close(connection);
    return request == PWK_ATTACHED_DETACH;
}

static void serve(const struct pwk_attach_job *job, int listener, int socket, pwk_audit_t *audit)
{
    char target[16];
    int rc;

    snprintf(target, sizeof(target), "%d", (int)job->attached.pid);
    pwk_audit_write(audit, PWK_AUDIT_DECISIONS, "attach", "allowed", "process", target, "program",
                    job->attached.program, NULL);
    do
        rc = pwk_policy_serve(listener, socket, job->policy, audit);
    while (rc == -ECANCELED && !serve_request(job, socket));
    close(socket);
    if (rc == -ECANCELED) {
        pwk_audit_write(audit, PWK_AUDIT_DECISIONS, "detach", "allowed", "process", target, NULL);
        pwk_notify_loop_run(listener, -1, let_through, NULL);
    } else {
        pwk_attached_unlink(job->attached.pid);
    }
}

struct report {
    int rc;
    struct pwk_error error;
};

static int open_audit(const struct pwk_attach_job *job, pwk_audit_t **audit,
                      struct pwk_error *error)
{
    char path[PATH_MAX];
    int rc;

    if (snprintf(path, sizeof(path), "%s/audit.jsonl", job->attached.state) >= (int)sizeof(path))
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", job->attached.state);
    rc = pwk_audit_open(job->attached.kernel, path, NULL, job->audit_level, audit, error);
    if (rc == 0)
        pwk_audit_set_limit(*audit, job->audit_limit);
    return rc;
}

/* In the supervisor itself. */
static void run(const struct pwk_attach_job *job, int reports)
{
    struct report report = {0};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int socket = -1, listener = -1;
    pwk_audit_t *audit;

    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "pwk-supervisor");
    report.rc = open_audit(job, &audit, &report.error);
    if (report.rc == 0 && (socket = pwk_attached_listen(job->attached.pid, &report.error)) < 0)
        report.rc = socket;
    if (report.rc == 0 && (listener = open_listener(job, &report.error)) < 0) {
        report.rc = listener;
        pwk_attached_unlink(job->attached.pid);
    }
    if (write(reports, &report, sizeof(report)) < 0 && report.rc == 0)
        report.rc = -EPIPE;
    close(reports);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no program of the user's may look into it */
    if (report.rc == 0 && chdir("/") == 0)
        serve(job, listener, socket, audit);
    _exit(0);
}

int pwk_attach_supervisor_start(const struct pwk_attach_job *job, struct pwk_error *error)
{
    struct report report = {.rc = -EAGAIN};
    int pipes[2], status;
    ssize_t got;
    pid_t child;

    if (pipe2(pipes, O_CLOEXEC) != 0 || (child = fork()) < 0)
        return pwk_error_set(error, -errno, "the supervisor cannot be started: %s",
                             strerror(errno));
    if (child == 0) {
        if (setsid() >= 0 && fork() == 0)
            run(job, pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    waitpid(child, &status, 0);
    got = read(pipes[0], &report, sizeof(report));
    close(pipes[0]);
    if (got != (ssize_t)sizeof(report))
        return pwk_error_set(error, -EAGAIN, "the supervisor has ended before it was at work");
    if (report.rc != 0)
        *error = report.error;
    return report.rc;
}
