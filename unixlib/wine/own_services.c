/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own_services.c - see own_services.h. A number has the table in its bits 12 and 13 and the place
 * in it below; a table has an array of functions, and one of the bytes that each takes as
 * arguments, of which the dispatcher copies those on the stack.
 */
#include "wine/own_services.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "nt/services.h"
#include "wine/number_translation.h"

#define OWN_TABLE 3u
#define FIRST_NUMBER (OWN_TABLE << 12)
#define TABLE_CAPACITY 0x1000u

/* Wine's form of a table, in memory that stays. */
struct service_table {
    void **functions;
    void *counters;
    uintptr_t count;
    unsigned char *argument_bytes;
};

/* What Wine 8.0 reads beside the table, in the layout of its own stubs' data. */
struct stub_data {
    void *dispatcher; /* out */
    uint16_t count;
    unsigned char argument_bytes[];
};

typedef int32_t (*init_syscalls)(uint32_t table, struct service_table *services, void *stub_data);
typedef unsigned char (*add_service_table)(void **functions, void *counters, uint32_t count,
                                           unsigned char *argument_bytes, uint32_t table);

static struct {
    unsigned *rows; /* by place in the table */
    struct service_table table;
} own;

static size_t count_lacking(const struct pwk_stub_numbers *stubs)
{
    size_t count = 0;

    for (unsigned row = 0; row < nt_served_count; row++)
        count += pwk_stub_find(stubs, nt_services[row].name) == NULL;
    return count;
}

static void fill(enum pwk_convention convention, const struct pwk_stub_numbers *stubs)
{
    size_t place = 0;

    for (unsigned row = 0; row < nt_served_count; row++) {
        if (pwk_stub_find(stubs, nt_services[row].name))
            continue;
        own.rows[place] = row;
        own.table.functions[place] = pwk_row_entry(convention, row);
        own.table.argument_bytes[place] = (unsigned char)(nt_services[row].arguments * 8);
        place++;
    }
    own.table.count = place;
}

/* Wine 8.0 copies the bytes of arguments out of its stubs' data over those in the table. */
static bool hand_over_to_8(init_syscalls add)
{
    struct stub_data *data = calloc(1, sizeof *data + own.table.count);
    bool taken;

    if (!data)
        return false;
    data->count = (uint16_t)own.table.count;
    memcpy(data->argument_bytes, own.table.argument_bytes, own.table.count);
    taken = add(OWN_TABLE, &own.table, data) == 0;
    free(data);
    return taken;
}

static bool hand_over(void *ntdll)
{
    add_service_table add = (add_service_table)dlsym(ntdll, "KeAddSystemServiceTable");
    init_syscalls add_to_8 = (init_syscalls)dlsym(ntdll, "ntdll_init_syscalls");

    if (add)
        return add(own.table.functions, NULL, (uint32_t)own.table.count, own.table.argument_bytes,
                   OWN_TABLE);
    return add_to_8 && hand_over_to_8(add_to_8);
}

int pwk_own_services_add(void *ntdll, enum pwk_convention convention,
                         const struct pwk_stub_numbers *stubs, struct pwk_error *error)
{
    size_t count = count_lacking(stubs);

    if (own.rows)
        return pwk_error_set(error, -EBUSY, "services of pwk's have been added already");
    if (count == 0)
        return 0;
    own.rows = calloc(count, sizeof *own.rows);
    own.table.functions = calloc(count, sizeof *own.table.functions);
    own.table.argument_bytes = calloc(count, 1);
    if (!own.rows || !own.table.functions || !own.table.argument_bytes || count > TABLE_CAPACITY)
        return pwk_error_set(error, -ENOMEM, "out of memory");
    fill(convention, stubs);
    if (!hand_over(ntdll))
        return pwk_error_set(error, -ENOTSUP,
                             "this Wine takes no services of pwk's; use Wine 8.0 or 10.0, or "
                             "syscall_numbers = ntdll");
    return 0;
}

uint16_t pwk_own_services_number(const char *name)
{
    for (size_t place = 0; place < own.table.count; place++)
        if (strcmp(nt_services[own.rows[place]].name, name) == 0)
            return (uint16_t)(FIRST_NUMBER + place);
    return PWK_NO_SERVICE;
}
