/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_log.c - see audit_log.h.
 */
#include "kernel/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OPEN_FLAGS (O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define REOPEN_TRIES 16
#define TORN_TRIES 5
#define TORN_PAUSE 200000        /* nanoseconds */
#define READ_BACK_MAX (1u << 20) /* more than is ever written at once, and then some */

static int open_failed(const char *path, int code, struct pwk_error *error)
{
    return pwk_error_set(error, code,
                         "%s: the audit log cannot be opened (%s); name a file that can be "
                         "written to, or set [audit] level = off",
                         path, strerror(-code));
}

static int wrong_kind(const char *path, struct pwk_error *error)
{
    return pwk_error_set(error, -EINVAL,
                         "%s: the audit log must be a regular file or a terminal; name another",
                         path);
}

/* The log itself is read too: its last byte, and what a writer that was killed had written. */
static int open_own(const char *path)
{
    int fd = open(path, O_RDWR | O_NOFOLLOW | OPEN_FLAGS, 0600);
    struct stat status;

    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return -EINVAL;
    }
    return fd;
}

int audit_log_open(struct audit_log *log, const char *path, struct pwk_error *error)
{
    log->fd = -1;
    log->limit = 0;
    log->whole = 0;
    if (snprintf(log->path, sizeof(log->path), "%s", path) >= (int)sizeof(log->path) - 2) {
        return open_failed(path, -ENAMETOOLONG, error);
    }
    int fd = open_own(path);
    if (fd < 0) {
        return fd == -EINVAL ? wrong_kind(path, error) : open_failed(path, fd, error);
    }
    log->fd = fd;
    return 0;
}

int audit_log_open_other(const char *path, int *out, struct pwk_error *error)
{
    int fd = open(path, O_WRONLY | OPEN_FLAGS, 0600);
    struct stat status;

    if (fd < 0) {
        return open_failed(path, -errno, error);
    }
    if (fstat(fd, &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))) {
        close(fd);
        return wrong_kind(path, error);
    }
    *out = fd;
    return 0;
}

void audit_log_close(struct audit_log *log)
{
    if (log->fd >= 0) {
        close(log->fd);
    }
    log->fd = -1;
}

/* Also notes what the lock's holder works with. */
static bool is_the_named_file(struct audit_log *log)
{
    struct stat mine;
    struct stat named;

    if (fstat(log->fd, &mine) != 0) {
        return false;
    }
    if (log->inode != mine.st_ino) {
        log->whole = 0;
    }
    log->inode = mine.st_ino;
    log->size = (uint64_t)mine.st_size;
    return lstat(log->path, &named) == 0 && mine.st_dev == named.st_dev &&
           mine.st_ino == named.st_ino;
}

/* Under the same number: another thread may be writing to it just now. The lock of the old file is
 * gone with its last descriptor. False where the file can no longer be opened. */
static bool reopen(struct audit_log *log)
{
    int fd = open_own(log->path);

    if (fd < 0) {
        return false;
    }
    bool done = dup3(fd, log->fd, O_CLOEXEC) >= 0;
    close(fd);
    return done;
}

int audit_log_lock(struct audit_log *log)
{
    for (int i = 0; i < REOPEN_TRIES; i++) {
        while (flock(log->fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EINTR) {
                return errno == EWOULDBLOCK ? -EAGAIN : -errno;
            }
        }
        /* A log whose folder is gone from sight goes on as it is. */
        if (is_the_named_file(log) || !reopen(log)) {
            return 0;
        }
    }
    return -EAGAIN;
}

void audit_log_unlock(struct audit_log *log)
{
    flock(log->fd, LOCK_UN);
}

/* Into PATH.1, where the last but one stood. The new file is locked before anybody can write. */
static int rotate(struct audit_log *log)
{
    char old[PATH_MAX + 2];

    snprintf(old, sizeof(old), "%s.1", log->path);
    if (!is_the_named_file(log) || rename(log->path, old) != 0 || !reopen(log)) {
        return -EIO;
    }
    return audit_log_lock(log);
}

/* Whether the last line has no end. One that is just being written has none either, by somebody who
 * could not wait for the lock: it is looked at again. */
static bool is_torn(struct audit_log *log)
{
    const struct timespec pause = {0, TORN_PAUSE};
    struct stat status;
    char last = '\n';

    if (log->size == log->whole) {
        return false;
    }
    for (int i = 0; i < TORN_TRIES; i++) {
        if (pread(log->fd, &last, 1, (off_t)log->size - 1) != 1 || last == '\n') {
            return false;
        }
        nanosleep(&pause, NULL);
        if (fstat(log->fd, &status) == 0) {
            log->size = (uint64_t)status.st_size;
        }
    }
    return true;
}

int audit_log_prepare(struct audit_log *log, size_t size, uint64_t *offset, uint64_t *inode)
{
    if (log->limit != 0 && log->size > 0 && log->size + size > log->limit) {
        int result = rotate(log);
        if (result != 0) {
            return result;
        }
    }
    if (is_torn(log)) {
        if (write(log->fd, "\n", 1) != 1) {
            return -EIO;
        }
        log->size++;
    }
    *offset = log->size;
    *inode = log->inode;
    return 0;
}

/* A file that may not grow (setrlimit) answers with a signal too, which would end the program when
 * it is let through. */
static void take_back_signal(void)
{
    const struct timespec none = {0, 0};
    sigset_t set;
    sigset_t blocked;

    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    if (pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, SIGXFSZ)) {
        sigtimedwait(&set, NULL, &none);
    }
}

size_t audit_log_append(struct audit_log *log, const char *text, size_t size)
{
    ssize_t written;

    do {
        written = write(log->fd, text, size);
    } while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EFBIG) {
        take_back_signal();
    }
    if (written <= 0) {
        return 0;
    }
    log->size += (uint64_t)written;
    log->whole = (size_t)written == size ? log->size : 0;
    return (size_t)written;
}

/* A descriptor of the file with that inode. */
static int find_file(struct audit_log *log, uint64_t inode)
{
    char old[PATH_MAX + 2];
    struct stat status;

    snprintf(old, sizeof(old), "%s.1", log->path);
    for (int i = 0; i < 2; i++) {
        int fd = open(i == 0 ? log->path : old, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && fstat(fd, &status) == 0 && status.st_ino == inode &&
            S_ISREG(status.st_mode)) {
            return fd;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    return -1;
}

char *audit_log_read_from(struct audit_log *log, uint64_t inode, uint64_t offset, size_t *size)
{
    char *text = malloc(READ_BACK_MAX);
    int fd = find_file(log, inode);
    ssize_t got = 1;

    *size = 0;
    while (text != NULL && fd >= 0 && got > 0 && *size < READ_BACK_MAX) {
        got = pread(fd, text + *size, READ_BACK_MAX - *size, (off_t)(offset + *size));
        *size += got > 0 ? (size_t)got : 0;
    }
    if (fd < 0) {
        free(text);
        return NULL;
    }
    close(fd);
    return text;
}
