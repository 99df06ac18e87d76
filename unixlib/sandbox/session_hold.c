/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_hold.c - keeps a kernel's session from beginning, for who works on what it would use.
 */
#include "sandbox/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "sandbox/session_held.h"

/* True while a first process is there. */
static bool is_up(const char *runtime)
{
    int init = pwk_session_find(runtime, NULL);

    if (init >= 0)
        close(init);
    return init >= 0;
}

/* Nobody has a program in a session with this run-time folder, or is about to. */
static int lock_runtime(const char *runtime, struct pwk_error *error)
{
    char path[PATH_MAX];
    int fd, code;

    if (snprintf(path, sizeof(path), "%s/%s", runtime, PWK_SESSION_LOCK) >= (int)sizeof(path))
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", runtime);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return pwk_error_set(error, -errno, "%s cannot be opened: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (!is_up(runtime))
            return fd;
        errno = EWOULDBLOCK;
    }
    code = errno == EWOULDBLOCK ? -EBUSY : -errno;
    close(fd);
    if (code == -EBUSY)
        return pwk_error_set(error, code,
                             "the kernel's session is up (see pwkctl ps; it ends some seconds "
                             "after its last program), or its files are just worked on: end its "
                             "programs first");
    return pwk_error_set(error, code, "%s cannot be locked: %s", path, strerror(-code));
}

int pwk_session_hold_off(const char *runtime, const char *state, struct pwk_error *error)
{
    int lock = lock_runtime(runtime, error), held;

    if (lock < 0)
        return lock;
    held = pwk_session_held_take(state, "", error);
    close(lock);
    return held;
}
