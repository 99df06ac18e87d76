/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * learn.c - see learn.h.
 */
#include "launcher/learn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/policy.h"

static const char *text_of(json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));

    return text != NULL ? text : "";
}

/* By its name, else by its number; -1 where neither is a call's. */
static int call_of(json_t *record)
{
    const char *number = text_of(record, "number");
    int found = pwk_policy_number(text_of(record, "syscall"));
    char *end;
    long value;

    if (found >= 0 || *number == '\0')
        return found;
    value = strtol(number, &end, 10);
    if (*end != '\0' || value < 0 || value >= PWK_POLICY_CALLS ||
        pwk_call_name((int)value)[0] == '\0')
        return -1;
    return (int)value;
}

static void learn_call(struct pwk_learning *learning, json_t *record)
{
    int number = call_of(record);

    if (number < 0) {
        learning->unknown++;
        return;
    }
    learning->calls[number] = true;
    learning->logged |= strcmp(text_of(record, "verdict"), "allowed") == 0;
    snprintf(learning->last, sizeof(learning->last), "%s", text_of(record, "time"));
    if (learning->records++ == 0)
        strcpy(learning->first, learning->last);
}

void pwk_learn_record(struct pwk_learning *learning, json_t *record)
{
    const char *event = text_of(record, "event");

    if (strcmp(event, "syscall") == 0)
        learn_call(learning, record);
    if (strcmp(text_of(record, "verdict"), "started") != 0)
        return;
    learning->strict |= strcmp(text_of(record, "policy"), "strict") == 0;
    if (strcmp(event, "kernel") == 0) {
        snprintf(learning->windows, sizeof(learning->windows), "%s", text_of(record, "windows"));
        snprintf(learning->registry, sizeof(learning->registry), "%s", text_of(record, "registry"));
    }
}

/* What the command line may have said. Words that are none stay without effect. */
static void learn_modes(const struct pwk_learning *learning, struct pwk_profile *profile)
{
    enum pwk_windows windows;

    pwk_registry_mode_parse(learning->registry, &profile->registry, NULL);
    if (pwk_windows_parse(learning->windows, &windows, NULL) == 0 && windows != profile->windows) {
        profile->windows = windows;
        profile->build[0] = '\0'; /* it was another version's */
    }
}

/* Of the words that the programs ran under, those that allow something. */
static int keep_allowed(const struct pwk_syscall_rules *before, struct pwk_syscall_rules *rules,
                        struct pwk_error *error)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < before->count; i++) {
        const struct pwk_syscall_rule *rule = &before->rule[i];

        if (rule->action == PWK_SYSCALL_ALLOW && strcmp(rule->name, "default") != 0)
            rc = pwk_syscall_rules_add(rules, rule->name, "allow", 0, error);
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(pwk_call_name(*(const int *)a), pwk_call_name(*(const int *)b));
}

/* The last word on a name counts. */
static bool is_allowed(const struct pwk_syscall_rules *rules, const char *name)
{
    bool allowed = false;

    for (size_t i = 0; i < rules->count; i++)
        if (strcmp(rules->rule[i].name, name) == 0)
            allowed = rules->rule[i].action == PWK_SYSCALL_ALLOW;
    return allowed;
}

static int allow_seen(const struct pwk_learning *learning, struct pwk_syscall_rules *rules,
                      struct pwk_error *error)
{
    int numbers[PWK_POLICY_CALLS];
    size_t count = 0;
    int rc = 0;

    for (int number = 0; number < PWK_POLICY_CALLS; number++)
        if (learning->calls[number])
            numbers[count++] = number;
    qsort(numbers, count, sizeof(numbers[0]), by_name);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (!is_allowed(rules, pwk_call_name(numbers[i])))
            rc = pwk_syscall_rules_add(rules, pwk_call_name(numbers[i]), "allow", 0, error);
    return rc;
}

int pwk_learn_profile(const struct pwk_learning *learning, struct pwk_profile *profile,
                      struct pwk_error *error)
{
    static struct pwk_syscall_rules rules;
    bool strict = learning->strict || profile->syscall_base == PWK_SYSCALLS_STRICT;
    int rc = 0;

    rules.count = 0;
    learn_modes(learning, profile);
    if (learning->logged || strict) {
        rc = pwk_syscall_rules_add(&rules, "default", "errno", 0, error);
        if (rc == 0 && strict)
            rc = pwk_syscall_rules_add(&rules, "@wine", "allow", 0, error);
        if (rc == 0)
            rc = keep_allowed(&profile->syscalls, &rules, error);
    } else {
        rules = profile->syscalls;
    }
    if (rc == 0)
        rc = allow_seen(learning, &rules, error);
    if (rc != 0)
        return rc;
    profile->syscall_base = PWK_SYSCALLS_DEFAULT;
    profile->syscalls = rules;
    return 0;
}
