/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bound_callbacks.h - functions without a context argument that still know their kernel: for each
 * slot of the pool there is one function of each kind. They run what is registered for the slot,
 * else the host's own, and count in the kernel's public statistics. All but unbind and bind are
 * lock-free and may be called from any thread.
 */
#ifndef PWK_KERNEL_BOUND_CALLBACKS_H
#define PWK_KERNEL_BOUND_CALLBACKS_H

#include "pwk/process_kernel.h"

/* Points the kernel's functions to those of `slot`, with the defaults behind them. */
void bound_callbacks_bind(unsigned slot, process_kernel_t *kernel);

/* From now on the slot's functions fail with ENODEV. Its kernel must remain readable memory. */
void bound_callbacks_unbind(unsigned slot);

/* NULL: the host's own. */
void bound_callbacks_set_allocator(unsigned slot, void *(*malloc_fn)(size_t),
                                   void (*free_fn)(void *));
void bound_callbacks_set_io(unsigned slot, ssize_t (*read_fn)(int, void *, size_t),
                            ssize_t (*write_fn)(int, const void *, size_t),
                            int (*ioctl_fn)(int, unsigned long, void *));

#endif
