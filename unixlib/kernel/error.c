/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.c - the one line that a person is told.
 */
#include "kernel/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Also those of two bytes, U+0080 to U+009F, which some terminals obey. `first`: of the text. */
static bool is_control(const char *at, const char *first)
{
    unsigned char c = (unsigned char)at[0];

    if (c == 0xc2)
        return ((unsigned char)at[1] & 0xe0) == 0x80;
    if ((c & 0xe0) == 0x80)
        return at > first && (unsigned char)at[-1] == 0xc2;
    return c < 0x20 || c == 0x7f;
}

/* Copies `from`, with control characters as \xHH, so that a hostile name can neither break the
 * line nor drive the terminal. A text that does not fit ends with "...", never inside a UTF-8
 * sequence. */
static void copy_visibly(char *to, size_t capacity, const char *from)
{
    static const char ellipsis[] = "...";
    size_t room = capacity - sizeof(ellipsis);
    const char *first = from;
    size_t length = 0;

    for (; *from != '\0'; from++) {
        unsigned char c = (unsigned char)*from;
        bool control = is_control(from, first);
        size_t need = control ? 4 : 1;

        if (length + need > room) {
            while (length > 0 && ((unsigned char)to[length - 1] & 0xc0) == 0x80)
                length--;
            if (length > 0 && (unsigned char)to[length - 1] >= 0xc0)
                length--;
            memcpy(to + length, ellipsis, sizeof(ellipsis));
            return;
        }
        if (control)
            snprintf(to + length, need + 1, "\\x%02x", c);
        else
            to[length] = (char)c;
        length += need;
    }
    to[length] = '\0';
}

int pwk_error_set(struct pwk_error *error, int code, const char *format, ...)
{
    char line[sizeof(error->text) + 64];
    va_list arguments;

    if (error == NULL)
        return code;
    va_start(arguments, format);
    if (vsnprintf(line, sizeof(line), format, arguments) < 0)
        strcpy(line, "an error that cannot be put into words");
    va_end(arguments);
    copy_visibly(error->text, sizeof(error->text), line);
    return code;
}
