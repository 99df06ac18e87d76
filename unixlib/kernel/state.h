/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.h - where things are: the Wine prefix, a kernel's state in it, and run-time files.
 */
#ifndef PWK_KERNEL_STATE_H
#define PWK_KERNEL_STATE_H

#include <limits.h>
#include <stdbool.h>

#include "kernel/error.h"

/* 0 where `name` may name a kernel: 1 to 63 of A-Z a-z 0-9 . _ -, not starting with a dot or
 * dash. -EINVAL otherwise. */
int pwk_kernel_name_check(const char *name, struct pwk_error *error);

/* $WINEPREFIX, else ~/.wine; absolute (relative paths are refused, as Wine refuses them). */
int pwk_prefix_path(char path[PATH_MAX], struct pwk_error *error);

/* The prefix's pwk/kernels/NAME. With `create`, it and store/ are made (mode 0700). */
int pwk_state_path(const char *prefix, const char *name, bool create, char path[PATH_MAX],
                   struct pwk_error *error);

/* Makes a state that is no kernel's yet: pwk/kernels/FOLDER and store/ in it; `folder` is a name
 * that no kernel can have. */
int pwk_state_make_apart(const char *prefix, const char *folder, char path[PATH_MAX],
                         struct pwk_error *error);

/* $XDG_RUNTIME_DIR/pwk, else /tmp/pwk-UID: made where missing, mode 0700, owner checked. */
int pwk_runtime_path(char path[PATH_MAX], struct pwk_error *error);

/* The names of all kernels in a prefix, sorted; a NULL-terminated array to be freed with
 * pwk_state_list_free. An absent folder is an empty list. */
int pwk_state_list(const char *prefix, char ***names, struct pwk_error *error);
void pwk_state_list_free(char **names);

/* Removes a kernel's state folder and all in it; never follows a symbolic link. */
int pwk_state_remove(const char *state, struct pwk_error *error);

#endif
