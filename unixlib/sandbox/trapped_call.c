/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trapped_call.c - see trapped_call.h.
 */
#include "sandbox/trapped_call.h"

#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <stdlib.h>

#include "kernel/number_text.h"
#include "kernel/process_kernel_internal.h"
#include "sandbox/policy_built_in.h"
#include "sandbox/sigsys.h"

static pwk_trapped_handler handlers[PWK_TRAPPED_CALLS]; /* atomic */
static pwk_trapped_handler default_handler;             /* atomic */

/* Of a library that is loaded late: the room that every thread has for such, so that reading it
 * in a signal handler allocates nothing. */
static __thread unsigned depth __attribute__((tls_model("initial-exec")));

int64_t pwk_trapped_call_make(struct pwk_trapped_call *call)
{
    const uint64_t *args = call->args;

    return pwk_raw_syscall(call->nr, (long)args[0], (long)args[1], (long)args[2], (long)args[3],
                           (long)args[4], (long)args[5]);
}

static int64_t refuse(struct pwk_trapped_call *call)
{
    const struct pwk_booted_kernel *booted = pwk_get_booted_kernel();
    const char *name = pwk_call_name(call->nr);
    char number[PWK_NUMBER_TEXT + 1];

    if (booted && booted->audit) {
        number[0] = '-';
        pwk_decimal(call->nr < 0 ? number + 1 : number, (uint64_t)llabs(call->nr));
        pwk_count(booted->slot, PWK_DENIALS, 1);
        pwk_audit_write(booted->audit, PWK_AUDIT_DENIALS, "syscall", "denied", "syscall",
                        *name ? name : number, "number", number, "reason", "trapped", NULL);
    }
    return -ENOSYS;
}

static int64_t serve(struct pwk_trapped_call *call)
{
    pwk_trapped_handler handler = NULL;
    int64_t result;

    /* A filter that traps even the known instruction means it: making the call would not end. */
    if (call->info->si_call_addr == pwk_raw_syscall_end)
        return refuse(call);
    if (call->nr >= 0 && call->nr < PWK_TRAPPED_CALLS)
        handler = __atomic_load_n(&handlers[call->nr], __ATOMIC_ACQUIRE);
    if (handler && depth > 0)
        return pwk_trapped_call_make(call);
    if (!handler)
        handler = __atomic_load_n(&default_handler, __ATOMIC_ACQUIRE);
    depth++;
    result = handler ? handler(call) : refuse(call);
    depth--;
    return result;
}

static void open_door(const siginfo_t *info, ucontext_t *context)
{
    greg_t *registers = context->uc_mcontext.gregs;
    struct pwk_trapped_call call = {
        .nr = info->si_syscall,
        .args = {(uint64_t)registers[REG_RDI], (uint64_t)registers[REG_RSI],
                 (uint64_t)registers[REG_RDX], (uint64_t)registers[REG_R10],
                 (uint64_t)registers[REG_R8], (uint64_t)registers[REG_R9]},
        .info = info,
        .context = context,
    };

    if (info->si_arch != AUDIT_ARCH_X86_64)
        registers[REG_RAX] = -ENOSYS;
    else
        registers[REG_RAX] = serve(&call);
}

int pwk_trapped_call_start(void)
{
    pwk_sigsys_set_seccomp(open_door);
    return pwk_sigsys_install();
}

void pwk_trapped_call_set(int nr, pwk_trapped_handler handler)
{
    if (nr >= 0 && nr < PWK_TRAPPED_CALLS)
        __atomic_store_n(&handlers[nr], handler, __ATOMIC_RELEASE);
}

void pwk_trapped_call_set_default(pwk_trapped_handler handler)
{
    __atomic_store_n(&default_handler, handler, __ATOMIC_RELEASE);
}
