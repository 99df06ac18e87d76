/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_calls.c - see native_calls.h.
 */
#include "wine/native_calls.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
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
static char win32u_dll[PATH_MAX]; /* "": none */

/* The dll may be missing: then its services are. */
static void add_win32u(void)
{
    static struct pwk_stub_numbers stubs;
    struct pwk_error error;

    if (win32u_dll[0] && pwk_stub_numbers_read(win32u_dll, &stubs, &error) == 0)
        pwk_native_numbers_add_stubs(numbers, &stubs);
}

/* Few programs call the services of win32u natively, and reading its stubs takes as long as all
 * else here. */
static void learn_win32u(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, add_win32u);
}

static void find_win32u(const char *ntdll_dll)
{
    const char *slash = strrchr(ntdll_dll, '/');

    if (!slash || snprintf(win32u_dll, sizeof win32u_dll, "%.*s/win32u.dll",
                           (int)(slash - ntdll_dll), ntdll_dll) >= (int)sizeof win32u_dll)
        win32u_dll[0] = 0;
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
    };
    int result = calls->reading == PWK_NUMBERS_WINDOWS ? pwk_service_table_add_own(error) : 0;

    if (result == 0)
        result = pwk_native_numbers_fill(numbers, &sources, error);
    if (calls->reading == PWK_NUMBERS_NTDLL) {
        find_win32u(calls->ntdll_dll);
        trap.learn = learn_win32u;
    }
    if (calls->rewrite_sites && trap.learn)
        learn_win32u(); /* the pointers that are called through are laid out once */
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
