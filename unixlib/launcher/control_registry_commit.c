/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_registry_commit.c - pwkctl registry commit and discard: what becomes of what a kernel did
 * to its registry. No program may run under the kernel, as for pwkctl files commit: what one is
 * about to write would be half in the prefix, and half not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/commit_choice.h"
#include "launcher/commit_writer.h"
#include "launcher/facts.h"
#include "launcher/registry_commit.h"
#include "launcher/registry_data.h"
#include "launcher/registry_sides.h"
#include "registry/upcase.h"

/* One command at work. */
struct work {
    struct control_session session;
    struct registry_sides sides;
    struct registry_path *branches;
    size_t count;
    char *const *words; /* as typed */
    int word_count;
    char *const *keys; /* the same; NULL: all is meant */
    int lock;          /* what holds the kernel's session off, or -1 */
    bool json, act;
    const struct verb *verb;
    const char *kernel;
    struct commit_writer writer;
    const struct control_channel *parent; /* in the reader */
};

struct verb {
    const char *name;
    int (*act)(struct work *work);
    bool commits;
};

static int named_error(struct work *work, int rc, const struct registry_path *path,
                       const char *what)
{
    struct control_path name = {0};
    char text[sizeof(work->session.error.text)] = "";
    FILE *stream = fmemopen(text, sizeof(text) - 1, "w");

    control_key_name(path->text, path->units, &name);
    if (stream != NULL) {
        registry_data_print_units(stream, name.text, name.units);
        fclose(stream);
    }
    return pwk_error_set(&work->session.error, rc, "%.300s: %s", text, what);
}

/* Of the branches that are meant. */
static int compare(struct work *work, struct commit_choice *choice)
{
    choice->branches = work->branches;
    choice->branch_count = work->count;
    return commit_compare(&work->sides, choice);
}

/* ---- a kernel's registry ---- */

/* In pwkctl itself: what the reader is to find so, and what the writer has to know. */
static int prepare(struct work *work)
{
    static struct pwk_profile profile;
    struct pwk_error *error = &work->session.error;
    struct control_kernel kernel;
    char path[PATH_MAX];
    int rc = control_find_kernel(&kernel, work->kernel, error);

    if (rc == 0)
        rc = control_check_nobody_runs(&kernel, work->kernel, error);
    if (rc == 0)
        rc = work->lock = control_hold_off(&kernel, error);
    if (rc < 0 || !work->verb->commits || !work->act)
        return rc < 0 ? rc : 0;
    work->writer.profile = &profile;
    pwk_profile_init(&profile);
    rc = pwk_profile_choose(&profile, NULL, kernel.state, path, error);
    return rc == 0 ? commit_files_make(&work->writer.files, error) : rc;
}

static void keep_descriptors(const struct work *work)
{
    control_keep(work->lock);
    control_keep(work->writer.files.changes);
    for (size_t i = 0; i < REGISTRY_LOWER_TEXTS; i++)
        control_keep(work->writer.files.texts[i]);
}

static int open_work(struct work *work)
{
    struct pwk_error *error = &work->session.error;
    const char *name = work->kernel;
    int rc;

    keep_descriptors(work);
    registry_sides_open(&work->sides);
    rc = control_session_open(&work->session, name, true);
    if (rc < 0)
        return rc;
    if (work->session.profile.registry != PWK_REGISTRY_OVERLAY)
        return pwk_error_set(error, -EOPNOTSUPP,
                             "the registry of kernel %s is a copy of its own (registry = private), "
                             "no layer over the prefix's: see pwkctl registry %s diff --reg",
                             name, name);
    rc = registry_is_layer(work->session.registry);
    if (rc == 0)
        return pwk_error_set(error, -EOPNOTSUPP,
                             "the registry of kernel %s is a copy of its own (--registry private), "
                             "or a layer that is not in step with the prefix: see pwkctl registry "
                             "%s diff --reg, or start a program under it with --registry overlay",
                             name, name);
    return rc < 0 ? control_session_fail(&work->session, rc, "") : 0;
}

