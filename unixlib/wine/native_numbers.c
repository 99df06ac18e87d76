/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_numbers.c - see native_numbers.h.
 */
#include "wine/native_numbers.h"

#include <errno.h>

#include "wine/number_translation.h"

void pwk_native_numbers_add_stubs(uint16_t numbers[PWK_NATIVE_NUMBERS],
                                  const struct pwk_stub_numbers *stubs)
{
    for (size_t i = 0; i < stubs->count; i++)
        if (stubs->stubs[i].number < PWK_NATIVE_NUMBERS)
            __atomic_store_n(&numbers[stubs->stubs[i].number], (uint16_t)stubs->stubs[i].number,
                             __ATOMIC_RELAXED);
}

int pwk_native_numbers_fill(uint16_t numbers[PWK_NATIVE_NUMBERS],
                            const struct pwk_native_sources *sources, struct pwk_error *error)
{
    for (size_t i = 0; i < PWK_NATIVE_NUMBERS; i++)
        numbers[i] = PWK_NATIVE_UNKNOWN;
    if (sources->reading == PWK_NUMBERS_WINDOWS) {
        if (nt_windows_table(sources->build) < 0)
            return pwk_error_set(error, -EINVAL,
                                 "the numbers of Windows' build %u are not known; write "
                                 "syscall_numbers = ntdll, or another version of Windows",
                                 sources->build);
        pwk_number_translation_fill(sources->build, sources->ntdll, sources->lacking, numbers);
        return 0;
    }
    pwk_native_numbers_add_stubs(numbers, sources->ntdll);
    return 0;
}
