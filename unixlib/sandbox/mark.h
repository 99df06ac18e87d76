/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mark.h - the mark of an own session's processes that its programs must not look into: a
 * capability. Linux lets nobody trace a process, read or write its memory or reach its descriptors
 * who lacks a capability that the process has, be they of one user or not. The one that is taken is
 * worth nothing else: Linux asks for it in the machine's first user namespace alone, and since it
 * is not in the bounding set, who has given it up never gets it again.
 *
 * Who joins a session has it and hands it on to what it executes. The loader gives it up as soon as
 * its policy is armed, before code of Windows' runs; wineserver, which loaders start before that,
 * keeps it.
 *
 * Sources: ptrace(2) ("Ptrace access mode checking"), capabilities(7) (ambient set,
 * CAP_BLOCK_SUSPEND), epoll_ctl(2) (EPOLLWAKEUP).
 */
#ifndef PWK_SANDBOX_MARK_H
#define PWK_SANDBOX_MARK_H

#include <linux/capability.h>
#include <stdbool.h>

#define PWK_MARK CAP_BLOCK_SUSPEND

/* True where the calling thread has the mark, as a process of an own session. */
bool pwk_mark_is_held(void);

/* For a process of one thread that holds the mark, its only capability: neither it nor what it
 * starts has it any more. Makes no call but capset(2). 0 or a negative errno. */
int pwk_mark_give_up(void);

#endif
