/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_end.c - see server_end.h. A thread that is none of Wine's sleeps until the other end of
 * the connection is closed.
 */
#include "wine/server_end.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define STACK_SIZE (64u * 1024)

static void *wait_for_end(void *argument)
{
    struct pollfd connection = {.fd = (int)(intptr_t)argument};

    /* With no events asked for, only the end is one. */
    while (poll(&connection, 1, -1) <= 0)
        continue;
    _exit(1);
}

static bool start(int connection)
{
    pthread_attr_t attributes;
    pthread_t thread;
    bool made;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    made = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
           pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
           pthread_create(&thread, &attributes, wait_for_end, (void *)(intptr_t)connection) == 0;
    pthread_attr_destroy(&attributes);
    return made;
}

void pwk_server_end_follow(int connection)
{
    int own = fcntl(connection, F_DUPFD_CLOEXEC, 0); /* Wine may close its own */
    sigset_t all, before;

    /* Wine's handlers expect a thread of Wine's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (own < 0 || !start(own))
        _exit(1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
