/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * boot_record.c - the boot record as text and back. The reader takes nothing on trust: the
 * variable may have been written by the program itself.
 */
#include "kernel/boot_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/state.h"
#include "kernel/windows_build.h"

/* Another version of pwk may read the variable of a running program. */
#define RECORD_VERSION "3"
#define MAX_RECORD_SIZE (1u << 20)

enum field {
    FIELD_VERSION,
    FIELD_KERNEL,
    FIELD_STATE,
    FIELD_RUNTIME,
    FIELD_AUDIT,
    FIELD_BELOW,
    FIELD_WINDOWS,
    FIELD_BUILD,
    FIELD_REGISTRY,
    FIELD_SESSION,
    FIELD_AUDIT_LEVEL,
    FIELD_AUDIT_LIMIT,
    FIELD_REGISTRY_CACHE,
    FIELD_INHERIT,
    FIELD_NETWORK,
    FIELD_SYSCALL_NUMBERS,
    FIELD_REWRITE_SITES,
    FIELD_POLICY,
    FIELD_REQUIRED_COUNT,
    FIELD_PASSTHROUGH = FIELD_REQUIRED_COUNT, /* any number of times */
    FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_VERSION] = "version",
    [FIELD_KERNEL] = "kernel",
    [FIELD_STATE] = "state",
    [FIELD_RUNTIME] = "runtime",
    [FIELD_AUDIT] = "audit",
    [FIELD_BELOW] = "below",
    [FIELD_WINDOWS] = "windows",
    [FIELD_BUILD] = "build",
    [FIELD_REGISTRY] = "registry",
    [FIELD_SESSION] = "session",
    [FIELD_AUDIT_LEVEL] = "audit_level",
    [FIELD_AUDIT_LIMIT] = "audit_limit",
    [FIELD_REGISTRY_CACHE] = "registry_cache",
    [FIELD_INHERIT] = "inherit",
    [FIELD_NETWORK] = "network",
    [FIELD_SYSCALL_NUMBERS] = "syscall_numbers",
    [FIELD_REWRITE_SITES] = "rewrite_sites",
    [FIELD_POLICY] = "policy",
    [FIELD_PASSTHROUGH] = "passthrough",
};

static bool has_line_break(const struct pwk_boot_record *record)
{
    if (strchr(record->kernel, '\n') != NULL || strchr(record->state, '\n') != NULL ||
        strchr(record->runtime, '\n') != NULL || strchr(record->audit, '\n') != NULL ||
        strchr(record->below, '\n') != NULL)
        return true;
    for (size_t i = 0; i < record->passthrough_count; i++)
        if (strchr(record->passthrough[i], '\n') != NULL)
            return true;
    return false;
}

static const char *const policy_words[] = {
    [PWK_POLICY_NONE] = "none",
    [PWK_POLICY_DEFAULT] = "default",
    [PWK_POLICY_STRICT] = "strict",
    [PWK_POLICY_FILE] = "profile", /* for people; in the record it is the descriptor */
};

const char *pwk_policy_origin_word(enum pwk_policy_origin origin)
{
    return (size_t)origin < sizeof(policy_words) / sizeof(policy_words[0]) ? policy_words[origin]
                                                                           : "unknown";
}

static void format_policy(const struct pwk_boot_record *record, char text[16])
{
    char mark = record->policy_armed ? PWK_POLICY_ARMED : PWK_POLICY_TO_ARM;

    if (record->policy == PWK_POLICY_FILE)
        snprintf(text, 16, "%c%d", mark, record->policy_file);
    else
        snprintf(text, 16, "%c%s", mark, policy_words[record->policy]);
}

static int store_policy(struct pwk_boot_record *record, const char *value)
{
    char *end;
    long number;

    if (*value != PWK_POLICY_ARMED && *value != PWK_POLICY_TO_ARM)
        return -EINVAL;
    record->policy_armed = *value++ == PWK_POLICY_ARMED;
    for (int i = PWK_POLICY_NONE; i < PWK_POLICY_FILE; i++)
        if (strcmp(value, policy_words[i]) == 0) {
            record->policy = (enum pwk_policy_origin)i;
            return 0;
        }
    number = strtol(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || number <= 2 || number > INT_MAX)
        return -EINVAL;
    record->policy = PWK_POLICY_FILE;
    record->policy_file = (int)number;
    return 0;
}

