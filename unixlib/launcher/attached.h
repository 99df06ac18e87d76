/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attached.h - processes that pwkctl has attached kernels to: each has a supervisor, which listens
 * at a socket in the folder of run-time files, named by the process's number.
 */
#ifndef PWK_LAUNCHER_ATTACHED_H
#define PWK_LAUNCHER_ATTACHED_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/error.h"

struct pwk_attached {
    pid_t pid, supervisor;
    uint64_t served, refused; /* calls */
    char kernel[64];
    char program[128];
    char state[PATH_MAX]; /* of the kernel */
};

/* What a supervisor is asked: one byte. It answers both with its struct pwk_attached. */
enum pwk_attached_request { PWK_ATTACHED_TELL = 't', PWK_ATTACHED_DETACH = 'd' };

/* The supervisor's socket; made anew where an earlier one has left it. -EBUSY: somebody listens. */
int pwk_attached_listen(pid_t pid, struct pwk_error *error);
void pwk_attached_unlink(pid_t pid);

/* Takes a connection of the same user's and its request; the connection, or a negative errno where
 * it is none of ours. */
int pwk_attached_accept(int socket, enum pwk_attached_request *request);

/* Asks the supervisor of `pid`. -ESRCH: there is none. */
int pwk_attached_ask(pid_t pid, enum pwk_attached_request request, struct pwk_attached *answer,
                     struct pwk_error *error);

/* Calls `show` for each process that is attached. */
int pwk_attached_each(void (*show)(void *context, const struct pwk_attached *attached),
                      void *context, struct pwk_error *error);

#endif
