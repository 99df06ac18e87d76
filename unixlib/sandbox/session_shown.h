/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_shown.h - brings along, into a session that is up, what the program that joins it needs
 * of the folders that the session has of its own, and that it does not show yet.
 *
 * From outside: a mount namespace of the joining process's own, which belongs to the session's user
 * namespace, lends copies of the folders, and they are mounted in the session's by descriptor. What
 * lies at their place there is a hostile program's: nothing of it is followed, and afterwards the
 * place is looked at anew.
 *
 * Sources: open_tree(2), move_mount(2), mount_setattr(2), setns(2), openat2(2).
 */
#ifndef PWK_SANDBOX_SESSION_SHOWN_H
#define PWK_SANDBOX_SESSION_SHOWN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "kernel/error.h"
#include "sandbox/session.h"

struct pwk_session_shown {
    size_t count;
    struct {
        char path[PATH_MAX];
        struct stat outside; /* what must be seen there */
        bool read_only;
        int tree;
    } places[PWK_SESSION_SHOWN + 1];
    bool entered; /* the session's user namespace has been */
    int lock;     /* so that two do not bring the same, or -1 */
};

/* What the plan's program needs and the session does not show, by what is seen at its path outside
 * and inside. Costs no call where the plan names nothing that may be missing. 0, also where nothing
 * is missing; or a negative errno with its line. Ends with pwk_session_shown_finish in any case. */
int pwk_session_shown_find(const struct pwk_session_plan *plan, const struct pwk_session *session,
                           struct pwk_session_shown *shown, struct pwk_error *error);

/* Enters the session's user namespace, and takes copies of what is missing. By a process of one
 * thread that is about to join and never comes back. 0 or a negative errno with its line. */
int pwk_session_shown_take(const struct pwk_session_plan *plan, const struct pwk_session *session,
                           struct pwk_session_shown *shown, struct pwk_error *error);

/* Mounts them, in the session's mount namespace. 0 or a negative errno with its line. */
int pwk_session_shown_put(struct pwk_session_shown *shown, struct pwk_error *error);

void pwk_session_shown_finish(struct pwk_session_shown *shown);

#endif
