/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_orphans.h - processes of a session that wait for what will never come. A Windows process
 * is made suspended, and its maker lets it go: when that is killed in between, the child waits for
 * ever, and wineserver with it, which counts it as a program at work. And wineserver waits for its
 * first client where that was killed after it had started it.
 */
#ifndef PWK_SANDBOX_SESSION_ORPHANS_H
#define PWK_SANDBOX_SESSION_ORPHANS_H

#include <stdint.h>

/* All zero at first. */
struct pwk_session_orphans {
    uint64_t look_at; /* nanoseconds */
    unsigned looks;   /* how many, one after the other, have found nothing else in the session */
};

/* To be called again and again by the session's first process, `now` being nanoseconds of a clock
 * and `lock` the session's lock, which launchers hold. Where for some seconds no launcher has been
 * there, and no process but Wine's own and such as have not run any of their program's code, it
 * ends these; wineserver then ends the rest in order. Where there has been none but wineserver, that
 * is told to end. */
void pwk_session_orphans_look(struct pwk_session_orphans *orphans, int lock, uint64_t now);

#endif
