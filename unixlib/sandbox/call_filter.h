/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_filter.h - the seccomp filter of a process kernel's registered calls: it sends those to us
 * and lets all others through. Built with libseccomp.
 *
 * The same calls by another convention (int 0x80, x32), which have other numbers and arguments,
 * answer -ENOSYS: a registered call cannot be made past its handler in that way.
 */
#ifndef PWK_SANDBOX_CALL_FILTER_H
#define PWK_SANDBOX_CALL_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

enum pwk_call_filter_kind {
    /* SIGSYS on the thread (trapped_call.h), but for pwk_raw_syscall of this very process. What
     * would block SIGSYS or take it away is trapped too: rt_sigaction, and rt_sigprocmask unless
     * it only asks or unblocks. clone3, by which a child can be born without the handler
     * (CLONE_CLEAR_SIGHAND, as posix_spawn of glibc 2.38 and later asks for), answers -ENOSYS:
     * C libraries do without. */
    PWK_CALL_FILTER_TRAP,
    PWK_CALL_FILTER_NOTIFY, /* to the listener */
};

/* With `fixed_mappings` also mmap of private memory that can be written, over what is mapped there
 * already (MAP_FIXED): Linux does not count that against RLIMIT_DATA.
 * `program` is to be freed with pwk_call_filter_free. 0; -EINVAL (no x86-64 call has one of the
 * numbers); -ENOMEM; what writing to a memfd says. */
int pwk_call_filter_build(struct sock_fprog *program, enum pwk_call_filter_kind kind,
                          const int *numbers, size_t count, bool fixed_mappings);
void pwk_call_filter_free(struct sock_fprog *program);

#endif
