/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view.h - what a session sees of the machine's files: a copy-on-write view of the prefix, a /tmp
 * and a /run of its own, and of pwk's own files its kernel's store and run-time folder alone.
 *
 * Sources: mount_setattr(2), open_tree(2), move_mount(2); "Overlay Filesystem" (Linux kernel
 * documentation).
 */
#ifndef PWK_SANDBOX_VIEW_H
#define PWK_SANDBOX_VIEW_H

#include "kernel/error.h"
#include "sandbox/session.h"

/* Makes the view in the calling process's mount namespace, which must be its own, as must be its
 * user and process namespaces. 0 or a negative errno with what could not be given and the mend: a
 * view that was not completed must not be used. */
int pwk_view_make(const struct pwk_session_plan *plan, struct pwk_error *error);

#endif
