/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * confine_attempts.h - what hostile code in a confined process of pwkctl's would try, each by one
 * function, and what there is outside for it.
 */
#ifndef PWK_TESTS_CONFINE_ATTEMPTS_H
#define PWK_TESTS_CONFINE_ATTEMPTS_H

#include <limits.h>
#include <sys/types.h>

#include "tests/walls/attempt_answer.h"

extern const struct attempt attempts[]; /* ends with a name of NULL */

/* Absolute paths, and what is open or runs outside. */
struct outside {
    char folder[PATH_MAX];
    char store[PATH_MAX];
    pid_t victim;    /* a process of the same user's */
    int descriptor;  /* open on the secret */
    int terminal;    /* the other end is standard output, and the process's own terminal */
    void *in_victim; /* an address in its memory */
};
extern struct outside outside;

#define SECRET "outside's secret"

/* "FOLDER/NAME" and "STORE/NAME"; a few at a time. */
const char *in_outside(const char *name);
const char *in_store(const char *name);

#endif
