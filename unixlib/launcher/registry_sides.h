/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_sides.h - a kernel's registry and what it is compared with, read to the end: what
 * differs is then told by registry_tree_compare. Left out are volatile keys, what a profile passes
 * through, and what every start of Wine writes anew.
 */
#ifndef PWK_LAUNCHER_REGISTRY_SIDES_H
#define PWK_LAUNCHER_REGISTRY_SIDES_H

#include "launcher/control_session.h"
#include "launcher/registry_tree.h"

/* Starts all zero; ends with registry_sides_finish in any case. */
struct registry_sides {
    struct registry_tree *before, *after;
    bool open;                         /* the prefix's texts were looked for: */
    int texts[REGISTRY_LOWER_TEXTS];   /* a descriptor, or a negative errno */
    const struct pwk_profile *profile; /* of the other kernel, or NULL; with `told` */
    int told;                          /* who tells of its registry (registry_told.h) */
};

/* Opens the prefix's own texts, in case they are needed: before the session is, which can open them
 * no more. */
void registry_sides_open(struct registry_sides *sides);

/* The other kernel's registry, or where `profile` is NULL the state of the prefix's that the
 * kernel's is a layer over, and the kernel's. May be read anew. The line of an error is the
 * session's. */
int registry_sides_read(struct registry_sides *sides, struct control_session *session);
void registry_sides_finish(struct registry_sides *sides);

/* True for a key below \Registry that is left out with all below it. */
bool registry_sides_leave_out(const struct pwk_profile *profile, const uint16_t *path,
                              size_t units);

#endif
