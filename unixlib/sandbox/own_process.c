/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own_process.c - see own_process.h.
 */
#include "sandbox/own_process.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/call_filter.h"
#include "sandbox/process_memory.h"
#include "sandbox/trapped_call.h"

/* Guarded by the callers' lock. Which numbers a filter traps already. */
static bool trapped[PK_SYSCALLS];
static bool guarded;

static process_kernel_t *_Atomic attached;
static atomic_uint attached_index; /* written before `attached` */

/* ---- as an origin of calls ---- */

static int read_own(const struct pk_call *call, uint64_t address, void *data, size_t size)
{
    (void)call;
    return pwk_process_read(getpid(), address, data, size);
}

static int write_own(const struct pk_call *call, uint64_t address, const void *data, size_t size)
{
    (void)call;
    return pwk_process_write(getpid(), address, data, size);
}

static ssize_t read_own_string(const struct pk_call *call, uint64_t address, char *text,
                               size_t size)
{
    (void)call;
    return pwk_process_read_string(getpid(), address, text, size);
}

static pid_t own_pid(const struct pk_call *call)
{
    (void)call;
    return (pid_t)pwk_raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static int64_t make_own(const struct pk_call *call)
{
    const uint64_t *args = call->public.args;

    return pwk_raw_syscall(call->public.nr, (long)args[0], (long)args[1], (long)args[2],
                           (long)args[3], (long)args[4], (long)args[5]);
}

const struct pk_call_origin pwk_own_process_origin = {
    .read = read_own,
    .write = write_own,
    .read_string = read_own_string,
    .process = own_pid,
    .make = make_own,
};

static int64_t serve(struct pwk_trapped_call *trap)
{
    process_kernel_t *kernel = atomic_load(&attached);
    struct pk_call call = {
        .public = {.nr = trap->nr, .tid = (pid_t)pwk_raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0)},
        .origin = &pwk_own_process_origin,
        .context = trap,
    };

    for (int i = 0; i < 6; i++)
        call.public.args[i] = trap->args[i];
    /* A handler may have been run by hand (syscall_intercept), which no trap knows of. */
    if (!kernel || pk_in_handler() || !pk_call_run(atomic_load(&attached_index), kernel, &call))
        return pwk_trapped_call_make(trap);
    return call.result;
}

/* ---- filters ---- */

static bool can_be_trapped(int nr)
{
    return nr != SYS_rt_sigaction && nr != SYS_rt_sigprocmask && nr != SYS_sigaltstack &&
           nr != SYS_clone && nr != SYS_clone3 && nr != SYS_vfork;
}

static int install(const struct sock_fprog *program)
{
    long result;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program);
    if (result < 0)
        return -errno;
    return result == 0 ? 0 : -EBUSY; /* the number of a thread whose filters differ */
}

/* Traps those of `numbers` that are not trapped yet. */
static int trap(const int *numbers, size_t count)
{
    struct sock_fprog program;
    int added[PK_SYSCALLS];
    size_t adding = 0;
    int result;

    for (size_t i = 0; i < count; i++) {
        if (!can_be_trapped(numbers[i]))
            return -EINVAL;
        if (!trapped[numbers[i]])
            added[adding++] = numbers[i];
    }
    if (adding == 0)
        return 0;
    result = pwk_trapped_call_start();
    if (result == 0)
        result = guarded ? 0 : pwk_signal_guard_check();
    if (result == 0)
        result = pwk_call_filter_build(&program, PWK_CALL_FILTER_TRAP, added, adding, false);
    if (result < 0)
        return result;
    pwk_signal_guard_start();
    for (size_t i = 0; i < adding; i++)
        pwk_trapped_call_set(added[i], serve);
    result = install(&program);
    pwk_call_filter_free(&program);
    for (size_t i = 0; result == 0 && i < adding; i++)
        trapped[added[i]] = true;
    guarded |= result == 0;
    return result;
}

int pwk_own_process_attach(unsigned index, process_kernel_t *kernel)
{
    int numbers[PK_SYSCALLS];
    size_t count = pk_handlers_list(index, numbers);
    int result;

    atomic_store(&attached_index, index);
    atomic_store(&attached, kernel);
    result = trap(numbers, count);
    if (result < 0)
        atomic_store(&attached, NULL);
    return result;
}

int pwk_own_process_add(int nr)
{
    return trap(&nr, 1);
}

/* Calls are trapped all the same, and made. */
void pwk_own_process_detach(void)
{
    atomic_store(&attached, NULL);
}
