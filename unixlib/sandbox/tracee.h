/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tracee.h - a running process held still for a moment with ptrace(2), so that calls can be made
 * in its name. Everything happens on one thread: the one that stopped it.
 *
 * Calls are made with PTRACE_SYSCALL, not with single steps: a step's SIGTRAP would put a handler
 * that the process has for it out of force.
 */
#ifndef PWK_SANDBOX_TRACEE_H
#define PWK_SANDBOX_TRACEE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

struct pwk_tracee {
    pid_t pid;
    pid_t *threads; /* all of them, stopped; owned */
    size_t count, capacity;
    pid_t caller;                      /* the one that makes our calls */
    struct user_regs_struct registers; /* the caller's own */
    uint64_t mask;                     /* of signals, the same */
    uint64_t instruction;              /* a `syscall` in its memory */
    int listener;                      /* whose calls by `caller` are let through; -1: none yet */
    uint64_t deadline;                 /* CLOCK_MONOTONIC, ns */
    int stopped_by;                    /* SIGSTOP came meanwhile */
};

/* Stops every thread. On failure nothing is held, and all goes on as before. -ESRCH, -EPERM,
 * -EBUSY (somebody else traces it), -ETIMEDOUT, -ENOTSUP (no `syscall` found), -ENOMEM. */
int pwk_tracee_stop(struct pwk_tracee *tracee, pid_t pid);

/* Makes a call as if the process had: its result, or a negative errno. */
int64_t pwk_tracee_call(struct pwk_tracee *tracee, long nr, const uint64_t args[6]);

/* Lets all threads go on where they were; a call that one of them waited in is taken up again. */
void pwk_tracee_release(struct pwk_tracee *tracee);

#endif
