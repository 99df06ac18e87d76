/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_commit.c - see registry_commit.h.
 */
#include "launcher/registry_commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/prefix_files.h"
#include "kernel/state.h"
#include "launcher/registry_sides.h"
#include "registry/upcase.h"
#include "wine/location.h"
#include "wine/server_lock.h"

/* wineserver saves every 30 seconds while something has changed, and when it ends. */
#define SAVE_SECONDS 75
#define POLL_NANOSECONDS 100000000

/* ---- what is committed ---- */

static bool is_at_or_below(const uint16_t *path, size_t units, const uint16_t *top, size_t size)
{
    return units >= size && registry_name_compare(path, size, top, size) == 0 &&
           (units == size || path[size] == '\\');
}

bool registry_commit_is_saved(const uint16_t *path, size_t units)
{
    static const uint16_t machine[] = u"Machine", user[] = u"User\\S-1-5-21-0-0-0-1000",
                          standard[] = u"User\\.Default", users[] = u"User";

    return is_at_or_below(path, units, machine, sizeof machine / 2 - 1) ||
           is_at_or_below(path, units, user, sizeof user / 2 - 1) ||
           is_at_or_below(path, units, standard, sizeof standard / 2 - 1) || units == 0 ||
           (units == sizeof users / 2 - 1 && is_at_or_below(path, units, users, units));
}

static bool skip(void *context, const uint16_t *path, size_t units)
{
    const struct registry_commit *commit = context;

    return registry_sides_leave_out(&commit->session->profile, path, units) ||
           !registry_commit_is_saved(path, units);
}

static int add_change(void *context, const struct registry_layer_change *change)
{
    struct registry_commit *commit = context;

    return pwk_prefix_changes_add(&commit->changes, change);
}

static struct registry_layer_visitor visitor_of(struct registry_commit *commit)
{
    return (struct registry_layer_visitor){commit, skip, add_change};
}

static int collect(struct registry_commit *commit)
{
    const struct registry_layer_visitor visitor = visitor_of(commit);
    int rc = pwk_prefix_changes_begin(&commit->changes);

    for (size_t i = 0; rc == 0 && i < commit->count; i++)
        rc = registry_visit_layer(commit->session->registry, &commit->branches[i], &visitor);
    return rc == 0 ? 0 : control_session_fail(commit->session, rc, "");
}

/* ---- waiting for the files ---- */

/* What wineserver has written is put on the disk before the kernel's own rows go. */
static int sync_files(const struct registry_layer_state *state, const char *prefix)
{
    int folder = open(prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = folder < 0 ? -errno : 0;

    for (size_t i = 0; rc == 0 && i < state->count; i++)
        rc = fsync(state->fds[i]) < 0 ? -errno : 0;
    if (rc == 0)
        rc = fsync(folder) < 0 ? -errno : 0;
    if (folder >= 0)
        close(folder);
    return rc;
}

/* With the files of that signature; -EAGAIN where they were replaced meanwhile. */
static int settle(struct registry_commit *commit, uint64_t signature, const char *prefix)
{
    const struct registry_layer_visitor visitor = visitor_of(commit);
    struct registry_layer_state state = {.instance = signature, .generation = 1};
    int fds[REGISTRY_LOWER_TEXTS];
    struct pwk_prefix_files files;
    int rc = pwk_prefix_files_open(fds);

    if (rc < 0)
        return rc;
    state.fds = fds;
    state.count = REGISTRY_LOWER_TEXTS;
    rc = pwk_prefix_files_look(&files);
    if (rc == 0 && files.signature != signature)
        rc = -EAGAIN;
    if (rc == 0)
        rc = sync_files(&state, prefix);
    if (rc == 0)
        rc = registry_settle_layer(commit->session->registry, &state, commit->branches,
                                   commit->count, &visitor, &commit->left);
    while (state.count > 0)
        close(fds[--state.count]);
    return rc;
}

static void tell_waiting(bool *told)
{
    if (!*told && isatty(STDERR_FILENO))
        fputs("pwkctl: waiting until wineserver has saved it (up to half a minute)\n", stderr);
    *told = true;
}

/* Gives up what the files hold until that is all, or they will not change any more. `before`: the
 * signature of files that cannot hold it yet. */
static int settle_saved(struct registry_commit *commit, uint64_t before, const char *prefix)
{
    const struct timespec pause = {.tv_nsec = POLL_NANOSECONDS};
    struct pwk_prefix_files files;
    bool told = false;
    int rc = 0;

    commit->left = SIZE_MAX;
    for (int round = 0; round < SAVE_SECONDS * 10; round++) {
        /* In this order: it saves before it ends. */
        bool runs = pwk_wineserver_of(prefix) != 0;

        rc = pwk_prefix_files_look(&files);
        /* While a file is replaced there may be none for a moment. */
        if (rc == 0 && (files.signature != before || !runs)) {
            rc = settle(commit, files.signature, prefix);
            before = rc == 0 ? files.signature : before;
        }
        if (rc < 0 && rc != -EAGAIN && rc != -ENOENT)
            return rc;
        if (rc == 0 && (commit->left <= commit->changes.page->failed || !runs))
            return 0;
        if (round == 10)
            tell_waiting(&told);
        nanosleep(&pause, NULL);
    }
    return commit->left == SIZE_MAX ? -ETIMEDOUT : rc;
}

/* ---- the whole ---- */

static int find_loader(char loader[2 * PATH_MAX], struct pwk_error *error)
{
    char libdir[PATH_MAX];
    int rc = pwk_own_libdir(libdir, error);

    if (rc == 0)
        snprintf(loader, 2 * PATH_MAX, "%s/loader/x86_64/pwk-loader64", libdir);
    return rc;
}

static void show_progress(void *context, double share)
{
    control_progress_show(context, share);
}

int registry_commit(struct registry_commit *commit)
{
    struct pwk_error *error = &commit->session->error;
    struct control_progress progress;
    struct pwk_prefix_files before = {0};
    char loader[2 * PATH_MAX], prefix[PATH_MAX];
    int rc = pwk_prefix_path(prefix, error);

    commit->changes.fd = -1;
    if (rc == 0)
        rc = find_loader(loader, error);
    if (rc == 0)
        rc = collect(commit);
    if (rc < 0)
        return rc;
    rc = pwk_prefix_files_look(&before);
    if (rc < 0)
        return pwk_error_set(error, rc,
                             "the registry's files in %s cannot be read: %s; run the prefix once "
                             "with stock Wine",
                             prefix, strerror(-rc));
    control_progress_start(&progress, "writing to the prefix's registry");
    rc = pwk_prefix_changes_write(&commit->changes, loader, show_progress, &progress, error);
    control_progress_end(&progress);
    if (rc < 0 || commit->changes.page->phase == PWK_CHANGES_CHECKED)
        return rc;
    rc = settle_saved(commit, commit->changes.page->written ? before.signature : 0, prefix);
    if (rc == -ETIMEDOUT && commit->left == SIZE_MAX)
        return pwk_error_set(error, rc,
                             "the prefix's wineserver has it and has not saved it yet; the kernel "
                             "has kept all, so do it again later");
    return rc < 0 ? control_session_fail(commit->session, rc, "") : 0;
}

void registry_commit_finish(struct registry_commit *commit)
{
    pwk_prefix_changes_finish(&commit->changes);
}
