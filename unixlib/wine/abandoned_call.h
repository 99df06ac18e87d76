/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * abandoned_call.h - the vector registers of a program whose call Wine gives up in the middle.
 *
 * A service that faults on a pointer of the program's is not gone on with: Wine's signal handler
 * returns to the program out of Wine's own frame of the call, past all native functions between.
 * Where the services are of Microsoft's convention (Wine 8.0), the program's compiler relies on
 * xmm6 to xmm15 ("x64 calling convention", Microsoft): the native functions have kept them on
 * their stack, where nobody fetches them, and the program would go on with what the C library left
 * in them. Wine's frame holds them too, as they were at the call: from there they are given back.
 */
#ifndef PWK_WINE_ABANDONED_CALL_H
#define PWK_WINE_ABANDONED_CALL_H

#include <stdint.h>

/* Finds where the Wine in use keeps them; once, before the first thread of Windows code. Where its
 * services are of the other convention, its dispatcher gives them back itself, and nothing is
 * done. */
void pwk_abandoned_call_find(void *ntdll);

/* In a handler of a fault, after Wine's: changes `context` (a ucontext_t) if the call was given
 * up. `faulted`: the instruction that `context` named before Wine's. */
void pwk_abandoned_call_mend(void *context, uintptr_t faulted);

#endif
