/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup.h - a control group of a session's own, which Linux holds to a share of the processors and
 * of the disks: where somebody (systemd, for a user's session) has lent the user a part of the tree
 * with the controllers for it. Version 2 only.
 *
 * Sources: "Control Group v2" (Linux kernel documentation), "Delegation"; cgroups(7).
 */
#ifndef PWK_SANDBOX_CGROUP_H
#define PWK_SANDBOX_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/error.h"

/* Where a group can be made, and for what. All empty: nowhere. */
struct pwk_cgroup {
    char parent[PATH_MAX];
    bool cpu, io;
    unsigned major, minor; /* of the disk that the session's files are on; where `io` */
};

/* Looks for a folder on the way from the caller's own group up in which the caller may make groups,
 * and that has the controllers for what is wanted, or one of them. Nothing is changed. `path`: the
 * folder whose disk counts. */
void pwk_cgroup_find(struct pwk_cgroup *group, bool cpu, bool io, const char *path);

/* The same with other folders than /proc/self and /sys/dev/block, for tests. */
void pwk_cgroup_find_in(struct pwk_cgroup *group, const char *self, const char *blocks, bool cpu,
                        bool io, const char *path);

/* Makes the group `name` in parent, or takes one up that was left behind, and sets its limits:
 * `cpu` in percent of one processor, `io` in bytes a second for reading and for writing, each; 0
 * where the group is not to hold it. Answers a descriptor of the parent's folder for
 * pwk_cgroup_remove, or a negative errno. */
int pwk_cgroup_make(const struct pwk_cgroup *group, const char *name, unsigned cpu, uint64_t io);

/* Looks whether the group `name` in the folder `parent` still has the limits that it was made with,
 * and gives them back: systemd takes a controller that was lent on by hand away again when it reads
 * its units anew (`systemctl daemon-reload`), and the limits go with it. 0 where they stand now, or
 * a negative errno. */
int pwk_cgroup_keep(const struct pwk_cgroup *group, int parent, const char *name, unsigned cpu,
                    uint64_t io);

/* Puts the calling process into the group with this folder: 0 or a negative errno. */
int pwk_cgroup_enter(const char *folder);

/* Removes the group, which must have no process any more, and closes the descriptor. */
void pwk_cgroup_remove(int parent, const char *name);

#endif
