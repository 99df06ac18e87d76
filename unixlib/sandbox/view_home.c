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
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/view_shown.h"

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
    const char *cookies = getenv("XAUTHORITY");
    char usual[PATH_MAX + 16];
    size_t count = 2;
    int result = 0;

    if (plan->home_folder[0])
        seen[count++] = plan->home_folder;
    /* Without it no X server lets anybody in. */
    snprintf(usual, sizeof(usual), "%s/.Xauthority", plan->homes[0]);
    if (plan->display && getenv("DISPLAY"))
        seen[count++] = cookies && *cookies ? cookies : usual;
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

static int protect_installed(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    int result = 0;

    for (size_t i = 0; result == 0 && i < PWK_SESSION_INSTALLED && plan->installed[i]; i++)
        if (pwk_view_is_hidden(plan, plan->installed[i]))
            result = pwk_view_make_read_only(view, plan->installed[i]);
    if (result == 0 && pwk_view_lone_program(plan))
        result = pwk_view_make_read_only(view, pwk_view_lone_program(plan));
    return result;
}

/* Makes what a link of a user's folder leads to, where that was in the home folder. */
static int make_target(struct pwk_view *view, int folder, const char *name)
{
    char target[PATH_MAX];
    ssize_t size = readlinkat(folder, name, target, sizeof(target) - 1);
    int result;

    if (size <= 0)
        return 0;
    target[size] = '\0';
    if (!pwk_view_is_hidden(view->plan, target) || strstr(target, "/../") ||
        (view->plan->home_folder[0] && pwk_view_is_below(target, view->plan->home_folder)) ||
        access(target, F_OK) == 0)
        return 0;
    result = pwk_view_make_place(target, true);
    return result < 0 ? pwk_error_set(view->error, result, "%s cannot be made in the session: %s",
                                      target, strerror(-result))
                      : 0;
}

static int make_targets_of(struct pwk_view *view, const char *path)
{
    const struct dirent *entry;
    DIR *folder = opendir(path);
    int result = 0;

    while (folder && result == 0 && (entry = readdir(folder)) != NULL)
        if (entry->d_type == DT_LNK)
            result = make_target(view, dirfd(folder), entry->d_name);
    if (folder)
        closedir(folder);
    return result;
}

static int make_targets(struct pwk_view *view)
{
    char users[PATH_MAX + 32], path[PATH_MAX + 32 + NAME_MAX];
    const struct dirent *entry;
    DIR *folder;
    int result = 0;

    snprintf(users, sizeof(users), "%s/drive_c/users", view->plan->prefix);
    folder = opendir(users);
    while (folder && result == 0 && (entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", users, entry->d_name);
        if (entry->d_name[0] != '.' && entry->d_type == DT_DIR)
            result = make_targets_of(view, path);
    }
    if (folder)
        closedir(folder);
    return result;
}

int pwk_view_make_home(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    char own[PATH_MAX + 16];
    int result, folder;

    if (!plan->homes[0][0])
        return 0;
    snprintf(own, sizeof(own), "%s/" PWK_VIEW_HOME, plan->prefix);
    result = pwk_view_make_place(own, true);
    folder = result < 0 ? result : open(own, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return pwk_error_set(view->error, result < 0 ? result : -errno,
                             "%s cannot be made: %s; use --home full", own, strerror(errno));
    result = keep_seen(view);
    snprintf(own, sizeof(own), "/proc/self/fd/%d", folder);
    for (size_t i = 0; result == 0 && i < PWK_SESSION_HOMES; i++)
        if (plan->homes[i][0] && mount(own, plan->homes[i], NULL, MS_BIND, NULL) < 0)
            result = pwk_error_set(view->error, -errno,
                                   "the home folder %s cannot be covered in the session: %s; use "
                                   "--home full",
                                   plan->homes[i], strerror(errno));
    close(folder);
    if (result == 0)
        result = pwk_view_put_back(view);
    if (result == 0)
        result = protect_installed(view);
    return result < 0 ? result : make_targets(view);
}
