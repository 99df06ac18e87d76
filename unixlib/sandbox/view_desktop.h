/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_desktop.h - what a session sees of the desktop (desktop.h).
 */
#ifndef PWK_SANDBOX_VIEW_DESKTOP_H
#define PWK_SANDBOX_VIEW_DESKTOP_H

#include "sandbox/desktop.h"
#include "sandbox/view_mounts.h"

/* True where the plan lets it be reached. */
bool pwk_view_reaches(const struct pwk_view *view, enum pwk_desktop_switch of);

/* Takes up what is to be handed in, and fonts that lie in a home folder which is to be hidden,
 * before anything is covered. 0 or a negative errno with its line in view->error. */
int pwk_view_take_desktop(struct pwk_view *view);

/* Covers the user's folder of sockets, which must not lie in one that is covered by now; of it
 * pwk's run-time files are left. Where the prefix or what must be shown lies in it, it stays. */
int pwk_view_cover_sockets(struct pwk_view *view);

/* Puts what was taken up in its places, read-only, and hides what is kept off where it could still
 * be seen. To be called when the home folder is made and /dev is not. */
int pwk_view_show_desktop(struct pwk_view *view);

#endif
