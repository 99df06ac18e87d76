/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_table_fixture.h - a table of processes in a folder of the test's own.
 */
#ifndef PWK_TESTS_PROCESS_TABLE_FIXTURE_H
#define PWK_TESTS_PROCESS_TABLE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kernel/process_table.h"

#define HEADER_SIZE 4096
#define SLOT_SIZE 256
#define SLOT_COUNT 4096
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

extern char runtime[], *state;

/* The table's file, "" where there is none; lives until the next call. */
char *file_path(void);
int set_up(void **context);
int tear_down(void **context);
/* Fails the test where that cannot be done. */
pwk_process_table_t *open_table(bool hold, bool *first);
/* Waits for it. */
void assert_child_is_well(pid_t child);

#endif
