/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_state.h - one state of the prefix's registry, on its way from pwk-wine to a program in a
 * session of the kernel's own, from where the prefix's files cannot be seen: open descriptors of
 * its texts, named in one environment variable.
 */
#ifndef PWK_KERNEL_PREFIX_STATE_H
#define PWK_KERNEL_PREFIX_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/error.h"
#include "registry/registry.h"

#define PWK_STATE_VARIABLE "PWK_PREFIX_STATE"

struct pwk_prefix_state {
    uint64_t instance, generation; /* as in struct registry_lower */
    size_t count;
    int fds[REGISTRY_LOWER_TEXTS]; /* owned */
};

/* The newest state there is: what a watcher of the shared session has published, else what the
 * prefix's files hold. -ENOENT: the prefix has not been saved yet. */
int pwk_prefix_state_open(struct pwk_prefix_state *state, struct pwk_error *error);
void pwk_prefix_state_close(struct pwk_prefix_state *state);

/* Puts a copy of the state into this process's environment, in descriptors that are inherited. A
 * copy, since other programs of the session can open those anew for writing (/proc/PID/fd), and
 * would reach the file itself past every mount. A negative errno: the process is to end. */
int pwk_prefix_state_export(const struct pwk_prefix_state *state);

/* Takes it out of there again; the descriptors are close-on-exec from here on. -ENOENT: there is
 * none; -EINVAL: the variable was written by somebody else. */
int pwk_prefix_state_import(struct pwk_prefix_state *state);

#endif
