/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_lay.c - see policy_lay.h; and the words of the built-in policies.
 */
#include "sandbox/policy_lay.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_DEPTH 4 /* groups within groups */

/* ---- names ---- */

int pwk_policy_number(const char *name)
{
    int number = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name);

    for (size_t i = 0; number < 0 && i < pwk_policy_new_call_count; i++)
        if (strcmp(pwk_policy_new_calls[i].name, name) == 0)
            number = pwk_policy_new_calls[i].number;
    return number >= 0 && number < PWK_POLICY_CALLS ? number : -ENOENT;
}

bool pwk_policy_find_name(int number, char name[PWK_SYSCALL_NAME_MAX + 1])
{
    char *found = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);

    name[0] = '\0';
    if (found != NULL)
        snprintf(name, PWK_SYSCALL_NAME_MAX + 1, "%s", found);
    free(found);
    for (size_t i = 0; name[0] == '\0' && i < pwk_policy_new_call_count; i++)
        if (pwk_policy_new_calls[i].number == number)
            snprintf(name, PWK_SYSCALL_NAME_MAX + 1, "%s", pwk_policy_new_calls[i].name);
    return name[0] != '\0';
}

static void mark(bool calls[PWK_POLICY_CALLS], const char *const *names)
{
    for (; *names != NULL; names++) {
        int number = pwk_policy_number(*names);

        if (number >= 0)
            calls[number] = true;
    }
}

/* ---- words ---- */

void pwk_policy_lay_begin(struct pwk_policy_laying *laying, struct pwk_policy *policy)
{
    memset(laying, 0, sizeof(*laying));
    laying->policy = policy;
    mark(laying->essential, pwk_policy_essential);
    mark(laying->untrappable, pwk_policy_untrappable);
}

static int check_call(const struct pwk_policy_laying *laying, const char *name, int number,
                      enum pwk_syscall_action action, struct pwk_error *error)
{
    if (action != PWK_SYSCALL_ALLOW && laying->essential[number])
        return pwk_error_set(
            error, -EINVAL,
            "without %s no process can begin, go on or end: only 'allow' is possible", name);
    if (action == PWK_SYSCALL_TRAP && laying->untrappable[number])
        return pwk_error_set(error, -EINVAL,
                             "processes make %s where no handler can serve it: use errno", name);
    return 0;
}

/* Essential calls stay out of groups: a group is named for what it is about, not for them. */
static int lay_group(struct pwk_policy_laying *laying, const struct pwk_policy_group *group,
                     enum pwk_syscall_action action, unsigned depth, struct pwk_error *error)
{
    for (const char *const *name = group->calls; *name != NULL; name++) {
        const struct pwk_policy_group *inner = pwk_policy_find_group(*name);
        int number = inner == NULL ? pwk_policy_number(*name) : -ENOENT;
        int rc = 0;

        if (inner != NULL && depth > 0)
            rc = lay_group(laying, inner, action, depth - 1, error);
        else if (number >= 0 && !laying->single[number] && !laying->essential[number]) {
            rc = check_call(laying, *name, number, action, error);
            laying->policy->actions[number] = (uint8_t)action;
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

int pwk_policy_lay_word(struct pwk_policy_laying *laying, const struct pwk_syscall_rule *rule,
                        struct pwk_error *error)
{
    const struct pwk_policy_group *group;
    int number;
    int rc;

    if (strcmp(rule->name, "default") == 0) {
        laying->policy->fallback = rule->action;
        return 0;
    }
    if (rule->name[0] == '@') {
        group = pwk_policy_find_group(rule->name);
        return group != NULL ? lay_group(laying, group, rule->action, GROUP_DEPTH, error)
                             : pwk_error_set(error, -EINVAL,
                                             "there is no group '%s': see pwk-wine(1)", rule->name);
    }
    number = pwk_policy_number(rule->name);
    if (number < 0)
        return pwk_error_set(error, -EINVAL, "'%s' is no Linux call of x86-64: see syscalls(2)",
                             rule->name);
    rc = check_call(laying, rule->name, number, rule->action, error);
    if (rc != 0)
        return rc;
    laying->policy->actions[number] = (uint8_t)rule->action;
    laying->single[number] = true;
    return 0;
}

bool pwk_policy_laid_open(const struct pwk_policy_laying *laying, const char *name)
{
    int number = pwk_policy_number(name);

    return number >= 0 && laying->single[number] &&
           laying->policy->actions[number] == PWK_SYSCALL_ALLOW;
}

/* ---- the built-in policies ---- */

static const struct base {
    enum pwk_syscall_action fallback;
    struct pwk_syscall_rule rule;
} bases[] = {
    [PWK_SYSCALLS_DEFAULT] = {PWK_SYSCALL_ALLOW, {"@never", PWK_SYSCALL_ERRNO}},
    [PWK_SYSCALLS_STRICT] = {PWK_SYSCALL_ERRNO, {"@wine", PWK_SYSCALL_ALLOW}},
};

void pwk_policy_lay_base(struct pwk_policy *policy, enum pwk_syscall_base base)
{
    struct pwk_policy_laying laying;

    *policy = (struct pwk_policy){.base = base, .built_in = true, .fallback = bases[base].fallback};
    memset(policy->actions, PWK_POLICY_UNNAMED, sizeof(policy->actions));
    pwk_policy_lay_begin(&laying, policy);
    pwk_policy_lay_word(&laying, &bases[base].rule, NULL);
    for (int number = 0; number < PWK_POLICY_CALLS; number++)
        if (laying.essential[number])
            policy->actions[number] = PWK_SYSCALL_ALLOW;
}

void pwk_policy_lay_server(struct pwk_policy *policy)
{
    bool allowed[PWK_POLICY_CALLS] = {false};

    *policy = (struct pwk_policy){.fallback = PWK_SYSCALL_ERRNO};
    memset(policy->actions, PWK_POLICY_UNNAMED, sizeof(policy->actions));
    mark(allowed, pwk_policy_essential);
    mark(allowed, pwk_policy_server);
    for (int number = 0; number < PWK_POLICY_CALLS; number++)
        if (allowed[number])
            policy->actions[number] = PWK_SYSCALL_ALLOW;
}

void pwk_policy_fill(struct pwk_policy *policy)
{
    for (int number = 0; number < PWK_POLICY_CALLS; number++)
        if (policy->actions[number] == PWK_POLICY_UNNAMED)
            policy->actions[number] = (uint8_t)policy->fallback;
}
