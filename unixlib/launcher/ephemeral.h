/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ephemeral.h - kernels whose state goes with their last process.
 *
 * Such a state holds a file `ephemeral`. Whoever uses the kernel keeps a shared flock on it, in a
 * process of its own, the reaper; who has the exclusive lock may remove the state. The kernel's
 * run-time files lie in a folder of their own, so that all of them can go too.
 */
#ifndef PWK_LAUNCHER_EPHEMERAL_H
#define PWK_LAUNCHER_EPHEMERAL_H

#include <limits.h>
#include <stdbool.h>

#include "kernel/error.h"

/* True where the kernel with this state is an ephemeral one. */
bool pwk_ephemeral_is(const char *state);

/* Makes the state of a new ephemeral kernel, marked before it has its name: who is killed meanwhile
 * leaves what the next sweep removes. Returns the descriptor that holds the marker's lock, or a
 * negative errno: -EEXIST, and no word in `error`, where there is such a state already. */
int pwk_ephemeral_make(const char *prefix, const char *state, struct pwk_error *error);

/* Marks the state (which exists) ephemeral, where it is not yet, and locks it. Returns the
 * descriptor that holds the lock, or a negative errno: -EBUSY when the kernel is just ending. */
int pwk_ephemeral_enter(const char *state, struct pwk_error *error);

/* The folder of a kernel's run-time files: `runtime` itself, or one of its own (which may have to
 * be made) for an ephemeral kernel, and for one in a session of its own. `state` must exist. */
int pwk_kernel_runtime(const char *runtime, const char *state, bool own_session,
                       char path[PATH_MAX], struct pwk_error *error);

/* Starts the reaper: it waits for the end of the calling process, which may have become another
 * program, and of all processes of the kernel, and removes what `state` and `runtime` (of
 * pwk_kernel_runtime) hold. The caller keeps `marker` and closes it at will. */
int pwk_ephemeral_start_reaper(const char *state, const char *runtime, int marker,
                               struct pwk_error *error);

/* Removes the ephemeral kernels of a prefix that no process holds: those of a machine that was
 * switched off, or whose reaper was killed. What cannot be removed is left for the next time. */
void pwk_ephemeral_sweep(const char *prefix, const char *runtime);

#endif
