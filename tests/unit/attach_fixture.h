/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach_fixture.h - filters do not come off again: what is tested runs in a child, whose failed
 * checks and signals fail the test.
 */
#ifndef ATTACH_FIXTURE_H
#define ATTACH_FIXTURE_H

#include <stddef.h>

#include "sandbox/call_filter.h"

/* Ends the child with a line that says where. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_failed(#condition, __FILE__, __LINE__);                                          \
    } while (0)
_Noreturn void check_failed(const char *what, const char *file, int line);

/* Runs `body` in a child of 60 seconds at most; fails unless it returns. */
void run_in_child(void (*body)(void));

/* Installs a filter on the calling process's every thread: 0, a listener, or a negative errno. */
int install_filter(enum pwk_call_filter_kind kind, const int *numbers, size_t count);

#endif
