/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_held.c - see session_held.h.
 */
#include "sandbox/session_held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Of the file's bytes a session locks the first alone, and who keeps sessions from beginning the
 * second too. */
#define SESSION_BYTES 1
#define WORK_BYTES 2

#define PAUSE_NANOSECONDS 10000000

/* A descriptor of what is really a file, or a negative errno. */
static int open_file(const char *state, int flags)
{
    char path[PATH_MAX + 16];
    struct stat st;
    int fd;

    snprintf(path, sizeof(path), "%s/" PWK_SESSION_HELD, state);
    fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return -ENOTSUP;
}

static void read_runtime(int fd, char runtime[PATH_MAX])
{
    ssize_t size = pread(fd, runtime, PATH_MAX - 1, 0);

    runtime[size > 0 ? size : 0] = '\0';
    runtime[strcspn(runtime, "\n")] = '\0';
}

int pwk_session_held_fail(const char *runtime, struct pwk_error *error)
{
    if (runtime[0] == '\0')
        return pwk_error_set(
            error, -EBUSY,
            "the kernel's files or registry are just worked on (pwkctl): try again "
            "when that is done");
    return pwk_error_set(error, -EBUSY,
                         "the kernel's own session is up with its run-time files in %s: use the "
                         "XDG_RUNTIME_DIR that it was begun with, or end its programs first",
                         runtime);
}

/* Written anew under the lock. */
static int write_runtime(int fd, const char *runtime)
{
    char line[PATH_MAX + 1];
    int length = snprintf(line, sizeof(line), "%s\n", runtime);

    if (length >= (int)sizeof(line))
        return -ENAMETOOLONG;
    if (ftruncate(fd, 0) < 0)
        return -errno;
    return pwrite(fd, line, (size_t)length, 0) == length ? 0 : -EIO;
}

static bool is_worked_on(int fd)
{
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = SESSION_BYTES,
                         .l_len = WORK_BYTES - SESSION_BYTES};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* -EBUSY where somebody has it whom this caller does not wait for. */
static int lock_file(int fd, bool session)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = session ? SESSION_BYTES : WORK_BYTES};

    while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        if (errno != EAGAIN && errno != EACCES)
            return -errno;
        if (!session || !is_worked_on(fd))
            return -EBUSY;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANOSECONDS}, NULL);
    }
    return 0;
}

int pwk_session_held_take(const char *state, const char *runtime, struct pwk_error *error)
{
    int fd = open_file(state, O_RDWR | O_CREAT), result;
    char other[PATH_MAX] = "";

    result = fd < 0 ? fd : lock_file(fd, runtime[0] != '\0');
    if (result == -EBUSY) {
        if (!is_worked_on(fd))
            read_runtime(fd, other);
        pwk_session_held_fail(other, error);
    } else {
        if (result == 0)
            result = write_runtime(fd, runtime);
        if (result < 0)
            pwk_error_set(error, result,
                          "%s/" PWK_SESSION_HELD " cannot be locked: %s; remove it where it is no "
                          "file",
                          state, strerror(-result));
    }
    if (result == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return result;
}

int pwk_session_held_by(const char *state, char runtime[PATH_MAX])
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = SESSION_BYTES};
    int fd = open_file(state, O_RDONLY), result = -ESRCH;

    runtime[0] = '\0';
    if (fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
        result = is_worked_on(fd) ? -EBUSY : 0;
        if (result == 0)
            read_runtime(fd, runtime);
    }
    if (fd >= 0)
        close(fd);
    return result;
}
