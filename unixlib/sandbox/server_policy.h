/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_policy.h - the Linux policy of an own session's wineserver: a built-in program that allows
 * what wineserver needs (policy_groups.c), and nothing else: all other calls answer an errno.
 */
#ifndef PWK_SANDBOX_SERVER_POLICY_H
#define PWK_SANDBOX_SERVER_POLICY_H

#include "kernel/error.h"

/* Arms it and executes `path` under it, which can execute nothing more: the one call is let through
 * for a secret in registers that execve(2) takes no notice of, and that nobody knows afterwards.
 * Answers only on error, a negative errno: the process must end. `path` is to be a binary, since a
 * script's interpreter could not execute what the script names. */
int pwk_server_policy_execute(const char *path, char *const arguments[], struct pwk_error *error);

#endif
