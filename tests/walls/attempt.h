/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attempt.h - ways out of an own session, each tried by one function. They are run in the place of
 * a program of the session's, since hostile code in a Windows process can make every Linux call
 * too. What there is outside to be reached is made by outside.c, and named in the environment.
 */
#ifndef PWK_TESTS_WALLS_ATTEMPT_H
#define PWK_TESTS_WALLS_ATTEMPT_H

#include "tests/walls/attempt_answer.h"

extern const struct attempt process_attempts[], mount_attempts[], file_attempts[],
    socket_attempts[], call_attempts[]; /* each ends with a name of NULL */

/* OUT for 0 and more, HELD for -1; the error is printed. */
int judge(long result);

/* OUT where the file can be read, and says what is secret outside. */
int read_secret(const char *path);

/* OUT where the file can be opened for writing; nothing is written. */
int open_for_writing(const char *path);

/* The value of a variable that outside.c has set; the program ends without it. */
const char *fact(const char *name);
int fact_number(const char *name);

/* Sets all up that is to be reached, and runs `command` (NULL at its end) beside it. The command's
 * status. `folder` is the caller's own; the session shows it. */
int run_outside(const char *folder, char *command[]);

#define SECRET "outside's secret"

#endif
