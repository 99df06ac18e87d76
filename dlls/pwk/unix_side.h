/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unix_side.h - the way from pwk.dll to pwk.so.
 */
#ifndef PWK_DLL_UNIX_SIDE_H
#define PWK_DLL_UNIX_SIDE_H

#include <stdbool.h>
#include <windows.h>
#include <winternl.h>

#include "unixlib/unixlib.h"

/* False where there is no Unix side that fits. */
bool has_unix_side(void);

/* Leaves `params` alone where there is no Unix side that fits, and where the call faults. */
void call_unix(enum pwk_unix_call call, void *params);

/* A service of NT's (enum pwk_service). */
NTSTATUS call_service(struct pwk_service_params *params);

static inline UINT64 address(const void *pointer)
{
    return (UINT64)(UINT_PTR)pointer;
}

#endif
