/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_guard.h - what stands in front of every policy and is the same in each: calls that come
 * in by another door than the one that the policy looks at (32-bit and x32 numbers, io_uring), and
 * arguments that would switch off what pwk has armed. Also what depends on arguments in the
 * built-in policies: namespaces and families of sockets.
 *
 * Arguments are compared here and not by libseccomp, whose 2.5.4 makes wrong trees of some 64-bit
 * comparisons, and which cannot say "any value but these two".
 */
#ifndef PWK_SANDBOX_POLICY_GUARD_H
#define PWK_SANDBOX_POLICY_GUARD_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/* What an explicit `NAME = allow` of the policy opens; all else is shut always. */
enum pwk_guard_part {
    PWK_GUARD_NAMESPACES = 1u << 0,      /* clone(2) with namespace flags: `unshare` */
    PWK_GUARD_SOCKET_FAMILIES = 1u << 1, /* all but Unix, IP, IPv6 and netlink: `socket` */
};

#define PWK_GUARD_MAX 160 /* instructions */

/* The question whether a guard stands, and its answer: a prctl(2) option that Linux does not know
 * and an errno that it never gives. */
#define PWK_GUARD_PROBE 0x70776b31
#define PWK_GUARD_ANSWER 2989

/* Writes the guard; what it lets through goes on behind its last instruction. Returns the number
 * of instructions. `opened`: bits of enum pwk_guard_part. */
size_t pwk_guard_write(struct sock_filter code[PWK_GUARD_MAX], unsigned opened);

#endif
