/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory_limiter.c - memory limiters: what a program puts into a kernel's private_data and
 * pk_attach carries out with a resource limit of the process (setrlimit(2), RLIMIT_DATA).
 */
#include "kernel/syscall_handlers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

struct limiter {
    struct limiter *next;
    size_t bytes;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct limiter *limiters;

void *create_memory_limiter(size_t bytes)
{
    struct limiter *limiter;

    if (bytes == 0) {
        errno = EINVAL;
        return NULL;
    }
    limiter = malloc(sizeof(*limiter));
    if (limiter != NULL) {
        limiter->bytes = bytes;
        pthread_mutex_lock(&mutex);
        limiter->next = limiters;
        limiters = limiter;
        pthread_mutex_unlock(&mutex);
    }
    return limiter;
}

/* Looks among those that live: the pointer itself may be anything. Mutex held. */
static struct limiter **find(const void *pointer)
{
    struct limiter **link = &limiters;

    while (*link != NULL && *link != pointer) {
        link = &(*link)->next;
    }
    return link;
}

void destroy_memory_limiter(void *pointer)
{
    pthread_mutex_lock(&mutex);
    struct limiter **link = find(pointer);
    struct limiter *found = *link;
    if (found != NULL) {
        *link = found->next;
    }
    pthread_mutex_unlock(&mutex);
    free(found);
}

bool pk_memory_limiter_find(const void *pointer, size_t *bytes)
{
    pthread_mutex_lock(&mutex);
    const struct limiter *found = *find(pointer);
    if (found != NULL) {
        *bytes = found->bytes;
    }
    pthread_mutex_unlock(&mutex);
    return found != NULL;
}

int pk_memory_limit_apply(pid_t pid, size_t bytes)
{
    struct rlimit limit;

    if (prlimit(pid, RLIMIT_DATA, NULL, &limit) < 0) {
        return -errno;
    }
    if (limit.rlim_max > bytes) {
        limit.rlim_max = bytes;
    }
    if (limit.rlim_cur > limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
    }
    return prlimit(pid, RLIMIT_DATA, &limit, NULL) < 0 ? -errno : 0;
}
