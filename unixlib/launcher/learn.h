/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * learn.h - from the records of an audit log to the profile that would have allowed what they tell
 * of.
 */
#ifndef PWK_LAUNCHER_LEARN_H
#define PWK_LAUNCHER_LEARN_H

#include <jansson.h>
#include <stdbool.h>

#include "kernel/profile.h"
#include "sandbox/policy_built_in.h"

struct pwk_learning {
    size_t records; /* on Linux calls */
    size_t unknown; /* of those, how many name no call of x86-64 */
    char first[40]; /* time of the first and the last */
    char last[40];
    bool logged;     /* calls were recorded that the policy let through */
    bool strict;     /* programs ran under the strict profile */
    char windows[8]; /* as the kernel last started; "": not told */
    char registry[16];
    bool calls[PWK_POLICY_CALLS]; /* seen, by number */
};

/* Zeros make a learning that knows nothing. */
void pwk_learn_record(struct pwk_learning *learning, json_t *record);

/* Changes `profile`, under which the programs ran, to one that allows what was seen: where calls
 * were logged, or the strict profile was in force, all that neither was seen nor is allowed in
 * `profile` by name is refused. -E2BIG where there are too many rules. */
int pwk_learn_profile(const struct pwk_learning *learning, struct pwk_profile *profile,
                      struct pwk_error *error);

#endif
