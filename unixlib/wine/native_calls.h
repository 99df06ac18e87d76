/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_calls.h - the trap (sandbox/trap.h) with Wine's dispatcher behind it.
 */
#ifndef PWK_WINE_NATIVE_CALLS_H
#define PWK_WINE_NATIVE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/audit.h"
#include "kernel/error.h"
#include "kernel/profile.h"

/* The name under which the loader finds pwk_native_calls_arm_thread in pwk.so. */
#define PWK_ARM_THREAD_SYMBOL "pwk_native_calls_arm_thread"

/* What a process's native calls are to meet. */
struct pwk_native_calls {
    const char *ntdll_dll;            /* the file in use; win32u.dll is the one beside it */
    enum pwk_syscall_numbers reading; /* what their numbers mean */
    uint32_t build;                   /* the Windows that the program sees */
    bool rewrite_sites;               /* hot sites become direct calls */
    pwk_audit_t *audit;               /* may be NULL */
};

/* Makes the trap ready for this process: after the service table was found, before Wine places
 * anything where sites are rewritten, and before any thread is armed. */
int pwk_native_calls_start(const struct pwk_native_calls *calls, struct pwk_error *error);

/* Arms the first thread, when Wine is up and no code of the program's has run yet. -ENOTSUP where
 * the program's own image lies where only native code may. */
int pwk_native_calls_begin(struct pwk_error *error);

/* For a process that has run without a kernel: arms the calling thread, and each other when it
 * comes through a row. */
void pwk_native_calls_begin_late(void);

/* Arms the calling thread, once it can run Windows code and before it does. Where that cannot be,
 * the process ends with a line. */
void pwk_native_calls_arm_thread(void);

#endif
