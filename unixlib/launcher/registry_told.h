/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_told.h - a kernel's registry as one process tells another of it, each confined to a
 * store of its own: keys with their values, each key before what is below it. Volatile keys and
 * what is passed through to the session are left out.
 */
#ifndef PWK_LAUNCHER_REGISTRY_TOLD_H
#define PWK_LAUNCHER_REGISTRY_TOLD_H

#include "launcher/control_session.h"

/* Tells of the kernel's registry; the child's work, an exit status. What is wrong is told too, and
 * is the reader's to print. */
int registry_tell(const char *kernel, int to);

struct registry_told_sink {
    void *context;
    /* Each answers 0 to go on. */
    int (*key)(void *context, const uint16_t *path, size_t units, bool link);
    int (*value)(void *context, const uint16_t *name, size_t units, uint32_t type, const void *data,
                 size_t size); /* of the last key; `data` is aligned for any type */
};

/* Reads what is told, by whom a hostile store may have taken over, and closes `from`. -EPROTO where
 * it does not hold together or has no end. */
int registry_told_read(int from, const struct registry_told_sink *sink, struct pwk_error *error);

#endif
