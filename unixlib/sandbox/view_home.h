/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_home.h - what a session sees of the home folder.
 */
#ifndef PWK_SANDBOX_VIEW_HOME_H
#define PWK_SANDBOX_VIEW_HOME_H

#include "sandbox/view_mounts.h"

/* The folder of the prefix's view that stands in the home folder's place. */
#define PWK_VIEW_HOME "home"

/* Where the plan hides the home folder: puts the view's own in its place, with the one folder that
 * is to be seen, the prefix, and (read-only) Wine and pwk, as far as they lie in it. Folders that
 * the prefix's user folders lead to (Documents and its like are links to the home folder) are made
 * in it, so that what is saved there is saved in the view. 0 or a negative errno with its line in
 * view->error. */
int pwk_view_make_home(struct pwk_view *view);

#endif
