/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach.c - pk_attach, pk_detach and pk_register_syscall: what brings a process and a kernel's
 * handlers together. How calls are caught is the sandbox room's affair (pk_attach_ops).
 */
#include "kernel/process_kernel_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/syscall_handlers.h"

/* One change of what is attached to what at a time. Taken before the pool's mutex, held while the
 * sandbox works; never taken by a handler. */
static pthread_mutex_t attaching = PTHREAD_MUTEX_INITIALIZER;
static const struct pk_attach_ops *ops; /* NULL: none */

void pk_set_attach_ops(const struct pk_attach_ops *set)
{
    ops = set;
}

static void audit_refusal(const struct pk_kernel *kernel, const char *reason)
{
    const struct pwk_booted_kernel *under = pwk_get_booted_kernel();

    if (under != NULL) {
        pwk_count(under->slot, PWK_DENIALS, 1);
        pwk_audit_write(under->audit, PWK_AUDIT_DENIALS, "attach", "denied", "name",
                        kernel->public.name, "reason", reason, NULL);
    }
}

/* In a process that lives under a kernel itself. */
static void audit_attached(const struct pk_kernel *kernel)
{
    const struct pwk_booted_kernel *under = pwk_get_booted_kernel();
    char process[16];

    if (under != NULL) {
        snprintf(process, sizeof(process), "%d", (int)kernel->public.pid);
        pwk_audit_write(under->audit, PWK_AUDIT_DECISIONS, "attach", "allowed", "name",
                        kernel->public.name, "process", process, NULL);
    }
}

static bool has_handlers(const struct pk_kernel *kernel)
{
    int numbers[PK_SYSCALLS];

    return pk_handlers_list(kernel->index, numbers) > 0;
}

/* ---- this process ---- */

static int attach_self(struct pk_kernel *kernel, const char **reason)
{
    size_t bytes;
    int result = kernel->bridge != NULL ? wpk_bridge_check_attach(kernel->bridge, reason) : 0;

    if (result == 0 && ops == NULL && has_handlers(kernel)) {
        *reason = "handlers";
        result = -ENOSYS;
    }
    if (result != 0 || kernel->public.pid == getpid()) {
        return result;
    }
    result = pk_claim_process(kernel, getpid());
    if (result != 0) {
        *reason = "another kernel is attached";
        return result;
    }
    if (ops != NULL) {
        *reason = "handlers";
        result = ops->attach_self(kernel->index, &kernel->public);
    }
    if (result == 0 && pk_memory_limiter_find(kernel->public.private_data, &bytes)) {
        *reason = "memory limit";
        result = pk_memory_limit_apply(0, bytes);
        if (result != 0 && ops != NULL) {
            ops->detach_self();
        }
    }
    if (result != 0) {
        pk_leave_process(kernel);
    }
    return result;
}

/* ---- another process ---- */

static int attach_other(struct pk_kernel *kernel, pid_t pid, const char **reason)
{
    size_t bytes = 0;
    bool limited = pk_memory_limiter_find(kernel->public.private_data, &bytes);
    int result;

    *reason = "another process";
    if (kernel->public.pid == pid) {
        return 0;
    }
    if (ops == NULL || kernel->bridge != NULL) {
        return -ENOSYS;
    }
    result = pk_claim_process(kernel, pid);
    if (result != 0) {
        return result;
    }
    result = ops->attach_other(kernel->index, &kernel->public, pid, bytes);
    if (result == 0 && limited) {
        *reason = "memory limit";
        result = pk_memory_limit_apply(pid, bytes);
        if (result != 0) {
            ops->detach_other(kernel->index);
        }
    }
    if (result != 0) {
        pk_leave_process(kernel);
    }
    return result;
}

int pk_attach(process_kernel_t *kernel, pid_t pid)
{
    const char *reason = "";
    int result;

    if (pk_in_handler()) {
        return -EDEADLK;
    }
    struct pk_kernel *held = pk_hold(kernel);
    if (held == NULL) {
        return -EINVAL;
    }
    pthread_mutex_lock(&attaching);
    if (pid < 0) {
        result = -EINVAL;
    } else if (pid == 0 || pid == getpid()) {
        result = attach_self(held, &reason);
    } else {
        result = attach_other(held, pid, &reason);
    }
    pthread_mutex_unlock(&attaching);
    if (result == 0) {
        audit_attached(held);
    } else if (result != -EINVAL) {
        audit_refusal(held, reason);
    }
    pk_release(held);
    return result;
}

/* `attaching` held. */
static int detach(struct pk_kernel *kernel)
{
    pid_t pid = kernel->public.pid;
    int result = 0;

    if (kernel->pinned) {
        return -EBUSY;
    }
    if (pid == 0) {
        return -ESRCH;
    }
    if (ops != NULL && pk_is_attached(kernel)) {
        ops->detach_self();
    } else if (ops != NULL) {
        result = ops->detach_other(kernel->index);
    }
    if (result == 0) {
        pk_leave_process(kernel);
    }
    return result;
}

int pk_detach(process_kernel_t *kernel)
{
    if (pk_in_handler()) {
        return -EDEADLK;
    }
    struct pk_kernel *held = pk_hold(kernel);
    if (held == NULL) {
        return -EINVAL;
    }
    pthread_mutex_lock(&attaching);
    int result = detach(held);
    pthread_mutex_unlock(&attaching);
    pk_release(held);
    return result;
}

void pk_destroy(process_kernel_t *kernel)
{
    struct pk_kernel *held = pk_in_handler() ? NULL : pk_hold(kernel);

    if (held == NULL) {
        return;
    }
    pthread_mutex_lock(&attaching);
    int result = detach(held);
    pthread_mutex_unlock(&attaching);
    if ((result == 0 || result == -ESRCH) && pk_end(held)) {
        destroy_memory_limiter(held->public.private_data);
    }
    pk_release(held);
}

/* Linux makes these calls itself, or they end a handler; no caller could live with an answer. */
static bool may_be_registered(int nr)
{
    return nr >= 0 && nr < PK_SYSCALLS && nr != 15 /* rt_sigreturn */ &&
           nr != 219 /* restart_syscall */;
}

static int register_handler(struct pk_kernel *kernel, int nr, pk_syscall_handler handler)
{
    bool is_new = !pk_handlers_has(kernel->index, nr);
    bool self = pk_is_attached(kernel);
    int result = 0;

    if (is_new && ops == NULL) {
        return -ENOSYS;
    }
    if (is_new && !self && kernel->public.pid != 0) {
        return -EBUSY;
    }
    pk_handlers_set(kernel->index, nr, handler);
    if (is_new && self) {
        result = ops->add_self(nr);
    }
    if (result != 0) {
        pk_handlers_set(kernel->index, nr, NULL);
    }
    return result;
}

int pk_register_syscall(process_kernel_t *kernel, int syscall_nr,
                        int (*handler)(int nr, void *args))
{
    struct pk_kernel *held = pk_hold(kernel);
    int result = 0;

    if (held == NULL) {
        return -EINVAL;
    }
    if (handler == NULL || handler == held->public.syscall_intercept ||
        !may_be_registered(syscall_nr)) {
        result = -EINVAL;
    } else if (pk_in_handler()) {
        if (pk_handlers_has(held->index, syscall_nr)) {
            pk_handlers_set(held->index, syscall_nr, handler);
        } else {
            result = -EDEADLK;
        }
    } else {
        pthread_mutex_lock(&attaching);
        result = register_handler(held, syscall_nr, handler);
        pthread_mutex_unlock(&attaching);
    }
    pk_release(held);
    return result;
}
