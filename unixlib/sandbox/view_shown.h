/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_shown.h - what a session shows of the folders that it has of its own (/tmp, /run and their
 * like) and of a hidden home folder. Asked at a session's beginning and by everybody who joins, so
 * that both have one answer.
 */
#ifndef PWK_SANDBOX_VIEW_SHOWN_H
#define PWK_SANDBOX_VIEW_SHOWN_H

#include <limits.h>
#include <stdbool.h>

#include "sandbox/session.h"
#include "sandbox/walls.h"

struct pwk_view_place {
    enum pwk_wall wall;
    const char *path, *options; /* of the tmpfs that lies there */
};

/* The folders that a session has of its own. */
#define PWK_VIEW_COVERED 4
extern const struct pwk_view_place pwk_view_covered[PWK_VIEW_COVERED];

/* True where `path` lies in one of `places`. */
bool pwk_view_is_in(const char *path, const struct pwk_view_place *places, size_t count);

/* True for what lies in a hidden home folder, and for that folder itself. */
bool pwk_view_is_hidden(const struct pwk_session_plan *plan, const char *path);

/* What is to be shown of a covered folder for the sake of `path` in it: the first folder on the way
 * that holds nothing that the session must not see, with all that is in it, since programs come
 * with files beside them; or the file itself. False where nothing is to be shown: the path lies
 * elsewhere, in the prefix, or among run-time files and sockets of others. What holds the prefix is
 * to be shown with the session's view of it. `later`: in a session that is up, where a hidden home
 * folder would come along with what holds it. */
bool pwk_view_shown(const struct pwk_session_plan *plan, const char *path, bool later,
                    char top[PATH_MAX]);

/* The plan's program, where it lies in the hidden home folder and in nothing that is seen there
 * anyhow; else NULL. What lies beside it stays hidden: that may be all that was downloaded. */
const char *pwk_view_lone_program(const struct pwk_session_plan *plan);

#endif
