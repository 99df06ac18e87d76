/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.h - what pwk-wine is going to do: a list of steps, built from the command line and the facts
 * without side effects, that can be printed, tested and carried out.
 */
#ifndef PWK_LAUNCHER_PLAN_H
#define PWK_LAUNCHER_PLAN_H

#include <stdbool.h>
#include <stdio.h>

#include "kernel/boot_record.h"
#include "kernel/prefix_layer.h"
#include "kernel/process_table.h"
#include "launcher/arguments.h"
#include "launcher/facts.h"
#include "launcher/second_log.h"
#include "sandbox/policy.h"
#include "sandbox/session.h"

/* Exit statuses of pwk-wine itself, as env(1) and timeout(1) have them. */
#define PWK_EXIT_FAILED 125
#define PWK_EXIT_CANNOT_RUN 126
#define PWK_EXIT_NOT_FOUND 127

enum pwk_step_kind {
    PWK_STEP_SWEEP,       /* remove ephemeral kernels that were left behind */
    PWK_STEP_PREFIX,      /* set the prefix up */
    PWK_STEP_STATE,       /* make or use the kernel's state */
    PWK_STEP_SESSION,     /* join the kernel's own session, or begin it */
    PWK_STEP_CAGE,        /* what the session's first process does: words only */
    PWK_STEP_REGISTRY,    /* open the store and see that it is in order (the loader) */
    PWK_STEP_REAPER,      /* start the process that removes an ephemeral kernel */
    PWK_STEP_POLICY,      /* compile the Linux policy and start its supervisor */
    PWK_STEP_BOOT,        /* what the loader does by the boot record: words only */
    PWK_STEP_ENVIRONMENT, /* set `variable` to `value`, or unset it where that is NULL */
    PWK_STEP_WATCH,       /* start the watcher of the prefix's registry where there is none */
    PWK_STEP_RUN,         /* become the loader; or start it in the session, or with --stats, and
                             wait */
};

/* What a step is worth against hostile code in the program. */
enum pwk_wall_worth {
    PWK_WORTH_NOTHING,  /* it is no wall */
    PWK_WORTH_DOOR,     /* holds who comes by the door; code in the process can go round it */
    PWK_WORTH_BOUNDARY, /* Linux holds it from outside the process */
};

struct pwk_step {
    enum pwk_step_kind kind;
    enum pwk_wall_worth worth;
    char *words;          /* owned */
    const char *variable; /* PWK_STEP_ENVIRONMENT; `value` points into the plan */
    const char *value;
};

#define PWK_MAX_STEPS 48

struct pwk_plan {
    struct pwk_boot_record record; /* owned; `runtime` is final once the state exists */
    char prefix[PATH_MAX];
    struct pwk_wine_location wine;
    struct pwk_policy policy;
    bool ephemeral;
    bool stats;
    struct pwk_session_plan cage;  /* for PWK_SESSION_OWN */
    char folder[PATH_MAX];         /* the current one, or "" */
    char place[PATH_MAX];          /* where the program lies */
    struct pwk_session session;    /* once entered */
    struct pwk_second_log second;  /* for it: what --audit names */
    struct pwk_prefix_layer below; /* for it: where the prefix's registry is published */
    int marker; /* descriptor that keeps an ephemeral kernel from being removed, or -1 */
    char loader[PATH_MAX];
    char program[PATH_MAX];
    char program_path[PATH_MAX]; /* where it was found; a Unix path where it begins with '/' */
    char *const *arguments;      /* of the program, without its name; not owned */
    struct pwk_step steps[PWK_MAX_STEPS];
    size_t step_count;
};

/* 0 or a negative errno. `plan` is all zero, as facts are. Ends with pwk_plan_finish in any case.
 */
int pwk_plan_build(struct pwk_plan *plan, const struct pwk_arguments *arguments,
                   const struct pwk_facts *facts, struct pwk_error *error);
void pwk_plan_finish(struct pwk_plan *plan);

/* One numbered step a line; a wall says what it is worth. */
void pwk_plan_print(const struct pwk_plan *plan, FILE *stream);

/* The same as one JSON object: "kernel", "session", and "steps", each with "step" (its number),
 * "kind", "words", "wall" ("boundary", "door" or null) and, where it sets one, "variable" and
 * "value" (null: it is unset); and of an own session "reached", what of the desktop it reaches.
 * Bytes that are no UTF-8 are written as U+FFFD. */
void pwk_plan_print_json(const struct pwk_plan *plan, FILE *stream);

/* Carries the plan out. Returns only when a step failed, or with --stats: the exit status. */
int pwk_plan_execute(struct pwk_plan *plan, struct pwk_error *error);

/* A kernel's counters, one a line. */
void pwk_statistics_print(FILE *stream, const char *kernel,
                          const uint64_t totals[PWK_COUNTER_COUNT]);

#endif
