/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file.c - the file family: counts reads, writes and controls. Wine serves them.
 */
#include "nt/personality.h"

ntstatus nt_count_io(const struct nt_call *call)
{
    pwk_count(nt_personality.slot, PWK_IO_OPERATIONS, 1);
    return nt_forward(call);
}
