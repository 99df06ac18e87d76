/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_files.h - what the subcommands of pwkctl files share.
 */
#ifndef PWK_LAUNCHER_CONTROL_FILES_H
#define PWK_LAUNCHER_CONTROL_FILES_H

#include <limits.h>
#include <stdbool.h>

#include "kernel/error.h"
#include "launcher/control.h"
#include "launcher/files_layer.h"

/* One command at work. */
struct control_files {
    char prefix[PATH_MAX];
    struct files_layer layer;
    int files, lock; /* the kernel's files/, and what holds its session off, or -1 */
    struct pwk_error error;
};

/* ---- control_files_show.c ---- */

/* One line an entry: A, M or D, kind, size before and after, path, and in brackets what else is
 * changed or special. Control characters and what is no UTF-8 are shown as \xHH, "\" as "\\". */
void control_files_print(const struct files_entry *entry);

/* All entries that are changes; the session's own too where `noise`. False where JSON cannot be
 * written. */
bool control_files_diff(const struct files_layer *layer, bool noise, bool json);

/* Why an entry was left, on stderr. */
void control_files_print_left(const struct files_entry *entry);

/* ---- control_files_list.c ---- */

/* The folder or file `path` ("": the prefix) as the kernel sees it. 0 or a negative errno. */
int control_files_list(struct control_files *files, const char *path, bool json);

#endif
