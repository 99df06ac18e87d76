/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan_cage.c - the part of a plan that is about a session of the kernel's own: what its namespaces
 * are, and what is seen and used in them.
 */
#include "launcher/plan_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- what is asked for ---- */

/* A wall that only an own session has. */
static int refuse_shared(const char *what, const char *why, struct pwk_error *error)
{
    return pwk_error_set(error, -EINVAL,
                         "%s needs a session of the kernel's own, since %s: use --session own",
                         what, why);
}

static int check_shared(const struct pwk_arguments *arguments, const struct pwk_facts *facts,
                        struct pwk_error *error)
{
    const struct pwk_profile *profile = &facts->profile;
    enum pwk_files_mode files = arguments->files ? arguments->files : profile->files;
    enum pwk_home_mode home = arguments->home.mode ? arguments->home.mode : profile->home.mode;
    static const char everybody[] =
        "in the shared one wineserver and its processes are everybody's";

    if (files == PWK_FILES_OVERLAY)
        return refuse_shared("--files overlay", "wineserver opens the files", error);
    if (home != PWK_HOME_UNSAID && home != PWK_HOME_FULL)
        return refuse_shared("--home none or PATH", "wineserver opens the files", error);
    if (arguments->namespaces || profile->namespaces)
        return refuse_shared("--isolate ([isolation] namespaces)", everybody, error);
    if (arguments->cpu || profile->cpu)
        return refuse_shared("--max-cpu ([limits] cpu)", everybody, error);
    if (arguments->io || profile->io)
        return refuse_shared("--max-io ([limits] io)", everybody, error);
    return pwk_plan_check_shared_desktop(profile, error);
}

/* Namespaces and network say the same thing twice; the command line wins over the profile, and in
 * one place they must agree. */
static int merge_network(struct pwk_session_plan *cage, const struct pwk_arguments *arguments,
                         const struct pwk_profile *profile, struct pwk_error *error)
{
    bool told = arguments->network || arguments->namespaces;
    unsigned namespaces = told ? arguments->namespaces : profile->namespaces;
    enum pwk_network_mode network = told ? arguments->network : profile->network;
    bool net = namespaces & PWK_NAMESPACE_NET;

    if (namespaces && network && net != (network == PWK_NETWORK_ISOLATED))
        return pwk_error_set(error, -EINVAL,
                             "%s contradict each other: %s the network's namespace, and the "
                             "network is to be %s; say one of both",
                             told ? "--isolate and --net"
                                  : "[isolation] namespaces and [network] mode",
                             net ? "the list has" : "the list lacks",
                             network == PWK_NETWORK_ISOLATED ? "isolated" : "the host's");
    cage->isolated_network = namespaces ? net : network != PWK_NETWORK_HOST;
    namespaces = arguments->namespaces ? arguments->namespaces : profile->namespaces;
    cage->own_ipc = !namespaces || (namespaces & PWK_NAMESPACE_IPC);
    cage->own_uts = !namespaces || (namespaces & PWK_NAMESPACE_UTS);
    return 0;
}

static int merge_home(struct pwk_session_plan *cage, const struct pwk_arguments *arguments,
                      const struct pwk_facts *facts, struct pwk_error *error)
{
    const struct pwk_home *home = arguments->home.mode ? &arguments->home : &facts->profile.home;
    size_t length = strlen(facts->home);

    if (home->mode != PWK_HOME_NONE && home->mode != PWK_HOME_FOLDER)
        return 0;
    if (length <= 1)
        return pwk_error_set(error, -EINVAL,
                             "--home: there is no home folder to hide: set HOME to a folder");
    if (home->mode == PWK_HOME_FOLDER && (strncmp(facts->home_folder, facts->home, length) != 0 ||
                                          facts->home_folder[length] != '/'))
        return pwk_error_set(error, -EINVAL,
                             "--home %s: it is not in the home folder %s; what lies outside that "
                             "is seen anyhow, but for /tmp and /run",
                             home->folder, facts->home);
    strcpy(cage->homes[0], facts->home);
    strcpy(cage->homes[1], facts->own_home);
    cage->installed[0] = facts->libdir;
    cage->installed[1] = facts->wine.libdir;
    cage->installed[2] = facts->wine_data;
    cage->installed[3] = facts->wine.server;
    if (home->mode == PWK_HOME_FOLDER)
        strcpy(cage->home_folder, facts->home_folder);
    return 0;
}

static int merge_limits(struct pwk_session_plan *cage, const struct pwk_arguments *arguments,
                        const struct pwk_facts *facts, struct pwk_error *error)
{
    cage->cpu = arguments->cpu ? arguments->cpu : facts->profile.cpu;
    cage->io = arguments->io ? arguments->io : facts->profile.io;
    if (!cage->cpu && !cage->io)
        return 0;
    cage->cgroup = facts->cgroup;
    if (cage->io && !cage->cgroup.io && !facts->counts_io)
        return pwk_error_set(error, -ENOSYS,
                             "--max-io: this Linux neither lends pwk a control group with the io "
                             "controller nor counts what processes read and write (/proc/PID/io, "
                             "CONFIG_TASK_IO_ACCOUNTING): leave the limit out");
    return 0;
}

