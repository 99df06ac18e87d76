/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * confine_calls.h - the Linux calls of a confined process (confine.h).
 */
#ifndef PWK_SANDBOX_CONFINE_CALLS_H
#define PWK_SANDBOX_CONFINE_CALLS_H

/* For all threads of the process and for good; no_new_privs must be set. 0 or a negative errno. */
int pwk_confine_calls(void);

#endif
