/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_attach.c - pwkctl attach and detach.
 */
#include "launcher/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/attach_supervisor.h"
#include "launcher/facts.h"

static const char usage[] = "attach NAME [--syscall CALL=ACTION]... PID";

static bool parse_pid(const char *word, pid_t *pid)
{
    char *end;
    long value = strtol(word, &end, 10);

    *pid = (pid_t)value;
    return *word != '\0' && *end == '\0' && value > 0 && value <= INT_MAX;
}

static int add_rule(struct pwk_syscall_rules *rules, const char *word, struct pwk_error *error)
{
    char name[PWK_SYSCALL_NAME_MAX + 1];
    const char *action = strchr(word, '=');

    if (action == NULL || (size_t)(action - word) >= sizeof(name))
        return pwk_error_set(error, -EINVAL, "--syscall %s: it has to be CALL=ACTION", word);
    memcpy(name, word, (size_t)(action - word));
    name[action - word] = '\0';
    return pwk_syscall_rules_add(rules, name, action + 1, 0, error);
}

/* NAME, options, PID. -EINVAL with a line, or with an empty one for wrong usage. */
static int parse(int argc, char *const argv[], const char **name, pid_t *pid,
                 struct pwk_syscall_rules *rules, struct pwk_error *error)
{
    const char *words[2];
    int count = 0, rc = 0;

    error->text[0] = '\0';
    for (int i = 1; rc == 0 && i < argc; i++) {
        if (strcmp(argv[i], "--syscall") == 0 && i + 1 < argc)
            rc = add_rule(rules, argv[++i], error);
        else if (argv[i][0] == '-' || count == 2)
            return -EINVAL;
        else
            words[count++] = argv[i];
    }
    if (rc != 0 || count != 2)
        return -EINVAL;
    *name = words[0];
    return parse_pid(words[1], pid)
               ? 0
               : pwk_error_set(error, -EINVAL, "%s is no process's number", words[1]);
}

/* The program's name, as ps(1) shows it. */
static void find_program(pid_t pid, char *program, size_t size)
{
    char path[64];
    FILE *file;

    program[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fgets(program, (int)size, file) != NULL)
        program[strcspn(program, "\n")] = '\0';
    fclose(file);
}

static int attach(const char *name, pid_t pid, const struct pwk_syscall_rules *rules,
                  struct pwk_profile *profile, struct pwk_error *error)
{
    struct pwk_attach_job job = {.attached.pid = pid};
    struct control_kernel kernel;
    struct pwk_policy policy;
    char path[PATH_MAX];
    int rc = control_find_kernel(&kernel, name, error);

    if (rc == 0)
        rc = pwk_profile_choose(profile, NULL, kernel.state, path, error);
    if (rc != 0)
        return rc;
    const struct pwk_policy_words words[] = {{&profile->syscalls, path}, {rules, NULL}};
    rc = pwk_policy_resolve(&policy, profile->syscall_base, words, 2, error);
    if (rc != 0)
        return rc;
    snprintf(job.attached.kernel, sizeof(job.attached.kernel), "%s", name);
    strcpy(job.attached.state, kernel.state);
    find_program(pid, job.attached.program, sizeof(job.attached.program));
    job.policy = &policy;
    job.audit_level = profile->audit;
    job.audit_limit = profile->audit_limit;
    return pwk_attach_supervisor_start(&job, error);
}

int control_attach(int argc, char *const argv[])
{
    struct pwk_syscall_rules *rules = calloc(1, sizeof(*rules));
    struct pwk_profile *profile = calloc(1, sizeof(*profile));
    struct pwk_error error;
    const char *name;
    pid_t pid;
    int rc, status = CONTROL_OK;

    if (rules == NULL || profile == NULL) {
        pwk_error_set(&error, -ENOMEM, "no memory left");
        status = control_fail(CONTROL_FAILED, &error);
    } else if (parse(argc, argv, &name, &pid, rules, &error) != 0) {
        status = error.text[0] == '\0' ? control_usage(usage) : control_fail(CONTROL_USAGE, &error);
    } else {
        pwk_profile_init(profile);
        rc = attach(name, pid, rules, profile, &error);
        pwk_profile_finish(profile);
        status = rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &error);
    }
    free(rules);
    free(profile);
    return status;
}

int control_detach(int argc, char *const argv[])
{
    struct pwk_attached attached;
    struct pwk_error error;
    const char *word;
    bool json;
    pid_t pid;

    if (!control_words(argc, argv, &json, &word, 1) || json || !parse_pid(word, &pid))
        return control_usage("detach PID");
    if (pwk_attached_ask(pid, PWK_ATTACHED_DETACH, &attached, &error) != 0)
        return control_fail(CONTROL_FAILED, &error);
    return CONTROL_OK;
}
