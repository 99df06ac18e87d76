/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_lay.h - words laid over each other, one at a time. Of the policy's own files only.
 */
#ifndef PWK_SANDBOX_POLICY_LAY_H
#define PWK_SANDBOX_POLICY_LAY_H

#include "sandbox/policy.h"

struct pwk_policy_laying {
    struct pwk_policy *policy;
    /* by number */
    bool single[PWK_POLICY_CALLS]; /* named by itself */
    bool essential[PWK_POLICY_CALLS];
    bool untrappable[PWK_POLICY_CALLS];
};

void pwk_policy_lay_begin(struct pwk_policy_laying *laying, struct pwk_policy *policy);

/* The line in `error` says what is wrong, not where. */
int pwk_policy_lay_word(struct pwk_policy_laying *laying, const struct pwk_syscall_rule *rule,
                        struct pwk_error *error);

/* True where the call is named by itself, and allowed. */
bool pwk_policy_laid_open(const struct pwk_policy_laying *laying, const char *name);

#endif
