/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * warm_row.c - the rows of NtQueryValueKey in both conventions. A C function of the Microsoft
 * convention that calls one of System V saves ten vector registers and loads them again; compiled
 * with -mgeneral-regs-only, and with nothing but its like on the warm way, this one does not. Where
 * the warm way ends, the ordinary row goes on, in its own convention.
 */
#include "wine/warm_row.h"

#include "nt/warm_value.h"

#define WARM_ROW(convention, name, ordinary)                                                       \
    convention ntstatus name(uint64_t handle, uint64_t value, uint64_t class_number,               \
                             uint64_t memory, uint64_t length, uint64_t needed)                    \
    {                                                                                              \
        ntstatus status = nt_query_value_warm(handle, (const struct unicode_string *)value,        \
                                              (uint32_t)class_number, (void *)memory,              \
                                              (uint32_t)length, (uint32_t *)needed);               \
        return status == NT_NOT_WARM                                                               \
                   ? ordinary(handle, value, class_number, memory, length, needed)                 \
                   : status;                                                                       \
    }

WARM_ROW(__attribute__((ms_abi)), pwk_microsoft_warm_row, pwk_microsoft_NtQueryValueKey)
WARM_ROW(, pwk_system_v_warm_row, pwk_system_v_NtQueryValueKey)
