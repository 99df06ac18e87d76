/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * syscall_handlers.h - the handlers that pk_register_syscall registers, the call that each is
 * given, and what the sandbox room lends to the API so that calls reach them.
 */
#ifndef PWK_KERNEL_SYSCALL_HANDLERS_H
#define PWK_KERNEL_SYSCALL_HANDLERS_H

#include <stdbool.h>
#include <stddef.h>

#include "pwk/process_kernel.h"

#define PK_SYSCALLS 512 /* numbers 0 to 511 may be registered */

typedef int (*pk_syscall_handler)(int nr, void *args);

/* Where a call comes from. All async-signal-safe where the handler runs in a signal handler. */
struct pk_call;
struct pk_call_origin {
    int (*read)(const struct pk_call *call, uint64_t address, void *data, size_t size);
    int (*write)(const struct pk_call *call, uint64_t address, const void *data, size_t size);
    ssize_t (*read_string)(const struct pk_call *call, uint64_t address, char *text, size_t size);
    pid_t (*process)(const struct pk_call *call);
    int64_t (*make)(const struct pk_call *call); /* NULL: only its own process can make it */
};

/* What stands around the arguments that a handler is given. */
struct pk_call {
    pk_syscall_call public; /* first: a handler's `args` */
    const struct pk_call_origin *origin;
    void *context; /* the origin's */
    int64_t result;
    bool has_result;
    bool let_through; /* only where origin->make is NULL */
};

/* Runs the handler of `call->public.nr`, counts, and answers the call's result. False where there
 * is none: nothing has been counted. Lock-free. */
bool pk_call_run(unsigned index, process_kernel_t *kernel, struct pk_call *call);

/* syscall_intercept: the same for a call that the program makes by hand. */
int pk_call_by_hand(unsigned index, process_kernel_t *kernel, int nr, const void *args);

/* True on a thread that runs a handler. */
bool pk_in_handler(void);

void pk_handlers_clear(unsigned index);
void pk_handlers_set(unsigned index, int nr, pk_syscall_handler handler);
bool pk_handlers_has(unsigned index, int nr);

/* The registered numbers, ascending; answers how many. */
size_t pk_handlers_list(unsigned index, int numbers[PK_SYSCALLS]);

/* ---- what the sandbox lends ---- */

struct pk_attach_ops {
    /* Calls of this process reach the handlers of kernel `index` from now on, those of the numbers
     * registered later too. Never with two kernels. */
    int (*attach_self)(unsigned index, process_kernel_t *kernel);
    void (*detach_self)(void);
    /* The same for process `pid` and what it starts; not for numbers registered later. `data`,
     * where not 0: mappings that Linux does not hold against a limit of so many bytes of data are
     * held to it. */
    int (*attach_other)(unsigned index, process_kernel_t *kernel, pid_t pid, size_t data);
    int (*detach_other)(unsigned index);
    /* A number to be registered with a kernel that is attached to this process. */
    int (*add_self)(int nr);
};

/* Until it is called, only kernels without handlers can be attached, and to this process alone. */
void pk_set_attach_ops(const struct pk_attach_ops *ops);

/* The address space of this process as an origin; NULL: the sandbox is not there. */
void pk_set_own_origin(const struct pk_call_origin *origin);

/* ---- memory_limiter.c ---- */

/* Whether `limiter` came from create_memory_limiter and has not been destroyed; any pointer. */
bool pk_memory_limiter_find(const void *limiter, size_t *bytes);

/* Holds process `pid` (0: this one) to `bytes` of data. A limit that is lower already stays. */
int pk_memory_limit_apply(pid_t pid, size_t bytes);

#endif
