/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_home.c - see view_home.h. By mounts, since wineserver opens the files: Landlock would have
 * to hold it and its clients in one domain (docs/architecture.md).
 */
#include "sandbox/view_home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/view_shown.h"
#include "sandbox/walls.h"

#define MAX_SEEN 16

static int by_length(const void *a, const void *b)
{
    size_t first = strlen(*(const char *const *)a), second = strlen(*(const char *const *)b);

    return (first > second) - (first < second);
}

/* Takes up what is to be seen again: folders before what lies in them, which comes with them. */
static int keep_seen(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    const char *seen[MAX_SEEN] = {plan->prefix, plan->runtime};
    size_t count = 2;
    int result = 0;

    if (plan->below[0])
        seen[count++] = plan->below;
    if (plan->home_folder[0])
        seen[count++] = plan->home_folder;
    for (size_t i = 0; i < PWK_SESSION_INSTALLED && plan->installed[i]; i++)
        seen[count++] = plan->installed[i];
    if (pwk_view_lone_program(plan))
        seen[count++] = pwk_view_lone_program(plan);
    qsort(seen, count, sizeof(seen[0]), by_length);
    for (size_t i = 0; result == 0 && i < count; i++) {
        bool comes = !pwk_view_is_hidden(plan, seen[i]);

        for (size_t k = 0; k < view->count && !comes; k++)
            comes = pwk_view_is_below(seen[i], view->kept[k].path);
        if (!comes)
            result = pwk_view_keep(view, seen[i],
                                   seen[i] == plan->prefix || seen[i] == plan->home_folder);
    }
    return result;
}

/* In the one folder that is shown the prefix, the run-time files and what is installed stay where
 * they are: who could rename a folder on the way could put another in its place, which later starts
 * would believe. */
static int pin_ways(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    char mounted[2][PATH_MAX + 32];
    int result = 0;

    if (!plan->home_folder[0])
        return 0;
    snprintf(mounted[0], sizeof(mounted[0]), "%s/pwk", plan->prefix);
    snprintf(mounted[1], sizeof(mounted[1]), "%s/" PWK_SESSION_LOCK, plan->runtime);
    for (size_t i = 0; result == 0 && i < 2; i++)
        result = pwk_view_pin_way(view, plan->home_folder, mounted[i]);
    for (size_t i = 0; result == 0 && i < PWK_SESSION_INSTALLED && plan->installed[i]; i++)
        result = pwk_view_pin_way(view, plan->home_folder, plan->installed[i]);
    return result;
}

static int protect_installed(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    int result = 0;

    for (size_t i = 0; result == 0 && i < PWK_SESSION_INSTALLED && plan->installed[i]; i++)
        if (pwk_view_is_hidden(plan, plan->installed[i]))
            result = pwk_view_make_read_only(view, plan->installed[i]);
    if (result == 0 && pwk_view_lone_program(plan))
        result = pwk_view_make_read_only(view, pwk_view_lone_program(plan));
    return result == 0 ? pin_ways(view) : result;
}

/* ---- folders that the user's folders lead to ---- */

/* Makes what a link of a user's folder leads to, where that was in the home folder. Programs can
 * make such links too: where they lead to what cannot be made, the session is as good without. */
static void make_target(const struct pwk_view *view, int folder, const char *name)
{
    char target[PATH_MAX];
    ssize_t size = readlinkat(folder, name, target, sizeof(target) - 1);
    int made;

    if (size <= 0)
        return;
    target[size] = '\0';
    if (view->plan->home_folder[0] && pwk_view_is_below(target, view->plan->home_folder))
        return;
    made = pwk_view_open_filled(view, target, true, PWK_VIEW_MAKE);
    if (made >= 0)
        close(made);
}

/* Opens for reading what is a folder, and no link: NULL otherwise. */
static DIR *read_folder(int base, const char *path)
{
    int found = pwk_view_walk(base, path, true, PWK_VIEW_FIND);
    int fd = found < 0 ? -1 : openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (!folder && fd >= 0)
        close(fd);
    if (found >= 0)
        close(found);
    return folder;
}

static void make_targets(const struct pwk_view *view, int prefix)
{
    DIR *users = read_folder(prefix, "drive_c/users");
    const struct dirent *user, *entry;

    while (users && (user = readdir(users)) != NULL) {
        DIR *folder = user->d_name[0] == '.' ? NULL : read_folder(dirfd(users), user->d_name);

        while (folder && (entry = readdir(folder)) != NULL)
            make_target(view, dirfd(folder), entry->d_name);
        if (folder)
            closedir(folder);
    }
    if (users)
        closedir(users);
}

/* ---- the home folder ---- */

/* Puts the view's own folder in the places of the home folders; one that lies in another is covered
 * with that one. */
static int cover_homes(struct pwk_view *view, int own)
{
    const struct pwk_session_plan *plan = view->plan;
    int result = 0;

    for (size_t i = 0; result == 0 && i < PWK_SESSION_HOMES; i++) {
        const char *home = plan->homes[i], *other = plan->homes[PWK_SESSION_HOMES - 1 - i];
        int place;

        if (!home[0] || (other[0] && pwk_view_is_below(home, other)))
            continue;
        place = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
        result = place < 0 ? -errno : pwk_view_bind_open(own, place);
        if (place >= 0)
            close(place);
        if (result < 0)
            return pwk_error_set(view->error, result,
                                 "the home folder %s cannot be covered in the session: %s; use "
                                 "--home full",
                                 home, strerror(-result));
        view->filled[i] = home;
    }
    return result;
}

int pwk_view_make_home(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    int prefix, own, result;

    if (!plan->homes[0][0] || !pwk_wall_stands(PWK_WALL_HOME))
        return 0;
    /* By its path the prefix may not be reached while the home folder is covered. */
    prefix = open(plan->prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);
    own = prefix < 0 ? -errno : pwk_view_walk(prefix, PWK_VIEW_HOME, true, PWK_VIEW_REPLACE);
    result = own;
    if (own < 0)
        pwk_error_set(view->error, own,
                      "%s/" PWK_VIEW_HOME
                      " cannot be made in the session: %s; remove what is there",
                      plan->prefix, strerror(-own));
    if (result >= 0)
        result = keep_seen(view);
    if (result == 0)
        result = cover_homes(view, own);
    if (result == 0)
        result = pwk_view_put_back(view);
    if (result == 0)
        result = protect_installed(view);
    if (result == 0)
        make_targets(view, prefix);
    if (own >= 0)
        close(own);
    if (prefix >= 0)
        close(prefix);
    return result;
}
