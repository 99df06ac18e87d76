/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guard.h - a mutex held with all signals blocked: Wine ends and suspends threads by signals, and
 * a thread that holds a lock, or what nobody else gives back, must be neither.
 */
#ifndef PWK_NT_GUARD_H
#define PWK_NT_GUARD_H

#include <pthread.h>
#include <signal.h>

static inline void nt_block_signals(sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

static inline void nt_unblock_signals(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static inline void nt_lock(pthread_mutex_t *mutex, sigset_t *before)
{
    nt_block_signals(before);
    pthread_mutex_lock(mutex);
}

static inline void nt_unlock(pthread_mutex_t *mutex, const sigset_t *before)
{
    pthread_mutex_unlock(mutex);
    nt_unblock_signals(before);
}

#endif
