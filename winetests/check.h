/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check.h - checks in the manner of Wine's own units, for the units of ours: what they state is
 * how Windows behaves. With the argument "stock" a unit runs under stock Wine: checks marked
 * beyond_stock may then fail.
 *
 * A unit ends with `return report();`: status 0 where nothing failed.
 */
#ifndef PWK_WINETESTS_CHECK_H
#define PWK_WINETESTS_CHECK_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int checks, failures, excused;
static int under_stock, may_fail;

/* In front of a check, or of a block of them: what stock Wine does not do as Windows does. */
#define beyond_stock for (may_fail = 1; may_fail; may_fail = 0)

#define ok(condition, ...) check_at(__LINE__, (condition) != 0, __VA_ARGS__)
#define status_is(status, expected)                                                                \
    do {                                                                                           \
        long status_found = (long)(status);                                                        \
        ok(status_found == (long)(expected), "%s: %08lx", #expected, status_found);                \
    } while (0)

static void __attribute__((format(printf, 3, 4)))
check_at(int line, int holds, const char *format, ...)
{
    va_list arguments;

    checks++;
    if (holds)
        return;
    if (under_stock && may_fail) {
        excused++;
        return;
    }
    failures++;
    printf("%d: failed: ", line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static void begin_unit(int argc, char **argv)
{
    under_stock = argc > 1 && !strcmp(argv[1], "stock");
    setvbuf(stdout, NULL, _IONBF, 0);
}

static int report(void)
{
    printf("%d checks, %d failed, %d excused\n", checks, failures, excused);
    return failures != 0;
}

#endif
