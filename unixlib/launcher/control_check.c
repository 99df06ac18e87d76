/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_check.c - pwkctl registry check: says what is wrong with a kernel's registry, and mends
 * it.
 */
#include "launcher/control_session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/process_table.h"
#include "launcher/control_apart.h"
#include "registry/repair.h"

static void say(void *context, const char *line)
{
    (void)context;
    puts(line);
}

static void show_progress(void *context, double share)
{
    control_progress_show(context, share);
}

static int no_registry(const char *kernel, struct pwk_error *error)
{
    return pwk_error_set(error, -ENOENT,
                         "kernel %s has no registry yet: run a program under it first", kernel);
}

static int check_store(const char *kernel, const struct control_kernel *found,
                       struct registry_check *check, struct pwk_error *error)
{
    struct control_progress progress;
    struct registry_error why;
    char folder[PATH_MAX];
    int rc;

    if (snprintf(folder, sizeof(folder), "%s/store", found->state) >= (int)sizeof(folder))
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", found->state);
    /* The lock stays, as long as the store is in work. */
    rc = control_confine(folder, error);
    if (rc == -ENOENT)
        return no_registry(kernel, error);
    if (rc != 0)
        return rc;
    check->say = say;
    check->progress = show_progress;
    check->context = &progress;
    control_progress_start(&progress, "repair");
    rc = registry_check(folder, check, &why);
    control_progress_end(&progress);
    if (rc == -ENOENT)
        return no_registry(kernel, error);
    return rc == 0 ? 0 : pwk_error_set(error, rc, "%s", why.text);
}

static int tell_result(const char *kernel, const struct registry_check *check)
{
    if (!check->findings) {
        printf("in order: %" PRIu64 " keys, %" PRIu64 " values\n", check->keys, check->values);
        return CONTROL_OK;
    }
    if (!check->repaired) {
        fflush(stdout);
        fprintf(stderr,
                "pwkctl: the registry of kernel %s is damaged: pwkctl registry %s check --repair "
                "saves what can be read\n",
                kernel, kernel);
        return CONTROL_FAILED;
    }
    if (check->capital_keys)
        printf("%" PRIu64 " keys were found in the index of names alone: their names are in "
               "capitals now\n",
               check->capital_keys);
    if (check->cut_values)
        printf("the data of %" PRIu64 " values is lost\n", check->cut_values);
    if (check->lost_and_found)
        printf("what has no place any more is in %" PRIu64
               " keys of \\Registry\\Lost+Found: pwkctl "
               "registry %s ls '\\Registry\\Lost+Found' -r\n",
               check->lost_and_found, kernel);
    printf("repaired: %" PRIu64 " keys, %" PRIu64 " values; the damaged file is kept as %s\n",
           check->keys, check->values, check->kept);
    return CONTROL_OK;
}

struct request {
    const char *kernel;
    bool repair;
};

static int run(void *context, const struct control_channel *parent)
{
    const struct request *request = context;
    struct registry_check check = {.repair = request->repair};
    struct control_kernel found;
    struct pwk_error error;
    int rc = control_find_kernel(&found, request->kernel, &error);

    (void)parent;
    /* A store under repair must not be in anybody's hands, nor come into them meanwhile. */
    if (rc == 0 && check.repair)
        rc = control_check_nobody_runs(&found, request->kernel, &error);
    if (rc == 0 && check.repair)
        rc = control_hold_off(&found, &error);
    if (rc > 0)
        control_keep(rc);
    if (rc >= 0)
        rc = check_store(request->kernel, &found, &check, &error);
    if (rc == 0)
        return tell_result(request->kernel, &check);
    fflush(stdout);
    return control_fail(CONTROL_FAILED, &error);
}

int control_check(const char *kernel, int count, char *const words[])
{
    if (count > 1 || (count == 1 && strcmp(words[0], "--repair") != 0))
        return CONTROL_USAGE;
    return control_run_apart(&(struct control_apart){
        .kernel = kernel, .context = &(struct request){kernel, count == 1}, .work = run});
}
