/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * keeper.h - what stays behind when a supervisor has let a process go: a small process that lets
 * every notified call through, until the last process under the filter has ended. It holds the
 * listener alone: when it is killed, Linux answers the calls with -ENOSYS, and nothing hangs.
 */
#ifndef PWK_SANDBOX_KEEPER_H
#define PWK_SANDBOX_KEEPER_H

/* Starts a keeper for `listener`, which stays the caller's, to be closed where this succeeds.
 * Answers a socket by which pwk_keeper_take asks for the listener, or a negative errno; the keeper
 * goes on without it when it is closed. No loop may read the listener meanwhile. */
int pwk_keeper_start(int listener);

/* Ends the keeper behind `socket`, which is closed, and takes its listener over: that, or a
 * negative errno where the keeper has gone (-ENOTCONN) or cannot answer. */
int pwk_keeper_take(int socket);

#endif
