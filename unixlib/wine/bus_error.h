/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bus_error.h - what becomes of a process when a file of its kernel's that it has mapped is cut
 * short: a hostile program of the same kernel can do that. Wine would make an exception of the
 * SIGBUS, in the program's name, and a program that goes on from there comes back into the same
 * fault for ever, so that its session never ends. Here the process ends, and says why.
 *
 * The loader exports sigaction, which Wine's Unix libraries find first; nothing is changed but for
 * SIGBUS.
 */
#ifndef PWK_WINE_BUS_ERROR_H
#define PWK_WINE_BUS_ERROR_H

/* From here on; to be called before Wine installs its handlers. */
void pwk_bus_errors_end_process(void);

#endif
