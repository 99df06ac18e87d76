/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.h - what a person is told: one clear line that says what is wrong, where, and how to
 * mend it. Host functions return a negative errno beside it.
 */
#ifndef PWK_KERNEL_ERROR_H
#define PWK_KERNEL_ERROR_H

struct pwk_error {
    char text[1024];
};

/* Writes the line (cut to fit, control characters made visible) and returns `code`, so that
 * `return pwk_error_set(error, -EINVAL, ...)` reads well. `error` may be NULL. */
int pwk_error_set(struct pwk_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
