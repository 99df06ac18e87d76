/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * supervise.h - kernels attached to other processes: for each a listener, and a thread that has
 * the kernel's handlers serve what comes in by it.
 */
#ifndef PWK_SANDBOX_SUPERVISE_H
#define PWK_SANDBOX_SUPERVISE_H

#include "kernel/syscall_handlers.h"

/* As pk_attach_ops says; one at a time. */
int pwk_supervise_attach(unsigned index, process_kernel_t *kernel, pid_t pid, size_t data);
int pwk_supervise_detach(unsigned index);

/* Lends the sandbox to pk_attach and its kin; done when libpwk is loaded. For programs that are
 * linked with its archives, which leave out what nothing names. */
void pwk_attach_lend(void);

#endif
