/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_desktop.c - see view_desktop.h. Sockets are mounted one by one: connecting needs no folder,
 * and beside them lie others (session bus, agents).
 */
#include "sandbox/view_desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/view_shown.h"
#include "sandbox/walls.h"

bool pwk_view_reaches(const struct pwk_view *view, enum pwk_desktop_switch of)
{
    static const enum pwk_wall walls[PWK_DESKTOP_SWITCHES] = {[PWK_DISPLAY] = PWK_WALL_DISPLAY,
                                                              [PWK_SOUND] = PWK_WALL_SOUND,
                                                              [PWK_PRINTING] = PWK_WALL_PRINTING};

    return view->plan->desktop.reached[of] || !pwk_wall_stands(walls[of]);
}

/* ---- taking up ---- */

static int take(struct pwk_view *view, const char *path, int *tree)
{
    int result;

    *tree = pwk_view_open_tree(path);
    result = *tree < 0 ? *tree : pwk_view_restrict(*tree, true);
    if (result == 0 || result == -ENOENT)
        return 0;
    return pwk_error_set(view->error, result,
                         "%s cannot be shown to the kernel's session: %s; use --session shared",
                         path, strerror(-result));
}

/* A link that leads to the home folder, or above it, would show all of it. */
static int take_fonts(struct pwk_view *view, const char *name, int *tree)
{
    const struct pwk_session_plan *plan = view->plan;
    char folder[PATH_MAX];
    struct stat st;

    if (!name[0] || !pwk_view_is_hidden(plan, name) ||
        (plan->home_folder[0] && pwk_view_is_below(name, plan->home_folder)) ||
        !realpath(name, folder) || stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
        return 0;
    for (size_t i = 0; i < PWK_SESSION_HOMES; i++)
        if (strcmp(folder, "/") == 0 ||
            (plan->homes[i][0] && pwk_view_is_below(plan->homes[i], folder)))
            return 0;
    return take(view, folder, tree);
}

int pwk_view_take_desktop(struct pwk_view *view)
{
    const struct pwk_desktop *desktop = &view->plan->desktop;
    int result = 0;

    for (int i = 0; i < PWK_DESKTOP_THINGS; i++)
        view->desktop[i] = -1;
    for (int i = 0; i < PWK_DESKTOP_FONTS; i++)
        view->fonts[i] = -1;
    for (int i = 0; result == 0 && i < PWK_DESKTOP_THINGS; i++)
        if (desktop->path[i][0] && pwk_view_reaches(view, pwk_desktop_switch_of(i)))
            result = take(view, desktop->path[i], &view->desktop[i]);
    for (int i = 0; result == 0 && i < PWK_DESKTOP_FONTS; i++)
        result = take_fonts(view, desktop->fonts[i], &view->fonts[i]);
    return result;
}

/* ---- covering ---- */

/* What is of use in the user's folder of sockets is below these. */
static bool holds_what_is_shown(const struct pwk_session_plan *plan, const char *folder)
{
    const char *home = getenv("HOME");
    bool holds =
        pwk_view_is_below(plan->prefix, folder) || (home && pwk_view_is_below(home, folder));

    for (size_t i = 0; plan->shown[i] && !holds; i++)
        holds = pwk_view_is_below(plan->shown[i], folder);
    return holds;
}

int pwk_view_cover_sockets(struct pwk_view *view)
{
    const char *folder = view->plan->desktop.runtime;
    const char *const own[] = {view->plan->runtime, view->plan->below};
    struct stat st;
    int result = 0;

    /* Mode and owner are as the folder's specification has them: no other one is meant for this. */
    if (!folder[0] || !pwk_wall_stands(PWK_WALL_SOCKETS) || lstat(folder, &st) < 0 ||
        st.st_uid != geteuid() || (st.st_mode & 0777) != 0700 ||
        holds_what_is_shown(view->plan, folder))
        return 0;
    for (size_t i = 0; result == 0 && i < sizeof(own) / sizeof(own[0]); i++)
        if (own[i][0] && pwk_view_is_below(own[i], folder))
            result = pwk_view_keep(view, own[i], true);
    if (result == 0)
        result = pwk_view_cover(view, folder, "mode=0700");
    return result < 0 ? result : pwk_view_put_back(view);
}

/* ---- showing ---- */

static bool has_taken(const struct pwk_view *view)
{
    for (int i = 0; i < PWK_DESKTOP_THINGS; i++)
        if (view->desktop[i] >= 0)
            return true;
    return false;
}

static int fail(struct pwk_view *view, const char *path)
{
    return pwk_error_set(view->error, -errno,
                         "%s cannot be made in the session: %s; use --session shared", path,
                         strerror(errno));
}

static int show_things(struct pwk_view *view)
{
    static const char folder[] = PWK_DESKTOP_FOLDER;
    char place[PATH_MAX];
    int result;

    if (!has_taken(view))
        return 0;
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return fail(view, folder);
    result = pwk_view_cover(view, folder, "mode=0700,size=64k");
    for (int i = 0; result == 0 && i < PWK_DESKTOP_THINGS; i++) {
        if (view->desktop[i] < 0)
            continue;
        pwk_desktop_place(&view->plan->desktop, i, place);
        result = pwk_view_put(view, view->desktop[i], place);
        close(view->desktop[i]);
    }
    if (result == 0 && mount(NULL, folder, NULL,
                             MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        result = fail(view, folder);
    return result;
}

/* A socket that is kept off may lie in a folder that the session has from the machine. */
static int hide_things(struct pwk_view *view)
{
    int result = 0;

    for (int i = 0; result == 0 && i < PWK_DESKTOP_THINGS; i++) {
        const char *path = view->plan->desktop.path[i];
        int place;

        if (!path[0] || pwk_view_reaches(view, pwk_desktop_switch_of(i)))
            continue;
        place = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (place < 0)
            continue;
        result = pwk_view_bind("/dev/null", place);
        close(place);
        if (result < 0)
            pwk_error_set(view->error, result, "%s cannot be hidden in the session: %s", path,
                          strerror(-result));
    }
    return result;
}

int pwk_view_show_desktop(struct pwk_view *view)
{
    int result = show_things(view);

    for (int i = 0; result == 0 && i < PWK_DESKTOP_FONTS; i++) {
        if (view->fonts[i] < 0)
            continue;
        result = pwk_view_put(view, view->fonts[i], view->plan->desktop.fonts[i]);
        close(view->fonts[i]);
    }
    return result < 0 ? result : hide_things(view);
}
