/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_internal.h - what beginning a session (session.c) and joining it (session_join.c) share.
 */
#ifndef PWK_SANDBOX_SESSION_INTERNAL_H
#define PWK_SANDBOX_SESSION_INTERNAL_H

#include "sandbox/session.h"

#define PWK_SESSION_TRIES 3

/* What a process that was started for it tells: 0, or an error with its line. */
struct pwk_session_report {
    int result;
    struct pwk_error error;
};

/* Answers `code`, with a line that names the session, `what` and the code's words. */
int pwk_session_fail(struct pwk_error *error, int code, const char *what);

/* A descriptor or -1 with errno. */
int pwk_session_pidfd(pid_t pid);

/* The namespaces that the session does not share with the machine: CLONE_NEW*. */
int pwk_session_namespaces(const struct pwk_session_plan *plan);

#endif
