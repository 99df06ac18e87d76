/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_kernels.h - what the commands on kernels as such share.
 */
#ifndef PWK_LAUNCHER_CONTROL_KERNELS_H
#define PWK_LAUNCHER_CONTROL_KERNELS_H

#include <jansson.h>
#include <stdbool.h>

#include "kernel/error.h"

/* Prints `root`, which it takes over, as one JSON text; the exit status. */
int control_print_json(json_t *root);

/* One line about one of several kernels, since what its programs have done to its files must not
 * keep the others from being told of; CONTROL_FAILED. */
int control_fail_kernel(const char *name, const struct pwk_error *error);

/* control_kernels_all.c: pwkctl ps --all, of the kernels with these names (ended by NULL); the exit
 * status. A kernel that ends meanwhile is left out. */
int control_list_kernels(char *const names[], bool json);

#endif
