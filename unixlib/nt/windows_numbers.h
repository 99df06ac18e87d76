/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_numbers.h - what the numbers of native NT calls mean in Windows' own kernels, as data
 * (windows_numbers.def says where it is from and how it is checked).
 */
#ifndef PWK_NT_WINDOWS_NUMBERS_H
#define PWK_NT_WINDOWS_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#define NT_WINDOWS_TABLE_COUNT 16
#define NT_WINDOWS_NUMBER_LIMIT 0x200u /* all numbers are below */
#define NT_NO_WINDOWS_NUMBER 0xffffu

struct nt_windows_service {
    const char *name;
    uint16_t numbers[NT_WINDOWS_TABLE_COUNT]; /* NT_NO_WINDOWS_NUMBER: not in that table */
};

/* In the order of their names. Constant, process-wide. */
extern const struct nt_windows_service nt_windows_services[];
extern const size_t nt_windows_service_count;

/* The first build that each table serves, ascending. */
extern const uint32_t nt_windows_tables[NT_WINDOWS_TABLE_COUNT];

/* The table that serves a build of Windows; -1 for one older than all of them. A build that is
 * newer than the newest has the newest table: numbers below 0x63 have not moved since Windows 10.
 */
int nt_windows_table(uint32_t build);

#endif
