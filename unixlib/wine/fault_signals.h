/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fault_signals.h - what is done before and after Wine's own handlers of SIGSEGV and SIGBUS: a file
 * of the kernel's that was cut short (bus_error.h), and a service that Wine gives up in the middle
 * (abandoned_call.h).
 *
 * The loader exports sigaction, which Wine's Unix libraries find first; nothing is changed but for
 * these two signals.
 */
#ifndef PWK_WINE_FAULT_SIGNALS_H
#define PWK_WINE_FAULT_SIGNALS_H

/* From here on; to be called before Wine installs its handlers. `ntdll`: as of dlopen. */
void pwk_fault_signals_begin(void *ntdll);

#endif
