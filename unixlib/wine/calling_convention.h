/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calling_convention.h - how Wine's dispatcher calls a service row, and how we call Wine's own
 * functions: the Microsoft convention in Wine 8.0, System V in 10.0.
 */
#ifndef PWK_WINE_CALLING_CONVENTION_H
#define PWK_WINE_CALLING_CONVENTION_H

#include <stddef.h>
#include <stdint.h>

#include "nt/nt_status.h"

enum pwk_convention { PWK_CALL_MICROSOFT, PWK_CALL_SYSTEM_V };

/* The function that stands in the service table for served row `row`: calls nt_dispatch. */
void *pwk_row_entry(enum pwk_convention convention, unsigned row);

/* Calls a service or another function of Wine's Unix side with `count` arguments (at most 12). */
ntstatus pwk_call_wine(enum pwk_convention convention, void *function, const uint64_t *arguments,
                       size_t count);

#endif
