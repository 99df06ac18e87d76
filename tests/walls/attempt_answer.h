/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attempt_answer.h - what an attempt to get past walls is, and what it answers: of programs in own
 * sessions (attempt.h) and of pwkctl's confined processes (tests/unit/confine_attempts.h).
 */
#ifndef PWK_TESTS_WALLS_ATTEMPT_ANSWER_H
#define PWK_TESTS_WALLS_ATTEMPT_ANSWER_H

#include <stdbool.h>

/* An attempt's answer, and the program's status. */
#define OUT 0      /* it got there */
#define HELD 1     /* it was refused */
#define UNTRIED 77 /* what it needs is not on this machine */

struct attempt {
    const char *name;
    int (*try)(void);
    const char *walls; /* the walls that hold it, any one of them alone ("a,b") */
    bool root_only;    /* other users are held by the files' owner already */
};

#endif