static void close_work(struct work *work)
{
    registry_sides_finish(&work->sides);
    control_session_close(&work->session);
    free(work->branches);
}

/* --json, and --yes or keys. */
static int read_words(struct work *work)
{
    const int count = work->word_count;
    char *const *words = work->words;
    bool all = false;
    int keys = 0;

    work->branches = calloc((size_t)count + 1, sizeof(*work->branches));
    if (work->branches == NULL)
        return pwk_error_set(&work->session.error, -ENOMEM, "no memory left");
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--json") == 0)
            work->json = true;
        else if (strcmp(words[i], "--yes") == 0)
            all = true;
        else if (words[i][0] == '-')
            return CONTROL_USAGE;
        else
            keys++;
    }
    if (all && keys > 0)
        return CONTROL_USAGE;
    work->act = all || keys > 0;
    work->keys = keys > 0 ? words : NULL;
    work->count = 1;
    work->writer.keys = calloc((size_t)count + 1, sizeof(*work->writer.keys));
    if (work->writer.keys == NULL)
        return pwk_error_set(&work->session.error, -ENOMEM, "no memory left");
    for (int i = 0; work->keys != NULL && i < count; i++)
        if (words[i][0] != '-')
            work->writer.keys[work->writer.key_count++] = words[i];
    return 0;
}

static int find_branches(struct work *work)
{
    int rc = 0;

    if (work->keys == NULL)
        return 0;
    work->count = work->writer.key_count;
    for (size_t i = 0; rc == 0 && i < work->count; i++) {
        struct registry_path *branch = &work->branches[i];

        rc = control_session_set_path(&work->session, work->writer.keys[i]);
        if (rc == 0) {
            rc = registry_layer_path(work->session.registry, work->session.path.text,
                                     work->session.path.units, branch);
            if (rc != 0)
                control_session_fail(&work->session, rc, "");
        }
        if (rc == 0 && branch->units == 0)
            rc = pwk_error_set(&work->session.error, -EINVAL,
                               "the whole registry is meant: say --yes instead of a key");
    }
    /* All of the registry is read from here on. */
    work->session.key_name = NULL;
    work->session.path.units = 0;
    return rc;
}

/* What would be done; 0 where that is nothing. */
static int show_plan(struct work *work)
{
    struct registry_report report = {.format = work->json ? REGISTRY_AS_JSON : REGISTRY_AS_TEXT,
                                     .error = &work->session.error};
    struct commit_choice choice = {.report = &report};
    int rc = registry_report_begin(&report);

    if (rc == 0)
        rc = registry_report_end(&report, compare(work, &choice));
    if (rc != 0 || choice.differences == 0)
        return rc;
    return pwk_error_set(&work->session.error, -ECANCELED,
                         "nothing was done: %zu change%s there; say %s --yes for all, or name keys",
                         choice.differences, choice.differences == 1 ? " is" : "s are",
                         work->verb->name);
}

static const char nothing_there[] =
    "the kernel has changed nothing there (see pwkctl registry NAME diff)";

/* -ENOENT where a key is named at which the kernel has changed nothing. */
static int check_keys(struct work *work)
{
    const size_t all = work->count;
    struct registry_path *branches = work->branches;
    int rc = 0;

    for (size_t i = 0; rc == 0 && work->keys != NULL && i < all; i++) {
        struct commit_choice saved = {0}, unsaved = {.unsaved = true};

        work->branches = &branches[i];
        work->count = 1;
        rc = compare(work, &saved);
        if (rc == 0)
            rc = compare(work, &unsaved);
        if (rc == 0 && saved.differences + unsaved.differences == 0)
            rc = named_error(work, -ENOENT, &branches[i], nothing_there);
    }
    work->branches = branches;
    work->count = all;
    return rc;
}

/* ---- what was not done ---- */

