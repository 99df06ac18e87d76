/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit_choice.h - which of the differences between a kernel's registry and the prefix's a commit
 * or a discard is about: counted, and told.
 */
#ifndef PWK_LAUNCHER_COMMIT_CHOICE_H
#define PWK_LAUNCHER_COMMIT_CHOICE_H

#include "launcher/registry_report.h"
#include "launcher/registry_sides.h"

struct commit_choice {
    const struct registry_path *branches;
    size_t branch_count;
    bool unsaved;                   /* those that no prefix keeps, in place of the others */
    struct registry_report *report; /* NULL: they are only counted, */
    bool tell;                      /* or told as left */
    size_t differences, added, changed, deleted;
};

/* Counts them, from zero. */
int commit_compare(const struct registry_sides *sides, struct commit_choice *choice);

/* A line on stderr: what was left, and why. `name`: of a value, or NULL. */
void commit_print_left(const uint16_t *path, size_t units, const uint16_t *name, size_t name_units,
                       const char *why);

#endif
