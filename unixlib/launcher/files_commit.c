/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_commit.c - see files_commit.h.
 */
#include "launcher/files_commit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/remove_tree.h"
#include "launcher/files_copy.h"
#include "launcher/files_open.h"

/* Files that wait in the staging folder for their places, so that one call writes them all to the
 * disk: one for each would take most of the time. */
#define MOST_READY 256
#define NAME_BYTES 16

/* ---- which ---- */

static bool needs_another(const struct files_entry *entry)
{
    for (const struct files_entry *cover = entry->cover; cover != NULL; cover = cover->cover)
        if (!cover->selected)
            return true;
    return false;
}

/* The folders around a selected entry: a new one has to be made for it, and one that is no change
 * leaves the layer when it is empty. */
static void select_folders(struct files_entry *entry)
{
    for (struct files_entry *folder = entry->parent; folder != NULL; folder = folder->parent)
        if (folder->change == FILES_SAME ||
            (folder->change == FILES_ADDED && entry->change != FILES_SAME))
            folder->selected = true;
}

int files_select(struct files_layer *layer, char *const paths[], int count)
{
    for (int i = 0; i < count; i++) {
        bool found = false;

        for (size_t j = 0; j < layer->count; j++)
            if (files_is_below(layer->entries[j]->path, paths[i]))
                found = layer->entries[j]->selected = true;
        if (!found)
            return i;
    }
    for (size_t i = 0; count == 0 && i < layer->count; i++)
        layer->entries[i]->selected = true;
    for (size_t i = 0; i < layer->count; i++) {
        struct files_entry *entry = layer->entries[i];

        entry->selected = entry->selected && !entry->noise;
        if (entry->selected && entry->hindrance == NULL && needs_another(entry)) {
            entry->hindrance = "it can be had only together with its folder, which hides the "
                               "prefix's as a whole: name that one";
            entry->code = 0;
        }
    }
    for (size_t i = 0; i < layer->count; i++)
        if (layer->entries[i]->selected && layer->entries[i]->hindrance == NULL)
            select_folders(layer->entries[i]);
    return -1;
}

/* ---- one entry ---- */

struct work {
    struct files_layer *layer;
    int staging;
    struct files_entry *ready[MOST_READY];
    size_t count;
};

/* Of the ready one with this number, in the staging folder. */
static const char *ready_name(char name[NAME_BYTES], size_t number)
{
    snprintf(name, NAME_BYTES, "%zu", number);
    return name;
}

/* Puts what is called `ready` at the entry's place, in one step, over what the prefix has there. */
static int put_in_place(const struct work *work, const struct files_entry *entry, const char *ready)
{
    bool exchange = entry->before.kind == FILES_FOLDER ||
                    (entry->after.kind == FILES_FOLDER && entry->before.kind != FILES_NOTHING);
    unsigned how = exchange                              ? RENAME_EXCHANGE
                   : entry->before.kind == FILES_NOTHING ? RENAME_NOREPLACE
                                                         : 0;
    const char *name;
    int folder = files_open_parent(work->layer->lower, entry->path, &name), rc = 0;

    if (folder < 0)
        return folder;
    if (renameat2(work->staging, ready, folder, name, how) < 0)
        rc = -errno;
    close(folder);
    return rc == 0 && exchange ? pwk_remove_at(work->staging, ready) : rc;
}

/* Marks what became of an entry; what was made ready for it is in nobody's way then. */
static int end_entry(const struct work *work, struct files_entry *entry, const char *ready, int rc)
{
    if (rc < 0) {
        pwk_remove_at(work->staging, ready);
        entry->hindrance = "it cannot be committed";
        entry->code = -rc;
    }
    entry->done = rc == 0;
    return rc;
}

/* Puts all that is ready in its place. The first error. */
static int place_ready(struct work *work)
{
    int rc = work->count > 0 && syncfs(work->staging) < 0 ? -errno : 0, first = rc;
    char name[NAME_BYTES];

    for (size_t i = 0; i < work->count; i++) {
        int placed = rc < 0 ? rc : put_in_place(work, work->ready[i], ready_name(name, i));

        placed = end_entry(work, work->ready[i], ready_name(name, i), placed);
        if (first == 0)
            first = placed;
    }
    work->count = 0;
    return first;
}

static int commit_deletion(const struct work *work, struct files_entry *entry)
{
    static const char ready[] = "deleted";
    const char *name;
    int folder = files_open_parent(work->layer->lower, entry->path, &name);
    int rc = folder < 0 ? folder : 0;

    if (rc == 0 && renameat(folder, name, work->staging, ready) < 0)
        rc = -errno;
    if (folder >= 0)
        close(folder);
    if (rc == 0)
        rc = pwk_remove_at(work->staging, ready);
    return end_entry(work, entry, ready, rc);
}

/* A new folder is made such that files can be put in it; finish_folder makes it what it is. */
static int commit_folder(const struct work *work, struct files_entry *entry)
{
    static const char ready[] = "folder";
    int rc = 0;

    if (entry->before.kind != FILES_FOLDER) {
        rc = mkdirat(work->staging, ready, S_IRWXU) < 0 ? -errno : 0;
        if (rc == 0)
            rc = put_in_place(work, entry, ready);
    }
    return end_entry(work, entry, ready, rc);
}

