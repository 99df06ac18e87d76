/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.h - a kernel's own session: namespaces of its own for users, mounts, processes, IPC and,
 * unless the host's network is asked for, the network. wineserver and all that runs under the
 * kernel live in it, so that what it holds is held for wineserver too.
 *
 * A session's first process ("init", process 1 of its process namespace) makes the view (view.h)
 * and stays as long as anything of the session runs. It holds no code of Windows', and alone can
 * write the kernel's audit log (kernel/audit.h, "collectors"). Everybody else
 * joins. Two locks of one file in the run-time folder order the two: who has a program in the
 * session, or is about to, holds it shared; init takes it alone before it ends.
 *
 * Sources: user_namespaces(7), pid_namespaces(7), setns(2), flock(2).
 */
#ifndef PWK_SANDBOX_SESSION_H
#define PWK_SANDBOX_SESSION_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/audit.h"
#include "kernel/error.h"
#include "kernel/profile.h"
#include "sandbox/cgroup.h"
#include "sandbox/desktop.h"

/* In the run-time folder: the file of the two locks, and what the session is found by. A program of
 * the session can reach neither. */
#define PWK_SESSION_LOCK "session.lock"
#define PWK_SESSION_INIT "session.init"

#define PWK_SESSION_SHOWN 4

#define PWK_SESSION_HOMES 2
#define PWK_SESSION_INSTALLED 5

struct pwk_session_plan {
    char prefix[PATH_MAX];  /* the Wine prefix, absolute */
    char state[PATH_MAX];   /* the kernel's state: files/ and store/ are in it */
    char runtime[PATH_MAX]; /* the kernel's own folder of run-time files; nobody else's are in it */
    char below[PATH_MAX];   /* a folder that can be seen, and only be read, or "" */
    bool overlay_files;     /* a copy-on-write view of the prefix; false: the prefix itself */
    bool isolated_network;  /* loopback alone; false: the host's */
    bool own_ipc;           /* System V IPC and message queues of its own; false: the host's */
    bool own_uts;           /* a host name of its own; false: the host's */
    struct pwk_desktop desktop;
    /* Paths that must be seen though they may lie in a folder that the session has of its own: the
     * program, where it is started from, pwk itself. Ended by NULL; not owned. */
    const char *shown[PWK_SESSION_SHOWN + 1];
    char homes[PWK_SESSION_HOMES][PATH_MAX]; /* home folders that are not to be seen, or "" */
    char home_folder[PATH_MAX];              /* what of it is seen all the same, or "" */
    /* Wine and pwk, to be seen (read-only) though they may lie in a hidden home folder. Ended by
     * NULL; not owned. */
    const char *installed[PWK_SESSION_INSTALLED];
    unsigned cpu;             /* percent of one processor; 0: no limit */
    uint64_t io;              /* bytes a second; 0: no limit */
    struct pwk_cgroup cgroup; /* where the limits can be set; else the governor keeps them */
    /* The kernel's log, which the first process writes for all others, and what it says there of
     * the kernel's start. */
    struct pwk_audit_settings audit;
    enum pwk_windows windows;
    enum pwk_registry_mode registry;
};

struct pwk_session {
    int lock;             /* the session's lock, held shared, or -1 */
    int init;             /* pidfd of process 1, or -1 */
    pid_t pid;            /* its number, which is its own while the pidfd says that it is there */
    bool begun;           /* this call has begun the session */
    char group[PATH_MAX]; /* the folder of its control group, or "" */
};

/* Joins the kernel's session, or begins it where there is none. Any number of callers at once get
 * one session, or -EBUSY where it is another than the plan asks for. To be called by a process of
 * one thread; it stays outside itself. 0 or a negative errno with the reason; the session is given
 * back with pwk_session_leave, or by the end of the process. */
int pwk_session_enter(const struct pwk_session_plan *plan, struct pwk_session *session,
                      struct pwk_error *error);

/* Starts a child of the calling process inside the session, which is begun anew if it was killed
 * meanwhile: without privileges (see privileges.h) and in the caller's current folder, or in /
 * where the view does not have it; with the calls of call_wall.h refused; in a keyring of its own;
 * with no descriptor that survives exec but 0, 1 and 2, none of which may be a folder. It has the
 * mark (mark.h): what it executes is to give that up before it runs code of a program's. The child
 * ends with its parent. What the plan is to show and the session, which is up, does not is brought
 * along (session_shown.h); where that cannot be, `*failed` is -ENOENT.
 * Answers twice, as fork(2): the child's number or a negative errno in the caller, and 0 in the
 * child, where `*failed` is a negative errno if it could not be made ready: it must then tell the
 * error and end. To be called by a process of one thread. */
pid_t pwk_session_fork(const struct pwk_session_plan *plan, struct pwk_session *session,
                       int *failed, struct pwk_error *error);

/* The session of the kernel with this run-time folder: a pidfd of its first process, which is the
 * caller's, or -ESRCH while there is none. `namespace`, where not NULL: the inode number of its
 * process namespace. */
int pwk_session_find(const char *runtime, uint64_t *namespace);
/* True where the files in this folder are those of an own session, which may have ended. */
bool pwk_session_was_there(const char *runtime);

/* Sees to it that no session of the kernel is up and none begins as long as the answered descriptor
 * stays open: who would begin one waits. -EBUSY where one is up, with whatever run-time folder, or
 * somebody is about to begin one, or another negative errno. */
int pwk_session_hold_off(const char *runtime, const char *state, struct pwk_error *error);

/* `killed`: the program in it was, by SIGKILL. */
void pwk_session_leave(struct pwk_session *session, bool killed);

#endif
