/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * warm_value.h - NtQueryValueKey of a value that the cache holds: the call that programs make most,
 * on the shortest way.
 */
#ifndef PWK_NT_WARM_VALUE_H
#define PWK_NT_WARM_VALUE_H

#include "nt/nt_types.h"

#define NT_NOT_WARM 0x3ffu /* no NTSTATUS of any service of ours */

/* Arguments as the program passed them; any of them may be bad and fault. Answers, and counts the
 * call, where nt_query_value_key would answer success or STATUS_BUFFER_OVERFLOW; else NT_NOT_WARM,
 * and the call is to be dispatched as ever. Works in general registers alone; any thread. */
ntstatus nt_query_value_warm(nt_handle handle, const struct unicode_string *name,
                             uint32_t class_number, void *memory, uint32_t length,
                             uint32_t *needed);

#endif
