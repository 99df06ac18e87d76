/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dispatch.c - the one dispatch: every call of a served row comes through here, whichever door
 * it took.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "nt/adopt.h"
#include "nt/personality.h"

static atomic_bool started;

static void start(void)
{
    /* What was promised cannot be given: the program does not run. The line is out already. */
    if (nt_personality.host.first_call() != 0)
        _exit(125);
    atomic_store_explicit(&started, true, memory_order_release);
}

/* Out of the way of calls that nobody wants to know of. */
static __attribute__((noinline, cold)) void attend_to_audit(unsigned row, ntstatus status)
{
    unsigned attention = atomic_load_explicit(&pwk_audit_attention, memory_order_relaxed);

    if (attention & PWK_AUDIT_EVERY_CALL)
        nt_audit_call(row, status);
    if (attention & PWK_AUDIT_WAITING)
        pwk_audit_attend(nt_personality.audit);
}

ntstatus nt_dispatch(unsigned row, const uint64_t *arguments)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct nt_call call = {row, arguments};
    uint64_t adopted[NT_MAX_ARGUMENTS];
    ntstatus status;

    if (!atomic_load_explicit(&started, memory_order_acquire))
        pthread_once(&once, start);
    pwk_count(nt_personality.slot, PWK_SYSCALLS_INTERCEPTED, 1);
    if (nt_personality.host.meet_thread)
        nt_personality.host.meet_thread();
    if (nt_personality.adopts_foreign_roots && nt_adopt_call(&call, adopted))
        call.arguments = adopted;
    status = nt_services[row].handler(&call);
    if (NT_ERROR(status))
        pwk_count(nt_personality.slot, PWK_ERRORS, 1);
    if (__builtin_expect(atomic_load_explicit(&pwk_audit_attention, memory_order_relaxed) != 0, 0))
        attend_to_audit(row, status);
    return status;
}
