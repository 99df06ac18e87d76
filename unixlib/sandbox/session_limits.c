/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_limits.c - see session_limits.h. The group is named after the session's run-time folder,
 * so that one that a killed session has left behind is taken up by the next.
 */
#include "sandbox/session_limits.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "sandbox/governor.h"
#include "sandbox/session_known.h"

/* Linux ends all others of a session before its first process. */
#define LAST_MILLISECONDS 2000

static void group_name(const struct pwk_session_plan *plan, char name[NAME_MAX + 1])
{
    snprintf(name, NAME_MAX + 1, "pwk-%.*s", NAME_MAX - 4, strrchr(plan->runtime, '/') + 1);
}

int pwk_session_group_make(const struct pwk_session_plan *plan, char folder[PATH_MAX])
{
    const struct pwk_cgroup *place = &plan->cgroup;
    char name[NAME_MAX + 1];
    int group = -1;

    folder[0] = '\0';
    if (!place->cpu && !place->io)
        return -1;
    group_name(plan, name);
    if (snprintf(folder, PATH_MAX, "%s/%s", place->parent, name) < PATH_MAX)
        group = pwk_cgroup_make(place, name, place->cpu ? plan->cpu : 0, place->io ? plan->io : 0);
    if (group < 0)
        folder[0] = '\0';
    return group < 0 ? -1 : group;
}

bool pwk_session_group_keep(const struct pwk_session_plan *plan, int group,
                            struct pwk_governor **governor)
{
    const struct pwk_cgroup *place = &plan->cgroup;
    char name[NAME_MAX + 1];
    struct pwk_governor *all;

    group_name(plan, name);
    if (pwk_cgroup_keep(place, group, name, place->cpu ? plan->cpu : 0,
                        place->io ? plan->io : 0) == 0 ||
        pwk_session_govern(plan, false, &all) < 0)
        return true;
    /* Whom the one before has stopped, the new one would take for stopped by others. */
    if (*governor)
        kill(-1, SIGCONT);
    *governor = all;
    return false;
}

void pwk_session_group_remove(const struct pwk_session_plan *plan, int group)
{
    char name[NAME_MAX + 1];

    group_name(plan, name);
    if (group >= 0)
        pwk_cgroup_remove(group, name);
}

void pwk_session_group_leave(const char *folder, int lock, int init, bool killed)
{
    struct pollfd ended = {.fd = init, .events = POLLIN};

    /* With the lock alone nobody begins a next session, which would have a group of this name. */
    if (folder[0] && init >= 0 && poll(&ended, 1, killed ? LAST_MILLISECONDS : 0) == 1 &&
        flock(lock, LOCK_EX | LOCK_NB) == 0)
        rmdir(folder);
}

void pwk_session_group_forget(const char *runtime)
{
    struct pwk_session_known known;

    if (pwk_session_known_read(runtime, &known) == 0 && known.group[0])
        rmdir(known.group);
}

int pwk_session_govern(const struct pwk_session_plan *plan, bool has_group,
                       struct pwk_governor **governor)
{
    unsigned cpu = has_group && plan->cgroup.cpu ? 0 : plan->cpu;
    uint64_t io = has_group && plan->cgroup.io ? 0 : plan->io;

    *governor = NULL;
    if (!cpu && !io)
        return 0;
    *governor = pwk_governor_start(cpu, io);
    return *governor ? 0 : -ENOMEM;
}
