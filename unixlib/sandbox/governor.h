/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * governor.h - holds a session to a share of the processors and of the disks where no control group
 * can: the session's first process looks, many times a second, at what all others have used, and
 * stops all of them together while they are ahead of their budget.
 *
 * Stopping everybody at once, wineserver with its clients, keeps what they wait for from each
 * other in step; and nobody is left in the session who could continue somebody. What is used ahead
 * (a burst, what is used between two looks) is paid back by a longer stop, so that over seconds the
 * share is kept however noisy the machine. The first process is process 1 of the session's process
 * namespace: if it is killed everything ends, so nothing can stay stopped.
 *
 * What escapes the count: the processor time of a process that lives for less than one look and
 * whose parent has said that it does not want to know of its end (SIGCHLD ignored); bytes that the
 * page cache answers are no disk I/O.
 *
 * Sources: proc(5) ("stat", "io", "status"), clock_getcpuclockid(3), kill(2), signal(7).
 */
#ifndef PWK_SANDBOX_GOVERNOR_H
#define PWK_SANDBOX_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

struct pwk_governor; /* of one thread */

/* `cpu`: percent of one processor; `io`: bytes a second read and written; 0: not limited. To be
 * called by process 1 of a process namespace whose /proc is mounted, and which shall not be
 * signalled by kill(-1) itself. NULL without memory. It ends with the process. */
struct pwk_governor *pwk_governor_start(unsigned cpu, uint64_t io);

/* Looks once, stops or continues what has to be. Answers after how many nanoseconds it wants to
 * look again, at most 50 ms. */
uint64_t pwk_governor_look(struct pwk_governor *governor);

#endif
