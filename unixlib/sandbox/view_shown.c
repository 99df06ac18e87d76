/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_shown.c - see view_shown.h.
 */
#include "sandbox/view_shown.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/view_mounts.h"

const struct pwk_view_place pwk_view_covered[PWK_VIEW_COVERED] = {
    {PWK_WALL_TEMPORARY, "/tmp", "mode=1777"},
    {PWK_WALL_TEMPORARY, "/var/tmp", "mode=1777"},
    {PWK_WALL_RUN, "/run", "mode=0755"},
    {PWK_WALL_RUN, "/var/run", "mode=0755"},
};

bool pwk_view_is_in(const char *path, const struct pwk_view_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pwk_view_is_below(path, places[i].path) && strcmp(path, places[i].path) != 0)
            return true;
    return false;
}

bool pwk_view_is_hidden(const struct pwk_session_plan *plan, const char *path)
{
    for (size_t i = 0; i < PWK_SESSION_HOMES; i++)
        if (plan->homes[i][0] && pwk_view_is_below(path, plan->homes[i]))
            return true;
    return false;
}

enum answer { SHOW, GO_ON, NEVER };

static enum answer against_path(const char *top, const char *folder)
{
    return pwk_view_is_below(top, folder) ? NEVER : pwk_view_is_below(folder, top) ? GO_ON : SHOW;
}

/* `top` against a folder of which nothing may be seen, by its name and where that leads. */
static enum answer against(const char *top, const char *folder)
{
    enum answer answer = against_path(top, folder);
    char real[PATH_MAX];

    return answer == SHOW && realpath(folder, real) ? against_path(top, real) : answer;
}

/* Where services of the user's, other kernels and stock Wine are reached. */
static enum answer against_services(const struct pwk_session_plan *plan, const char *top)
{
    static const char *const patterns[] = {"/run/user/%u", "/tmp/pwk-%u", "/tmp/.wine-%u",
                                           "/tmp/.X11-unix", "/tmp/.ICE-unix"};
    const char *session = getenv("XDG_RUNTIME_DIR");
    char path[PATH_MAX];
    enum answer answer;

    strcpy(path, plan->runtime);
    *strrchr(path, '/') = '\0';
    answer = against(top, path);
    if (answer == SHOW && session && session[0] == '/')
        answer = against(top, session);
    for (size_t i = 0; answer == SHOW && i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const char *user = strchr(patterns[i], '%');

        if (user)
            snprintf(path, sizeof(path), "%.*s%u", (int)(user - patterns[i]), patterns[i],
                     (unsigned)geteuid());
        else
            strcpy(path, patterns[i]);
        answer = against(top, path);
    }
    return answer;
}

/* A link on the way would have another folder shown than is named. */
static bool is_behind_link(const char *top)
{
    char parent[PATH_MAX], real[PATH_MAX];

    strcpy(parent, top);
    *strrchr(parent, '/') = '\0';
    return realpath(parent, real) && strcmp(parent, real) != 0;
}

static enum answer may_be_shown(const struct pwk_session_plan *plan, const char *top, bool later)
{
    enum answer answer = is_behind_link(top) ? NEVER : against_services(plan, top);

    for (size_t i = 0; answer == SHOW && later && i < PWK_SESSION_HOMES; i++)
        if (plan->homes[i][0])
            answer = against(top, plan->homes[i]);
    return answer;
}

/* Only a path that says where it leads: no empty component, no "." and no "..". */
static bool is_plain(const char *path)
{
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        size_t length = strcspn(slash + 1, "/");

        if (length == 0 || (slash[1] == '.' && (length == 1 || (length == 2 && slash[2] == '.'))))
            return false;
    }
    return true;
}

bool pwk_view_shown(const struct pwk_session_plan *plan, const char *path, bool later,
                    char top[PATH_MAX])
{
    if (!pwk_view_is_in(path, pwk_view_covered, PWK_VIEW_COVERED) || !is_plain(path) ||
        strlen(path) >= PATH_MAX || pwk_view_is_below(path, plan->prefix))
        return false;
    for (size_t i = 0; i < PWK_VIEW_COVERED; i++) {
        size_t length = strlen(pwk_view_covered[i].path);
        enum answer answer = GO_ON;

        if (!pwk_view_is_below(path, pwk_view_covered[i].path))
            continue;
        while (answer == GO_ON && path[length] == '/') {
            length += 1 + strcspn(path + length + 1, "/");
            snprintf(top, PATH_MAX, "%.*s", (int)length, path);
            answer = may_be_shown(plan, top, later);
        }
        return answer == SHOW;
    }
    return false;
}

const char *pwk_view_lone_program(const struct pwk_session_plan *plan)
{
    const char *program = plan->shown[0];
    bool seen = !program || !pwk_view_is_hidden(plan, program) ||
                pwk_view_is_below(program, plan->prefix) ||
                pwk_view_is_below(program, plan->runtime) ||
                (plan->home_folder[0] && pwk_view_is_below(program, plan->home_folder));

    for (size_t i = 0; i < PWK_SESSION_INSTALLED && plan->installed[i] && !seen; i++)
        seen = pwk_view_is_below(program, plan->installed[i]);
    return seen ? NULL : program;
}
