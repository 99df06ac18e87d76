/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_calls.h - the trap (sandbox/trap.h) with Wine's dispatcher behind it.
 */
#ifndef PWK_WINE_NATIVE_CALLS_H
#define PWK_WINE_NATIVE_CALLS_H

#include "kernel/audit.h"
#include "kernel/error.h"
#include "kernel/profile.h"

/* The name under which the loader finds pwk_native_calls_arm_thread in pwk.so. */
#define PWK_ARM_THREAD_SYMBOL "pwk_native_calls_arm_thread"

/* Makes the trap ready for this process: after the service table was found and before any thread is
 * armed. `ntdll_dll`: the file in use; win32u.dll is the one beside it. `build`: the
 * Windows that the program sees, where `reading` is its numbers. */
int pwk_native_calls_start(const char *ntdll_dll, enum pwk_syscall_numbers reading, uint32_t build,
                           pwk_audit_t *audit, struct pwk_error *error);

/* Arms the first thread, when Wine is up and no code of the program's has run yet. -ENOTSUP where
 * the program's own image lies where only native code may. */
int pwk_native_calls_begin(struct pwk_error *error);

/* Arms the calling thread, once it can run Windows code and before it does. Where that cannot be,
 * the process ends with a line. */
void pwk_native_calls_arm_thread(void);

#endif
