/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * syscall_rules.c - the words of the Linux policy: names and actions, as profiles and the command
 * line give them.
 */
#include "kernel/profile.h"

#include <errno.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const action_words[] = {
    [PWK_SYSCALL_ALLOW] = "allow", [PWK_SYSCALL_ERRNO] = "errno",   [PWK_SYSCALL_LOG] = "log",
    [PWK_SYSCALL_TRAP] = "trap",   [PWK_SYSCALL_NOTIFY] = "notify", [PWK_SYSCALL_KILL] = "kill",
};

const char *pwk_syscall_action_word(enum pwk_syscall_action action)
{
    return (size_t)action < COUNT_OF(action_words) ? action_words[action] : "unknown";
}

static int parse_action(const char *word, enum pwk_syscall_action *out, struct pwk_error *error)
{
    for (size_t i = 0; i < COUNT_OF(action_words); i++)
        if (strcmp(action_words[i], word) == 0) {
            *out = (enum pwk_syscall_action)i;
            return 0;
        }
    return pwk_error_set(error, -EINVAL,
                         "'%s' is no action: use allow, errno, log, trap, notify or kill", word);
}

/* Names of Linux calls and of groups are made of these alone. */
static bool is_name(const char *name)
{
    const char *word = name[0] == '@' ? name + 1 : name;
    size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return length > 0 && word[length] == '\0' && strlen(name) <= PWK_SYSCALL_NAME_MAX;
}

int pwk_syscall_rules_add(struct pwk_syscall_rules *rules, const char *name, const char *action,
                          int line, struct pwk_error *error)
{
    struct pwk_syscall_rule rule = {.line = line};
    int rc = parse_action(action, &rule.action, error);

    if (rc != 0)
        return rc;
    if (!is_name(name))
        return pwk_error_set(
            error, -EINVAL, "'%s' is neither a Linux call's name nor a group's (@file, ...)", name);
    if (strcmp(name, "default") == 0 &&
        (rule.action == PWK_SYSCALL_TRAP || rule.action == PWK_SYSCALL_NOTIFY))
        return pwk_error_set(error, -EINVAL,
                             "the default cannot be '%s': use allow, errno, log or kill", action);
    if (rules->count == PWK_MAX_SYSCALL_RULES)
        return pwk_error_set(error, -E2BIG, "more than %d rules: use groups",
                             PWK_MAX_SYSCALL_RULES);
    strcpy(rule.name, name);
    rules->rule[rules->count++] = rule;
    return 0;
}
