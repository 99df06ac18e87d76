/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sigsys.c - see sigsys.h.
 */
#include "sandbox/sigsys.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "kernel/audit.h"
#include "sandbox/trapped_call.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif
#define LINUX_SIGSET_SIZE 8 /* bytes of Linux's own signal set */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of the installation */
static int installed;
static struct sigaction before;
static pwk_sigsys_door user_dispatch_door, seccomp_door; /* atomic */

/* With nobody to pass it on to, the signal does what it does by default: it ends the process. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(signal, info, context);
        return;
    }
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(signal);
        return;
    }
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    raise(signal);
}

/* What comes from outside the thread waits for the handler's end: Wine suspends threads by SIGUSR1
 * and ends them by SIGQUIT, and another thread that suspends one wants to see the program's
 * context, not the handler's, and to find nothing held. The thread's own faults come at once. */
static void block_outside(sigset_t *mask)
{
    static const int own[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

    sigfillset(mask);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(mask, own[i]);
}

/* Behind the other doors is code that may be interrupted, and that may wait: it runs as the call
 * that was caught would have. */
static void let_outside_through(const ucontext_t *context)
{
    pwk_raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&context->uc_sigmask, 0,
                    LINUX_SIGSET_SIZE, 0, 0);
}

static void handle(int signal, siginfo_t *info, void *context)
{
    pwk_sigsys_door door = NULL;
    int saved = errno;

    if (info->si_code != SYS_USER_DISPATCH)
        let_outside_through(context);

    if (info->si_code == SYS_USER_DISPATCH)
        door = __atomic_load_n(&user_dispatch_door, __ATOMIC_ACQUIRE);
    else if (info->si_code == SYS_SECCOMP)
        door = __atomic_load_n(&seccomp_door, __ATOMIC_ACQUIRE);
    if (door) {
        pwk_audit_begin_deferred();
        door(info, context);
        pwk_audit_end_deferred();
    } else {
        pass_on(signal, info, context);
    }
    errno = saved;
}

int pwk_sigsys_install(void)
{
    /* On the alternate stack where the thread has one: a Windows thread's own may be used up.
     * Not itself blocked while it is handled: a handler may make a call that is caught. */
    struct sigaction action = {.sa_sigaction = handle,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART};
    int result = 0;

    pthread_mutex_lock(&mutex);
    block_outside(&action.sa_mask);
    if (!installed && sigaction(SIGSYS, &action, &before) < 0)
        result = -errno;
    installed |= result == 0;
    pthread_mutex_unlock(&mutex);
    return result;
}

void pwk_sigsys_set_user_dispatch(pwk_sigsys_door door)
{
    __atomic_store_n(&user_dispatch_door, door, __ATOMIC_RELEASE);
}

void pwk_sigsys_set_seccomp(pwk_sigsys_door door)
{
    __atomic_store_n(&seccomp_door, door, __ATOMIC_RELEASE);
}
