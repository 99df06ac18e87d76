/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * detached.h - processes of pwk-wine's that outlive it.
 */
#ifndef PWK_LAUNCHER_DETACHED_H
#define PWK_LAUNCHER_DETACHED_H

#include <stddef.h>

#define PWK_DETACHED_FDS 4
/* Where the first of the descriptors stands in the new process. */
#define PWK_DETACHED_FIRST 3

/* Runs `run` in a process called `name` that is nobody's child, in a session of processes of its
 * own, in the folder /, with no signal blocked, and with nothing open but /dev/null as 0, 1 and 2
 * and then the `count` descriptors of `fds`, in their order: a terminal or pipe that it kept open
 * would keep its other end waiting. It ends when `run` returns. To be called by a process of one
 * thread. 0 once it is on its own, or a negative errno. */
int pwk_detached_start(const char *name, const int *fds, size_t count, void (*run)(void *context),
                       void *context);

#endif
