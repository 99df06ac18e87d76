/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * number_text.h - numbers as text, without the C library, which does not promise that its way can
 * be gone in a signal handler (signal-safety(7)).
 */
#ifndef PWK_KERNEL_NUMBER_TEXT_H
#define PWK_KERNEL_NUMBER_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define PWK_NUMBER_TEXT 24 /* bytes for any number with its zero */

/* Writes at least `width` digits to the base, which is 10 or 16, and no zero behind them: how many.
 * `width` is at most 20. */
static inline size_t pwk_number_digits(char *out, uint64_t number, unsigned base, size_t width)
{
    char digits[20];
    size_t count = 0;

    while (number > 0 || count < width) {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

static inline const char *pwk_decimal(char text[PWK_NUMBER_TEXT], uint64_t number)
{
    text[pwk_number_digits(text, number, 10, 1)] = '\0';
    return text;
}

/* "0x" and at least `width` digits. */
static inline const char *pwk_hexadecimal(char text[PWK_NUMBER_TEXT], uint64_t number, size_t width)
{
    text[0] = '0';
    text[1] = 'x';
    text[2 + pwk_number_digits(text + 2, number, 16, width)] = '\0';
    return text;
}

#endif
