/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_clean.c - what is taken out of a kernel's layer of files: what was committed, and what is
 * thrown away.
 */
#include "launcher/files_commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/remove_tree.h"
#include "launcher/files_open.h"

#define STAGING "staging"

/* ---- the staging folder ---- */

int files_staging_open(int files)
{
    int fd, rc;

    if (mkdirat(files, STAGING, S_IRWXU) < 0 && errno != EEXIST)
        return -errno;
    fd = files_open(files, STAGING, O_RDONLY | O_DIRECTORY);
    rc = fd < 0 ? fd : pwk_remove_below(fd);
    if (rc == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return rc;
}

void files_staging_close(int files, int staging)
{
    pwk_remove_below(staging);
    close(staging);
    unlinkat(files, STAGING, AT_REMOVEDIR);
}

/* ---- after a commit ---- */

/* An opaque folder may go on hiding the prefix's only while something that it hides is there: what
 * leaves the layer would not be seen by the kernel any more. */
static bool hides_something(const struct files_layer *layer, size_t index)
{
    const struct files_entry *folder = layer->entries[index];

    for (size_t i = index + 1; i < layer->count; i++) {
        const struct files_entry *entry = layer->entries[i];

        if (!files_is_below(entry->path, folder->path))
            break;
        if (!entry->in_layer && entry->change == FILES_DELETED && !entry->done)
            return true;
    }
    return false;
}

static void open_up(struct files_layer *layer, size_t index)
{
    struct files_entry *folder = layer->entries[index];
    struct files_descriptor_path path;
    int fd;

    folder->kept = !folder->selected || hides_something(layer, index) ||
                   (folder->change != FILES_SAME && !folder->done);
    if (folder->kept)
        return;
    fd = files_open(layer->upper, folder->path, O_PATH | O_DIRECTORY);
    if (fd < 0 || (removexattr(files_descriptor_path(fd, &path), "user.overlay.opaque") < 0 &&
                   errno != ENODATA))
        folder->kept = true;
    if (fd >= 0)
        close(fd);
}

static bool is_kept(const struct files_entry *entry)
{
    for (const struct files_entry *cover = entry->cover; cover != NULL; cover = cover->cover)
        if (cover->kept)
            return true;
    return entry->kept;
}

/* A folder that holds something that stays, stays too. */
static int take_out(int upper, const struct files_entry *entry)
{
    const char *name;
    int folder = files_open_parent(upper, entry->path, &name), rc = 0;

    if (folder < 0)
        return folder == -ENOENT ? 0 : folder;
    if (unlinkat(folder, name, entry->after.kind == FILES_FOLDER ? AT_REMOVEDIR : 0) < 0 &&
        errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
        rc = -errno;
    close(folder);
    return rc;
}

int files_clean(struct files_layer *layer)
{
    int rc = 0;

    for (size_t i = 0; i < layer->count; i++)
        if (layer->entries[i]->opaque)
            open_up(layer, i);
    for (size_t i = layer->count; i-- > 0;) {
        struct files_entry *entry = layer->entries[i];
        int taken;

        if (!entry->in_layer || !entry->selected || is_kept(entry) ||
            (entry->change != FILES_SAME && !entry->done))
            continue;
        taken = take_out(layer->upper, entry);
        if (rc == 0)
            rc = taken;
    }
    return rc;
}

/* ---- throwing away ---- */

/* A folder can be moved only by who may write in it. */
static int move_to(int folder, const char *name, int staging, const char *place)
{
    if (renameat(folder, name, staging, place) == 0)
        return 0;
    if (errno != EACCES || fchmodat(folder, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) < 0 ||
        renameat(folder, name, staging, place) < 0)
        return -errno;
    return 0;
}

static int discard_path(const struct files_layer *layer, int staging, const char *path)
{
    const char *name;
    int folder = files_open_parent(layer->upper, path, &name);
    int rc = folder < 0 ? folder : move_to(folder, name, staging, "thrown");

    if (folder >= 0)
        close(folder);
    return rc == 0 ? pwk_remove_below(staging) : rc;
}

/* Folders of the layer that are no change and have become empty. */
static void drop_empty_folders(struct files_layer *layer)
{
    for (size_t i = layer->count; i-- > 0;) {
        struct files_entry *entry = layer->entries[i];

        if (entry->in_layer && entry->change == FILES_SAME && !entry->opaque &&
            entry->after.kind == FILES_FOLDER)
            take_out(layer->upper, entry);
    }
}

/* The layer goes in one step; overlayfs' own folder for work in progress is made anew with it. */
static int discard_all(int files, int staging)
{
    static const char *const names[] = {"upper", "work"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int rc = move_to(files, names[i], staging, names[i]);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        if (mkdirat(files, names[i], S_IRWXU) < 0)
            return -errno;
    }
    return pwk_remove_below(staging);
}

static const struct files_entry *find_entry(const struct files_layer *layer, const char *path)
{
    for (size_t i = 0; i < layer->count; i++)
        if (strcmp(layer->entries[i]->path, path) == 0)
            return layer->entries[i];
    return NULL;
}

/* What an opaque folder holds cannot go without it: the prefix's would stay hidden. */
static int check_covers(const struct files_layer *layer, char *const paths[], int count,
                        struct pwk_error *error)
{
    for (int i = 0; i < count; i++) {
        const struct files_entry *entry = find_entry(layer, paths[i]);

        if (entry == NULL)
            return pwk_error_set(error, -ENOENT, "the kernel's layer has nothing at %s", paths[i]);
        for (const struct files_entry *cover = entry->cover; cover != NULL; cover = cover->cover) {
            bool named = false;

            for (int j = 0; j < count; j++)
                named |= files_is_below(cover->path, paths[j]);
            if (!named)
                return pwk_error_set(error, -EINVAL,
                                     "%s cannot be had without %s, which hides the prefix's as a "
                                     "whole: name that one",
                                     paths[i], cover->path);
        }
    }
    return 0;
}

int files_discard(struct files_layer *layer, int files, char *const paths[], int count,
                  struct pwk_error *error)
{
    int rc = check_covers(layer, paths, count, error), staging;
    const char *what = "the layer";

    if (rc < 0)
        return rc;
    staging = files_staging_open(files);
    rc = staging < 0 ? staging : 0;

    if (rc == 0 && count == 0)
        rc = discard_all(files, staging);
    for (int i = 0; rc == 0 && i < count; i++) {
        what = paths[i];
        rc = discard_path(layer, staging, what);
        /* It may lie in a folder that was named before. */
        if (rc == -ENOENT)
            rc = 0;
    }
    if (count > 0)
        drop_empty_folders(layer);
    if (staging >= 0)
        files_staging_close(files, staging);
    return rc == 0 ? 0
                   : pwk_error_set(error, rc, "%s cannot be thrown away: %s", what, strerror(-rc));
}
