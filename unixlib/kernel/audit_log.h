/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_log.h - the file of the audit log: JSON Lines, written by several processes. Who writes
 * holds a lock on the file (flock), which ends with its process; it is never waited for. So a
 * torn line is seen and ended by the next writer, a log that has grown too large is renamed by one
 * writer, and after a crash it is known what had been written.
 */
#ifndef PWK_KERNEL_AUDIT_LOG_H
#define PWK_KERNEL_AUDIT_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/error.h"

struct audit_log {
    int fd;         /* -1: none */
    uint64_t limit; /* bytes; 0: it may grow without bound */
    /* Of the file behind `fd`, for who holds the lock. */
    uint64_t inode;
    uint64_t size;
    uint64_t whole; /* a size at which a line ends; 0: none is known */
    char path[PATH_MAX];
};

/* Opens `path` for append (made where missing, mode 0600; no symbolic link). */
int audit_log_open(struct audit_log *log, const char *path, struct pwk_error *error);
void audit_log_close(struct audit_log *log);

/* Opens another file of the user's choice for append: a regular one or a terminal, no pipe, which
 * would stop the program when its reader goes. */
int audit_log_open_other(const char *path, int *fd, struct pwk_error *error);

/* Takes the lock of the log that `path` names now: another writer may have renamed it, or somebody
 * removed it. -EAGAIN where another one holds it. */
int audit_log_lock(struct audit_log *log);
void audit_log_unlock(struct audit_log *log);

/* ---- with the lock held ---- */

/* Makes ready for `size` more bytes: renames a log that they would make too large to PATH.1, and
 * ends a line that was left torn. Where the next byte will stand and in which file, or a negative
 * errno. */
int audit_log_prepare(struct audit_log *log, size_t size, uint64_t *offset, uint64_t *inode);

/* Appends lines; how many bytes of them got in. */
size_t audit_log_append(struct audit_log *log, const char *text, size_t size);

/* What stands behind `offset` in the file with this inode, which is the log or PATH.1; NULL where
 * there is no such file, or no memory. To be freed by the caller. */
char *audit_log_read_from(struct audit_log *log, uint64_t inode, uint64_t offset, size_t *size);

#endif