static int finish_folder(const struct work *work, const struct files_entry *entry)
{
    int from = files_open(work->layer->upper, entry->path, O_RDONLY | O_DIRECTORY);
    int to = from < 0 ? from : files_open(work->layer->lower, entry->path, O_RDONLY | O_DIRECTORY);
    int rc = to < 0 ? to : files_copy_attributes(from, to);
    struct stat st;

    if (rc == 0 && fchmod(to, entry->after.mode) < 0)
        rc = -errno;
    if (rc == 0 && entry->before.kind != FILES_FOLDER) {
        if (fstat(from, &st) < 0 || futimens(to, (struct timespec[2]){st.st_atim, st.st_mtim}) < 0)
            rc = -errno;
    }
    if (to >= 0)
        close(to);
    if (from >= 0)
        close(from);
    return rc;
}

static int commit_file(struct work *work, struct files_entry *entry)
{
    bool link = entry->after.kind == FILES_LINK;
    char name[NAME_BYTES];
    int from = files_open(work->layer->upper, entry->path,
                          link ? O_PATH : O_RDONLY | O_NONBLOCK | O_NOCTTY);
    int rc = from;

    ready_name(name, work->count);
    if (from >= 0) {
        rc = link ? files_copy_link(from, work->staging, name)
                  : files_copy_file(from, work->staging, name);
        close(from);
    }
    if (rc < 0)
        return end_entry(work, entry, name, rc);
    work->ready[work->count++] = entry;
    /* What was in a folder that becomes a file waits for that. */
    return work->count == MOST_READY || (entry->what & FILES_WHAT_KIND) != 0 ? place_ready(work)
                                                                             : 0;
}

static int commit_entry(struct work *work, struct files_entry *entry)
{
    return entry->change == FILES_DELETED      ? commit_deletion(work, entry)
           : entry->after.kind == FILES_FOLDER ? commit_folder(work, entry)
                                               : commit_file(work, entry);
}

/* ---- all of them ---- */

/* False where it was done with its folder, or cannot be done without it. */
static bool is_to_do(struct files_entry *entry)
{
    const struct files_entry *parent = entry->parent;

    if (!entry->selected || entry->change == FILES_SAME || entry->hindrance != NULL)
        return false;
    if (parent == NULL ||
        (parent->before.kind == FILES_FOLDER && parent->after.kind == FILES_FOLDER))
        return true;
    if (!parent->done) {
        entry->hindrance = "its folder was not committed";
        return false;
    }
    if (parent->after.kind == FILES_FOLDER)
        return true;
    entry->done = true;
    return false;
}

static bool is_full(int rc)
{
    return rc == -ENOSPC || rc == -EDQUOT || rc == -EROFS || rc == -EIO;
}

static int commit_all(struct work *work, struct pwk_error *error)
{
    struct files_layer *layer = work->layer;
    int rc = 0, placed;

    for (size_t i = 0; i < layer->count && !is_full(rc); i++)
        if (is_to_do(layer->entries[i]))
            rc = commit_entry(work, layer->entries[i]);
    placed = place_ready(work);
    if (!is_full(rc))
        rc = placed;
    if (is_full(rc))
        pwk_error_set(error, rc,
                      "the prefix cannot be written: %s; nothing is lost: mend that and commit "
                      "again",
                      strerror(-rc));
    else
        rc = 0;
    for (size_t i = layer->count; i-- > 0;) {
        struct files_entry *entry = layer->entries[i];
        int finished;

        if (!entry->done || entry->change == FILES_DELETED || entry->after.kind != FILES_FOLDER)
            continue;
        finished = finish_folder(work, entry);
        if (finished == 0)
            continue;
        entry->done = false;
        entry->hindrance = "its permissions cannot be committed";
        entry->code = -finished;
    }
    return rc;
}

static void name_what_is_left(struct files_layer *layer)
{
    for (size_t i = 0; i < layer->count; i++) {
        struct files_entry *entry = layer->entries[i];

        if (entry->selected && entry->change != FILES_SAME && !entry->done &&
            entry->hindrance == NULL)
            entry->hindrance = "the work was given up before it";
    }
}

int files_commit(struct files_layer *layer, int files, struct pwk_error *error)
{
    struct work work = {.layer = layer, .staging = files_staging_open(files)};
    int rc, cleaned;

    if (work.staging < 0)
        return pwk_error_set(error, work.staging,
                             "no place for what is to be committed can be made in the kernel's "
                             "state: %s",
                             strerror(-work.staging));
    rc = commit_all(&work, error);
    name_what_is_left(layer);
    if (syncfs(layer->lower) < 0) {
        rc = pwk_error_set(error, -errno,
                           "the prefix cannot be written to the disk: %s; the kernel's layer is "
                           "left as it was",
                           strerror(errno));
    } else {
        cleaned = files_clean(layer);
        if (rc == 0 && cleaned < 0)
            rc = pwk_error_set(error, cleaned,
                               "what was committed cannot be taken out of the kernel's layer: %s",
                               strerror(-cleaned));
    }
    files_staging_close(files, work.staging);
    return rc;
}
