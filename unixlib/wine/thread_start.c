/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thread_start.c - see thread_start.h.
 */
#include "wine/thread_start.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

typedef int (*creator)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

struct start {
    void *(*routine)(void *);
    void *argument;
};

static thread_arming arming;

void pwk_threads_start_with(thread_arming arm)
{
    arming = arm;
}

static void *start_armed(void *context)
{
    struct start start = *(struct start *)context;

    free(context);
    arming();
    return start.routine(start.argument);
}

/* Any thread; signals and attributes are the caller's affair, as ever. */
__attribute__((visibility("default"))) int pthread_create(pthread_t *restrict thread,
                                                          const pthread_attr_t *restrict attributes,
                                                          void *(*routine)(void *),
                                                          void *restrict argument)
{
    static creator create;
    struct start *start;
    int result;

    if (!create && !(create = (creator)dlsym(RTLD_NEXT, "pthread_create")))
        return EAGAIN;
    if (!arming)
        return create(thread, attributes, routine, argument);
    start = malloc(sizeof *start);
    if (!start)
        return EAGAIN;
    *start = (struct start){routine, argument};
    result = create(thread, attributes, start_armed, start);
    if (result)
        free(start);
    return result;
}
