/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * facts.c - see facts.h.
 */
#include "launcher/facts.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "kernel/state.h"
#include "launcher/ephemeral.h"
#include "launcher/plan.h"
#include "launcher/prefix.h"
#include "sandbox/view_shown.h"

#define DEFAULT_KERNEL "default"

static int join(char path[PATH_MAX], const char *folder, const char *name, struct pwk_error *error)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);

    if (length < 0 || length >= PATH_MAX)
        return pwk_error_set(error, -ENAMETOOLONG, "%s/%s: the path is too long", folder, name);
    return 0;
}

/* $XDG_CONFIG_HOME/pwk/profile.ini, else that of ~/.config; -ENOENT without a home folder. */
static int user_profile_path(char path[PATH_MAX], struct pwk_error *error)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (config != NULL && config[0] == '/')
        return join(path, config, "pwk/profile.ini", error);
    if (home != NULL && home[0] == '/')
        return join(path, home, ".config/pwk/profile.ini", error);
    return -ENOENT;
}

int pwk_profile_choose(struct pwk_profile *profile, const char *named, const char *state,
                       char path[PATH_MAX], struct pwk_error *error)
{
    int rc;

    if (named != NULL) {
        if (strlen(named) >= PATH_MAX)
            return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", named);
        strcpy(path, named);
        rc = pwk_profile_load(profile, path, error);
        if (rc != -ENOENT || strchr(named, '/') != NULL ||
            pwk_profile_built_in(profile, named) != 0)
            return rc;
        snprintf(path, PATH_MAX, "%s (built in)", named);
        return 0;
    }
    rc = join(path, state, "profile.ini", error);
    if (rc == 0)
        rc = pwk_profile_load(profile, path, error);
    if (rc == -ENOENT) {
        rc = user_profile_path(path, error);
        if (rc == 0)
            rc = pwk_profile_load(profile, path, error);
    }
    if (rc != -ENOENT)
        return rc;
    path[0] = '\0';
    return 0;
}

/* A name that no other kernel has. */
static int make_ephemeral_name(char name[PWK_KERNEL_NAME_MAX + 1], struct pwk_error *error)
{
    unsigned long long random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return pwk_error_set(error, -EIO, "the system gives no random numbers: %s",
                             strerror(errno));
    snprintf(name, PWK_KERNEL_NAME_MAX + 1, "ephemeral-%ld-%016llx", (long)getpid(), random);
    return 0;
}

static int find_state(struct pwk_facts *facts, const struct pwk_arguments *arguments,
                      struct pwk_error *error)
{
    int rc = 0;

    if (arguments->kernel != NULL)
        snprintf(facts->kernel, sizeof(facts->kernel), "%s", arguments->kernel);
    else if (arguments->ephemeral)
        rc = make_ephemeral_name(facts->kernel, error);
    else
        strcpy(facts->kernel, DEFAULT_KERNEL);
    if (rc == 0)
        rc = pwk_state_path(facts->prefix, facts->kernel, false, facts->state, error);
    if (rc == 0) {
        facts->state_exists = access(facts->state, F_OK) == 0;
        facts->state_ephemeral = pwk_ephemeral_is(facts->state);
    }
    return rc;
}

/* --audit is made absolute: the loader may stand in another folder. */
static int find_audit(struct pwk_facts *facts, const char *named, struct pwk_error *error)
{
    char folder[PATH_MAX];

    if (named == NULL)
        return 0;
    if (named[0] == '/')
        return join(facts->audit, "", named + 1, error);
    if (getcwd(folder, sizeof(folder)) == NULL)
        return pwk_error_set(error, -errno, "the current folder cannot be told: %s",
                             strerror(errno));
    return join(facts->audit, folder, named, error);
}

/* HOME may lead elsewhere than where the user's files are. The file is read here: the C library's
 * own way would load libraries, which a static program cannot be sure of. */
