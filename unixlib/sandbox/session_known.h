/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_known.h - session.init in a session's run-time folder: who its first process is, and what
 * the session is like. It is believed only while the session's lock says that it cannot be at its
 * end, and only of a process that started when the file says.
 */
#ifndef PWK_SANDBOX_SESSION_KNOWN_H
#define PWK_SANDBOX_SESSION_KNOWN_H

#include "sandbox/session.h"

struct pwk_session_known {
    int pid; /* of process 1, outside */
    unsigned long long started, namespace;
    char group[PATH_MAX];           /* folder of its control group, or "" */
    char shape[2 * PATH_MAX + 256]; /* pwk_session_shape of the plan that began it */
};

/* What of a plan a session cannot change while it is up, in words. */
void pwk_session_shape(const struct pwk_session_plan *plan, char *text, size_t capacity);

/* Written by a process whose children are in the session's process namespace. */
int pwk_session_known_write(const struct pwk_session_plan *plan, pid_t pid, const char *group);
/* 0, or -ESRCH where there is no such file. */
int pwk_session_known_read(const char *runtime, struct pwk_session_known *known);
/* The same, and answers a pidfd of process 1, or -ESRCH where it has gone. */
int pwk_session_known_find(const char *runtime, struct pwk_session_known *known);

/* -EBUSY, with both in words, where the session is another than the plan asks for: who is promised
 * a wall must not be let into a session without it. */
int pwk_session_known_check(const struct pwk_session_known *known,
                            const struct pwk_session_plan *plan, struct pwk_error *error);

#endif
