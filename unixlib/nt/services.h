/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * services.h - the list of services as data: what services.def says, and the one dispatch.
 */
#ifndef PWK_NT_SERVICES_H
#define PWK_NT_SERVICES_H

#include <stddef.h>
#include <stdint.h>

#include "nt/nt_status.h"

#define NT_MAX_ARGUMENTS 12

/* A call under way. `arguments` are as the program passed them: pointers are not to be trusted
 * and may fault (Wine then ends the call with STATUS_ACCESS_VIOLATION); arguments narrower than
 * 64 bits have undefined upper halves, so cast them down. */
struct nt_call {
    unsigned row;
    const uint64_t *arguments;
};

typedef ntstatus (*nt_handler)(const struct nt_call *call);

struct nt_service {
    const char *name;
    const char *family;
    unsigned arguments;
    nt_handler handler; /* NULL: passed on */
    const char *reason; /* why it is passed on */
};

/* The rows that are served come first: row numbers 0 to nt_served_count - 1. */
extern const struct nt_service nt_services[];
extern const size_t nt_service_count, nt_served_count;

/* The row of the first service that `handler` serves. */
unsigned nt_row(nt_handler handler);

/* One dispatch for every door: counts, serves, answers. */
ntstatus nt_dispatch(unsigned row, const uint64_t *arguments);

#define NT_FAMILY(family, reason)
#define NT_PASSED(name, family)
#define NT_SERVED(name, family, arguments, handler) ntstatus handler(const struct nt_call *call);
#include "nt/services.def"
#undef NT_SERVED
#undef NT_PASSED
#undef NT_FAMILY

#endif
