/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_held.h - a kernel has one session, whatever run-time folder it is started with: a file in
 * its state, which no program of the session can reach, is locked as long as one is up, and says
 * where that one's run-time files are.
 *
 * Sources: fcntl(2), "Open file description locks".
 */
#ifndef PWK_SANDBOX_SESSION_HELD_H
#define PWK_SANDBOX_SESSION_HELD_H

#include <limits.h>

#include "kernel/error.h"

/* In the kernel's state. */
#define PWK_SESSION_HELD "session.up"

/* Takes the lock for a session with its run-time files in `runtime`, which waits for who keeps
 * sessions from beginning; or, where that is "", to do so. It stands until the answered descriptor
 * is closed in all processes that have inherited it. -EBUSY with a line that says who has it, or
 * another negative errno. */
int pwk_session_held_take(const char *state, const char *runtime, struct pwk_error *error);

/* 0 where a session of the kernel is up: `runtime` is where its run-time files are. -EBUSY where
 * one is kept from beginning, and `runtime` is "". -ESRCH where neither is. Takes no lock. */
int pwk_session_held_by(const char *state, char runtime[PATH_MAX]);

/* Writes the line for what pwk_session_held_by has found; answers -EBUSY. */
int pwk_session_held_fail(const char *runtime, struct pwk_error *error);

#endif
