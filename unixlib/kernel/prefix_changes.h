/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_changes.h - changes to the prefix's own registry, on their way from pwkctl to a process of
 * ours that is a client of the prefix's wineserver (wine/prefix_write.h), and what became of each
 * on the way back. Both stand in one memory file that the two share.
 */
#ifndef PWK_KERNEL_PREFIX_CHANGES_H
#define PWK_KERNEL_PREFIX_CHANGES_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/error.h"
#include "registry/layer_changes.h"

/* What makes the loader write: the number of the descriptor of the memory file; set by us alone. */
#define PWK_CHANGES_VARIABLE "PWK_PREFIX_CHANGES"

enum pwk_change_outcome {
    PWK_CHANGE_PENDING, /* not done */
    PWK_CHANGE_SAME,    /* the prefix had it so */
    PWK_CHANGE_DONE,
    PWK_CHANGE_FAILED, /* `status` says why; not done */
};

enum pwk_changes_phase {
    PWK_CHANGES_WAITING, /* nobody has begun */
    PWK_CHANGES_CHECKED, /* looked at, nothing written: some cannot be */
    PWK_CHANGES_WRITING, /* some may have been written */
    PWK_CHANGES_WRITTEN, /* each has its outcome */
};

struct pwk_changes_page {
    uint64_t magic;
    uint64_t size; /* of all */
    uint32_t count;
    uint32_t phase;
    uint32_t done;   /* of `count`, in the present phase */
    uint32_t failed; /* outcomes so far */
    uint32_t written;
    uint32_t parent; /* the process that waits */
};

/* Followed by path, name and data, each from the next multiple of 8 on; as in struct
 * registry_layer_change. */
struct pwk_changes_record {
    uint32_t size; /* with all that follows */
    uint32_t kind;
    uint32_t type;
    uint32_t path_units, name_units, data_size;
    uint32_t outcome;
    uint32_t status; /* NTSTATUS */
};

struct pwk_prefix_changes {
    int fd;
    uint64_t size; /* of what is in it */
    uint32_t count;
    struct pwk_changes_page *page; /* once mapped */
};

/* Starts with none. Ends with pwk_prefix_changes_finish in any case. */
int pwk_prefix_changes_begin(struct pwk_prefix_changes *changes);
void pwk_prefix_changes_finish(struct pwk_prefix_changes *changes);
/* Copies the change. Before pwk_prefix_changes_write. */
int pwk_prefix_changes_add(struct pwk_prefix_changes *changes,
                           const struct registry_layer_change *change);

/* Maps a file of changes for reading and writing; -EINVAL where it is none. */
int pwk_prefix_changes_map(struct pwk_prefix_changes *changes);
/* The record from `*at` on, which starts at 0; NULL at the end, or where what is there is no
 * record. `change` points into it. */
struct pwk_changes_record *pwk_prefix_changes_next(const struct pwk_prefix_changes *changes,
                                                   uint64_t *at,
                                                   struct registry_layer_change *change);

/* Has `loader`, pwk's own, write them to the prefix in use: all are looked at first, and where one
 * cannot be written, none is. Waits for it; `progress` is called several times a second. 0: each
 * has an outcome, page->phase says more. Or an errno with a line: nothing is known of those that
 * are pending. The process ends with the calling thread. */
int pwk_prefix_changes_write(struct pwk_prefix_changes *changes, const char *loader,
                             registry_progress progress, void *context, struct pwk_error *error);

#endif
