/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_apart.h - what a kernel's programs have written is read in a process of its own, a child
 * of pwkctl's that has given up its rights (sandbox/confine.h). The parent keeps them, reads
 * nothing of the kind, and does what the child cannot: what it is asked for it takes for a hostile
 * program's word. Where the child is ended by what it read, or by a file that was cut short, the
 * parent lives to say so.
 *
 * The child ends with its parent. Signals that end a command reach both.
 */
#ifndef PWK_LAUNCHER_CONTROL_APART_H
#define PWK_LAUNCHER_CONTROL_APART_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "kernel/error.h"

/* Two pipes between the child and its parent: what the other one says, and what it is told. */
struct control_channel {
    int from, to;
};

struct control_apart {
    const char
        *kernel; /* whose store is read, for the line where the child does not end in order */
    void *context;
    /* In the child: an exit status. What it has printed is written out afterwards. */
    int (*work)(void *context, const struct control_channel *parent);
    /* Meanwhile in the parent, where the child needs it; else NULL. An exit status, which counts
     * where it is none of success; it has printed its line then. */
    int (*serve)(void *context, const struct control_channel *child);
};

/* Does the work; the exit status, with a line on stderr where it is none of success. */
int control_run_apart(const struct control_apart *apart);

/* The two halves of that, for who reads what the child says himself. `pid` 0: there is none. */
struct control_process {
    pid_t pid;
    const char *kernel;
    struct control_channel channel;
};
int control_apart_start(struct control_process *process, const struct control_apart *apart,
                        struct pwk_error *error);
/* Waits for its end: its exit status. */
int control_apart_end(struct control_process *process);

/* ---- in the child ---- */

/* The descriptor stays open when the process is confined, as the channel does. */
void control_keep(int fd);

/* Gives up all rights but those to the folder, in which a store is. Before a store is looked at in
 * any way. -ENOENT where there is no such folder; or another errno with its line. */
int control_confine(const char *folder, struct pwk_error *error);

/* ---- messages ---- */

/* All of it, or false: the other end is gone. No signal comes of that. */
bool control_send(int to, const void *message, size_t size);
bool control_receive(int from, void *message, size_t size);

#endif
