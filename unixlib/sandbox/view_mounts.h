/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_mounts.h - the steps that a view is made of. What is to be seen again behind a folder that
 * gets covered is taken up first as a detached mount, and put back in its place afterwards.
 */
#ifndef PWK_SANDBOX_VIEW_MOUNTS_H
#define PWK_SANDBOX_VIEW_MOUNTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/error.h"
#include "sandbox/session.h"

#define PWK_VIEW_MAX_KEPT 64

struct pwk_kept {
    char path[PATH_MAX];
    int tree;
    bool folder;
};

struct pwk_view {
    const struct pwk_session_plan *plan;
    struct pwk_error *error;
    struct pwk_kept kept[PWK_VIEW_MAX_KEPT];
    size_t count;
};

/* All answer 0 or a negative errno with its line in view->error, where nothing else is said. */

/* True for the folder itself and all that is below it. */
bool pwk_view_is_below(const char *path, const char *folder);

/* Takes `path` up, with what is mounted below it. What is not there is left out, unless it is
 * `needed`. */
int pwk_view_keep(struct pwk_view *view, const char *path, bool needed);

/* True where exactly `path` is kept. */
bool pwk_view_is_kept(const struct pwk_view *view, const char *path);

/* Puts back what was kept, in the order in which it was, and forgets it. */
int pwk_view_put_back(struct pwk_view *view);

/* An empty folder in memory over `path`; left out where there is no such folder. */
int pwk_view_cover(struct pwk_view *view, const char *path, const char *options);

/* Nothing at `path` or below it can be written to any more, except what is mounted there later.
 * What is not there, or is a symbolic link, is left out. */
int pwk_view_make_read_only(struct pwk_view *view, const char *path);

/* A copy of what is mounted at `path` and below it, in no place yet: a descriptor, or a negative
 * errno alone. */
int pwk_view_open_tree(const char *path);

/* No devices and no programs of another user's rights in a tree that is in no place yet; nothing
 * that is mounted in it outside comes after it; nothing in it can be written to, if `read_only`. 0
 * or a negative errno alone. */
int pwk_view_restrict(int tree, bool read_only);

/* Puts it over `place`, a descriptor of this mount namespace. 0 or a negative errno alone. */
int pwk_view_move_tree(int tree, int place);

/* Makes the folders on the way to `path`, and what it is itself: a folder, or an empty file.
 * -ENAMETOOLONG where it is longer than PATH_MAX. */
int pwk_view_make_place(const char *path, bool folder);

#endif
