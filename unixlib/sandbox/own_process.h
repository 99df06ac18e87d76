/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own_process.h - a kernel attached to the process that it lives in: its registered calls are
 * trapped (trapped_call.h) by filters that are added, and never taken off.
 */
#ifndef PWK_SANDBOX_OWN_PROCESS_H
#define PWK_SANDBOX_OWN_PROCESS_H

#include <stddef.h>

#include "kernel/syscall_handlers.h"

/* As pk_attach_ops says; one at a time. */
int pwk_own_process_attach(unsigned index, process_kernel_t *kernel);
int pwk_own_process_add(int nr);
void pwk_own_process_detach(void);

extern const struct pk_call_origin pwk_own_process_origin;

/* ---- signal_guard.c: what keeps SIGSYS deliverable, since a trapped call ends the process
 * otherwise. Serves rt_sigaction and rt_sigprocmask, for good. ---- */

void pwk_signal_guard_start(void);

/* Waits a little for threads that block SIGSYS only for a moment, as the C library does while it
 * starts one. -EBUSY where one keeps it blocked. */
int pwk_signal_guard_check(void);

#endif
