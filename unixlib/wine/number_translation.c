/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * number_translation.c - see number_translation.h. Both lists are in the order of their names, so
 * one pass over them is enough: this runs while a program starts.
 */
#include "wine/number_translation.h"

#include <string.h>

void pwk_number_translation_fill(uint32_t build, const struct pwk_stub_numbers *stubs,
                                 uint16_t (*lacking)(const char *name),
                                 uint16_t out[NT_WINDOWS_NUMBER_LIMIT])
{
    int table = nt_windows_table(build);
    size_t at = 0;

    for (size_t i = 0; i < NT_WINDOWS_NUMBER_LIMIT; i++)
        out[i] = PWK_NO_SERVICE;
    for (size_t i = 0; table >= 0 && i < nt_windows_service_count; i++) {
        const struct nt_windows_service *service = &nt_windows_services[i];
        uint16_t number = service->numbers[table];

        if (number == NT_NO_WINDOWS_NUMBER)
            continue;
        while (at < stubs->count && strcmp(stubs->stubs[at].name, service->name) < 0)
            at++;
        if (at < stubs->count && strcmp(stubs->stubs[at].name, service->name) == 0)
            out[number] = (uint16_t)stubs->stubs[at].number;
        else if (lacking)
            out[number] = lacking(service->name);
    }
}
