/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * warm_value.c - see warm_value.h. Compiled with -mgeneral-regs-only; what is called here must work
 * in general registers alone as well: the row of the Microsoft convention saves no others.
 */
#include "nt/warm_value.h"

#include <string.h>

#include "nt/handle_table.h"
#include "nt/personality.h"

#define PARTIAL_FIXED 12u /* KEY_VALUE_PARTIAL_INFORMATION up to its data */

/* Unit by unit into whole words: a name that was converted from ANSI just now still stands in the
 * processor's queue of stores as single units, and a wide load would wait until they are out. */
static inline uint64_t unit_at(const unsigned char *from, size_t index)
{
    uint16_t unit;

    memcpy(&unit, from + index * 2, sizeof unit);
    return unit;
}

static inline void copy_name(uint64_t *words, const unsigned char *from, size_t units)
{
    uint64_t four;

    for (; units >= 4; units -= 4, from += 8)
        *words++ = unit_at(from, 0) | unit_at(from, 1) << 16 | unit_at(from, 2) << 32 |
                   unit_at(from, 3) << 48;
    if (!units)
        return;
    four = unit_at(from, 0);
    if (units > 1)
        four |= unit_at(from, 1) << 16;
    if (units > 2)
        four |= unit_at(from, 2) << 32;
    *words = four;
}

ntstatus nt_query_value_warm(nt_handle handle, const struct unicode_string *name,
                             uint32_t class_number, void *memory, uint32_t length, uint32_t *needed)
{
    const registry_t *registry = __atomic_load_n(&nt_personality.warm_registry, __ATOMIC_ACQUIRE);
    uint64_t words[REGISTRY_WARM_UNITS / 4];
    struct registry_value_info info;
    uint32_t bytes, access;
    uint64_t key;

    if (!registry || !name || class_number != KeyValuePartialInformation || length < PARTIAL_FIXED)
        return NT_NOT_WARM;
    bytes = *(const volatile uint16_t *)&name->length;
    if (bytes & 1 || bytes > REGISTRY_WARM_UNITS * 2 || !key_handle_read(handle, &key, &access) ||
        !(access & KEY_QUERY_VALUE))
        return NT_NOT_WARM;
    copy_name(words, (const unsigned char *)name->buffer, bytes / 2);
    if (!registry_query_warm_value(registry, key, words, bytes / 2, &info,
                                   (unsigned char *)memory + PARTIAL_FIXED, length - PARTIAL_FIXED))
        return NT_NOT_WARM;
    memcpy(memory, &(uint32_t){0}, 4);
    memcpy((unsigned char *)memory + 4, &info.type, 4);
    memcpy((unsigned char *)memory + 8, &info.data_bytes, 4);
    *needed = PARTIAL_FIXED + info.data_bytes;
    pwk_count(nt_personality.slot, PWK_SYSCALLS_INTERCEPTED, 1);
    return length - PARTIAL_FIXED < info.data_bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}
