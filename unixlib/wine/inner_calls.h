/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inner_calls.h - the calls of registry services that Wine's ntdll.so makes itself: the list of
 * time zones, which it reads key by key in every start of a program, and the DLL overrides of an
 * application. It is linked so that no symbol comes between (-Bsymbolic): the calls are led to us
 * where they stand in its code.
 */
#ifndef PWK_WINE_INNER_CALLS_H
#define PWK_WINE_INNER_CALLS_H

#include "kernel/error.h"

/* Leads those calls of `ntdll` (a dlopen handle) through places of our own, which lead on to Wine's
 * services for now. While the process has one thread, and none of ntdll.so's code runs. Where
 * ntdll.so lies too far away nothing is changed, and it sees the prefix's registry. 0, or a
 * negative errno with a line: the process must end. */
int pwk_inner_calls_take(void *ntdll, struct pwk_error *error);

/* From here on they come to our rows. Any thread. */
void pwk_inner_calls_serve(void);

#endif
