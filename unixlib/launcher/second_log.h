/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * second_log.h - the log that --audit names, for a program in a session of the kernel's own. Nobody
 * in there can reach the user's file, nor the kernel's log; pwk-wine, which stays outside until the
 * program has ended, copies what the kernel's log grows by meanwhile.
 */
#ifndef PWK_LAUNCHER_SECOND_LOG_H
#define PWK_LAUNCHER_SECOND_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "kernel/boot_record.h"
#include "kernel/error.h"

struct pwk_second_log {
    bool open;
    int to;   /* the user's file */
    int from; /* the kernel's log, or -1 where there is none yet */
    off_t at; /* in it: what stands before has been copied */
    char path[PATH_MAX];
};

/* Opens the file that the record names and notes how long the kernel's log is. Nothing where it
 * names none, or the level is off. 0 or a negative errno. */
int pwk_second_log_open(struct pwk_second_log *log, const struct pwk_boot_record *record,
                        struct pwk_error *error);

/* Copies the whole lines that have been added, also where the kernel's log was renamed once. What
 * cannot be written is tried again the next time. */
void pwk_second_log_follow(struct pwk_second_log *log);

/* When the program has ended: has what waits in the processes' rings written to the kernel's log,
 * so that it is there when pwk-wine ends, copies it too, and closes. Also where none is open. */
void pwk_second_log_finish(struct pwk_second_log *log, const struct pwk_boot_record *record);

#endif
