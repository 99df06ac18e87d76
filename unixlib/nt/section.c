/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * section.c - views of sections: kept below the native line where they can hold code. Wine maps
 * them, and what needs to know of an image is told.
 */
#include "nt/native_line.h"

#define MEM_TOP_DOWN 0x100000u
#define MEM_RELEASE 0x8000u
#define MEM_IMAGE 0x1000000u
#define PAGE_NOACCESS 0x1u
#define PAGE_EXECUTE_READ 0x20u

/* A call under way: the program's, as Wine gets it, and where in it things stand. */
struct view_call {
    const struct nt_call *call;
    uint64_t *arguments;
    unsigned base_at, size_at;
    uint32_t protection;
    uint64_t base, size;             /* what `arguments` name */
    uint64_t asked_base, asked_size; /* the program's own */
};

/* "MEMORY_BASIC_INFORMATION structure (winnt.h)" */
struct memory_basic_information {
    uint64_t base, allocation_base;
    uint32_t allocation_protection, partition;
    uint64_t size;
    uint32_t state, protection, type, padding;
};

/* An image brings protections of its own, whatever was asked for. */
static bool is_image(nt_handle process, uint64_t base)
{
    struct memory_basic_information information;

    return nt_host_call("NtQueryVirtualMemory", 6, process, base, 0, (uint64_t)&information,
                        sizeof information, 0) != STATUS_SUCCESS ||
           information.type == MEM_IMAGE;
}

static ntstatus map(struct view_call *view)
{
    view->base = view->asked_base;
    view->size = view->asked_size;
    return nt_forward(&(struct nt_call){view->call->row, view->arguments});
}

static bool is_misplaced(const struct view_call *view)
{
    return nt_reaches_native(view->base, view->size) &&
           (!view->asked_base || nt_is_code_protection(view->protection) ||
            is_image(view->arguments[1], view->base));
}

/* Wine places an image where it wishes to be if it can: once the place is taken, elsewhere. */
static ntstatus map_elsewhere(struct view_call *view)
{
    nt_handle process = view->arguments[1];
    uint64_t base = view->base, size = view->size, nothing = 0;
    ntstatus status, taken;

    nt_host_call("NtUnmapViewOfSection", 2, process, base);
    taken = nt_host_call("NtAllocateVirtualMemory", 6, process, (uint64_t)&base, 0, (uint64_t)&size,
                         MEM_RESERVE, PAGE_NOACCESS);
    status = map(view);
    if (taken == STATUS_SUCCESS)
        nt_host_call("NtFreeVirtualMemory", 4, process, (uint64_t)&base, (uint64_t)&nothing,
                     MEM_RELEASE);
    if (!NT_ERROR(status) && is_misplaced(view)) {
        nt_host_call("NtUnmapViewOfSection", 2, process, view->base);
        return nt_deny(view->call, STATUS_CONFLICTING_ADDRESSES, "a view where native code lies");
    }
    return status;
}

static ntstatus map_below_line(struct view_call *view)
{
    ntstatus status;

    if (view->asked_base && nt_is_code_protection(view->protection) &&
        nt_reaches_native(view->asked_base, view->asked_size))
        return nt_deny(view->call, STATUS_CONFLICTING_ADDRESSES, "a view where native code lies");
    status = map(view);
    if (!NT_ERROR(status) && is_misplaced(view))
        status = map_elsewhere(view);
    if (!NT_ERROR(status)) {
        *(uint64_t *)view->call->arguments[view->base_at] = view->base;
        *(uint64_t *)view->call->arguments[view->size_at] = view->size;
    }
    return status;
}

/* "ZwMapViewOfSection function (wdm.h)". Wine's loader maps every image with PAGE_EXECUTE_READ. */
ntstatus nt_map_view_of_section(const struct nt_call *call)
{
    const uint64_t *given = call->arguments;
    uint64_t arguments[] = {given[0], given[1], 0,        given[3],           given[4],
                            given[5], 0,        given[7], (uint32_t)given[8], (uint32_t)given[9]};
    struct view_call view = {
        .call = call,
        .arguments = arguments,
        .base_at = 2,
        .size_at = 6,
        .protection = (uint32_t)given[9],
        .asked_base = *(const uint64_t *)given[2],
        .asked_size = *(const uint64_t *)given[6],
    };
    ntstatus status;

    arguments[2] = (uint64_t)&view.base;
    arguments[6] = (uint64_t)&view.size;
    if (!view.asked_base)
        arguments[3] = nt_limit_bits(given[3]);
    status = map_below_line(&view);
    if (!NT_ERROR(status) && given[1] == NT_CURRENT_PROCESS &&
        view.protection == PAGE_EXECUTE_READ && nt_personality.host.image_mapped)
        nt_personality.host.image_mapped(view.base, view.size);
    return status;
}

/* "MapViewOfFile3 function (memoryapi.h)" describes the parameters. Wine 8.0 takes no notice of
 * them: without the wish for high addresses it chooses low ones. */
ntstatus nt_map_view_of_section_ex(const struct nt_call *call)
{
    const uint64_t *given = call->arguments;
    uint64_t arguments[] = {given[0],           given[1],           0,        given[3],          0,
                            (uint32_t)given[5], (uint32_t)given[6], given[7], (uint32_t)given[8]};
    struct nt_limited_parameters limited;
    struct view_call view = {
        .call = call,
        .arguments = arguments,
        .base_at = 2,
        .size_at = 4,
        .protection = (uint32_t)given[6],
        .asked_base = *(const uint64_t *)given[2],
        .asked_size = *(const uint64_t *)given[4],
    };

    arguments[2] = (uint64_t)&view.base;
    arguments[4] = (uint64_t)&view.size;
    if (!view.asked_base && nt_personality.native_line) {
        int count = nt_limit_parameters(&limited, given[7], (uint32_t)given[8]);
        if (count < 0)
            return STATUS_INVALID_PARAMETER;
        arguments[5] &= ~(uint64_t)MEM_TOP_DOWN;
        arguments[7] = (uint64_t)limited.parameters;
        arguments[8] = (uint64_t)count;
    }
    return map_below_line(&view);
}
