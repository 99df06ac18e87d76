/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reg_text_read.c - the reader of .reg files. The whole text is made UTF-16 first; then each line
 * is a key, a value, a comment or empty.
 *
 * Facts: Microsoft, "How to add, modify, or delete registry subkeys and values by using a .reg
 * file"; and how Windows answers the import tests in Wine's programs/reg/tests. Internal functions
 * answer 0, a negative errno, or what the sink answered.
 */
#include "registry/reg_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/reg_text_encoding.h"

/* Starts all zero; its owner frees `bytes`. */
struct growing {
    unsigned char *bytes;
    size_t size;
    size_t capacity;
};

struct reader {
    const struct reg_text_sink *sink;
    struct reg_text_error *error;
    const uint16_t *start, *at, *end;
    size_t line;
    bool ansi_data;  /* string data stand there as Windows-1252 */
    bool has_key;    /* a key line has been read */
    bool below_gone; /* and it deletes the key */
    struct growing name;
    struct growing data;
};

static int fail(struct reader *reader, const char *reason)
{
    reader->error->line = reader->line;
    snprintf(reader->error->text, sizeof(reader->error->text), "%s", reason);
    return -EINVAL;
}

static int append(struct reader *reader, struct growing *to, const void *bytes, size_t size)
{
    if (size > to->capacity - to->size) {
        size_t capacity = 2 * to->capacity + size + 64;
        unsigned char *moved = realloc(to->bytes, capacity);

        if (!moved) {
            fail(reader, "out of memory");
            return -ENOMEM;
        }
        to->bytes = moved;
        to->capacity = capacity;
    }
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
    return 0;
}

static int append_unit(struct reader *reader, struct growing *to, uint16_t unit)
{
    return append(reader, to, &unit, sizeof(unit));
}

/* ---- characters and lines ---- */

static bool at_line_end(const struct reader *reader)
{
    return reader->at == reader->end || *reader->at == '\n' || *reader->at == '\r';
}

static void skip_line_end(struct reader *reader)
{
    if (reader->at == reader->end)
        return;
    if (*reader->at == '\r' && reader->end - reader->at > 1 && reader->at[1] == '\n')
        reader->at++;
    reader->at++;
    reader->line++;
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
        reader->at++;
}

static void skip_comment(struct reader *reader)
{
    skip_blanks(reader);
    if (reader->at < reader->end && *reader->at == ';')
        while (!at_line_end(reader))
            reader->at++;
}

