/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_places.c - the places of a kernel's run-time files, for the commands of pwkctl.
 */
#include "launcher/control.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/state.h"
#include "launcher/ephemeral.h"
#include "sandbox/session.h"
#include "sandbox/session_held.h"
#include "sandbox/session_numbers.h"

/* Of the place whose table is open. */
static struct pwk_session_numbers numbers;

/* A place that has seen a session holds the numbers of its processes. While none is up there, no
 * process is called by any of them. */
static int read_numbers(const char *runtime, struct pwk_error *error)
{
    uint64_t namespace;
    int init, rc = 0;

    if (!pwk_session_was_there(runtime))
        return 0;
    init = pwk_session_find(runtime, &namespace);
    if (init >= 0) {
        rc = pwk_session_numbers_read(&numbers, namespace);
        close(init);
    }
    pwk_process_numbers_from(pwk_session_number_outside, &numbers);
    return rc == 0 ? 0 : pwk_error_set(error, rc, "no memory left");
}

int control_open_table(const struct control_kernel *kernel, size_t place,
                       pwk_process_table_t **table, bool *nobody, struct pwk_error *error)
{
    const char *runtime = kernel->runtime[place];
    int rc = runtime[0] != '\0' ? read_numbers(runtime, error) : -ENOENT;

    if (rc == 0)
        rc = pwk_process_table_open(runtime, kernel->state, false, table, nobody, error);
    if (rc != 0)
        control_close_table(NULL);
    return rc;
}

void control_close_table(pwk_process_table_t *table)
{
    pwk_process_table_close(table);
    pwk_process_numbers_from(NULL, NULL);
    pwk_session_numbers_finish(&numbers);
}

int control_hold_off(const struct control_kernel *kernel, struct pwk_error *error)
{
    char runtime[PATH_MAX], own_runtime[PATH_MAX];
    int rc = pwk_runtime_path(runtime, error);

    if (rc == 0)
        rc = pwk_kernel_runtime(runtime, kernel->state, true, own_runtime, error);
    /* A kernel that has had no session yet may be about to get its first. */
    if (rc == 0 && mkdir(own_runtime, 0700) < 0 && errno != EEXIST)
        return pwk_error_set(error, -errno, "%s cannot be made: %s", own_runtime, strerror(errno));
    return rc == 0 ? pwk_session_hold_off(own_runtime, kernel->state, error) : rc;
}

int control_check_nobody_runs(const struct control_kernel *kernel, const char *name,
                              struct pwk_error *error)
{
    char elsewhere[PATH_MAX];
    int rc = 0;

    for (size_t place = 0; rc == 0 && place < CONTROL_PLACES; place++) {
        pwk_process_table_t *table;
        bool nobody = true;
        int init;

        rc = control_open_table(kernel, place, &table, &nobody, error);
        if (rc == 0)
            control_close_table(table);
        else if (rc == -ENOENT)
            rc = 0;
        init = rc == 0 ? pwk_session_find(kernel->runtime[place], NULL) : -1;
        if (init >= 0)
            close(init);
        if (rc == 0 && (!nobody || init >= 0))
            rc = pwk_error_set(
                error, -EBUSY, "processes run under kernel %s (see pwkctl ps): end them first%s",
                name, init >= 0 ? "; its own session ends some seconds after the last" : "");
    }
    /* Also one that was begun with another XDG_RUNTIME_DIR. */
    if (rc == 0 && pwk_session_held_by(kernel->state, elsewhere) != -ESRCH)
        rc = pwk_session_held_fail(elsewhere, error);
    return rc;
}
