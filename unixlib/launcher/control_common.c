/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_common.c - what the commands of pwkctl share: their lines, their words, and the kernel
 * that they are about.
 */
#include "launcher/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/state.h"
#include "launcher/ephemeral.h"

int control_fail(int status, const struct pwk_error *error)
{
    fprintf(stderr, "pwkctl: %s\n", error->text);
    return status;
}

int control_usage(const char *usage)
{
    fprintf(stderr, "usage: pwkctl %s\n", usage);
    return CONTROL_USAGE;
}

bool control_words(int argc, char *const argv[], bool *json, const char **words, int operands)
{
    int count = 0;

    *json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            *json = true;
        } else if (argv[i][0] == '-' || count == operands) {
            return false;
        } else {
            words[count++] = argv[i];
        }
    }
    return count == operands;
}

int control_find_kernel(struct control_kernel *kernel, const char *name, struct pwk_error *error)
{
    char prefix[PATH_MAX];
    char runtime[PATH_MAX];
    struct stat st;
    int rc = pwk_prefix_path(prefix, error);

    if (rc == 0)
        rc = pwk_state_path(prefix, name, false, kernel->state, error);
    if (rc == 0 && (lstat(kernel->state, &st) != 0 || !S_ISDIR(st.st_mode)))
        rc = pwk_error_set(
            error, -ENOENT,
            "there is no kernel %s in the prefix %s: 'pwk-wine --kernel %s PROGRAM' makes it", name,
            prefix, name);
    if (rc == 0)
        rc = pwk_runtime_path(runtime, error);
    if (rc == 0)
        rc = pwk_kernel_runtime(runtime, kernel->state, false, kernel->runtime[0], error);
    if (rc == 0)
        rc = pwk_kernel_runtime(runtime, kernel->state, true, kernel->runtime[1], error);
    if (rc == 0 && strcmp(kernel->runtime[0], kernel->runtime[1]) == 0)
        kernel->runtime[1][0] = '\0';
    return rc;
}