static const char *status_reason(uint32_t status, char text[64])
{
    if (status == 0xc0000022u)
        return "the prefix's wineserver denies access to it";
    if (status == 0xc0000181u)
        return "it would stand below a volatile key of the prefix's session";
    snprintf(text, 64, "wineserver answers status %08x", status);
    return text;
}

static void print_failures(const struct registry_commit *commit)
{
    struct registry_layer_change change;
    struct pwk_changes_record *record;
    uint64_t at = 0;

    while ((record = pwk_prefix_changes_next(&commit->changes, &at, &change)) != NULL) {
        bool value =
            change.kind == REGISTRY_LAYER_VALUE || change.kind == REGISTRY_LAYER_VALUE_DELETED;
        struct registry_path path = {0};
        char text[64];

        if (record->outcome != PWK_CHANGE_FAILED || change.path_units > CONTROL_PATH_UNITS)
            continue;
        memcpy(path.text, change.path, change.path_units * sizeof(path.text[0]));
        path.units = change.path_units;
        if (change.kind == REGISTRY_LAYER_SUBKEY_DELETED &&
            path.units + 1 + change.name_units <= CONTROL_PATH_UNITS) {
            path.text[path.units++] = '\\';
            memcpy(path.text + path.units, change.name, change.name_units * sizeof(path.text[0]));
            path.units += change.name_units;
        }
        commit_print_left(path.text, path.units, value ? change.name : NULL, change.name_units,
                          status_reason(record->status, text));
    }
}

/* ---- commit ---- */

/* What still differs, as `choice` counts and tells it. */
static int read_left(struct work *work, struct commit_choice *choice)
{
    int rc = registry_sides_read(&work->sides, &work->session);

    return rc == 0 ? compare(work, choice) : rc;
}

static int say_what_was_left(struct work *work, const struct registry_commit *commit, size_t left)
{
    const size_t failed = commit->changes.page->failed;

    if (commit->changes.page->phase == PWK_CHANGES_CHECKED)
        return pwk_error_set(&work->session.error, -EACCES,
                             "nothing was committed: %zu change%s, see above, cannot be written; "
                             "mend the keys' permissions, or name other keys",
                             failed, failed == 1 ? "" : "s");
    if (left == 0)
        return 0;
    return pwk_error_set(&work->session.error, -EIO,
                         "%zu of the changes were not committed, see above; they stay the kernel's",
                         left);
}

/* Each change has its outcome: tells what was asked for, and what of it was not done. */
static int report_commit(struct work *work, const struct registry_commit *commit)
{
    struct registry_report report = {.format = work->json ? REGISTRY_AS_JSON : REGISTRY_AS_TEXT,
                                     .error = &work->session.error};
    struct commit_choice done = {.report = &report}, unsaved = {.unsaved = true},
                         left = {.tell = true};
    int rc = registry_report_begin(&report);

    if (rc == 0)
        rc = registry_report_end(&report, compare(work, &done));
    if (rc == 0) {
        unsaved.tell = true;
        rc = compare(work, &unsaved);
    }
    print_failures(commit);
    if (rc == 0 && commit->left > 0)
        rc = read_left(work, &left);
    if (rc == 0 && !work->json)
        printf("committed: %zu added, %zu changed, %zu deleted; left: %zu\n", done.added,
               done.changed, done.deleted, left.differences + unsaved.differences);
    return rc == 0 ? say_what_was_left(work, commit, left.differences + unsaved.differences) : rc;
}

