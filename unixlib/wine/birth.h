/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * birth.h - what a process of the kernel is told by the one that starts it: a number by which its
 * parent knows it, and the descriptor of its table of key handles.
 *
 * Wine starts a process by fork on the thread that calls NtCreateUserProcess. The environment
 * variable PWK_BIRTH is written in the forked child alone, so that threads of one process that
 * start processes at the same time do not get in each other's way.
 */
#ifndef PWK_WINE_BIRTH_H
#define PWK_WINE_BIRTH_H

#include <stdint.h>

/* What this process was told, taken out of the environment: the descriptor of a table (to be
 * checked; -1: none), and the number (0: none). Once, at boot. */
int pwk_birth_take(uint64_t *birth);

/* Makes ready for children: from now on the environment holds the variable, with another name while
 * it is not in force. Once, at boot, when Wine's copy of the environment has been made. 0 or a
 * negative errno. */
int pwk_birth_prepare(void);

/* See struct nt_host. Processes that this thread starts from here to pwk_birth_end are told `birth`
 * and get `handles`, -1 or a close-on-exec descriptor, which is closed at the end. */
void pwk_birth_begin(uint64_t birth, int handles);
void pwk_birth_end(void);

#endif
