/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_numbers.h - what the numbers of native system calls mean: a table from the number that
 * code brings to the one that Wine's dispatcher knows (sandbox/trap.h).
 */
#ifndef PWK_WINE_NATIVE_NUMBERS_H
#define PWK_WINE_NATIVE_NUMBERS_H

#include <stdint.h>

#include "kernel/error.h"
#include "kernel/profile.h"
#include "sandbox/trap.h"
#include "wine/stub_numbers.h"

/* What a table is made from. */
struct pwk_native_sources {
    enum pwk_syscall_numbers reading;
    uint32_t build;                       /* the Windows whose numbers `reading` may mean */
    const struct pwk_stub_numbers *ntdll; /* of the ntdll.dll in use */
    /* The number of a service that ntdll lacks; may be NULL. */
    uint16_t (*lacking)(const char *name);
};

/* Fills the table; numbers that no source knows are PWK_NATIVE_UNKNOWN, and with Windows' numbers
 * those of its graphics services are. -EINVAL with a line where no build of Windows says what they
 * mean. */
int pwk_native_numbers_fill(uint16_t numbers[PWK_NATIVE_NUMBERS],
                            const struct pwk_native_sources *sources, struct pwk_error *error);

/* Adds what the stubs of another dll say. A number stands in its own stub: code that reads it there
 * brings what the dispatcher knows. The table may be in use. */
void pwk_native_numbers_add_stubs(uint16_t numbers[PWK_NATIVE_NUMBERS],
                                  const struct pwk_stub_numbers *stubs);

#endif
