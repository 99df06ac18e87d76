/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thread_start.h - what every thread of the process does before its start routine runs: the trap is
 * a thread's own, and not inherited. The loader's symbol pthread_create is found before the C
 * library's by ntdll.so and whatever else Wine loads.
 */
#ifndef PWK_WINE_THREAD_START_H
#define PWK_WINE_THREAD_START_H

typedef void (*thread_arming)(void);

/* `arm` runs first in every thread from now on. Before the first thread is made; once. */
void pwk_threads_start_with(thread_arming arm);

#endif
