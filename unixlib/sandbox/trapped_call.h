/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trapped_call.h - calls of this process that a seccomp rule traps (SECCOMP_RET_TRAP): the seccomp
 * door of sigsys.h. A call is served by what is set for its number, on the thread that made it,
 * with the signal's context around it; a number for which nothing is set is answered by the
 * default: -ENOSYS, with an audit record where a kernel with an audit log was booted.
 *
 * Numbers are those of the x86-64 convention. A trapped call of another convention (int 0x80, x32)
 * is always answered -ENOSYS.
 */
#ifndef PWK_SANDBOX_TRAPPED_CALL_H
#define PWK_SANDBOX_TRAPPED_CALL_H

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

#define PWK_TRAPPED_CALLS 512 /* numbers 0 to 511 can be served */

/* Makes a system call of Linux from one known instruction, so that a filter can let it through
 * (seccomp_data.instruction_pointer is pwk_raw_syscall_end there). The kernel's own answer: a
 * negative errno on failure; errno is left alone. Async-signal-safe. Code that is not trusted can
 * jump to the instruction too: a filter that keeps a hostile program in does not exempt it. */
long pwk_raw_syscall(long nr, long a1, long a2, long a3, long a4, long a5, long a6);
extern const char pwk_raw_syscall_end[] __attribute__((visibility("hidden")));

struct pwk_trapped_call {
    int nr;
    uint64_t args[6];
    const siginfo_t *info;
    ucontext_t *context; /* of the caller; its rax is written after the handler */
};

/* Answers what the call answers: a result, or a negative errno. Async-signal-safe; errno is kept
 * around it. While one runs, its thread's own calls that have a handler are made for real. */
typedef int64_t (*pwk_trapped_handler)(struct pwk_trapped_call *call);

/* Opens the door, once for the process: to be called before a filter that traps is installed. 0 or
 * a negative errno. */
int pwk_trapped_call_start(void);

/* From now on `handler` serves calls of `nr` (0 to 511); NULL: the default. Any thread; what runs
 * already runs to its end. */
void pwk_trapped_call_set(int nr, pwk_trapped_handler handler);

/* What answers numbers that nothing is set for; NULL: -ENOSYS and the audit record. */
void pwk_trapped_call_set_default(pwk_trapped_handler handler);

/* A handler: makes the call as it was meant, through pwk_raw_syscall. */
int64_t pwk_trapped_call_make(struct pwk_trapped_call *call);

#endif
