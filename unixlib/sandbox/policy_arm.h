/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_arm.h - arming a Linux policy; and for one that is not built in, its way from the
 * launcher, which compiles it, to the process that arms it: a memory file, named by its descriptor
 * in the boot record, through which that process also hands its listener to the supervisor.
 */
#ifndef PWK_SANDBOX_POLICY_ARM_H
#define PWK_SANDBOX_POLICY_ARM_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/error.h"
#include "sandbox/policy_guard.h"

#define PWK_POLICY_MAX (BPF_MAXINSNS - PWK_GUARD_MAX) /* instructions of a program */

/* Arms a program, with the guard before it, on all threads of this process and for all that it
 * starts from now on, for good. `opened`: bits of enum pwk_guard_part. 0 or a negative errno:
 * nothing is armed. */
int pwk_policy_arm(const struct sock_filter *code, size_t length, unsigned opened,
                   struct pwk_error *error);

/* True where a guard stands before this thread's calls: a policy is armed. */
bool pwk_policy_is_armed(void);

/* ---- the memory file ---- */

/* One hand-over of a listener. The process that arms puts its offer into a free place before it
 * has the listener's number, since from then on it can make no call: the supervisor looks for it.
 */
struct pwk_policy_offer {
    _Atomic int32_t pid;      /* of the process; 0: the place is free */
    _Atomic int32_t listener; /* the descriptor + 1; 0: not armed yet */
    _Atomic int32_t answer;   /* the supervisor has it: 1; it cannot: a negative errno */
};

#define PWK_POLICY_OFFERS 64

/* What a policy needs beside its program. */
struct pwk_policy_needs {
    uint32_t opened;  /* bits of enum pwk_guard_part */
    uint32_t listens; /* some calls go to the supervisor */
};

struct pwk_policy_page {
    uint32_t length; /* instructions in `code` */
    struct pwk_policy_needs needs;
    _Atomic uint32_t offered; /* counts offers; the supervisor sleeps on it (futex) */
    struct pwk_policy_offer offers[PWK_POLICY_OFFERS];
    struct sock_filter code[];
};

/* Makes the memory file, close-on-exec; its size is sealed. Returns the descriptor or a negative
 * errno. */
int pwk_policy_file_make(const struct sock_filter *code, size_t length,
                         const struct pwk_policy_needs *needs, struct pwk_error *error);

/* Maps the file behind `fd`. -EINVAL where it is no such file. `page` is to be given back by
 * pwk_policy_page_close. */
int pwk_policy_page_open(int fd, struct pwk_policy_page **page, struct pwk_error *error);
void pwk_policy_page_close(struct pwk_policy_page *page);

/* pwk_policy_arm with the file's program. Where it listens this waits until the supervisor has the
 * listener; a supervisor that does not take it within 10 s has the process killed. On error the
 * process must end: nothing is armed, or nobody answers. */
int pwk_policy_page_arm(struct pwk_policy_page *page, struct pwk_error *error);

#endif
