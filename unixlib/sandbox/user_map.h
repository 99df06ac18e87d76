/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * user_map.h - who a process is in a new user namespace: who it was.
 */
#ifndef PWK_SANDBOX_USER_MAP_H
#define PWK_SANDBOX_USER_MAP_H

#include <sys/types.h>

/* Maps this user and this group, and no other, in the user namespace of `pid`, which was made just
 * now and has no map yet; 0: the caller's. 0 or a negative errno. Source: user_namespaces(7). */
int pwk_user_map(pid_t pid, uid_t user, gid_t group);

#endif
