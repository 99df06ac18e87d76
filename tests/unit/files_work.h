/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_work.h - a prefix with something in it, and random work of a program's on it.
 */
#ifndef PWK_TESTS_FILES_WORK_H
#define PWK_TESTS_FILES_WORK_H

/* PWK_TEST_SEED, else 1. */
unsigned files_work_seed(void);

/* Files, links and folders that depend on `seed` alone. */
void files_work_fill(const char *folder, unsigned seed);

/* Makes, changes and deletes files, links and folders at the same names, in any order. `seed` is an
 * unsigned. For in_view. */
void files_work_do(const char *folder, void *seed);

#endif
