/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * detached.c - see detached.h.
 */
#include "launcher/detached.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool let_go(const int *fds, size_t count)
{
    const int end = PWK_DETACHED_FIRST + (int)count;
    int high[PWK_DETACHED_FDS], null = open("/dev/null", O_RDWR);

    for (size_t i = 0; i < count; i++)
        if ((high[i] = fcntl(fds[i], F_DUPFD, end)) < 0)
            return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            return false;
    for (size_t i = 0; i < count; i++)
        if (dup3(high[i], PWK_DETACHED_FIRST + (int)i, O_CLOEXEC) < 0)
            return false;
    return close_range((unsigned)end, ~0u, 0) == 0 && chdir("/") == 0;
}

int pwk_detached_start(const char *name, const int *fds, size_t count, void (*run)(void *context),
                       void *context)
{
    pid_t child = count > PWK_DETACHED_FDS ? -1 : fork();
    int status = 0;
    sigset_t none;

    if (child < 0)
        return count > PWK_DETACHED_FDS ? -EINVAL : -errno;
    if (child == 0) {
        if (setsid() < 0 || (child = fork()) != 0)
            _exit(child > 0 ? 0 : 1);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_NAME, name);
        if (let_go(fds, count))
            run(context);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status != 0 ? -EAGAIN : 0;
}
