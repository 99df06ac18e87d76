/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_join.c - starts a process in a session (see session.h).
 */
#include "sandbox/session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/call_wall.h"
#include "sandbox/privileges.h"
#include "sandbox/session_internal.h"
#include "sandbox/session_shown.h"
#include "sandbox/view_mounts.h"
#include "sandbox/view_shown.h"
#include "sandbox/walls.h"

#define ENDING_MS 5000 /* for all processes of a killed session to go */

/* Into the session's control group first: what is cloned then is born in it. `refused` tells what
 * the session cannot show, which is the program's to say, not the joining's. */
static int join(const struct pwk_session_plan *plan, const struct pwk_session *session,
                struct pwk_session_report *refused)
{
    int result = session->group[0] ? pwk_cgroup_enter(session->group) : 0;
    struct pwk_session_shown shown;

    prctl(PR_SET_DUMPABLE, 0);
    refused->result = pwk_session_shown_find(plan, session, &shown, &refused->error);
    if (refused->result == 0 && shown.count > 0)
        refused->result = pwk_session_shown_take(plan, session, &shown, &refused->error);
    if (result == 0 && setns(session->init, pwk_session_namespaces(plan) &
                                                ~(shown.entered ? CLONE_NEWUSER : 0)) < 0)
        result = -errno;
    if (result == 0 && refused->result == 0 && shown.count > 0)
        refused->result = pwk_session_shown_put(&shown, &refused->error);
    pwk_session_shown_finish(&shown);
    return result;
}

/* A folder among the standard descriptors would lead to the machine's files past every mount. */
static int check_descriptors(struct pwk_error *error)
{
    struct stat st;

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && pwk_wall_stands(PWK_WALL_DESCRIPTORS); fd++)
        if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
            return pwk_error_set(error, -EISDIR,
                                 "descriptor %d is a folder, which a program in a session of its "
                                 "own must not be given: hand in a file, a pipe or a terminal",
                                 fd);
    return 0;
}

/* ---- the current folder ---- */

struct folder {
    char path[PATH_MAX];
    bool compared; /* the session has a folder of its own above it, and may have another there */
    dev_t device;
    ino_t inode;
};

static void find_folder(const struct pwk_session_plan *plan, struct folder *folder)
{
    struct stat st;

    if (!getcwd(folder->path, sizeof(folder->path)))
        strcpy(folder->path, "/");
    folder->compared = pwk_view_is_in(folder->path, pwk_view_covered, PWK_VIEW_COVERED) &&
                       !pwk_view_is_below(folder->path, plan->prefix);
    if (folder->compared && stat(".", &st) == 0) {
        folder->device = st.st_dev;
        folder->inode = st.st_ino;
    }
}

/* What only has its name, since something that is shown lies in it or a program has made it, would
 * take files that nobody finds again. */
static int enter_folder(const struct folder *folder)
{
    struct stat st;
    bool entered = chdir(folder->path) == 0;

    if (entered && folder->compared)
        entered = stat(".", &st) == 0 && st.st_dev == folder->device && st.st_ino == folder->inode;
    return entered || chdir("/") == 0 ? 0 : -errno;
}

/* ---- the program's process ---- */

/* In the child that runs the program. `parent` is a pidfd. Nobody of the session can look into it:
 * not before it executes something, since what it was forked with is from outside and it is not
 * dumpable, nor afterwards, while it has the mark. */
static int settle(const struct pwk_session_plan *plan, const struct folder *folder, int parent,
                  struct pwk_error *error)
{
    struct pollfd gone = {.fd = parent, .events = POLLIN};
    int result = check_descriptors(error);

