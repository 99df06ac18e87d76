/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_line.c - see native_line.h.
 */
#include "nt/native_line.h"

#include <string.h>

/* The highest address that Wine may choose, as a mask of the bits that may be set in it: Wine takes
 * masks of this kind alone. */
#define PLACED_MASK UINT64_C(0x3fffffffffff)
_Static_assert(PLACED_MASK % 0x10000 == 0xffff, "whole units of allocation");

#define ADDRESS_REQUIREMENTS 1
#define PAGE UINT64_C(4096)
#define HIGHEST_ADDRESS UINT64_C(0x7ffffffeffff) /* SYSTEM_INFO.lpMaximumApplicationAddress */

bool nt_is_code_protection(uint32_t protection)
{
    return (protection & PAGE_EXECUTE_ANY) != 0;
}

bool nt_reaches_native(uint64_t address, uint64_t size)
{
    uint64_t end = address + size;

    return nt_personality.native_line != 0 && (end > nt_personality.native_line || end < address);
}

uint64_t nt_limit_bits(uint64_t zero_bits)
{
    if (!nt_personality.native_line || (zero_bits && zero_bits <= PLACED_MASK))
        return zero_bits;
    return PLACED_MASK;
}

ntstatus nt_forward_placed(const struct nt_call *call, const uint64_t *arguments, unsigned base_at,
                           unsigned size_at)
{
    ntstatus status = nt_forward(&(struct nt_call){call->row, arguments});

    if (!NT_ERROR(status)) {
        *(uint64_t *)call->arguments[base_at] = *(uint64_t *)arguments[base_at];
        *(uint64_t *)call->arguments[size_at] = *(uint64_t *)arguments[size_at];
    }
    return status;
}

int nt_limit_parameters(struct nt_limited_parameters *limited, uint64_t source, uint32_t count)
{
    bool found = false;
    struct nt_extended_parameter *copy = limited->parameters;
    struct nt_address_requirements *requirements = &limited->requirements;

    if (count > NT_MAX_EXTENDED_PARAMETERS || (count && !source))
        return -1;
    if (count)
        memcpy(copy, (const void *)source, count * sizeof *copy);
    *requirements = (struct nt_address_requirements){0, PLACED_MASK, 0};
    for (uint32_t i = 0; i < count; i++) {
        if ((uint8_t)copy[i].type != ADDRESS_REQUIREMENTS)
            continue;
        if (found)
            return -1;
        found = true;
        memcpy(requirements, (const void *)copy[i].value, sizeof *requirements);
        if (requirements->highest > HIGHEST_ADDRESS ||
            (requirements->highest && (requirements->highest + 1) % PAGE))
            return -1;
        if (!requirements->highest || requirements->highest > PLACED_MASK)
            requirements->highest = PLACED_MASK;
        copy[i].value = (uint64_t)requirements;
    }
    if (!found)
        copy[count++] =
            (struct nt_extended_parameter){ADDRESS_REQUIREMENTS, (uint64_t)requirements};
    return (int)count;
}
