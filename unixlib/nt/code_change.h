/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * code_change.h - services that change, read or drop memory: call sites of the program's that were
 * made direct calls (personality.h, begin_code_change) are first what they were.
 */
#ifndef PWK_NT_CODE_CHANGE_H
#define PWK_NT_CODE_CHANGE_H

#include "nt/personality.h"

/* Between the two, no site in the range is changed; without an end they are only put back now. On
 * the process's own memory alone, and with nothing between that can fault: all signals are blocked.
 * Size 0: the allocation that holds `base`. */
void nt_code_change_begin(uint64_t base, uint64_t size);
void nt_code_change_end(void);

#endif
