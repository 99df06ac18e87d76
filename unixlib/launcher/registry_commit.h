/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_commit.h - makes what a kernel did to its registry the prefix's own.
 *
 * The prefix's wineserver is asked for each change; then its files are waited for, and only what
 * they hold is given up by the kernel's layer. So whatever is killed, and when, the kernel sees
 * what it saw before, and doing it again ends it.
 *
 * This is the half that reads the store, confined: the other one (commit_writer.h) does what needs
 * rights.
 */
#ifndef PWK_LAUNCHER_REGISTRY_COMMIT_H
#define PWK_LAUNCHER_REGISTRY_COMMIT_H

#include "kernel/prefix_changes.h"
#include "launcher/commit_message.h"
#include "launcher/control_apart.h"
#include "launcher/control_session.h"

struct registry_commit {
    struct control_session *session; /* open for writing */
    const struct registry_path *branches;
    size_t count;
    struct commit_files files;
    const struct control_channel *writer;
    struct pwk_prefix_changes changes; /* written; each with its outcome */
    size_t left;                       /* keys and values that still differ */
};

/* True for keys that wineserver saves: of others nothing would last. */
bool registry_commit_is_saved(const uint16_t *path, size_t units);

/* True for the key `top` and what is below it. */
bool registry_commit_is_below(const uint16_t *path, size_t units, const uint16_t *top, size_t size);

/* All branches. 0: page->failed and `left` say what was not done. Ends with registry_commit_finish
 * in any case; the line of an error is the session's. */
int registry_commit(struct registry_commit *commit);
void registry_commit_finish(struct registry_commit *commit);

#endif
