/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape_notify.h - ways round the supervisor, with a real one.
 */
#ifndef PWK_TESTS_ESCAPE_NOTIFY_H
#define PWK_TESTS_ESCAPE_NOTIFY_H

#include "escape.h"
#include "sandbox/policy.h"

void escape_try_notifications(void);

/* ---- of the frame (escape_main.c) ---- */

void escape_resolve(const struct escape *escape, bool out, struct pwk_policy *policy);
void escape_report(const char *name, int with_rule, int without_rule);

#endif
