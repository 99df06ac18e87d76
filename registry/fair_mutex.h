/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fair_mutex.h - a mutex between the threads of one process that everybody gets in the end.
 *
 * Who lets a plain mutex go and wants it again would mostly have it before one who sleeps on it is
 * awake, however long that one has slept: a thread that listed a key in a loop kept another's write
 * waiting for half a minute. Here, who has slept for a millisecond gets in line, and then nobody
 * comes in past the line. Without a line it costs what a plain one does.
 */
#ifndef PWK_REGISTRY_FAIR_MUTEX_H
#define PWK_REGISTRY_FAIR_MUTEX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct fair_mutex {
    pthread_mutex_t mutex;
    pthread_mutex_t line; /* held by the first in line, until it has the mutex */
    atomic_uint in_line;
};

void fair_mutex_init(struct fair_mutex *mutex);
void fair_mutex_finish(struct fair_mutex *mutex);
void fair_mutex_take(struct fair_mutex *mutex);
/* Past the line, for who ends the process; false after so many seconds. */
bool fair_mutex_take_at_the_end(struct fair_mutex *mutex, unsigned seconds);
void fair_mutex_give(struct fair_mutex *mutex);

#endif
