/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fair_mutex.c - see fair_mutex.h.
 */
#include "registry/fair_mutex.h"

#include <time.h>

#define PATIENCE_NS 1000000

void fair_mutex_init(struct fair_mutex *mutex)
{
    pthread_mutex_init(&mutex->mutex, NULL);
    pthread_mutex_init(&mutex->line, NULL);
    atomic_init(&mutex->in_line, 0);
}

void fair_mutex_finish(struct fair_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
    pthread_mutex_destroy(&mutex->line);
}

static bool take_within(struct fair_mutex *mutex, time_t seconds, long nanoseconds)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += nanoseconds;
    deadline.tv_sec += seconds + deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    return pthread_mutex_clocklock(&mutex->mutex, CLOCK_MONOTONIC, &deadline) == 0;
}

void fair_mutex_take(struct fair_mutex *mutex)
{
    if (atomic_load_explicit(&mutex->in_line, memory_order_relaxed) == 0 &&
        (pthread_mutex_trylock(&mutex->mutex) == 0 || take_within(mutex, 0, PATIENCE_NS)))
        return;
    atomic_fetch_add(&mutex->in_line, 1);
    pthread_mutex_lock(&mutex->line);
    pthread_mutex_lock(&mutex->mutex);
    pthread_mutex_unlock(&mutex->line);
    atomic_fetch_sub(&mutex->in_line, 1);
}

bool fair_mutex_take_at_the_end(struct fair_mutex *mutex, unsigned seconds)
{
    return take_within(mutex, seconds, 0);
}

void fair_mutex_give(struct fair_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->mutex);
}
