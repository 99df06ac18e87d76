/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stub_numbers.h - the numbers of NT services, read from the stubs of the ntdll.dll in use.
 */
#ifndef PWK_WINE_STUB_NUMBERS_H
#define PWK_WINE_STUB_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/error.h"

#define PWK_MAX_STUBS 1024

struct pwk_stub {
    char name[60];
    uint32_t number;
    uint32_t address; /* of the stub, relative to the image's base */
};

struct pwk_stub_numbers {
    size_t count;
    struct pwk_stub stubs[PWK_MAX_STUBS]; /* in the order of their names */
};

/* Reads the exports of a 64-bit ntdll.dll that begin like a service stub (mov r10, rcx; mov eax,
 * imm32). -ENOENT, or -EINVAL where the file is not such a dll or has no stubs. The file is not
 * trusted: every offset is checked. */
int pwk_stub_numbers_read(const char *ntdll_dll, struct pwk_stub_numbers *out,
                          struct pwk_error *error);

/* The stub of that name, or NULL. */
const struct pwk_stub *pwk_stub_find(const struct pwk_stub_numbers *numbers, const char *name);

#endif