static void find_own_home(struct pwk_facts *facts)
{
    FILE *file = fopen("/etc/passwd", "re");
    const struct passwd *user = NULL;

    while (file && (user = fgetpwent(file)) != NULL && user->pw_uid != geteuid())
        ;
    if (!user || user->pw_dir[0] != '/' || !realpath(user->pw_dir, facts->own_home) ||
        strcmp(facts->own_home, "/") == 0 || strcmp(facts->own_home, facts->home) == 0)
        facts->own_home[0] = '\0';
    if (file)
        fclose(file);
}

/* The home folder, and what --home or the profile names in it. */
static int find_home(struct pwk_facts *facts, const struct pwk_arguments *arguments,
                     struct pwk_error *error)
{
    const struct pwk_home *home = arguments->home.mode ? &arguments->home : &facts->profile.home;
    const char *variable = getenv("HOME");
    char path[PATH_MAX];
    int rc = 0;

    if (variable == NULL || variable[0] != '/' || realpath(variable, facts->home) == NULL)
        facts->home[0] = '\0';
    if (home->mode == PWK_HOME_NONE || home->mode == PWK_HOME_FOLDER)
        find_own_home(facts);
    if (home->mode != PWK_HOME_FOLDER)
        return 0;
    if (home->folder[0] == '~')
        rc = join(path, facts->home, home->folder + 2, error);
    else
        strcpy(path, home->folder);
    if (rc == 0 && (realpath(path, facts->home_folder) == NULL ||
                    access(facts->home_folder, R_OK | X_OK) != 0))
        rc = pwk_error_set(error, -errno, "--home %s: it cannot be shown: %s", home->folder,
                           strerror(errno));
    return rc;
}

static void find_cgroup(struct pwk_facts *facts, const struct pwk_arguments *arguments)
{
    bool cpu = arguments->cpu || facts->profile.cpu, io = arguments->io || facts->profile.io;

    facts->counts_io = access("/proc/self/io", R_OK) == 0;
    if (cpu || io)
        pwk_cgroup_find(&facts->cgroup, cpu, io, facts->prefix);
}

static int find_loader(struct pwk_facts *facts, struct pwk_error *error)
{
    char *libdir = facts->libdir, data[PATH_MAX];
    int rc = pwk_own_libdir(libdir, error);

    if (rc == 0)
        rc = join(data, libdir, "share/wine", error);
    if (rc == 0 && realpath(data, facts->wine_data) == NULL)
        facts->wine_data[0] = '\0';
    if (rc == 0)
        rc = join(facts->loader, libdir, "loader/x86_64/pwk-loader64", error);
    if (rc == 0 && access(facts->loader, X_OK) != 0)
        rc = pwk_error_set(error, -errno, "pwk's loader %s cannot be run: %s: install pwk anew",
                           facts->loader, strerror(errno));
    if (rc == 0 && pwk_windows_library_find(&facts->library, libdir) != 0)
        rc = pwk_error_set(error, -ENOMEM, "no memory left");
    return rc;
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value != NULL && *value != '\0';
}

/* A program that only the kernel has may be asked for where its session is its own. */
static int find_in_layer(struct pwk_facts *facts, const struct pwk_arguments *arguments,
                         struct pwk_error *error)
{
    enum pwk_session_mode session =
        arguments->has_session ? arguments->session : facts->profile.session;
    enum pwk_files_mode files = arguments->files ? arguments->files : facts->profile.files;
    char upper[PATH_MAX];
    int rc = -ENOENT;

    if (session == PWK_SESSION_OWN && files != PWK_FILES_SHARED &&
        join(upper, facts->state, "files/upper", error) == 0)
        rc = pwk_program_find_in_layer(&facts->program, arguments->program[0], facts->prefix, upper,
                                       error);
    return rc;
}

/* Where the home folder is hidden the current one may be too: a path from there on leads nowhere.
 */
