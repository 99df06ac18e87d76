/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * follower.h - the follower of an own session: a process outside it that publishes what the
 * prefix's registry becomes while the session's programs run (kernel/prefix_layer.h), as a start of
 * pwk-wine would. It sleeps until the prefix's files change or a wineserver comes up for the
 * prefix, and ends with the session.
 */
#ifndef PWK_LAUNCHER_FOLLOWER_H
#define PWK_LAUNCHER_FOLLOWER_H

#include "launcher/plan.h"

/* Starts the follower of the plan's session, which this process is in or has a program in, unless
 * it has one: then this costs three system calls. One that was killed is so replaced by the next
 * start. `layer` is of the plan's prefix. 0 or a negative errno with its line. */
int pwk_follower_start(const struct pwk_plan *plan, const struct pwk_prefix_layer *layer,
                       struct pwk_error *error);

#endif
