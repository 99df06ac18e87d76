/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_numbers.c - see windows_numbers.h.
 */
#include "nt/windows_numbers.h"

#define ____ NT_NO_WINDOWS_NUMBER

#define NT_WINDOWS_TABLES(...) const uint32_t nt_windows_tables[] = {__VA_ARGS__};
#define NT_WINDOWS_NUMBERS(...)
#include "nt/windows_numbers.def"
#undef NT_WINDOWS_NUMBERS
#undef NT_WINDOWS_TABLES

const struct nt_windows_service nt_windows_services[] = {
#define NT_WINDOWS_TABLES(...)
#define NT_WINDOWS_NUMBERS(name, ...) {#name, {__VA_ARGS__}},
#include "nt/windows_numbers.def"
#undef NT_WINDOWS_NUMBERS
#undef NT_WINDOWS_TABLES
};

const size_t nt_windows_service_count = sizeof nt_windows_services / sizeof nt_windows_services[0];

int nt_windows_table(uint32_t build)
{
    int table = NT_WINDOWS_TABLE_COUNT - 1;

    while (table >= 0 && nt_windows_tables[table] > build)
        table--;
    return table;
}
