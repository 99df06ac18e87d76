/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * privileges.h - a process of a session starts without any: its user is the caller's, but root of
 * the session's user namespace could take the view apart again.
 */
#ifndef PWK_SANDBOX_PRIVILEGES_H
#define PWK_SANDBOX_PRIVILEGES_H

/* Gives up every capability of the calling thread but the mark (mark.h), for itself and whatever it
 * executes, and the way to get any (no_new_privs, bounding set, securebits). 0 or a negative errno.
 * Source: capabilities(7). */
int pwk_privileges_drop(void);

#endif
