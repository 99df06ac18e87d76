/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wine_text_reader.c - see wine_text_reader.h.
 */
#include "registry/wine_text_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_reader_init(struct text_reader *reader, const char *text, size_t size,
                      struct wine_text_error *error)
{
    memset(reader, 0, sizeof(*reader));
    reader->error = error;
    reader->next = text;
    reader->end = size ? text + size : text;
    error->line = 1;
    error->text[0] = '\0';
}

int text_fail(struct text_reader *reader, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->error->text, sizeof(reader->error->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

int text_reserve(struct text_reader *reader, struct text_buffer *buffer, size_t bytes)
{
    size_t capacity = buffer->capacity + buffer->capacity / 2;
    void *data;

    if (bytes <= buffer->capacity)
        return 0;
    if (capacity < bytes)
        capacity = bytes;
    data = realloc(buffer->data, capacity);
    if (!data) {
        text_fail(reader, "out of memory");
        return -ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

bool text_accept_word(struct text_reader *reader, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(reader->line_end - reader->at) < length || memcmp(reader->at, word, length))
        return false;
    reader->at += length;
    return true;
}

/* The value of a digit, or 16. */
static unsigned digit_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

unsigned text_accept_number(struct text_reader *reader, unsigned radix, unsigned max_digits,
                            uint64_t *number)
{
    unsigned digits = 0;

    *number = 0;
    while (digits < max_digits && reader->at < reader->line_end) {
        unsigned value = digit_value((unsigned char)*reader->at);

        if (value >= radix)
            break;
        *number = *number * radix + value;
        reader->at++;
        digits++;
    }
    return digits;
}

/* ---- lines ---- */

int text_next_line(struct text_reader *reader, bool *found)
{
    const char *line_break;

    *found = reader->next < reader->end;
    if (!*found)
        return 0;
    reader->at = reader->next;
    reader->line++;
    reader->error->line = reader->line;
    line_break = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    reader->line_end = line_break ? line_break : reader->end;
    reader->next = line_break ? line_break + 1 : reader->end;
    text_skip_blanks(reader);
    if (!line_break && reader->at < reader->line_end)
        return text_fail(reader, "the text ends in the middle of a line: it was cut off, "
                                 "or lacks its last line break");
    while (reader->line_end > reader->at && reader->line_end[-1] == '\r')
        reader->line_end--;
    return 0;
}

/* ---- quoted text ---- */

/* The ASCII character behind a backslash and what belongs to it. An unknown escape stands for
 * itself. */
static uint16_t read_escape(struct text_reader *reader)
{
    static const char letters[] = "abefnrtv";
    static const char controls[] = "\a\b\033\f\n\r\t\v";
    unsigned char c = (unsigned char)*reader->at;
    const char *letter = strchr(letters, c);
    uint64_t number;

    if (text_accept_number(reader, 8, 3, &number))
        return (uint16_t)number;
    reader->at++;
    if (letter)
        return (uint16_t)controls[letter - letters];
    if (c == 'x' && text_accept_number(reader, 16, 4, &number))
        return (uint16_t)number;
    return c;
}

/* One character of UTF-8 at reader->at, whose first byte is not ASCII; its length, or 0 when it
 * is not valid. */
static size_t decode_utf8(const struct text_reader *reader, uint32_t *character)
{
    const unsigned char *bytes = (const unsigned char *)reader->at;
    size_t available = (size_t)(reader->line_end - reader->at);
    size_t length = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || length > available)
        return 0;
    *character = bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (bytes[i] & 0x3f);
    }
    if (*character < least[length] || *character > 0x10ffff ||
        (*character >= 0xd800 && *character < 0xe000))
        return 0;
    return length;
}

/* Writes one or two units and answers behind them. */
static uint16_t *read_beyond_ascii(struct text_reader *reader, uint16_t *out)
{
    uint32_t character;
    size_t length = decode_utf8(reader, &character);

    if (!length) {
        *out++ = (unsigned char)*reader->at++;
        return out;
    }
    reader->at += length;
    if (character >= 0x10000) {
        character -= 0x10000;
        *out++ = (uint16_t)(0xd800 + (character >> 10));
        character = 0xdc00 + (character & 0x3ff);
    }
    *out++ = (uint16_t)character;
    return out;
}

/* At least the number of bytes in front of `delimiter`: one behind a backslash may be part of the
 * text, all others end it. */
static size_t text_bound(const struct text_reader *reader, int delimiter)
{
    const char *end = delimiter == TEXT_TO_END_OF_LINE ? NULL : reader->at;

    while (end && (end = memchr(end, delimiter, (size_t)(reader->line_end - end)))) {
        if (end == reader->at || end[-1] != '\\')
            return (size_t)(end - reader->at);
        end++;
    }
    return (size_t)(reader->line_end - reader->at);
}

/* No byte becomes more than one unit. */
int text_read(struct text_reader *reader, int delimiter, struct text_buffer *text)
{
    int error = text_reserve(reader, text, (text_bound(reader, delimiter) + 1) * sizeof(uint16_t));
    uint16_t *out;

    if (error)
        return error;
    out = text->data;
    while (reader->at < reader->line_end) {
        unsigned char c = (unsigned char)*reader->at;

        if (c == delimiter)
            break;
        if (c >= 0x80) {
            out = read_beyond_ascii(reader, out);
            continue;
        }
        if (c == 0)
            return text_fail(reader, "a zero byte: the file is damaged");
        reader->at++;
        if (c != '\\')
            *out++ = c;
        else if (reader->at == reader->line_end)
            return text_fail(reader, "a backslash at the end of the line stands for nothing");
        else if ((signed char)*reader->at > 0)
            *out++ = read_escape(reader);
    }
    text->size = (size_t)(out - (uint16_t *)text->data) * sizeof(uint16_t);
    if (delimiter != TEXT_TO_END_OF_LINE && !text_accept(reader, (char)delimiter))
        return text_fail(reader, "a text without its closing %c", delimiter);
    return 0;
}
