/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_arguments.h - the arguments of a notified Linux call as an audit record tells them: names of
 * files, families of sockets, sizes, numbers of processes; never data.
 */
#ifndef PWK_SANDBOX_CALL_ARGUMENTS_H
#define PWK_SANDBOX_CALL_ARGUMENTS_H

#include "sandbox/notify_loop.h"

#define PWK_CALL_ARGUMENTS 2
#define PWK_CALL_TEXT_MAX 4096

struct pwk_call_argument {
    const char *name; /* NULL: there are no more */
    char text[PWK_CALL_TEXT_MAX];
};

/* Reads what there is to tell of the call. What cannot be read (a bad address, a process that has
 * gone) is told as "?". */
void pwk_call_arguments_read(const struct pwk_notification *call,
                             struct pwk_call_argument arguments[PWK_CALL_ARGUMENTS]);

#endif