static int run_commit(struct work *work)
{
    struct registry_commit commit = {
        .session = &work->session,
        .branches = work->branches,
        .count = work->count,
        .files = work->writer.files,
        .writer = work->parent,
    };
    struct commit_choice all = {0}, unsaved = {.unsaved = true};
    int rc = compare(work, &all);

    commit.changes.fd = -1;
    if (rc == 0)
        rc = compare(work, &unsaved);
    if (rc == 0 && all.differences + unsaved.differences == 0) {
        puts(work->json ? "[]" : "committed: 0 added, 0 changed, 0 deleted; left: 0");
        return 0;
    }
    if (rc == 0)
        rc = registry_commit(&commit);
    if (rc == 0 && commit.changes.page->phase == PWK_CHANGES_CHECKED) {
        print_failures(&commit);
        rc = say_what_was_left(work, &commit, 0);
    } else if (rc == 0) {
        rc = report_commit(work, &commit);
    }
    registry_commit_finish(&commit);
    return rc;
}

/* ---- discard ---- */

static int run_discard(struct work *work)
{
    struct registry_report report = {.format = work->json ? REGISTRY_AS_JSON : REGISTRY_AS_TEXT,
                                     .error = &work->session.error};
    struct commit_choice choice = {.report = &report};
    struct registry_path at;
    int rc = registry_discard_layer(work->session.registry, work->branches, work->count, &at);

    if (rc == -ENOENT && work->keys == NULL)
        rc = 0;
    else if (rc == -ENOENT)
        return named_error(work, rc, &at, nothing_there);
    if (rc == -ENOTDIR)
        return named_error(work, rc, &at,
                           "the kernel has deleted or replaced this key as a whole, and a part of "
                           "it cannot be discarded alone: discard the key");
    if (rc == -ENODATA)
        return pwk_error_set(&work->session.error, rc,
                             "what the prefix has is not known any more: start a program under "
                             "the kernel once, and try again");
    if (rc != 0)
        return control_session_fail(&work->session, rc, "");
    rc = registry_report_begin(&report);
    if (rc == 0)
        rc = registry_report_end(&report, compare(work, &choice));
    if (rc == 0 && !work->json)
        printf("discarded: %zu added, %zu changed, %zu deleted\n", choice.added, choice.changed,
               choice.deleted);
    return rc;
}

/* ---- the commands ---- */

/* The process that reads the store. */
static int read_store(void *context, const struct control_channel *parent)
{
    struct work *work = context;
    int rc;

    work->parent = parent;
    rc = open_work(work);
    if (rc == 0)
        rc = find_branches(work);
    if (rc == 0)
        rc = registry_sides_read(&work->sides, &work->session);
    if (rc == 0 && work->act && work->verb->commits)
        rc = check_keys(work);
    if (rc == 0)
        rc = work->act ? work->verb->act(work) : show_plan(work);
    close_work(work);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &work->session.error);
}

static int serve(void *context, const struct control_channel *reader)
{
    struct work *work = context;

    return commit_writer_serve(&work->writer, reader);
}

static int run(const char *kernel, int count, char *const words[], const struct verb *verb)
{
    static struct work work = {.lock = -1, .writer.files = {-1, {-1, -1, -1}}};
    struct control_apart apart = {.kernel = kernel, .context = &work, .work = read_store};
    int rc, status;

    work.kernel = kernel;
    work.words = words;
    work.word_count = count;
    work.verb = verb;
    rc = read_words(&work);
    if (rc == CONTROL_USAGE)
        return CONTROL_USAGE;
    if (rc == 0)
        rc = prepare(&work);
    if (verb->commits && work.act)
        apart.serve = serve;
    status =
        rc == 0 ? control_run_apart(&apart) : control_fail(CONTROL_FAILED, &work.session.error);
    commit_files_close(&work.writer.files);
    if (work.lock >= 0)
        close(work.lock);
    free(work.branches);
    free((void *)work.writer.keys);
    if (status == CONTROL_OK)
        control_tell_files_left(kernel);
    return status;
}

int control_registry_commit(const char *kernel, int count, char *const words[])
{
    static const struct verb commit = {"commit", run_commit, true};

    return run(kernel, count, words, &commit);
}

int control_registry_discard(const char *kernel, int count, char *const words[])
{
    static const struct verb discard = {"discard", run_discard, false};

    return run(kernel, count, words, &discard);
}
