/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_limits.h - what holds a session to its share of processors and disks: a control group,
 * where one can be had, and the governor for all else.
 */
#ifndef PWK_SANDBOX_SESSION_LIMITS_H
#define PWK_SANDBOX_SESSION_LIMITS_H

#include "sandbox/session.h"

/* Makes the session's control group, where the plan has a place for it. `folder` receives its path,
 * or "" where there is none: the governor keeps all limits then. Answers a descriptor for
 * pwk_session_group_remove, or -1. */
int pwk_session_group_make(const struct pwk_session_plan *plan, char folder[PATH_MAX]);

/* Removes it: no process may be in it any more. */
void pwk_session_group_remove(const struct pwk_session_plan *plan, int group);

/* For who outlives a session whose first process was killed, and so has left its group behind. Both
 * do nothing while somebody is in the session. A launcher that leaves it gives the group's folder (or
 * ""), the session's lock, which it holds shared and may lose here, a pidfd of the first process, and
 * whether its program was killed, perhaps with all of the session: then it waits a moment for the
 * first process. Who has the kernel for himself gives the run-time folder. */
void pwk_session_group_leave(const char *folder, int lock, int init, bool killed);
void pwk_session_group_forget(const char *runtime);

struct pwk_governor;

/* For the session's first process, to be called again and again: sees to it that the group (its
 * descriptor) keeps its limits. Where it cannot any more, `governor` is replaced by one that keeps
 * all of them, and false answered: there is nothing more to be seen to. */
bool pwk_session_group_keep(const struct pwk_session_plan *plan, int group,
                            struct pwk_governor **governor);

/* Starts the governor for the limits that no group keeps, in the session's first process, when the
 * session's /proc is there. `governor` receives NULL where there is nothing to do. 0 or -ENOMEM. */
int pwk_session_govern(const struct pwk_session_plan *plan, bool has_group,
                       struct pwk_governor **governor);

#endif
