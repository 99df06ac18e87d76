/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * adopt.h - handles of wineserver's keys in a process to which a kernel was attached late. Each
 * stands for our key of the same path: calls with it are served as if with a handle of ours.
 */
#ifndef PWK_NT_ADOPT_H
#define PWK_NT_ADOPT_H

#include <stdbool.h>

#include "nt/services.h"

/* Where the call's first argument is such a handle: copies the arguments, with ours in its place,
 * and answers true. */
bool nt_adopt_call(const struct nt_call *call, uint64_t arguments[NT_MAX_ARGUMENTS]);

/* A handle that is not ours was closed. */
void nt_adopt_closed(nt_handle handle);

#endif
