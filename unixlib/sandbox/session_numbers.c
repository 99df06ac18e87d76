/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_numbers.c - see session_numbers.h.
 */
#include "sandbox/session_numbers.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/process_status.h"

/* The last number of the line NSpid: that in the process's own namespace. 0: it cannot be told. */
static pid_t number_inside(pid_t outside)
{
    struct pwk_status_field field = {.name = "NSpid"};
    const char *last;

    if (pwk_process_status(outside, &field, 1) < 0)
        return 0;
    last = strrchr(field.value, '\t');
    return (pid_t)strtol(last ? last + 1 : field.value, NULL, 10);
}

static int add(struct pwk_session_numbers *numbers, pid_t inside, pid_t outside)
{
    void *grown = reallocarray(numbers->pairs, numbers->count + 1, sizeof(*numbers->pairs));

    if (!grown)
        return -ENOMEM;
    numbers->pairs = grown;
    numbers->pairs[numbers->count].inside = inside;
    numbers->pairs[numbers->count++].outside = outside;
    return 0;
}

int pwk_session_numbers_read(struct pwk_session_numbers *numbers, uint64_t namespace)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    int result = 0;

    *numbers = (struct pwk_session_numbers){0};
    while (folder && result == 0 && (entry = readdir(folder)) != NULL) {
        pid_t outside = (pid_t)strtol(entry->d_name, NULL, 10), inside;
        char path[40];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)outside);
        if (outside > 0 && stat(path, &st) == 0 && st.st_ino == namespace &&
            (inside = number_inside(outside)) > 0)
            result = add(numbers, inside, outside);
    }
    if (folder)
        closedir(folder);
    return result;
}

void pwk_session_numbers_finish(struct pwk_session_numbers *numbers)
{
    free(numbers->pairs);
    *numbers = (struct pwk_session_numbers){0};
}

pid_t pwk_session_number_outside(void *context, pid_t inside)
{
    const struct pwk_session_numbers *numbers = context;

    for (size_t i = 0; i < numbers->count; i++)
        if (numbers->pairs[i].inside == inside)
            return numbers->pairs[i].outside;
    return 0;
}
