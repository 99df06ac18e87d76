/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_in.c - makes a Linux call in another process's name, to see what becomes of it there.
 *
 *   call_in PID NUMBER [ARGUMENT]...   prints the result, negative where it is an errno
 *
 * Status 1 where the process could not be stopped; the reason is printed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/inject.h"

#define WORDS 6

struct call {
    long number;
    uint64_t arguments[WORDS];
    int64_t result;
};

static int make(struct pwk_tracee *tracee, const void *argument)
{
    struct call *call = *(struct call *const *)argument;

    call->result = pwk_tracee_call(tracee, call->number, call->arguments);
    return 0;
}

int main(int argc, char *argv[])
{
    struct call call = {0}, *made = &call;
    int result;

    if (argc < 3 || argc > 3 + WORDS)
        return 2;
    call.number = atol(argv[2]);
    for (int i = 3; i < argc; i++)
        call.arguments[i - 3] = strtoull(argv[i], NULL, 0);
    result = pwk_inject_run(atoi(argv[1]), make, &made);
    if (result < 0) {
        fprintf(stderr, "call_in: %s\n", strerror(-result));
        return 1;
    }
    printf("%" PRId64 "\n", call.result);
    return 0;
}
