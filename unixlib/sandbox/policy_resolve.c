/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_resolve.c - see policy.h: a built-in policy with the words of a profile and of the command
 * line over it. Without any, which is the ordinary start, nothing but a table is copied.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/policy_guard.h"
#include "sandbox/policy_lay.h"

static int lay_words(struct pwk_policy_laying *laying, const struct pwk_policy_words *words,
                     struct pwk_error *error)
{
    struct pwk_error why;

    for (size_t i = 0; i < words->rules->count; i++) {
        const struct pwk_syscall_rule *rule = &words->rules->rule[i];
        int rc = pwk_policy_lay_word(laying, rule, &why);

        if (rc == 0)
            continue;
        if (words->path == NULL)
            return pwk_error_set(error, rc, "--syscall %s=%s: %s", rule->name,
                                 pwk_syscall_action_word(rule->action), why.text);
        return pwk_error_set(error, rc, "%s:%d: [syscalls] %s: %s", words->path, rule->line,
                             rule->name, why.text);
    }
    return 0;
}

int pwk_policy_resolve(struct pwk_policy *policy, enum pwk_syscall_base base,
                       const struct pwk_policy_words *words, size_t count, struct pwk_error *error)
{
    struct pwk_policy_laying laying;
    int rc = 0;

    *policy = (struct pwk_policy){
        .base = base,
        .built_in = true,
        .fallback = base == PWK_SYSCALLS_STRICT ? PWK_SYSCALL_ERRNO : PWK_SYSCALL_ALLOW,
    };
    memcpy(policy->actions, pwk_policy_base_actions[base], sizeof(policy->actions));
    for (size_t i = 0; i < count; i++)
        policy->built_in &= words[i].rules->count == 0;
    if (!policy->built_in) {
        pwk_policy_lay_begin(&laying, policy);
        for (size_t i = 0; rc == 0 && i < count; i++)
            rc = lay_words(&laying, &words[i], error);
        if (pwk_policy_laid_open(&laying, "unshare"))
            policy->opened |= PWK_GUARD_NAMESPACES;
        if (pwk_policy_laid_open(&laying, "socket"))
            policy->opened |= PWK_GUARD_SOCKET_FAMILIES;
    }
    pwk_policy_fill(policy);
    policy->listens =
        pwk_policy_uses(policy, PWK_SYSCALL_LOG) || pwk_policy_uses(policy, PWK_SYSCALL_NOTIFY);
    return rc;
}

static int append(struct pwk_policy_code *code, const struct pwk_policy_program *program,
                  struct pwk_error *error)
{
    size_t length = code->length + program->length;
    struct sock_filter *grown = realloc(code->code, length * sizeof(*grown));

    if (grown == NULL) {
        pwk_policy_code_finish(code);
        return pwk_error_set(error, -ENOMEM, "no memory left");
    }
    memcpy(grown + code->length, program->code, program->length * sizeof(*grown));
    *code = (struct pwk_policy_code){grown, length};
    return 0;
}

int pwk_policy_compile(const struct pwk_policy *policy, struct pwk_policy_code *code,
                       struct pwk_error *error)
{
    struct pwk_policy below;
    int rc;

    pwk_policy_resolve(&below, policy->base, NULL, 0, NULL);
    if (policy->fallback != below.fallback)
        return pwk_policy_compile_whole(policy, code, error);
    rc = pwk_policy_compile_over(policy, below.actions, code, error);
    return rc == 0 ? append(code, &pwk_policy_programs[policy->base], error) : rc;
}

bool pwk_policy_uses(const struct pwk_policy *policy, enum pwk_syscall_action action)
{
    return policy->fallback == action ||
           memchr(policy->actions, (int)action, sizeof(policy->actions)) != NULL;
}

size_t pwk_policy_count(const struct pwk_policy *policy, enum pwk_syscall_action action)
{
    size_t count = 0;

    for (int number = 0; number < PWK_POLICY_CALLS; number++)
        count += policy->actions[number] == action && pwk_call_name(number)[0] != '\0';
    return count;
}

enum pwk_syscall_action pwk_policy_action(const struct pwk_policy *policy, int number)
{
    return number >= 0 && number < PWK_POLICY_CALLS
               ? (enum pwk_syscall_action)policy->actions[number]
               : policy->fallback;
}