static int find_full_program(struct pwk_facts *facts, const struct pwk_arguments *arguments,
                             struct pwk_error *error)
{
    enum pwk_home_mode home =
        arguments->home.mode ? arguments->home.mode : facts->profile.home.mode;
    char full[PATH_MAX];
    int rc;

    if (home != PWK_HOME_NONE && home != PWK_HOME_FOLDER)
        return 0;
    rc = pwk_program_full_path(full, facts->program.path, error);
    if (rc == 0 && facts->program.path[0] != '/')
        strcpy(facts->program.name, full);
    if (rc == 0)
        strcpy(facts->program.path, full);
    return rc;
}

/* As typed: before links are followed, which programs may have made, to another folder of /tmp.
 * Where programs write to the prefix itself, they can change where its drives lead, too. */
static void find_place(struct pwk_facts *facts, const struct pwk_arguments *arguments)
{
    enum pwk_files_mode files = arguments->files ? arguments->files : facts->profile.files;

    pwk_program_place(facts->place, facts->program.path, facts->folder,
                      files == PWK_FILES_SHARED ? "" : facts->prefix);
}

static bool is_covered(const char *path)
{
    return pwk_view_is_in(path, pwk_view_covered, PWK_VIEW_COVERED);
}

int pwk_facts_find(struct pwk_facts *facts, const struct pwk_arguments *arguments,
                   struct pwk_error *error)
{
    struct pwk_error missing;
    int rc, found;

    pwk_profile_init(&facts->profile);
    if (getcwd(facts->folder, sizeof(facts->folder)) == NULL)
        facts->folder[0] = '\0';
    facts->has_wine_debug = is_set("WINEDEBUG");
    facts->has_server = is_set("WINESERVER");
    facts->lacks_wayland = !is_set("WAYLAND_DISPLAY") && !is_set("XDG_RUNTIME_DIR");
    rc = pwk_prefix_path(facts->prefix, error);
    if (rc == 0)
        rc = pwk_wine_locate(&facts->wine, error);
    if (rc == 0)
        rc = find_loader(facts, error);
    if (rc != 0)
        return PWK_EXIT_FAILED;
    facts->prefix_exists = pwk_prefix_exists(facts->prefix);
    found = pwk_program_find(&facts->program, arguments->program[0], facts->prefix,
                             facts->wine.libdir, error);
    if (found != 0 && found != -ENOENT)
        return PWK_EXIT_CANNOT_RUN;
    if (found == -ENOENT)
        missing = *error;
    rc = find_state(facts, arguments, error);
    if (rc == 0)
        rc = pwk_profile_choose(&facts->profile, arguments->profile, facts->state,
                                facts->profile_path, error);
    if (rc == 0)
        rc = find_home(facts, arguments, error);
    if (rc == 0)
        find_cgroup(facts, arguments);
    pwk_desktop_find(&facts->desktop);
    if (rc == 0)
        rc = find_audit(facts, arguments->audit, error);
    if (rc == 0)
        rc = pwk_runtime_path(facts->runtime, error);
    if (found == -ENOENT) {
        found = rc == 0 ? find_in_layer(facts, arguments, error) : -ENOENT;
        if (found == -ENOENT)
            *error = missing;
        if (found != 0)
            return found == -ENOENT ? PWK_EXIT_NOT_FOUND : PWK_EXIT_CANNOT_RUN;
    }
    find_place(facts, arguments);
    if (rc == 0)
        rc = find_full_program(facts, arguments, error);
    if (rc == 0 && !is_covered(facts->place) && !is_covered(facts->program.path) &&
        facts->program.path[0] == '/')
        strcpy(facts->place, facts->program.path);
    return rc == 0 ? 0 : PWK_EXIT_FAILED;
}

void pwk_facts_finish(struct pwk_facts *facts)
{
    pwk_windows_library_finish(&facts->library);
    pwk_profile_finish(&facts->profile);
}
