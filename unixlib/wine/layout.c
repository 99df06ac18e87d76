/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layout.c - see layout.h.
 */
#include "wine/layout.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sandbox/trap.h"

#define TRIES_VARIABLE "PWK_LAYOUT_TRIES"
/* With the most random layout there is, one in sixteen lies too low. */
#define MAX_TRIES 8
#define USUAL_STACK (UINT64_C(8) << 20)

/* Libraries that come later lie below the C library. With READ_IMPLIES_EXEC (setarch -X) all data
 * that the program has above the line would be code. */
static bool is_good(void)
{
    int persona = personality(UINT32_MAX);

    return (uintptr_t)dlsym(RTLD_DEFAULT, "getpid") >= PWK_TRAP_LINE + PWK_TRAP_ROOM &&
           persona != -1 && !(persona & READ_IMPLIES_EXEC);
}

/* With an unlimited stack Linux places libraries from the bottom up (setrlimit(2), "RLIMIT_STACK");
 * the same can be asked for (personality(2), ADDR_COMPAT_LAYOUT). */
static void ask_for_good_layout(void)
{
    struct rlimit stack;
    int persona = personality(UINT32_MAX);

    if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur == RLIM_INFINITY) {
        stack.rlim_cur = stack.rlim_max < USUAL_STACK ? stack.rlim_max : USUAL_STACK;
        setrlimit(RLIMIT_STACK, &stack);
    }
    if (persona != -1)
        personality((unsigned long)persona &
                    ~(unsigned long)(ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC));
}

void pwk_layout_settle(char *argv[])
{
    const char *text = getenv(TRIES_VARIABLE);
    int tries = text ? atoi(text) : 0;
    char path[PATH_MAX], number[16];
    ssize_t length;

    unsetenv(TRIES_VARIABLE);
    if (is_good() || tries < 0 || tries >= MAX_TRIES)
        return;
    length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return;
    path[length] = 0;
    ask_for_good_layout();
    snprintf(number, sizeof number, "%d", tries + 1);
    setenv(TRIES_VARIABLE, number, 1);
    execv(path, argv);
    unsetenv(TRIES_VARIABLE);
}
