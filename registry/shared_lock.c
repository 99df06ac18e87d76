/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared_lock.c - see shared_lock.h. Linux' Documentation/locking/robust-futexes.rst says what the
 * kernel does with the word of a thread that ends.
 */
#include "registry/shared_lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the calling thread. `head` is NULL where the kernel does not tell it: then nobody is told of
 * the holder's death, and the lock is waited for in vain. */
struct holder {
    uint32_t thread; /* 0: not asked yet */
    unsigned forks;
    struct robust_list_head *head;
};

static __thread struct holder known __attribute__((tls_model("initial-exec")));
static _Atomic unsigned forks;

/* A child has another number. */
static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void begin(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

static struct holder *holder(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t size;

    if (known.thread != 0 && known.forks == atomic_load_explicit(&forks, memory_order_relaxed))
        return &known;
    pthread_once(&once, begin);
    known.forks = atomic_load(&forks);
    known.thread = (uint32_t)gettid();
    if (syscall(SYS_get_robust_list, 0, &known.head, &size) < 0 || size != sizeof(*known.head))
        known.head = NULL;
    return &known;
}

/* Names the word to the kernel, or, NULL, takes that back. */
static void name(const struct holder *holder, struct shared_lock *lock)
{
    struct robust_list_head *head = holder->head;
    uintptr_t entry = lock && head ? (uintptr_t)lock - (uintptr_t)head->futex_offset : 0;

    atomic_signal_fence(memory_order_seq_cst);
    if (head)
        __atomic_store_n((uintptr_t *)&head->list_op_pending, entry, __ATOMIC_SEQ_CST);
    atomic_signal_fence(memory_order_seq_cst);
}

/* One attempt: who writes nonsense to the word is not waited for here. `waiters`: the bit that is
 * to stand in it, beside what others have put there. */
static int try(struct shared_lock *lock, const struct holder *holder, uint32_t waiters)
{
    uint32_t word = atomic_load(&lock->word);

    if ((word & FUTEX_TID_MASK) != 0 ||
        !atomic_compare_exchange_strong(&lock->word, &word,
                                        holder->thread | (word & FUTEX_WAITERS) | waiters))
        return -EBUSY;
    return word & FUTEX_OWNER_DIED ? -EOWNERDEAD : 0;
}

int shared_lock_try(struct shared_lock *lock)
{
    const struct holder *caller = holder();
    int result;

    name(caller, lock);
    result = try(lock, caller, 0);
    if (result == -EBUSY)
        name(caller, NULL);
    return result;
}

/* Until the word is not what it was, or the time is over. */
static void sleep_on(struct shared_lock *lock, const struct timespec *deadline)
{
    uint32_t word = atomic_load(&lock->word);

    if ((word & FUTEX_TID_MASK) == 0 ||
        (!(word & FUTEX_WAITERS) &&
         !atomic_compare_exchange_strong(&lock->word, &word, word | FUTEX_WAITERS)))
        return;
    syscall(SYS_futex, &lock->word, FUTEX_WAIT_BITSET, word | FUTEX_WAITERS, deadline, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

static bool is_over(const struct timespec *deadline)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > deadline->tv_sec ||
           (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

int shared_lock_take(struct shared_lock *lock, const struct timespec *deadline)
{
    const struct holder *caller = holder();
    int result;

    name(caller, lock);
    result = try(lock, caller, 0);
    /* Whoever has slept takes it for others too, who may sleep still. */
    while (result == -EBUSY && !is_over(deadline)) {
        sleep_on(lock, deadline);
        result = try(lock, caller, FUTEX_WAITERS);
    }
    if (result == -EBUSY)
        name(caller, NULL);
    return result == -EBUSY ? -ETIMEDOUT : result;
}

bool shared_lock_give(struct shared_lock *lock)
{
    bool woken = atomic_exchange(&lock->word, 0) & FUTEX_WAITERS &&
                 syscall(SYS_futex, &lock->word, FUTEX_WAKE, 1, NULL, NULL, 0) > 0;

    name(holder(), NULL);
    return woken;
}

void shared_lock_let_in(struct shared_lock *lock, const struct timespec *deadline)
{
    /* Named, Linux wakes another where we are killed with a turn that was not ours. */
    name(holder(), lock);
    /* Who has slept for it wakes another when it gives it. That may have been another's turn. */
    if (syscall(SYS_futex, &lock->word, FUTEX_WAIT_BITSET, 0, deadline, NULL,
                FUTEX_BITSET_MATCH_ANY) == 0)
        syscall(SYS_futex, &lock->word, FUTEX_WAKE, 1, NULL, NULL, 0);
    name(holder(), NULL);
}
