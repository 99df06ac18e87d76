/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * code_change.c - see code_change.h. Rows that nothing else is done for.
 */
#include "nt/code_change.h"

/* The head of "MEMORY_BASIC_INFORMATION structure (winnt.h)" */
struct memory_information {
    uint64_t base, allocation_base, rest[4];
};

void nt_code_change_begin(uint64_t base, uint64_t size)
{
    struct memory_information information = {0};

    if (!nt_personality.host.begin_code_change)
        return;
    if (size == 0 && nt_host_call("NtQueryVirtualMemory", 6, NT_CURRENT_PROCESS, base, 0,
                                  (uint64_t)&information, sizeof information, 0) == STATUS_SUCCESS)
        base = information.allocation_base;
    nt_personality.host.begin_code_change(base, size);
}

void nt_code_change_end(void)
{
    if (nt_personality.host.begin_code_change)
        nt_personality.host.end_code_change();
}

/* For calls that may fault: another thread can make a site direct again before Wine looks, but not
 * before it has trapped often. */
static ntstatus forward_put_back(const struct nt_call *call, uint64_t base, uint64_t size)
{
    if (nt_personality.host.begin_code_change) {
        nt_code_change_begin(base, size);
        nt_code_change_end();
    }
    return nt_forward(call);
}

/* "VirtualFreeEx function (memoryapi.h)" */
ntstatus nt_free_virtual_memory(const struct nt_call *call)
{
    uint64_t base = *(const uint64_t *)call->arguments[1];
    uint64_t size = *(const uint64_t *)call->arguments[2];
    const uint64_t arguments[] = {call->arguments[0], (uint64_t)&base, (uint64_t)&size,
                                  (uint32_t)call->arguments[3]};
    ntstatus status;

    if (call->arguments[0] != NT_CURRENT_PROCESS)
        return forward_put_back(call, base, size);
    nt_code_change_begin(base, size);
    status = nt_forward(&(struct nt_call){call->row, arguments});
    nt_code_change_end();
    if (!NT_ERROR(status)) {
        *(uint64_t *)call->arguments[1] = base;
        *(uint64_t *)call->arguments[2] = size;
    }
    return status;
}

/* "ZwUnmapViewOfSection function (wdm.h)" and, with flags, "UnmapViewOfFile2" */
ntstatus nt_unmap_view_of_section(const struct nt_call *call)
{
    ntstatus status;

    if (call->arguments[0] != NT_CURRENT_PROCESS)
        return nt_forward(call);
    nt_code_change_begin(call->arguments[1], 0);
    status = nt_forward(call);
    nt_code_change_end();
    return status;
}

/* "FlushInstructionCache function (processthreadsapi.h)": without a range, all code. */
ntstatus nt_flush_instruction_cache(const struct nt_call *call)
{
    uint64_t base = call->arguments[1], size = call->arguments[2];

    return forward_put_back(call, size ? base : 0, size ? size : UINT64_MAX);
}

/* "ReadProcessMemory function (memoryapi.h)" and WriteProcessMemory; of whichever process, since a
 * handle may well be one of this process. */
ntstatus nt_read_or_write_virtual_memory(const struct nt_call *call)
{
    uint64_t size = call->arguments[3];

    return size ? forward_put_back(call, call->arguments[1], size) : nt_forward(call);
}
