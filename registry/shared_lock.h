/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared_lock.h - a lock in memory that hostile processes can write to as well. pthread's robust
 * mutex is none: it keeps pointers of its holder's in the mutex, reads them there when it is
 * given back, and writes where they lead.
 *
 * Here nothing but one number is in the shared memory: 0, or the holder's thread number with the
 * bits of the kernel's robust futexes (set_robust_list(2)). Where the lock is for the case that
 * its holder dies is told to the kernel in the holder's own memory: it is the entry that glibc's
 * list of held mutexes names as being worked on (list_op_pending). So while it is held the thread
 * may take no other such lock, and no robust mutex.
 *
 * Who writes nonsense to the number keeps others waiting, or lets two in at once, and no more.
 */
#ifndef PWK_REGISTRY_SHARED_LOCK_H
#define PWK_REGISTRY_SHARED_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* All zero: free. */
struct shared_lock {
    _Atomic uint32_t word;
};

/* 0: it is held; -EOWNERDEAD: it is held, and somebody died with it; -EBUSY. With all signals
 * blocked until it is given back, by the same thread. */
int shared_lock_try(struct shared_lock *lock);

/* The same, or -ETIMEDOUT after `deadline` (CLOCK_MONOTONIC). */
int shared_lock_take(struct shared_lock *lock, const struct timespec *deadline);

/* True where one who slept for it has been woken, and may come for it. */
bool shared_lock_give(struct shared_lock *lock);

/* For who has given it and would have it again before one who was woken is awake: waits until
 * that one has had it, or the deadline. */
void shared_lock_let_in(struct shared_lock *lock, const struct timespec *deadline);

#endif