int pwk_plan_merge_cage(struct pwk_plan *plan, const struct pwk_arguments *arguments,
                        const struct pwk_facts *facts, struct pwk_error *error)
{
    enum pwk_files_mode files = arguments->files ? arguments->files : facts->profile.files;
    struct pwk_session_plan *cage = &plan->cage;
    int rc;

    plan->record.network = arguments->network ? arguments->network : facts->profile.network;
    if (plan->record.network != PWK_NETWORK_ISOLATED)
        plan->record.network = PWK_NETWORK_HOST;
    if (plan->record.session != PWK_SESSION_OWN)
        return check_shared(arguments, facts, error);
    strcpy(cage->prefix, facts->prefix);
    strcpy(cage->state, facts->state);
    cage->overlay_files = files != PWK_FILES_SHARED;
    pwk_plan_merge_desktop(cage, facts);
    snprintf(cage->audit.kernel, sizeof(cage->audit.kernel), "%s", plan->record.kernel);
    cage->audit.level = plan->record.audit_level;
    cage->audit.limit = plan->record.audit_limit;
    cage->windows = plan->record.windows;
    cage->registry = plan->record.registry;
    strcpy(plan->folder, facts->folder);
    strcpy(plan->place, facts->place);
    cage->shown[0] = plan->place;
    cage->shown[1] = plan->loader;
    cage->shown[2] = plan->wine.libdir;
    cage->shown[3] = plan->folder;
    rc = merge_network(cage, arguments, &facts->profile, error);
    plan->record.network = cage->isolated_network ? PWK_NETWORK_ISOLATED : PWK_NETWORK_HOST;
    if (rc == 0)
        rc = merge_home(cage, arguments, facts, error);
    if (rc == 0)
        rc = merge_limits(cage, arguments, facts, error);
    return rc;
}

/* ---- in words ---- */

static void add_files(struct pwk_plan *plan, bool *failed)
{
    const struct pwk_session_plan *cage = &plan->cage;

    if (cage->overlay_files)
        pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                                   "show it a copy-on-write view of the prefix (what changes is "
                                   "kept in files/ of the kernel's state)"),
                      PWK_WORTH_BOUNDARY);
    else
        pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                     "show it the prefix itself: what programs write there is everybody's");
    pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                               "give it a /tmp and a /run of its own, with the folders that "
                               "its programs lie in and are started from, and of pwk's files "
                               "this kernel's store alone"),
                  PWK_WORTH_BOUNDARY);
    if (cage->homes[0][0] == '\0')
        pwk_plan_add(plan, failed, PWK_STEP_CAGE, "show it the home folder as it is");
    else
        pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                                   "show it in place of the home folder %s the folder home/ of "
                                   "the view of the prefix, empty at first%s%s, and what of Wine, "
                                   "pwk and the prefix is there",
                                   cage->homes[0], cage->home_folder[0] ? "; in it " : "",
                                   cage->home_folder),
                      PWK_WORTH_BOUNDARY);
}

static void add_network(struct pwk_plan *plan, bool *failed)
{
    if (plan->cage.isolated_network)
        pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                                   "give it a network of its own: no network but loopback"),
                      PWK_WORTH_BOUNDARY);
    else
        pwk_plan_add(plan, failed, PWK_STEP_CAGE, "leave it the host's network");
}

/* By a control group Linux itself keeps the limit; the governor comes after the fact. */
static void add_limit(struct pwk_plan *plan, bool *failed, bool by_group, const char *what)
{
    if (by_group)
        pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                                   "hold the whole session to %s by a control group in %s (where "
                                   "Linux refuses that: by its first process, which measures and "
                                   "stops)",
                                   what, plan->cage.cgroup.parent),
                      PWK_WORTH_BOUNDARY);
    else
        pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                                   "hold the whole session to %s: its first process measures what "
                                   "is used, and stops and continues all others (no control group "
                                   "for this is lent to pwk here)",
                                   what),
                      PWK_WORTH_DOOR);
}

void pwk_plan_add_session(struct pwk_plan *plan, bool *failed)
{
    const struct pwk_session_plan *cage = &plan->cage;
    char namespaces[PWK_NAMESPACES_TEXT], limit[64];

    pwk_namespaces_write(PWK_NAMESPACES_NEEDED | (cage->isolated_network ? PWK_NAMESPACE_NET : 0) |
                             (cage->own_ipc ? PWK_NAMESPACE_IPC : 0) |
                             (cage->own_uts ? PWK_NAMESPACE_UTS : 0),
                         namespaces);
    pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_SESSION,
                               "join the kernel's own session, or begin it: a wineserver and "
                               "system processes of its own in namespaces (%s)",
                               namespaces),
                  PWK_WORTH_BOUNDARY);
    add_files(plan, failed);
    add_network(plan, failed);
    pwk_plan_add_desktop(plan, failed);
    if (cage->cpu) {
        snprintf(limit, sizeof(limit), "%u%% of a processor", cage->cpu);
        add_limit(plan, failed, cage->cgroup.cpu, limit);
    }
    if (cage->io) {
        snprintf(limit, sizeof(limit), "%" PRIu64 " bytes a second of disk I/O", cage->io);
        add_limit(plan, failed, cage->cgroup.io, limit);
    }
}
