/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.c - the memory family: counts what is committed. Wine manages the memory itself.
 */
#include "nt/personality.h"

/* Both services have base, zero bits or size pointer, and type at the places given here
 * ("NtAllocateVirtualMemory function", "NtAllocateVirtualMemoryEx"). */
static ntstatus allocate(const struct nt_call *call, unsigned size_at, unsigned type_at)
{
    ntstatus status = nt_forward(call);

    if (status == STATUS_SUCCESS && call->arguments[0] == NT_CURRENT_PROCESS &&
        (uint32_t)call->arguments[type_at] & MEM_COMMIT)
        pwk_count(nt_personality.slot, PWK_MEMORY_ALLOCATED,
                  *(const uint64_t *)call->arguments[size_at]);
    return status;
}

ntstatus nt_allocate_virtual_memory(const struct nt_call *call)
{
    return allocate(call, 3, 4);
}

ntstatus nt_allocate_virtual_memory_ex(const struct nt_call *call)
{
    return allocate(call, 2, 3);
}
