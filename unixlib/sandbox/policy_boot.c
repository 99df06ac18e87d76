/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_boot.c - see policy_boot.h.
 */
#include "sandbox/policy_boot.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/mark.h"
#include "sandbox/policy_arm.h"
#include "sandbox/policy_built_in.h"
#include "sandbox/trapped_call.h"

static struct {
    enum pwk_policy_origin origin; /* PWK_POLICY_NONE: nothing is left to arm */
    struct pwk_policy_page *page;  /* PWK_POLICY_FILE */
    int file;
    bool marked;
} taken;

/* A policy that is not built in may trap calls. */
static int open_door(const struct pwk_boot_record *record)
{
    return record->policy == PWK_POLICY_FILE ? pwk_trapped_call_start() : 0;
}

int pwk_policy_boot_take(const struct pwk_boot_record *record, struct pwk_error *error)
{
    int result = 0;

    taken.marked = pwk_mark_is_held();
    if (record->policy_armed)
        return pwk_policy_is_armed()
                   ? open_door(record)
                   : pwk_error_set(error, -EPERM,
                                   "%s says that a Linux policy is armed, and none is: start the "
                                   "program with pwk-wine",
                                   PWK_BOOT_VARIABLE);
    if (record->policy == PWK_POLICY_FILE)
        result = pwk_policy_page_open(record->policy_file, &taken.page, error);
    if (result == 0 && (result = open_door(record)) < 0)
        pwk_error_set(error, result, "SIGSYS cannot be taken over: %s", strerror(-result));
    taken.file = record->policy_file;
    taken.origin = result == 0 ? record->policy : PWK_POLICY_NONE;
    return result;
}

/* The text is our own process's; the line was found in it when it was read. */
static void mark_armed(char *variable)
{
    char *line = variable != NULL ? strstr(variable, PWK_POLICY_LINE) : NULL;

    if (line != NULL)
        line[sizeof(PWK_POLICY_LINE) - 1] = PWK_POLICY_ARMED;
}

static bool has_one_thread(void)
{
    struct stat st;

    return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3;
}

static int arm(char *variable, struct pwk_error *error)
{
    const struct pwk_policy_program *program;
    int result;

    switch (taken.origin) {
    case PWK_POLICY_NONE:
        return 0;
    case PWK_POLICY_FILE:
        result = pwk_policy_page_arm(taken.page, error);
        pwk_policy_page_close(taken.page);
        close(taken.file);
        break;
    default:
        program = &pwk_policy_programs[taken.origin == PWK_POLICY_STRICT];
        result = pwk_policy_arm(program->code, program->length, 0, error);
    }
    taken.origin = PWK_POLICY_NONE;
    if (result == 0)
        mark_armed(variable);
    return result;
}

/* The mark goes last: without it others can look in, and write what a process without a policy
 * would do for them. Every policy lets capset through. */
int pwk_policy_boot_arm(char *variable, struct pwk_error *error)
{
    bool marked = taken.marked;
    int result = 0;

    taken.marked = false;
    if (marked && !has_one_thread())
        result = pwk_error_set(error, -EBUSY,
                               "threads run before the Linux policy is armed: please report this");
    if (result == 0)
        result = arm(variable, error);
    if (result == 0 && marked && (result = pwk_mark_give_up()) < 0)
        pwk_error_set(error, result, "the process cannot be opened to its session: %s",
                      strerror(-result));
    return result;
}
