/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * landlock.h - a process that can open files in a few folders only.
 */
#ifndef PWK_SANDBOX_LANDLOCK_H
#define PWK_SANDBOX_LANDLOCK_H

#include <stddef.h>

/* The version of Linux' Landlock, or 0 where there is none. */
int pwk_landlock_version(void);

/* For the calling thread and for good; no_new_privs must be set. `folders` are descriptors of those
 * in and below which files may be read, written, made and removed; all else that this Linux'
 * Landlock knows is refused: also the network, and whoever is outside of it by abstract sockets and
 * signals. 0 or a negative errno. Source: landlock(7). */
int pwk_landlock_restrict(const int *folders, size_t count);

#endif
