/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_status.c - see process_status.h. Line by line: a user may be of thousands of groups,
 * which stand in one line.
 */
#include "kernel/process_status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_FIELD 3
#define STARTED_FIELD 22

static void take(const char *line, struct pwk_status_field *field)
{
    size_t length = strlen(field->name);

    if (strncmp(line, field->name, length) != 0 || line[length] != ':')
        return;
    line += length + 1;
    line += strspn(line, " \t");
    snprintf(field->value, sizeof(field->value), "%.*s", (int)strcspn(line, "\n"), line);
}

int pwk_process_status(pid_t pid, struct pwk_status_field *fields, size_t count)
{
    char path[32], *line = NULL;
    size_t capacity = 0;
    FILE *file;

    for (size_t i = 0; i < count; i++)
        fields[i].value[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    while (getline(&line, &capacity, file) > 0)
        for (size_t i = 0; i < count; i++)
            take(line, &fields[i]);
    free(line);
    fclose(file);
    return 0;
}

uint64_t pwk_process_status_number(pid_t pid, const char *name, int base, uint64_t otherwise)
{
    struct pwk_status_field field = {.name = name};
    uint64_t number;
    char *end;

    if (pwk_process_status(pid, &field, 1) < 0)
        return otherwise;
    number = strtoull(field.value, &end, base);
    return end == field.value ? otherwise : number;
}

bool pwk_process_stat_read(const char *line, struct pwk_process_stat *stat)
{
    uint64_t fields[STARTED_FIELD + 1];
    /* The second field is the program's name in parentheses, which may hold any character. */
    const char *at = strrchr(line, ')');
    char *end;

    if (!at || at[1] != ' ' || !at[2])
        return false;
    stat->state = at[2];
    at += 3;
    for (int field = STATE_FIELD + 1; field <= STARTED_FIELD; field++, at = end) {
        fields[field] = strtoull(at, &end, 10);
        if (end == at)
            return false;
    }
    stat->parent = (pid_t)fields[4];
    stat->user = fields[14];
    stat->system = fields[15];
    stat->children = fields[16] + fields[17];
    stat->started = fields[STARTED_FIELD];
    return true;
}
