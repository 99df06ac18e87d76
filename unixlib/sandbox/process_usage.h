/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_usage.h - what all processes of a process namespace have used, look by look.
 */
#ifndef PWK_SANDBOX_PROCESS_USAGE_H
#define PWK_SANDBOX_PROCESS_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process as a look found it. */
struct pwk_process_usage {
    pid_t pid, parent;
    uint64_t started;  /* clock ticks since boot: with the number, which process it is */
    uint64_t own;      /* ns of processor time, all of its threads */
    uint64_t children; /* ns, of those that it has waited for, and theirs */
    uint64_t io;       /* bytes, with those of the children that it has waited for */
    char state;        /* as in proc(5) */
    bool stays;        /* for the governor: it was stopped by somebody else, and stays so */
    bool stopped_late; /* likewise: it was told to stop again, since it had not yet */
    uint64_t credit, io_credit;
};

struct pwk_usage_look {
    struct pwk_process_usage *processes; /* ascending numbers; owned */
    size_t count, capacity;
};

/* Looks at every process of /proc. `io`: read what they read and write, too. 0 or a negative errno.
 * The look is to be used anew or freed (its `processes`). */
int pwk_usage_look(struct pwk_usage_look *look, bool io);

/* What was used between two looks, by processes that have ended in between, too: the time of those
 * shows in who has waited for them. */
void pwk_usage_between(struct pwk_usage_look *before, struct pwk_usage_look *now, uint64_t *cpu,
                       uint64_t *io);

/* The same process in another look, or NULL. */
struct pwk_process_usage *pwk_usage_find(const struct pwk_usage_look *look,
                                         const struct pwk_process_usage *process);

#endif
