/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * data_limit.h - the part of a memory limit that Linux does not keep: private fixed mappings, whose
 * pages it takes off the size before it looks at RLIMIT_DATA, whatever they were. In address space
 * that Wine has reserved memory would cost nothing.
 *
 * What is allowed is made by the thread afterwards, so that what other threads have been allowed
 * and have not made yet counts as made.
 *
 * Sources: mmap(2), getrlimit(2), proc(5).
 */
#ifndef PWK_SANDBOX_DATA_LIMIT_H
#define PWK_SANDBOX_DATA_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox/notify_loop.h"

#define PWK_DATA_ALLOWED 64 /* mappings at once; of more the oldest count as made */

struct pwk_data_limit {
    size_t bytes; /* 0: no limit */
    size_t count;
    struct pwk_data_allowed {
        pid_t pid, tid;
        uint64_t start, end;
        uint64_t time; /* CLOCK_MONOTONIC, ns */
    } allowed[PWK_DATA_ALLOWED];
};

/* Whether the call must not be made. Where it may, it is to be let through at once. Calls that are
 * no such mappings may. One thread. */
bool pwk_data_limit_exceeded(struct pwk_data_limit *limit, const struct pwk_notification *call);

#endif
