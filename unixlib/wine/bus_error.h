/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bus_error.h - what becomes of a process when a file of its kernel's that it has mapped is cut
 * short: a hostile program of the same kernel can do that. Wine would make an exception of the
 * SIGBUS, in the program's name, and a program that goes on from there comes back into the same
 * fault for ever, so that its session never ends. Here the process ends, and says why.
 */
#ifndef PWK_WINE_BUS_ERROR_H
#define PWK_WINE_BUS_ERROR_H

#include <signal.h>

/* In a handler of SIGBUS, before Wine's. Returns where the fault is not in a file of the
 * kernel's. */
void pwk_bus_error_meet(const siginfo_t *info);

#endif