char *pwk_boot_record_format(const struct pwk_boot_record *record)
{
    char *text = NULL;
    size_t size = 0;
    char policy[16];
    FILE *stream;
    bool failed;

    if (has_line_break(record))
        return NULL;
    format_policy(record, policy);
    stream = open_memstream(&text, &size);
    if (stream == NULL)
        return NULL;
    fprintf(stream,
            PWK_BOOT_VARIABLE "=version=" RECORD_VERSION "\nkernel=%s\nstate=%s\nruntime=%s\n"
                              "audit=%s\nbelow=%s\nwindows=%s\nbuild=%" PRIu32 "\nregistry=%s\n"
                              "session=%s\naudit_level=%s\naudit_limit=%" PRIu64 "\n"
                              "registry_cache=%" PRIu64 "\ninherit=%s\nnetwork=%s\n"
                              "syscall_numbers=%s\nrewrite_sites=%s\npolicy=%s\n",
            record->kernel, record->state, record->runtime, record->audit, record->below,
            pwk_windows_word(record->windows), record->build,
            pwk_registry_mode_word(record->registry), pwk_session_mode_word(record->session),
            pwk_audit_level_word(record->audit_level), record->audit_limit, record->registry_cache,
            record->inherit ? "yes" : "no",
            pwk_network_mode_word(record->network == PWK_NETWORK_ISOLATED ? PWK_NETWORK_ISOLATED
                                                                          : PWK_NETWORK_HOST),
            pwk_syscall_numbers_word(record->syscall_numbers), record->rewrite_sites ? "yes" : "no",
            policy);
    for (size_t i = 0; i < record->passthrough_count; i++)
        fprintf(stream, "passthrough=%s\n", record->passthrough[i]);
    failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

static int store_path(char path[PATH_MAX], const char *value, bool may_be_empty)
{
    size_t length = strlen(value);

    if (length >= PATH_MAX || (value[0] != '/' && !(may_be_empty && length == 0)))
        return -EINVAL;
    memcpy(path, value, length + 1);
    return 0;
}

static int store_kernel(struct pwk_boot_record *record, const char *value)
{
    if (pwk_kernel_name_check(value, NULL) != 0)
        return -EINVAL;
    strcpy(record->kernel, value);
    return 0;
}

static int store_passthrough(struct pwk_boot_record *record, const char *value)
{
    char *copy;

    if (value[0] != '\\' || record->passthrough_count == PWK_MAX_PASSTHROUGH)
        return -EINVAL;
    copy = strdup(value);
    if (copy == NULL)
        return -ENOMEM;
    record->passthrough[record->passthrough_count++] = copy;
    return 0;
}

static int store_windows(struct pwk_boot_record *record, const char *value)
{
    if (strcmp(value, pwk_windows_word(PWK_WINDOWS_PREFIX)) == 0) {
        record->windows = PWK_WINDOWS_PREFIX;
        return 0;
    }
    return pwk_windows_parse(value, &record->windows, NULL);
}

static int store_build(struct pwk_boot_record *record, const char *value)
{
    uint64_t number;

    if (pwk_size_parse(value, &number, NULL) != 0 || number > UINT32_MAX)
        return -EINVAL;
    record->build = (uint32_t)number;
    return 0;
}

static int store_field(struct pwk_boot_record *record, enum field field, const char *value)
{
    switch (field) {
    case FIELD_VERSION:
        return strcmp(value, RECORD_VERSION) == 0 ? 0 : -EINVAL;
    case FIELD_KERNEL:
        return store_kernel(record, value);
    case FIELD_STATE:
        return store_path(record->state, value, false);
    case FIELD_RUNTIME:
        return store_path(record->runtime, value, false);
    case FIELD_AUDIT:
        return store_path(record->audit, value, true);
    case FIELD_BELOW:
        return store_path(record->below, value, true);
    case FIELD_WINDOWS:
        return store_windows(record, value);
    case FIELD_BUILD:
        return store_build(record, value);
    case FIELD_REGISTRY:
        return pwk_registry_mode_parse(value, &record->registry, NULL);
    case FIELD_SESSION:
        return pwk_session_mode_parse(value, &record->session, NULL);
    case FIELD_AUDIT_LEVEL:
        return pwk_audit_level_parse(value, &record->audit_level, NULL);
    case FIELD_AUDIT_LIMIT:
        return pwk_size_parse(value, &record->audit_limit, NULL);
    case FIELD_REGISTRY_CACHE:
        return pwk_size_parse(value, &record->registry_cache, NULL);
    case FIELD_INHERIT:
        return pwk_yes_no_parse(value, &record->inherit, NULL);
    case FIELD_NETWORK:
        return pwk_network_mode_parse(value, &record->network, NULL);
    case FIELD_SYSCALL_NUMBERS:
        return pwk_syscall_numbers_parse(value, &record->syscall_numbers, NULL);
    case FIELD_REWRITE_SITES:
        return pwk_yes_no_parse(value, &record->rewrite_sites, NULL);
    case FIELD_POLICY:
        return store_policy(record, value);
    default:
        return store_passthrough(record, value);
    }
}

static enum field find_field(const char *name)
{
    enum field field = 0;

    while (field < FIELD_COUNT && strcmp(field_names[field], name) != 0)
        field++;
    return field;
}

/* Reads the lines of `text`, which it cuts up. `seen` receives a bit for each field. */
static int parse_lines(struct pwk_boot_record *record, char *text, unsigned *seen,
                       struct pwk_error *error)
{
    char *rest = text;
    char *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *value = strchr(line, '=');
        enum field field;
        int rc;

        if (*line == '\0' && rest == NULL)
            break;
        if (value == NULL)
            return pwk_error_set(error, -EINVAL, "%s: '%s' is no name=value line",
                                 PWK_BOOT_VARIABLE, line);
        *value++ = '\0';
        field = find_field(line);
        if (field == FIELD_COUNT)
            return pwk_error_set(error, -EINVAL,
                                 "%s: unknown name '%s': is it another version of pwk's?",
                                 PWK_BOOT_VARIABLE, line);
        if (field < FIELD_REQUIRED_COUNT && (*seen & (1u << field)) != 0)
            return pwk_error_set(error, -EINVAL, "%s: %s is given twice", PWK_BOOT_VARIABLE, line);
        rc = store_field(record, field, value);
        if (rc == -ENOMEM)
            return pwk_error_set(error, rc, "no memory left");
        if (rc != 0)
            return pwk_error_set(error, rc, "%s: bad value '%s' of %s", PWK_BOOT_VARIABLE, value,
                                 line);
        *seen |= 1u << field;
    }
    return 0;
}