    if (result < 0)
        return result;
    result = enter_folder(folder);
    if (result < 0)
        return pwk_session_fail(error, result, folder->path);
    /* Linux may be without key rings: then nothing is to be left behind. */
    if (pwk_wall_stands(PWK_WALL_KEYRING) &&
        syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
        return pwk_session_fail(error, -errno, "it gets no keyring of its own");
    result = pwk_privileges_drop();
    if (result < 0)
        return pwk_session_fail(error, result, "its privileges cannot be given up");
    result = pwk_wall_stands(PWK_WALL_CALLS) ? pwk_call_wall_raise(plan->isolated_network) : 0;
    if (result < 0)
        return pwk_session_fail(error, result, "calls that lead out of it cannot be refused");
    /* The program is its launcher's and ends with it. A parent in another process namespace cannot
     * be told by its number. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return pwk_session_fail(error, -errno, "the program cannot be tied to its launcher");
    if (poll(&gone, 1, 0) != 0)
        _exit(1);
    close(parent);
    return 0;
}

struct joined {
    struct pwk_session_report report;
    pid_t child;
};

/* Runs in a child of its own, since setns for processes is for those that come: makes the program's
 * process, as a child of the caller's, and ends. Answers in that process alone. */
static void join_and_clone(const struct pwk_session_plan *plan, const struct pwk_session *session,
                           int answer, struct pwk_session_report *refused)
{
    struct joined joined = {.report.result = join(plan, session, refused)};

    if (joined.report.result < 0) {
        pwk_session_fail(&joined.report.error, joined.report.result, "it cannot be joined");
    } else {
        joined.child = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
        if (joined.child == 0)
            return;
        if (joined.child < 0)
            joined.report.result = pwk_session_fail(&joined.report.error, -errno, "no process");
    }
    _exit(write(answer, &joined, sizeof(joined)) == (ssize_t)sizeof(joined) ? 0 : 1);
}

static pid_t await_child(pid_t joiner, int answer, struct pwk_error *error)
{
    struct joined joined;
    ssize_t size;

    do
        size = read(answer, &joined, sizeof(joined));
    while (size < 0 && errno == EINTR);
    while (waitpid(joiner, NULL, 0) < 0 && errno == EINTR)
        ;
    if (size != (ssize_t)sizeof(joined))
        return pwk_session_fail(error, -EPIPE, "it cannot be joined");
    if (joined.report.result < 0)
        *error = joined.report.error;
    return joined.report.result < 0 ? joined.report.result : joined.child;
}

static pid_t fork_into(const struct pwk_session_plan *plan, const struct pwk_session *session,
                       int *failed, struct pwk_error *error)
{
    int parent = pwk_session_pidfd(getpid()), ends[2];
    struct folder folder;
    pid_t result;

    *failed = 0;
    find_folder(plan, &folder);
    if (parent < 0)
        return pwk_session_fail(error, -errno, "no pidfd");
    if (pipe2(ends, O_CLOEXEC) < 0) {
        close(parent);
        return pwk_session_fail(error, -errno, "no pipe");
    }
    result = fork();
    if (result == 0) {
        struct pwk_session_report refused;

        join_and_clone(plan, session, ends[1], &refused);
        close(ends[0]);
        close(ends[1]);
        if (refused.result < 0)
            *error = refused.error;
        *failed = refused.result < 0 ? -ENOENT : settle(plan, &folder, parent, error);
        return 0;
    }
    close(parent);
    close(ends[1]);
    result = result < 0 ? pwk_session_fail(error, -errno, "no process")
                        : await_child(result, ends[0], error);
    close(ends[0]);
    return result;
}

/* A session whose init was killed is not joined any more, though init is still there, ending the
 * rest: it is waited for, and the next one begun. */
pid_t pwk_session_fork(const struct pwk_session_plan *plan, struct pwk_session *session,
                       int *failed, struct pwk_error *error)
{
    for (int tries = 0;; tries++) {
        pid_t child = fork_into(plan, session, failed, error);
        struct pollfd end = {.fd = session->init, .events = POLLIN};
        int result;

        if (child >= 0 || tries == PWK_SESSION_TRIES || poll(&end, 1, ENDING_MS) <= 0)
            return child;
        pwk_session_leave(session, false);
        result = pwk_session_enter(plan, session, error);
        if (result < 0)
            return result;
    }
}
