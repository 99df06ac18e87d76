/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * warm_row.h - the rows of NtQueryValueKey: the warm way first, then the ordinary row.
 */
#ifndef PWK_WINE_WARM_ROW_H
#define PWK_WINE_WARM_ROW_H

#include "nt/nt_types.h"

__attribute__((ms_abi)) ntstatus pwk_microsoft_warm_row(uint64_t handle, uint64_t value,
                                                        uint64_t class_number, uint64_t memory,
                                                        uint64_t length, uint64_t needed);
ntstatus pwk_system_v_warm_row(uint64_t handle, uint64_t value, uint64_t class_number,
                               uint64_t memory, uint64_t length, uint64_t needed);

/* The ordinary rows (calling_convention.c). */
__attribute__((ms_abi)) ntstatus pwk_microsoft_NtQueryValueKey(uint64_t handle, uint64_t value,
                                                               uint64_t class_number,
                                                               uint64_t memory, uint64_t length,
                                                               uint64_t needed);
ntstatus pwk_system_v_NtQueryValueKey(uint64_t handle, uint64_t value, uint64_t class_number,
                                      uint64_t memory, uint64_t length, uint64_t needed);

#endif
