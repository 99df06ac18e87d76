/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_files.h - the prefix's own files, which hold its registry while no wineserver serves it:
 * system.reg, user.reg, userdef.reg. Where no watcher lives, copies of them are published as the
 * newest state (prefix_layer.h), under the files' signature.
 */
#ifndef PWK_KERNEL_PREFIX_FILES_H
#define PWK_KERNEL_PREFIX_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/prefix_layer.h"

struct pwk_prefix_files {
    uint64_t signature; /* tells one state of them from another; never 0 */
    uint64_t newest;    /* FILETIME of the last change */
};

/* 0 or a negative errno; -ENOENT: the prefix has not been saved yet; -ELOOP: one is a symbolic
 * link.
 */
int pwk_prefix_files_look(struct pwk_prefix_files *files);

/* Opens them; the descriptors are the caller's. */
int pwk_prefix_files_open(int fds[REGISTRY_LOWER_TEXTS]);

/* True where what is published is a copy of the files as they are in `files`, and whole. */
bool pwk_prefix_files_are_published(const struct pwk_prefix_layer *layer,
                                    const struct pwk_prefix_files *files);

/* Publishes them, where they are not yet. The caller holds pwk_prefix_layer_lock, and knows that
 * there is no watcher. -EAGAIN where they were changed each time that they were copied; whatever is
 * answered but 0, what was published before is untouched. */
int pwk_prefix_files_publish(struct pwk_prefix_layer *layer);

#endif
