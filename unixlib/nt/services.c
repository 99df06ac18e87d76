/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * services.c - services.def as a table.
 */
#include "nt/services.h"

#define NT_SERVED(name, family, arguments, handler)
#define NT_PASSED(name, family)
#define NT_FAMILY(family, reason) static const char family##_reason[] = reason;
#include "nt/services.def"
#undef NT_FAMILY
#undef NT_PASSED
#undef NT_SERVED

#define NT_FAMILY(family, reason)

const struct nt_service nt_services[] = {
#define NT_PASSED(name, family)
#define NT_SERVED(name, family, arguments, handler) {#name, #family, arguments, handler, NULL},
#include "nt/services.def"
#undef NT_SERVED
#undef NT_PASSED
#define NT_SERVED(name, family, arguments, handler)
#define NT_PASSED(name, family) {#name, #family, 0, NULL, family##_reason},
#include "nt/services.def"
#undef NT_PASSED
#undef NT_SERVED
};

const size_t nt_service_count = sizeof nt_services / sizeof nt_services[0];

const size_t nt_served_count = 0
#define NT_SERVED(name, family, arguments, handler) +1
#define NT_PASSED(name, family)
#include "nt/services.def"
    ;

unsigned nt_row(nt_handler handler)
{
    unsigned row = 0;

    while (nt_services[row].handler != handler)
        row++;
    return row;
}
