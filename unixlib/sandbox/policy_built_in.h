/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_built_in.h - what generate_policy.c has made of the tables of policy_groups.c when pwk was
 * built: the built-in policies, compiled by libseccomp, and the names of calls. Compiling anew
 * takes a tenth to half a millisecond, and loading libseccomp as much again, of every program's
 * start.
 */
#ifndef PWK_SANDBOX_POLICY_BUILT_IN_H
#define PWK_SANDBOX_POLICY_BUILT_IN_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/profile.h"

/* Numbers of calls that tables have room for. Linux adds a few a year; the newest is about 470. */
#define PWK_POLICY_CALLS 512

struct pwk_policy_program {
    const struct sock_filter *code;
    size_t length; /* instructions */
};

extern const struct pwk_policy_program pwk_policy_programs[2]; /* by enum pwk_syscall_base */

/* wineserver's (server_policy.h). */
extern const struct pwk_policy_program pwk_policy_server_program;

/* What the base's own words make of each call: enum pwk_syscall_action, or
 * PWK_POLICY_UNNAMED. */
#define PWK_POLICY_UNNAMED 0xff
extern const uint8_t pwk_policy_base_actions[2][PWK_POLICY_CALLS];

/* The name of an x86-64 call, "" where none is known. */
const char *pwk_call_name(int number);

#endif
