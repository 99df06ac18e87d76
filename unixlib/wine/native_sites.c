/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_sites.c - see native_sites.h. Wine keeps books of the protection of every page, so pages
 * are opened and closed through its own services.
 */
#include "wine/native_sites.h"

#include <stdbool.h>

#include "nt/personality.h"
#include "sandbox/call_site.h"

/* "Memory Protection Constants", MEMORY_BASIC_INFORMATION's states and types */
#define PAGE_EXECUTE_READWRITE 0x40u
#define MEM_PRIVATE 0x20000u
#define MEM_IMAGE 0x1000000u

struct memory_basic_information {
    uint64_t base, allocation_base;
    uint32_t allocation_protection, partition;
    uint64_t size;
    uint32_t state, protection, type, padding;
};

static ntstatus protect(uint64_t address, uint32_t protection, uint32_t *old)
{
    uint64_t base = address, size = PWK_SITE_SIZE;

    return nt_host_call("NtProtectVirtualMemory", 5, NT_CURRENT_PROCESS, (uint64_t)&base,
                        (uint64_t)&size, protection, (uint64_t)old);
}

/* Views of sections are left alone: what is written there, others see. */
static bool open_page(uint64_t address, uint32_t *protection, uint64_t *allocation)
{
    struct memory_basic_information information;

    if (nt_host_call("NtQueryVirtualMemory", 6, NT_CURRENT_PROCESS, address, 0,
                     (uint64_t)&information, sizeof information, 0) != STATUS_SUCCESS)
        return false;
    if (information.state != MEM_COMMIT ||
        (information.type != MEM_PRIVATE && information.type != MEM_IMAGE) ||
        !(information.protection & PAGE_EXECUTE_ANY) ||
        (information.protection & ~PAGE_EXECUTE_ANY))
        return false;
    *allocation = information.allocation_base;
    return protect(address, PAGE_EXECUTE_READWRITE, protection) == STATUS_SUCCESS;
}

static void close_page(uint64_t address, uint32_t protection)
{
    uint32_t old;

    protect(address, protection, &old);
}

int pwk_native_sites_start(const uint16_t *numbers, uint64_t dispatcher_place,
                           uint8_t return_offset, struct pwk_error *error)
{
    static const struct pwk_site_memory memory = {open_page, close_page};
    int result = pwk_sites_start(numbers, dispatcher_place, return_offset, &memory, error);

    if (result < 0)
        return result;
    nt_personality.host.end_code_change = pwk_sites_end_change;
    nt_personality.host.begin_code_change = pwk_sites_begin_change;
    return 0;
}