int pwk_boot_record_parse(struct pwk_boot_record *record, const char *text, struct pwk_error *error)
{
    unsigned seen = 0;
    char *copy;
    int rc;

    memset(record, 0, sizeof(*record));
    if (strnlen(text, MAX_RECORD_SIZE) == MAX_RECORD_SIZE)
        return pwk_error_set(error, -EINVAL, "%s is longer than 1 MiB", PWK_BOOT_VARIABLE);
    copy = strdup(text);
    if (copy == NULL)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    rc = parse_lines(record, copy, &seen, error);
    free(copy);
    for (enum field field = 0; rc == 0 && field < FIELD_REQUIRED_COUNT; field++)
        if ((seen & (1u << field)) == 0)
            rc = pwk_error_set(error, -EINVAL, "%s: no %s is given", PWK_BOOT_VARIABLE,
                               field_names[field]);
    if (rc == 0 && record->build != 0 &&
        pwk_windows_build_by_number(record->windows, record->build) == NULL)
        rc = pwk_error_set(error, -EINVAL, "%s: %u is no build of Windows %s", PWK_BOOT_VARIABLE,
                           record->build, pwk_windows_word(record->windows));
    if (rc != 0)
        pwk_boot_record_finish(record);
    return rc;
}

void pwk_boot_record_finish(struct pwk_boot_record *record)
{
    for (size_t i = 0; i < record->passthrough_count; i++)
        free(record->passthrough[i]);
    memset(record, 0, sizeof(*record));
}
