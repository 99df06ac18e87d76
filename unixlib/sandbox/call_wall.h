/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_wall.h - Linux calls that reach round the namespaces of an own session, refused for every
 * process in it. This is no policy: what a profile forbids besides is another filter.
 */
#ifndef PWK_SANDBOX_CALL_WALL_H
#define PWK_SANDBOX_CALL_WALL_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#define PWK_CALL_WALL_MAX 128 /* instructions */

/* For the calling thread and all that it starts; no_new_privs must be set. Refused with EPERM: key
 * rings (which no namespace divides by user), input pushed into a terminal that is shared with the
 * outside, performance counters, eBPF, userfaultfd and io_uring (the kernel's attack surface, which
 * Wine has no use for). With `isolated_network` sockets are of the Unix, Internet and netlink
 * families only (EAFNOSUPPORT otherwise): some of the others know no network namespaces (vsock
 * reaches a virtual machine's host). 0 or a negative errno.
 * Sources: seccomp(2), ioctl_tty(2), keyrings(7), vsock(7). */
int pwk_call_wall_raise(bool isolated_network);

/* The filter itself: how many instructions it has. */
size_t pwk_call_wall_write(struct sock_filter lines[PWK_CALL_WALL_MAX], bool isolated_network);

#endif
