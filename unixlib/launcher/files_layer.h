/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_layer.h - what a kernel's layer of files does to the prefix below it, path by path. The
 * layer is an upper folder of overlayfs (mounted with userxattr); it is read while it is not
 * mounted.
 *
 * Forms that are read: a whiteout is a character device 0/0, or an empty file with the extended
 * attribute user.overlay.whiteout; a folder with user.overlay.opaque=y hides the prefix's. A file
 * that needs more of overlayfs to be understood (user.overlay.redirect, user.overlay.metacopy) is
 * told, and can only be discarded.
 *
 * The layer is hostile (files_open.h): entries hold what was found, and whoever acts on one opens
 * it anew in the same way.
 *
 * Source: "Overlay Filesystem" (Linux kernel documentation).
 */
#ifndef PWK_LAUNCHER_FILES_LAYER_H
#define PWK_LAUNCHER_FILES_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/error.h"

/* The permissions that are compared and committed: no set-user-ID, set-group-ID or sticky bit. */
#define FILES_MODE_BITS 0777

enum files_kind {
    FILES_NOTHING,
    FILES_FOLDER,
    FILES_FILE,
    FILES_LINK,
    FILES_SPECIAL /* a device, a FIFO or a socket */
};

enum files_change { FILES_SAME, FILES_ADDED, FILES_CHANGED, FILES_DELETED };

/* What is changed of a FILES_CHANGED entry: bits. */
#define FILES_WHAT_KIND 0x01u
#define FILES_WHAT_CONTENT 0x02u /* of a link: where it leads */
#define FILES_WHAT_MODE 0x04u
#define FILES_WHAT_TIMES                                                                           \
    0x08u /* of a file: when it was written; told where the content is the same */
#define FILES_WHAT_ATTRIBUTES 0x10u /* extended attributes, in which Wine keeps the DOS ones */

struct files_side {
    enum files_kind kind;
    mode_t mode;
    uint64_t size; /* bytes, of a file */
};

struct files_entry {
    struct files_entry *parent; /* NULL: the prefix itself */
    /* The nearest folder above that hides the prefix's as a whole (opaque, deleted, or of another
     * kind before), or NULL: this entry can be committed or discarded only together with that. */
    struct files_entry *cover;
    enum files_change change;
    struct files_side before, after; /* in the prefix; as the kernel sees it */
    unsigned what;
    bool in_layer; /* something stands for it in the layer, if only a whiteout */
    bool opaque;
    bool noise;      /* the session's own: neither shown nor committed */
    bool place;      /* made for the session, and nothing by itself */
    bool extra_bits; /* has bits of the mode that are never committed */
    uint64_t device, inode, links;
    /* Why it cannot be committed, or what went wrong, and the errno of it (or 0). NULL: nothing. */
    const char *hindrance;
    int code;
    /* For who acts on entries (files_commit.h). */
    bool selected, done, kept;
    char path[]; /* below the prefix; no "/" at its begin or end; any other bytes */
};

struct files_layer {
    int upper, lower; /* the layer's folder and the prefix's, or -1 */
    struct files_entry **entries;
    size_t count, capacity;
};

/* Opens both folders. Starts all zero; ends with files_layer_close in any case. */
int files_layer_open(struct files_layer *layer, const char *prefix, const char *upper,
                     struct pwk_error *error);
void files_layer_close(struct files_layer *layer);

/* Reads the layer and all that it hides: the entries, each folder's directly behind it. 0, or
 * -ENOMEM or the error of the layer's own folder. */
int files_layer_read(struct files_layer *layer, struct pwk_error *error);

/* True for paths that are the session's, not the programs': pwk's own files, the registry as the
 * session's wineserver saved it, what Wine notes about itself, the links of ports. */
bool files_is_noise(const char *path);

/* True where `path` is `folder` or below it ("" holds everything). */
bool files_is_below(const char *path, const char *folder);

/* ---- files_compare.c ---- */

/* Sets the change of an entry that is in the layer, and what is changed. */
void files_compare(const struct files_layer *layer, struct files_entry *entry);

#endif
