/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * syscall_handlers.c - see syscall_handlers.h.
 */
#include "kernel/syscall_handlers.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/process_kernel_internal.h"

/* For every place of the pool, so that a handler can be looked up in a signal handler with no lock
 * and nothing to give back. Pages of kernels that register nothing are never touched. */
static _Atomic(pk_syscall_handler) handlers[PK_POOL_SIZE][PK_SYSCALLS];
static const struct pk_call_origin *own_origin; /* atomic */

static __thread unsigned depth __attribute__((tls_model("initial-exec")));

bool pk_in_handler(void)
{
    return depth > 0;
}

void pk_handlers_clear(unsigned index)
{
    for (int nr = 0; nr < PK_SYSCALLS; nr++) {
        if (pk_handlers_has(index, nr)) {
            pk_handlers_set(index, nr, NULL);
        }
    }
}

void pk_handlers_set(unsigned index, int nr, pk_syscall_handler handler)
{
    atomic_store(&handlers[index][nr], handler);
}

bool pk_handlers_has(unsigned index, int nr)
{
    return atomic_load(&handlers[index][nr]) != NULL;
}

size_t pk_handlers_list(unsigned index, int numbers[PK_SYSCALLS])
{
    size_t count = 0;

    for (int nr = 0; nr < PK_SYSCALLS; nr++) {
        if (pk_handlers_has(index, nr)) {
            numbers[count++] = nr;
        }
    }
    return count;
}

static void count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

bool pk_call_run(unsigned index, process_kernel_t *kernel, struct pk_call *call)
{
    int nr = call->public.nr;
    pk_syscall_handler handler =
        nr >= 0 && nr < PK_SYSCALLS ? atomic_load(&handlers[index][nr]) : NULL;

    if (handler == NULL) {
        return false;
    }
    count(&kernel->stats.syscalls_intercepted); /* a handler may end its thread, by exit */
    depth++;
    int result = handler(nr, &call->public);
    depth--;
    if (!call->has_result) {
        call->result = result;
    }
    if (!call->let_through && call->result < 0) {
        count(&kernel->stats.errors);
    }
    return true;
}

void pk_set_own_origin(const struct pk_call_origin *origin)
{
    __atomic_store_n(&own_origin, origin, __ATOMIC_RELEASE);
}

int pk_call_by_hand(unsigned index, process_kernel_t *kernel, int nr, const void *args)
{
    struct pk_call call = {
        .public = {.nr = nr, .tid = (pid_t)syscall(SYS_gettid)},
        .origin = __atomic_load_n(&own_origin, __ATOMIC_ACQUIRE),
    };

    if (args != NULL) {
        memcpy(call.public.args, args, sizeof(call.public.args));
    }
    if (call.origin == NULL || !pk_call_run(index, kernel, &call)) {
        count(&kernel->stats.syscalls_intercepted);
        count(&kernel->stats.errors);
        return -ENOSYS;
    }
    return (int)call.result;
}

/* ---- what handlers call ---- */

/* `public` is the first member, and handlers are given nothing else. */
static struct pk_call *to_call(void *args)
{
    return args;
}

void pk_set_result(void *args, int64_t result)
{
    to_call(args)->result = result;
    to_call(args)->has_result = true;
}

int64_t pk_call_original(void *args)
{
    const struct pk_call *call = to_call(args);

    return call->origin->make != NULL ? call->origin->make(call) : -ENOTSUP;
}

void pk_let_through(void *args)
{
    struct pk_call *call = to_call(args);

    if (call->origin->make != NULL) {
        pk_set_result(args, call->origin->make(call));
    } else {
        call->let_through = true;
    }
}

int pk_read_memory(void *args, uint64_t address, void *data, size_t size)
{
    return to_call(args)->origin->read(to_call(args), address, data, size);
}

int pk_write_memory(void *args, uint64_t address, const void *data, size_t size)
{
    return to_call(args)->origin->write(to_call(args), address, data, size);
}

ssize_t pk_read_string(void *args, uint64_t address, char *text, size_t size)
{
    return to_call(args)->origin->read_string(to_call(args), address, text, size);
}

pid_t pk_get_caller(void *args)
{
    return to_call(args)->origin->process(to_call(args));
}
