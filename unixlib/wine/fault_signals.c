/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fault_signals.c - see fault_signals.h.
 */
#include "wine/fault_signals.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "wine/abandoned_call.h"
#include "wine/bus_error.h"

typedef int (*installer)(int, const struct sigaction *, struct sigaction *);

static bool begun;
static struct sigaction wines_bus, wines_segment;

static void handle(int number, siginfo_t *info, void *context)
{
    const struct sigaction *wines = number == SIGBUS ? &wines_bus : &wines_segment;
    const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t faulted = (uintptr_t)registers[REG_RIP];

    if (number == SIGBUS)
        pwk_bus_error_meet(info);
    if (wines->sa_flags & SA_SIGINFO)
        wines->sa_sigaction(number, info, context);
    else
        wines->sa_handler(number);
    pwk_abandoned_call_mend(context, faulted);
}

void pwk_fault_signals_begin(void *ntdll)
{
    pwk_abandoned_call_find(ntdll);
    begun = true;
}

/* Any thread, as sigaction(2); a handler of SIGBUS or SIGSEGV is called by ours. */
__attribute__((visibility("default"))) int
sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict before)
{
    static installer install;
    struct sigaction ours;

    if (!install && !(install = (installer)dlsym(RTLD_NEXT, "sigaction"))) {
        errno = ENOSYS;
        return -1;
    }
    if (!begun || (number != SIGBUS && number != SIGSEGV) || !action ||
        action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN)
        return install(number, action, before);
    ours = *action;
    if (number == SIGBUS)
        wines_bus = ours;
    else
        wines_segment = ours;
    ours.sa_sigaction = handle;
    ours.sa_flags |= SA_SIGINFO;
    return install(number, &ours, before);
}
