/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * confine.h - a process of pwk's own, outside of any session, that is about to read what a hostile
 * program may have written, gives up what it does not need for that: a fault of the reader's then
 * leads no further than to what lies beside the text.
 *
 * It is for good, and for the calling process, which must have one thread. What it holds:
 * - Files. None is opened but in the folders that are named, wherever a link there leads; in those
 *   files are read, written, made, renamed and removed, but no folders, devices, sockets or pipes.
 *   By Landlock; where Linux has none, by a mount namespace that holds those folders alone; where
 *   there is neither, nothing does (pwk_confine_files). What files are called and how large they
 * are (stat) can still be asked for, but in a namespace.
 * - Calls, by a list of what SQLite, the C library and a command's output need: no program is
 *   executed, no process or thread made, no socket, no memory becomes code, nobody else is
 *   signalled, traced or looked into, no mode, owner or time of a file is set by its name, and no
 *   mode or length of 0, 1 and 2; a terminal is asked for its settings and nothing else. What is
 *   not in the list is EPERM.
 * - Rights. No capability, and none to be had (no_new_privs). Root becomes who owns the first
 *   folder.
 * - Descriptors. 0 leads nowhere, 1 and 2 stay, and those that are named; all others are closed.
 *
 * Sources: landlock(7), seccomp(2), capabilities(7), mount_namespaces(7).
 */
#ifndef PWK_SANDBOX_CONFINE_H
#define PWK_SANDBOX_CONFINE_H

#include <stddef.h>
#include <sys/types.h>

#include "kernel/error.h"

#define PWK_CONFINED_DESCRIPTORS 16

struct pwk_confinement {
    const char *const *folders; /* absolute; what has such a name must be a folder, no link */
    size_t folder_count;
    const int *descriptors; /* PWK_CONFINED_DESCRIPTORS at most */
    size_t descriptor_count;
    pid_t parent; /* the process that it ends with (SIGKILL), or 0 */
};

/* 0; -ENOENT where a folder is missing; or another errno with a line: then the process may have
 * lost some of its rights, and must open nothing that is hostile. */
int pwk_confine(const struct pwk_confinement *confinement, struct pwk_error *error);

/* What holds files here. */
enum pwk_confine_files {
    PWK_CONFINE_NOTHING,
    PWK_CONFINE_NAMESPACE,
    PWK_CONFINE_LANDLOCK,
};
/* `version`: Landlock's, or 0. */
enum pwk_confine_files pwk_confine_files(int *version);

#endif
