/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * number_translation.h - from the number that a Windows build gives to a service to the number by
 * which Wine's dispatcher knows it.
 */
#ifndef PWK_WINE_NUMBER_TRANSLATION_H
#define PWK_WINE_NUMBER_TRANSLATION_H

#include <stdint.h>

#include "nt/windows_numbers.h"
#include "wine/stub_numbers.h"

/* No such service: the call is answered with STATUS_INVALID_SYSTEM_SERVICE. */
#define PWK_NO_SERVICE NT_NO_WINDOWS_NUMBER

/* Fills `out`: at a number of `build`'s the number that serves it, or PWK_NO_SERVICE. `stubs` are
 * those of the ntdll in use. A service that it lacks is asked of `lacking`, which answers a number
 * or PWK_NO_SERVICE; NULL: none is served. A pure function of its arguments: nothing is kept, and
 * any thread may call it. */
void pwk_number_translation_fill(uint32_t build, const struct pwk_stub_numbers *stubs,
                                 uint16_t (*lacking)(const char *name),
                                 uint16_t out[NT_WINDOWS_NUMBER_LIMIT]);

#endif
