/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * repair.h - looking for what is wrong with a registry that nobody could open, and mending it.
 */
#ifndef PWK_REGISTRY_REPAIR_H
#define PWK_REGISTRY_REPAIR_H

#include <limits.h>

#include "registry/registry.h"

struct registry_check {
    bool repair;
    /* One line a finding, then of what a repair could not save. */
    void (*say)(void *context, const char *line);
    registry_progress progress; /* of a repair; may be NULL */
    void *context;

    /* What comes out. */
    uint64_t findings;
    uint64_t keys, values; /* in the store: after a repair, the new one */
    bool repaired;
    uint64_t capital_keys;   /* that were found by their upcased names alone */
    uint64_t cut_values;     /* whose data is lost */
    uint64_t lost_and_found; /* keys below \Registry\Lost+Found */
    char kept[PATH_MAX];     /* the damaged file; beside it -wal */
};

/* Looks at the registry in `directory`, also while processes of the kernel use it, and changes
 * nothing. With `repair`, and where there are findings, makes a new store of everything that can be
 * read, and puts it in the damaged one's place when it is whole and on stable storage; the damaged
 * files are kept. Whatever goes wrong before (a full disk, kill -9), the old one is as it was.
 *
 * 0, findings or not; -ENOENT; -EBUSY where it is to be repaired and in use; -EPROTO for what is
 * no registry of this version's; -ENODATA where nothing could be saved; else as the system answers.
 * Errors come with a line. Any thread; no registry of this folder may be open in the process. */
int registry_check(const char *directory, struct registry_check *check,
                   struct registry_error *error);

/* Puts the store of a repair that was killed at its very end into place. To be called by who is
 * alone with the store (coherence.h). 0 where there is none. */
int registry_finish_repair(const char *directory, struct registry_error *error);

#endif