static bool accept(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool accept_word(struct reader *reader, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(reader->end - reader->at) < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (reader->at[i] != word[i])
            return false;
    reader->at += length;
    return true;
}

/* At most `most` hexadecimal digits; false where there is none. */
static bool accept_hex(struct reader *reader, unsigned most, uint32_t *number)
{
    unsigned digits = 0;

    for (*number = 0; digits < most && reader->at < reader->end; digits++, reader->at++) {
        uint16_t unit = *reader->at;
        unsigned letter = unit | 0x20u;

        if (unit >= '0' && unit <= '9')
            *number = *number << 4 | (uint32_t)(unit - '0');
        else if (letter >= 'a' && letter <= 'f')
            *number = *number << 4 | (letter - 'a' + 10);
        else
            break;
    }
    return digits > 0;
}

/* Blanks and a comment may stand at the end of a line, and nothing else. */
static int finish_line(struct reader *reader, const char *reason)
{
    skip_comment(reader);
    return at_line_end(reader) ? 0 : fail(reader, reason);
}

/* ---- keys ---- */

/* A name may hold brackets: the last one of the line ends it. */
static int read_key(struct reader *reader)
{
    bool gone = accept(reader, '-');
    const uint16_t *path = reader->at;
    const uint16_t *bracket = NULL;
    size_t units;

    for (; !at_line_end(reader); reader->at++) {
        if (*reader->at == ']')
            bracket = reader->at;
        if (*reader->at == 0)
            return fail(reader, "a zero character: the file is damaged");
    }
    if (!bracket)
        return fail(reader, "a key without its closing bracket");
    units = (size_t)(bracket - path);
    reader->at = bracket + 1;
    if (units == 0)
        return fail(reader, "a key without a name");
    reader->has_key = true;
    reader->below_gone = gone;
    if (reader->sink->progress)
        reader->sink->progress(reader->sink->context, (double)(path - reader->start) /
                                                          (double)(reader->end - reader->start));
    if (finish_line(reader, "something follows the closing bracket"))
        return -EINVAL;
    return gone ? reader->sink->delete_key(reader->sink->context, path, units)
                : reader->sink->key(reader->sink->context, path, units);
}

/* ---- values ---- */

/* What stands behind a backslash; 0xffff: nothing that may. */
static uint16_t escaped(uint16_t unit)
{
    switch (unit) {
    case '\\':
    case '"':
        return unit;
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case '0':
        return 0;
    }
    return 0xffff;
}

/* Text up to the closing quote; regedit writes line breaks in it as they are. */
static int read_quoted(struct reader *reader, struct growing *text)
{
    const size_t first_line = reader->line;
    int error = 0;

    text->size = 0;
    while (error == 0 && reader->at < reader->end) {
        const uint16_t *from = reader->at;
        uint16_t unit = *from;

        if (unit == '"') {
            reader->at++;
            return 0;
        }
        if (unit == 0)
            return fail(reader, "a zero character: the file is damaged");
        if (at_line_end(reader)) {
            skip_line_end(reader);
            error = append(reader, text, from, (size_t)(reader->at - from) * sizeof(*from));
            continue;
        }
        reader->at++;
        if (unit == '\\') {
            unit = reader->at < reader->end ? escaped(*reader->at) : 0xffff;
            if (unit == 0xffff)
                return fail(reader, "a backslash that stands for nothing: write it twice");
            reader->at++;
        }
        error = append_unit(reader, text, unit);
    }
    if (error)
        return error;
    reader->line = first_line;
    return fail(reader, "a text without its closing quote");
}

static int read_dword(struct reader *reader)
{
    uint32_t number;

    if (!accept_hex(reader, 8, &number))
        return fail(reader, "dword is not a number of 1 to 8 hex digits");
    reader->data.size = 0;
    return append(reader, &reader->data, &number, sizeof(number));
}

/* Behind a backslash: to the line that has the next bytes. */
static int next_hex_line(struct reader *reader)
{
    if (finish_line(reader, "hex data with something that is no byte"))
        return -EINVAL;
    while (reader->at < reader->end && at_line_end(reader)) {
        skip_line_end(reader);
        skip_comment(reader);
    }
    if (reader->at == reader->end)
        return fail(reader, "the file ends in the middle of hex data: it was cut off");
    return 0;
}

/* Bytes parted by commas, of which one may stand behind the last. */
static int read_hex(struct reader *reader)
{
    reader->data.size = 0;
    for (;;) {
        unsigned char byte;
        uint32_t number;
        int error;

        skip_blanks(reader);
        if (at_line_end(reader) || *reader->at == ';')
            return 0;
        if (accept(reader, '\\')) {
            if ((error = next_hex_line(reader)))
                return error;
            continue;
        }
        if (!accept_hex(reader, 2, &number))
            return fail(reader, "hex data with something that is no byte");
        byte = (unsigned char)number;
        if ((error = append(reader, &reader->data, &byte, 1)))
            return error;
        skip_blanks(reader);
        if (!accept(reader, ','))
            return 0;
    }
}

/* Each byte of the data becomes a unit. */
static int widen_data(struct reader *reader)
{
    struct growing wide = {0};
    int error = 0;

    for (size_t i = 0; error == 0 && i < reader->data.size; i++)
        error = append_unit(reader, &wide, reg_text_from_ansi(reader->data.bytes[i]));
    if (error) {
        free(wide.bytes);
        return error;
    }
    free(reader->data.bytes);
    reader->data = wide;
    return 0;
}

/* Reads `:` or `(type):` and the bytes. */
static int read_typed_hex(struct reader *reader, uint32_t *type)
{
    int error;

    *type = REG_TYPE_BINARY;
    if (accept(reader, '(') && (!accept_hex(reader, 8, type) || !accept(reader, ')')))
        return fail(reader, "the type of the hex data is no number of 1 to 8 hex digits");
    if (!accept(reader, ':'))
        return fail(reader, "no : before the hex data");
    error = read_hex(reader);
    if (error == 0 && reader->ansi_data &&
        (*type == REG_TYPE_SZ || *type == REG_TYPE_EXPAND_SZ || *type == REG_TYPE_MULTI_SZ))
        error = widen_data(reader);
    return error;
}

static int read_data(struct reader *reader, uint32_t *type)
{
    int error;

    if (accept(reader, '"')) {
        *type = REG_TYPE_SZ;
        error = read_quoted(reader, &reader->data);
        return error ? error : append_unit(reader, &reader->data, 0);
    }
    if (accept_word(reader, "dword:")) {
        *type = REG_TYPE_DWORD;
        return read_dword(reader);
    }
    if (accept_word(reader, "hex"))
        return read_typed_hex(reader, type);
    return fail(reader, "a value that is neither a text in quotes nor dword, hex or -");
}

/* "name"=data or @=data; - in place of the data deletes the value. */
static int read_value(struct reader *reader)
{
    static const char surplus[] = "something follows the data of the value";
    const struct reg_text_sink *sink = reader->sink;
    uint32_t type;
    int error;

    if (!reader->has_key)
        return fail(reader, "a value before the first key");
    reader->name.size = 0;
    if (!accept(reader, '@')) {
        reader->at++;
        if ((error = read_quoted(reader, &reader->name)))
            return error;
    }
    skip_blanks(reader);
    if (!accept(reader, '='))
        return fail(reader, "no = behind the name of the value");
    skip_blanks(reader);
    if (accept(reader, '-')) {
        if ((error = finish_line(reader, surplus)) || reader->below_gone)
            return error;
        return sink->delete_value(sink->context, (const uint16_t *)reader->name.bytes,
                                  reader->name.size / sizeof(uint16_t));
    }
    if ((error = read_data(reader, &type)) || (error = finish_line(reader, surplus)) ||
        reader->below_gone)
        return error;
    return sink->value(sink->context, (const uint16_t *)reader->name.bytes,
                       reader->name.size / sizeof(uint16_t), type, reader->data.bytes,
                       reader->data.size);
}

/* ---- the whole ---- */

static int read_head(struct reader *reader)
{
    if (accept_word(reader, "REGEDIT4"))
        reader->ansi_data = true;
    else if (!accept_word(reader, "Windows Registry Editor Version 5.00"))
        return fail(reader, "no .reg file: the first line is neither REGEDIT4 nor "
                            "Windows Registry Editor Version 5.00");
    skip_blanks(reader);
    return at_line_end(reader) ? 0 : fail(reader, "something follows the version");
}

static int read_all(struct reader *reader)
{
    int error = read_head(reader);

    while (error == 0 && reader->at < reader->end) {
        skip_line_end(reader);
        skip_comment(reader);
        if (at_line_end(reader))
            continue;
        reader->error->line = reader->line;
        if (accept(reader, '['))
            error = read_key(reader);
        else if (*reader->at == '@' || *reader->at == '"')
            error = read_value(reader);
        else
            error = fail(reader, "a line that is no key, value or comment");
    }
    return error;
}

int reg_text_read(const void *text, size_t size, const struct reg_text_sink *sink,
                  struct reg_text_error *error)
{
    struct reg_text_error unwanted;
    struct reader reader = {.sink = sink, .error = error ? error : &unwanted, .line = 1};
    uint16_t *units = size < SIZE_MAX / 4 ? malloc((size + 1) * sizeof(*units)) : NULL;
    const char *reason;
    size_t count = 0;
    int result;

    *reader.error = (struct reg_text_error){.line = 1};
    if (!units) {
        fail(&reader, "out of memory");
        return -ENOMEM;
    }
    reason = reg_text_decode(text, size, units, &count);
    reader.start = reader.at = units;
    reader.end = units + count;
    result = reason ? fail(&reader, reason) : read_all(&reader);
    free(reader.name.bytes);
    free(reader.data.bytes);
    free(units);
    return result;
}
