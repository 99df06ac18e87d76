/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_mounts.h - the steps that a view is made of. What is to be seen again behind a folder that
 * gets covered is taken up first as a detached mount, and put back in its place afterwards.
 *
 * Places are found as the machine's owner wrote their paths, links and all, but for what lies in
 * folders that programs of earlier sessions have filled: there links are not followed, and mounts
 * are made by descriptor, so that what was looked at is what is mounted over.
 *
 * Sources: path_resolution(7), open_tree(2), move_mount(2), mount_setattr(2).
 */
#ifndef PWK_SANDBOX_VIEW_MOUNTS_H
#define PWK_SANDBOX_VIEW_MOUNTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/error.h"
#include "sandbox/session.h"

#define PWK_VIEW_MAX_KEPT 64

/* The attribute of folders and files that a walk has made. A program can make and remove it too: it
 * says nothing of a file that is not empty, nor of what lies in a folder. */
#define PWK_VIEW_PLACE_MARK "user.pwk.place"

struct pwk_kept {
    char path[PATH_MAX];
    int tree;
    bool folder;
};

struct pwk_view {
    const struct pwk_session_plan *plan;
    struct pwk_error *error;
    /* Folders that programs have filled, of the plan's homes, or NULL: below them no step follows a
     * link, and what a program has put in the way of a mount is moved aside. */
    const char *filled[PWK_SESSION_HOMES];
    struct pwk_kept kept[PWK_VIEW_MAX_KEPT];
    size_t count;
    int desktop[PWK_DESKTOP_THINGS], fonts[PWK_DESKTOP_FONTS]; /* trees of view_desktop.c, or -1 */
};

/* All answer 0 or a negative errno with its line in view->error, where nothing else is said. */

/* True for the folder itself and all that is below it. */
bool pwk_view_is_below(const char *path, const char *folder);

/* Takes `path` up, with what is mounted below it. What is not there is left out, unless it is
 * `needed`. */
int pwk_view_keep(struct pwk_view *view, const char *path, bool needed);

/* The same, to be put back as what can only be read: no devices, nothing to be executed. */
int pwk_view_keep_read_only(struct pwk_view *view, const char *path);

/* True where exactly `path` is kept. */
bool pwk_view_is_kept(const struct pwk_view *view, const char *path);

/* Puts a tree that is in no place yet at `path`, which is made where it is not there. */
int pwk_view_put(struct pwk_view *view, int tree, const char *path);

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

/* Keeps the folders between `folder` and `path`, where that lies below it, in their places: what is
 * mounted on can be neither renamed nor removed in this namespace. */
int pwk_view_pin_way(struct pwk_view *view, const char *folder, const char *path);

/* Makes the folders on the way to `path`, and what it is itself: a folder, or an empty file.
 * -ENAMETOOLONG where it is longer than PATH_MAX. */
int pwk_view_make_place(const char *path, bool folder);

/* What a walk does about a name that is missing, or in the way. */
enum pwk_view_walk {
    PWK_VIEW_FIND,   /* -ENOENT; -ENOTDIR */
    PWK_VIEW_MAKE,   /* it is made; -ENOTDIR */
    PWK_VIEW_REPLACE /* it is made; moved aside, and made */
};

/* Walks from the open folder `base` down `path`, in which no name may be "..", to a folder or a
 * file, and follows no link: answers an O_PATH descriptor of it, or a negative errno. */
int pwk_view_walk(int base, const char *path, bool folder, enum pwk_view_walk how);

/* The same down an absolute path, from the folder that programs have filled: -EXDEV where it lies
 * below none. */
int pwk_view_open_filled(const struct pwk_view *view, const char *path, bool folder,
                         enum pwk_view_walk how);

/* Gives what lies there another name, beside its own: 0 or a negative errno. */
int pwk_view_move_aside(int folder, const char *name);

/* Mounts what lies at `source`, or what the descriptor is of, on what `place` is of: 0 or a
 * negative errno. */
int pwk_view_bind(const char *source, int place);
int pwk_view_bind_open(int source, int place);

#endif
