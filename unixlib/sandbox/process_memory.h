/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_memory.h - memory of a process by its number, this one's included: an address that
 * nothing is mapped at is an error, not a fault. All functions are async-signal-safe, and make
 * their calls through pwk_raw_syscall, so that no handler of a trapped call comes back to itself.
 */
#ifndef PWK_SANDBOX_PROCESS_MEMORY_H
#define PWK_SANDBOX_PROCESS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All of it or an error: 0; -EFAULT; -ESRCH; -EPERM. `pid` may be a thread's. A write that fails
 * may have written a first part. */
int pwk_process_read(pid_t pid, uint64_t address, void *data, size_t size);
int pwk_process_write(pid_t pid, uint64_t address, const void *data, size_t size);

/* A string with its final zero, at most `size` bytes with it: its length, an error as above, or
 * -ENAMETOOLONG. */
ssize_t pwk_process_read_string(pid_t pid, uint64_t address, char *text, size_t size);

#endif
