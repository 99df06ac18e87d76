/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_calls.c - see native_calls.h.
 */
#include "wine/native_calls.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nt/nt_status.h"
#include "nt/personality.h"
#include "sandbox/trap.h"
#include "wine/native_numbers.h"
#include "wine/native_sites.h"
#include "wine/own_services.h"
#include "wine/service_table.h"

/* Where the stubs of both Wines find the dispatcher, and how far behind the `syscall` of a stub its
 * call of the dispatcher returns. */
#define DISPATCHER_PLACE 0x7ffe1000
#define RETURN_OFFSET 0xb

#define PEB_IMAGE_BASE 0x10

static uint16_t numbers[PWK_NATIVE_NUMBERS];

/* The dll may be missing: then its services are. */
static const struct pwk_stub_numbers *read_win32u(const char *ntdll_dll)
{
    static struct pwk_stub_numbers stubs;
    const char *slash = strrchr(ntdll_dll, '/');
    struct pwk_error error;
    char path[PATH_MAX];

    if (!slash || snprintf(path, sizeof path, "%.*s/win32u.dll", (int)(slash - ntdll_dll),
                           ntdll_dll) >= (int)sizeof path)
        return NULL;
    return pwk_stub_numbers_read(path, &stubs, &error) == 0 ? &stubs : NULL;
}

int pwk_native_calls_start(const struct pwk_native_calls *calls, struct pwk_error *error)
{
    struct pwk_trap trap = {
        .numbers = numbers,
        .dispatcher = (void *const *)DISPATCHER_PLACE,
        .return_offset = RETURN_OFFSET,
        .unknown_status = STATUS_INVALID_SYSTEM_SERVICE,
        .count_sites = calls->rewrite_sites,
        .audit = calls->audit,
        .slot = &nt_personality.slot,
    };
    struct pwk_native_sources sources = {
        .reading = calls->reading,
        .build = calls->build,
        .ntdll = pwk_service_table_numbers(),
        .lacking = pwk_own_services_number,
        .win32u = calls->reading == PWK_NUMBERS_NTDLL ? read_win32u(calls->ntdll_dll) : NULL,
    };
    int result = calls->reading == PWK_NUMBERS_WINDOWS ? pwk_service_table_add_own(error) : 0;

    if (result == 0)
        result = pwk_native_numbers_fill(numbers, &sources, error);
    if (result == 0 && calls->rewrite_sites)
        result = pwk_native_sites_start(numbers, DISPATCHER_PLACE, RETURN_OFFSET, error);
    if (result == 0)
        result = pwk_trap_start(&trap, error);
    if (result == 0)
        nt_personality.native_line = PWK_TRAP_LINE;
    return result;
}

/* Every image but the program's own is mapped by a service row, which keeps it below the line. */
int pwk_native_calls_begin(struct pwk_error *error)
{
    const unsigned char *peb;
    uint64_t image;

    __asm__("movq %%gs:0x60, %0" : "=r"(peb));
    memcpy(&image, peb + PEB_IMAGE_BASE, sizeof image);
    if (nt_personality.native_line && image >= nt_personality.native_line)
        return pwk_error_set(error, -ENOTSUP,
                             "the program wants to lie at 0x%llx, where native code does; link it "
                             "for an address below 0x%llx",
                             (unsigned long long)image,
                             (unsigned long long)nt_personality.native_line);
    pwk_native_calls_arm_thread();
    return 0;
}

void pwk_native_calls_begin_late(void)
{
    nt_personality.host.meet_thread = pwk_native_calls_arm_thread;
    pwk_native_calls_arm_thread();
}

__attribute__((visibility("default"))) void pwk_native_calls_arm_thread(void)
{
    int result = pwk_trap_arm();

    if (result == 0)
        return;
    fprintf(stderr,
            "pwk: a thread's own system calls cannot be caught (%s), so it does not run; leave "
            "prctl to the program in what forbids system calls here\n",
            strerror(-result));
    _exit(125);
}
