/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * signal_guard.c - see own_process.h.
 */
#include "sandbox/own_process.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_status.h"
#include "sandbox/process_memory.h"
#include "sandbox/trapped_call.h"

#define SET_SIZE 8 /* bytes of Linux's own signal set */
#define SIGSYS_BIT (UINT64_C(1) << (SIGSYS - 1))
#define CHECKS 200 /* of the threads' masks, a millisecond apart */

/* What rt_sigaction(2) takes on x86-64; the C library's structure is another. */
struct linux_sigaction {
    uint64_t handler, flags, restorer, mask;
};

/* The thread's mask is what its context holds: that is put in force when the handler returns. */
static int64_t change_mask(struct pwk_trapped_call *call)
{
    int how = (int)call->args[0];
    uint64_t *mask = (uint64_t *)&call->context->uc_sigmask;
    uint64_t before = *mask, set = 0;
    int result = 0;

    if (call->args[3] != SET_SIZE || (how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK))
        return -EINVAL;
    result = pwk_process_read(getpid(), call->args[1], &set, SET_SIZE);
    if (result < 0)
        return result;
    if (how == SIG_BLOCK)
        *mask |= set & ~SIGSYS_BIT;
    else if (how == SIG_UNBLOCK)
        *mask &= ~set;
    else
        *mask = set & ~SIGSYS_BIT;
    if (call->args[2])
        result = pwk_process_write(getpid(), call->args[2], &before, SET_SIZE);
    return result;
}

static int64_t change_action(struct pwk_trapped_call *call)
{
    struct linux_sigaction action;
    int result;

    if (call->args[0] == SIGSYS)
        return -EINVAL;
    result = pwk_process_read(getpid(), call->args[1], &action, sizeof action);
    if (result < 0)
        return result;
    action.mask &= ~SIGSYS_BIT;
    return pwk_raw_syscall(call->nr, (long)call->args[0], (long)&action, (long)call->args[2],
                           (long)call->args[3], 0, 0);
}

void pwk_signal_guard_start(void)
{
    pwk_trapped_call_set(SYS_rt_sigprocmask, change_mask);
    pwk_trapped_call_set(SYS_rt_sigaction, change_action);
}

/* True also where it cannot be told. */
static bool blocks_sigsys(pid_t tid)
{
    struct pwk_status_field mask = {.name = "SigBlk"};
    int result = pwk_process_status(tid, &mask, 1);

    if (result < 0)
        return result != -ENOENT && result != -ESRCH; /* which say that it has ended */
    return strtoull(mask.value, NULL, 16) & SIGSYS_BIT;
}

static bool any_blocks_sigsys(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;
    bool found = tasks == NULL;

    while (tasks && !found && (entry = readdir(tasks)))
        found = entry->d_name[0] != '.' && blocks_sigsys((pid_t)strtol(entry->d_name, NULL, 10));
    if (tasks)
        closedir(tasks);
    return found;
}

int pwk_signal_guard_check(void)
{
    for (int i = 0; i < CHECKS; i++) {
        if (!any_blocks_sigsys())
            return 0;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return -EBUSY;
}
