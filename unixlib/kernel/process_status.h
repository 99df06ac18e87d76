/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_status.h - what Linux says of a process or a thread in /proc/PID/status and
 * /proc/PID/stat (proc(5)).
 */
#ifndef PWK_KERNEL_PROCESS_STATUS_H
#define PWK_KERNEL_PROCESS_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pwk_status_field {
    const char *name; /* "Tgid" */
    char value[384];  /* what stands behind it, without the blanks before; "": no such line */
};

/* Reads the fields of the thread or process `pid`, in one look at it: 0, or a negative errno of the
 * file's (-ENOENT and -ESRCH: it has gone). Any thread; no signal handler. */
int pwk_process_status(pid_t pid, struct pwk_status_field *fields, size_t count);

/* The number that a field begins with, to the base; `otherwise` where it cannot be read. */
uint64_t pwk_process_status_number(pid_t pid, const char *name, int base, uint64_t otherwise);

struct pwk_process_stat {
    char state;
    pid_t parent;
    uint64_t user, system; /* clock ticks used by it, */
    uint64_t children;     /* and by those that it has waited for, and theirs */
    uint64_t started;      /* clock ticks after boot */
};

/* Takes the line of a file `stat` apart; false where it is none. Async-signal-safe. */
bool pwk_process_stat_read(const char *line, struct pwk_process_stat *stat);

#endif
