/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inject.h - a running process installs a seccomp filter on all of its threads, without knowing,
 * and its listener comes to us.
 */
#ifndef PWK_SANDBOX_INJECT_H
#define PWK_SANDBOX_INJECT_H

#include <linux/filter.h>
#include <sys/types.h>

#include "sandbox/tracee.h"

/* 0 where `pid` is a process that could be attached to by its kind: else -ESRCH (none, a thread,
 * a zombie), -EPERM (pid 1, another user's), -ENOTSUP (a 32-bit program). */
int pwk_inject_check(pid_t pid);

/* Answers the listener (close-on-exec), or an error as pk_attach has them (process_kernel.h). The
 * work is done by a process of its own, which shares this one's memory and descriptors: if this one
 * is killed meanwhile, the target is still left in order. Where Yama insists on a tracer that is
 * the target's ancestor, a thread does it. */
int pwk_inject_listener(pid_t pid, const struct sock_fprog *program);

/* Stops `pid`, has `work` make calls in its name, and lets it go on: what `work` answers, or an
 * error as above. `work` runs as the work of pwk_inject_listener does, with little stack (64 KiB).
 */
int pwk_inject_run(pid_t pid, int (*work)(struct pwk_tracee *tracee, const void *argument),
                   const void *argument);

#endif
