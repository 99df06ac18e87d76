/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loaded_target.h - a process with eight threads at work that a kernel is attached to. Each thread
 * asks for its parent between two pieces of work, and keeps the answer where the test sees it.
 */
#ifndef LOADED_TARGET_H
#define LOADED_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define LOADED_THREADS 8

struct loaded_target {
    atomic_bool stop;
    atomic_int started;
    atomic_int failures;                 /* calls that did not do what they should have */
    atomic_int failed_line;              /* where the last one was */
    atomic_long answers[LOADED_THREADS]; /* the last answer to getppid: the parent, or else */
    atomic_ulong rounds[LOADED_THREADS];
};

/* In memory that is shared with children. */
struct loaded_target *loaded_target_new(void);

/* Forks one that runs until `stop`; returns when all of its threads are at work. */
pid_t loaded_target_start(struct loaded_target *target);

/* ---- for those that attach to it ---- */

#define LOADED_PATIENCE 20 /* seconds */

extern int loaded_target_failed; /* how often */
void loaded_target_fail(int round, const char *what, long value);

double loaded_target_now(void); /* seconds */

/* Waits for the thread's second round from now; a failure where `end` comes before. */
void loaded_target_go_on(const struct loaded_target *target, int thread, int round, double end);

#endif
