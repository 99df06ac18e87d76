/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.c - the memory family: counts what is committed, and keeps code below the native line.
 * Wine manages the memory itself.
 */
#include "nt/code_change.h"
#include "nt/native_line.h"

#define PAGE UINT64_C(4096)

static void count_commit(nt_handle process, uint32_t type, uint64_t size)
{
    if (process == NT_CURRENT_PROCESS && type & MEM_COMMIT)
        pwk_count(nt_personality.slot, PWK_MEMORY_ALLOCATED, size);
}

/* "NtAllocateVirtualMemory function (ntifs.h)" */
ntstatus nt_allocate_virtual_memory(const struct nt_call *call)
{
    uint64_t base = *(const uint64_t *)call->arguments[1];
    uint64_t size = *(const uint64_t *)call->arguments[3];
    uint32_t type = (uint32_t)call->arguments[4], protection = (uint32_t)call->arguments[5];
    const uint64_t arguments[] = {call->arguments[0],
                                  (uint64_t)&base,
                                  base ? call->arguments[2] : nt_limit_bits(call->arguments[2]),
                                  (uint64_t)&size,
                                  type,
                                  protection};
    ntstatus status;

    if (base && nt_is_code_protection(protection) && nt_reaches_native(base, size))
        return nt_deny(call, STATUS_CONFLICTING_ADDRESSES, "code where native code lies");
    status = nt_forward_placed(call, arguments, 1, 3);
    if (status == STATUS_SUCCESS)
        count_commit(call->arguments[0], type, size);
    return status;
}

/* "VirtualAlloc2 function (memoryapi.h)" describes the parameters. */
ntstatus nt_allocate_virtual_memory_ex(const struct nt_call *call)
{
    uint64_t base = *(const uint64_t *)call->arguments[1];
    uint64_t size = *(const uint64_t *)call->arguments[2];
    uint32_t type = (uint32_t)call->arguments[3], protection = (uint32_t)call->arguments[4];
    uint64_t arguments[] = {call->arguments[0],
                            (uint64_t)&base,
                            (uint64_t)&size,
                            type,
                            protection,
                            call->arguments[5],
                            (uint32_t)call->arguments[6]};
    struct nt_limited_parameters limited;
    ntstatus status;

    if (base && nt_is_code_protection(protection) && nt_reaches_native(base, size))
        return nt_deny(call, STATUS_CONFLICTING_ADDRESSES, "code where native code lies");
    if (!base && nt_personality.native_line) {
        int count = nt_limit_parameters(&limited, arguments[5], (uint32_t)arguments[6]);
        if (count < 0)
            return STATUS_INVALID_PARAMETER;
        arguments[5] = (uint64_t)limited.parameters;
        arguments[6] = (uint64_t)count;
    }
    status = nt_forward_placed(call, arguments, 1, 2);
    if (status == STATUS_SUCCESS)
        count_commit(call->arguments[0], type, size);
    return status;
}

/* "VirtualProtectEx function (memoryapi.h)". Windows' own word for memory that may not become code
 * is that of processes whose policy forbids it. */
ntstatus nt_protect_virtual_memory(const struct nt_call *call)
{
    uint64_t base = *(const uint64_t *)call->arguments[1];
    uint64_t size = *(const uint64_t *)call->arguments[2];
    uint32_t old = 0;
    const uint64_t arguments[] = {call->arguments[0], (uint64_t)&base, (uint64_t)&size,
                                  (uint32_t)call->arguments[3],
                                  call->arguments[4] ? (uint64_t)&old : 0};
    bool own = call->arguments[0] == NT_CURRENT_PROCESS;
    ntstatus status;

    if (nt_is_code_protection((uint32_t)call->arguments[3]) && nt_reaches_native(base, size))
        return nt_deny(call, STATUS_DYNAMIC_CODE_BLOCKED, "code where native code lies");
    if (own && size)
        nt_code_change_begin(base & ~(PAGE - 1), (base % PAGE + size + PAGE - 1) & ~(PAGE - 1));
    status = nt_forward(&(struct nt_call){call->row, arguments});
    if (own && size)
        nt_code_change_end();
    if (!NT_ERROR(status)) {
        *(uint64_t *)call->arguments[1] = base;
        *(uint64_t *)call->arguments[2] = size;
        *(uint32_t *)call->arguments[4] = old;
    }
    return status;
}
