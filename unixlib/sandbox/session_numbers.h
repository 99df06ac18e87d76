/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_numbers.h - the numbers of a session's processes: each has one inside, by which the
 * session's own files name it, and one outside, by which everybody else does.
 *
 * Source: pid_namespaces(7); "NSpid" in proc(5).
 */
#ifndef PWK_SANDBOX_SESSION_NUMBERS_H
#define PWK_SANDBOX_SESSION_NUMBERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pwk_session_numbers {
    size_t count;
    struct {
        pid_t inside, outside;
    } * pairs; /* owned */
};

/* All processes whose process namespace has this inode number, as they are now. 0 or -ENOMEM; ends
 * with pwk_session_numbers_finish in any case. */
int pwk_session_numbers_read(struct pwk_session_numbers *numbers, uint64_t namespace);
void pwk_session_numbers_finish(struct pwk_session_numbers *numbers);

/* The number outside, or 0. `context` is a struct pwk_session_numbers (pwk_process_number). */
pid_t pwk_session_number_outside(void *context, pid_t inside);

#endif
