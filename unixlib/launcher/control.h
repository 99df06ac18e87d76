/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.h - the commands of pwkctl. Each is called with its own name as argv[0], prints what it
 * has to say to stdout and what is wrong to stderr, and returns the exit status.
 */
#ifndef PWK_LAUNCHER_CONTROL_H
#define PWK_LAUNCHER_CONTROL_H

#include <limits.h>
#include <stdbool.h>

#include "kernel/error.h"
#include "kernel/process_table.h"

#define CONTROL_OK 0
#define CONTROL_FAILED 1
#define CONTROL_USAGE 2

/* control_kernels.c */
int control_ps(int argc, char *const argv[]);
int control_stats(int argc, char *const argv[]);
int control_remove(int argc, char *const argv[]);
int control_env(int argc, char *const argv[]);

/* control_audit.c */
int control_audit(int argc, char *const argv[]);

/* control_profile.c */
int control_profile(int argc, char *const argv[]);

/* control_attach.c */
int control_attach(int argc, char *const argv[]);
int control_detach(int argc, char *const argv[]);

/* control_registry.c */
int control_registry(int argc, char *const argv[]);

/* control_files.c */
int control_files(int argc, char *const argv[]);

/* control_export.c, control_import.c, control_diff.c, control_check.c: subcommands of registry;
 * `words` stand behind their name. They answer CONTROL_USAGE without a line of their own. */
int control_export(const char *kernel, int count, char *const words[]);
int control_import(const char *kernel, int count, char *const words[]);
int control_diff(const char *kernel, int count, char *const words[]);
int control_check(const char *kernel, int count, char *const words[]);

/* control_registry_commit.c: the same. */
int control_registry_commit(const char *kernel, int count, char *const words[]);
int control_registry_discard(const char *kernel, int count, char *const words[]);

/* A line on stderr where the kernel has changes of the other kind, which would be forgotten: how
 * many, and how they are committed. (control_left.c, control_files.c) */
void control_tell_registry_left(const char *kernel);
void control_tell_files_left(const char *kernel);

/* doctor.c */
int control_doctor(int argc, char *const argv[]);

/* ---- what the commands share: control_common.c ---- */

/* One line on stderr; returns `status`. */
int control_fail(int status, const struct pwk_error *error);
int control_usage(const char *usage);

/* Takes --json, where it is given, and `operands` other words, which it writes to `words`. False
 * when there are more, fewer or other ones. */
bool control_words(int argc, char *const argv[], bool *json, const char **words, int operands);

/* A kernel that exists: its state, and where its run-time files are: those of processes in the
 * shared session, and those of a session of its own. An ephemeral kernel has one folder for both,
 * and then the second path is "". */
#define CONTROL_PLACES 2
struct control_kernel {
    char state[PATH_MAX];
    char runtime[CONTROL_PLACES][PATH_MAX];
};
int control_find_kernel(struct control_kernel *kernel, const char *name, struct pwk_error *error);

/* control_places.c */

/* Opens the table of processes in one of the places; -ENOENT where there is none. Until it is
 * closed the numbers in that place's files are read as this process's (a session has others).
 * `nobody`, which may be NULL, tells whether no process of the kernel runs there. */
int control_open_table(const struct control_kernel *kernel, size_t place,
                       pwk_process_table_t **table, bool *nobody, struct pwk_error *error);
void control_close_table(pwk_process_table_t *table);

/* Sees to it that no session of the kernel's begins while the answered descriptor is open; -EBUSY
 * where one is up. */
int control_hold_off(const struct control_kernel *kernel, struct pwk_error *error);

/* 0, or -EBUSY where processes run under the kernel, or its session is still up. */
int control_check_nobody_runs(const struct control_kernel *kernel, const char *name,
                              struct pwk_error *error);

#endif
