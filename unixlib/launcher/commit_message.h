/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit_message.h - what is said in a commit of a kernel's registry between the process that reads
 * the store (registry_commit.h) and pwkctl, which has the rights to write to the prefix
 * (commit_writer.h). The reader asks once, and then does what it is told until the end.
 *
 * The changes stand in a memory file that both have, with their outcomes when all is over; the
 * texts of the prefix's files in others.
 */
#ifndef PWK_LAUNCHER_COMMIT_MESSAGE_H
#define PWK_LAUNCHER_COMMIT_MESSAGE_H

#include <stdint.h>

#include "kernel/error.h"
#include "registry/registry.h"

struct commit_files {
    int changes;
    int texts[REGISTRY_LOWER_TEXTS];
};

/* To the writer: the changes are there. */
struct commit_request {
    uint64_t size; /* of the file */
};

enum commit_step {
    COMMIT_SETTLE, /* the texts are there: give up what they hold, and answer */
    COMMIT_END,
};

struct commit_order {
    uint32_t step;
    int32_t result;         /* at the end: 0 where every change has its outcome, or an errno, */
    struct pwk_error error; /* and its line, or "" where the errno says it */
    uint64_t signature;     /* of the texts */
};

/* To the writer: what became of settling. */
struct commit_settled {
    int32_t result;
    uint64_t left; /* keys and values that still differ */
};

#endif
