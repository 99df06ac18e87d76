/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wine_text.c - the parser of Wine's registry text: keys with their options, and values.
 *
 * A key is held back until its options have been read: it is told to the sink before its first
 * value, before the next key, or at the end. Internal functions answer 0, a negative errno, or
 * what a sink answered.
 */
#include "registry/wine_text.h"

#include <stdlib.h>
#include <string.h>

#include "registry/wine_text_reader.h"

#define HEADER "WINE REGISTRY Version 2"
#define BASE_COMMENT ";; All keys relative to "

#define SECONDS_1601_TO_1970 UINT64_C(11644473600)
#define TICKS_PER_SECOND UINT64_C(10000000)

/* Registry value types that have a notation of their own. */
enum {
    TYPE_STRING = 1,
    TYPE_BINARY = 3,
    TYPE_DWORD = 4,
};

struct parser {
    struct text_reader reader;
    const struct wine_text_sink *sink;
    bool has_base;
    bool has_key;     /* a key line has been read */
    bool key_pending; /* and has not been told yet */
    bool has_class;
    bool link;
    uint64_t last_write;
    struct text_buffer path;
    struct text_buffer class_name;
    struct text_buffer name;
    struct text_buffer data;
};

/* ---- keys ---- */

static int tell_key(struct parser *parser)
{
    const uint16_t *class_name = parser->has_class ? parser->class_name.data : NULL;
    size_t class_units = parser->has_class ? parser->class_name.size / sizeof(uint16_t) : 0;

    if (!parser->key_pending)
        return 0;
    parser->key_pending = false;
    return parser->sink->key(parser->sink->context, parser->path.data,
                             parser->path.size / sizeof(uint16_t), parser->last_write, class_name,
                             class_units, parser->link);
}

static int read_base(struct parser *parser)
{
    int error;

    if (parser->has_base)
        return text_fail(&parser->reader, "a second line says what the keys are relative to");
    if ((error = text_read(&parser->reader, TEXT_TO_END_OF_LINE, &parser->path)))
        return error;
    parser->has_base = true;
    return parser->sink->base(parser->sink->context, parser->path.data,
                              parser->path.size / sizeof(uint16_t));
}

/* [path] seconds */
static int read_key(struct parser *parser)
{
    uint64_t seconds;
    int error;

    if (!parser->has_base)
        return text_fail(&parser->reader, "a key before the line '" BASE_COMMENT "...'");
    if ((error = tell_key(parser)) || (error = text_read(&parser->reader, ']', &parser->path)))
        return error;
    parser->has_key = true;
    parser->key_pending = true;
    parser->has_class = false;
    parser->link = false;
    parser->last_write = 0;
    if (text_at_end_of_line(&parser->reader))
        return 0;
    if (!text_accept_number(&parser->reader, 10, 10, &seconds) ||
        !text_at_end_of_line(&parser->reader))
        return text_fail(&parser->reader, "what follows the key's path is not its time in seconds");
    parser->last_write = (seconds + SECONDS_1601_TO_1970) * TICKS_PER_SECOND;
    return 0;
}

static int read_class(struct parser *parser)
{
    int error;

    if (!text_accept(&parser->reader, '"'))
        return text_fail(&parser->reader, "the class of the key is not in quotes");
    if ((error = text_read(&parser->reader, '"', &parser->class_name)))
        return error;
    if (!text_at_end_of_line(&parser->reader))
        return text_fail(&parser->reader, "something follows the class of the key");
    parser->has_class = true;
    return 0;
}

/* An option of the file before its first key, of the key after that; unknown ones may be there. */
static int read_option(struct parser *parser)
{
    if (!parser->has_key) {
        if (!text_accept_word(&parser->reader, "#arch=") ||
            text_accept_word(&parser->reader, "win32") ||
            text_accept_word(&parser->reader, "win64"))
            return 0;
        return text_fail(&parser->reader, "unknown architecture: neither win32 nor win64");
    }
    if (!parser->key_pending)
        return text_fail(&parser->reader, "an option of the key stands behind its values");
    if (text_accept_word(&parser->reader, "#class="))
        return read_class(parser);
    if (text_accept_word(&parser->reader, "#time=")) {
        if (!text_accept_number(&parser->reader, 16, 16, &parser->last_write) ||
            !text_at_end_of_line(&parser->reader))
            return text_fail(&parser->reader, "#time is not a number of at most 16 hex digits");
    } else if (text_accept_word(&parser->reader, "#link")) {
        parser->link = true;
    }
    return 0;
}

/* ---- values ---- */

static int read_string(struct parser *parser)
{
    int error = text_read(&parser->reader, '"', &parser->data);

    if (error)
        return error;
    ((uint16_t *)parser->data.data)[parser->data.size / sizeof(uint16_t)] = 0;
    parser->data.size += sizeof(uint16_t);
    if (!text_at_end_of_line(&parser->reader))
        return text_fail(&parser->reader, "something follows the closing quote");
    return 0;
}

static int read_dword(struct parser *parser)
{
    uint64_t number;
    uint32_t dword;
    int error;

    if (!text_accept_number(&parser->reader, 16, 8, &number) ||
        !text_at_end_of_line(&parser->reader))
        return text_fail(&parser->reader, "dword is not a number of at most 8 hex digits");
    dword = (uint32_t)number;
    if ((error = text_reserve(&parser->reader, &parser->data, sizeof(dword))))
        return error;
    memcpy(parser->data.data, &dword, sizeof(dword));
    parser->data.size = sizeof(dword);
    return 0;
}

/* The bytes on one line; `open` tells whether a comma stands behind the last. */
static int read_hex_line(struct parser *parser, bool *open)
{
    size_t rest = (size_t)(parser->reader.line_end - parser->reader.at);
    int error = text_reserve(&parser->reader, &parser->data, parser->data.size + rest / 2 + 1);
    unsigned char *out;
    uint64_t byte;

    if (error)
        return error;
    out = (unsigned char *)parser->data.data + parser->data.size;
    while (text_accept_number(&parser->reader, 16, 2, &byte)) {
        *out++ = (unsigned char)byte;
        text_skip_blanks(&parser->reader);
        *open = text_accept(&parser->reader, ',');
        if (!*open)
            break;
        text_skip_blanks(&parser->reader);
    }
    parser->data.size = (size_t)(out - (unsigned char *)parser->data.data);
    return 0;
}

/* Lines that end in a backslash go on in the next one. */
static int read_hex(struct parser *parser)
{
    bool open = false;
    bool found;
    int error;

    parser->data.size = 0;
    for (;;) {
        text_skip_blanks(&parser->reader);
        if ((error = read_hex_line(parser, &open)))
            return error;
        if (text_at_end_of_line(&parser->reader))
            return open ? text_fail(&parser->reader, "hex data end behind a comma") : 0;
        if (!text_accept(&parser->reader, '\\') || !text_at_end_of_line(&parser->reader))
            return text_fail(&parser->reader, "hex data with something that is no byte");
        if ((error = text_next_line(&parser->reader, &found)))
            return error;
        if (!found)
            return text_fail(&parser->reader,
                             "the text ends in the middle of hex data: it was cut off");
        if (text_at_end_of_line(&parser->reader))
            return text_fail(&parser->reader, "hex data go on in an empty line");
    }
}

/* Reads `:` or `(type):`. */
static bool accept_type(struct parser *parser, uint32_t *type)
{
    uint64_t number;

    if (text_accept(&parser->reader, '(')) {
        if (!text_accept_number(&parser->reader, 16, 8, &number) ||
            !text_accept(&parser->reader, ')'))
            return false;
        *type = (uint32_t)number;
    }
    return text_accept(&parser->reader, ':');
}

static int read_data(struct parser *parser, uint32_t *type)
{
    *type = TYPE_STRING;
    if (text_accept(&parser->reader, '"'))
        return read_string(parser);
    if (text_accept_word(&parser->reader, "str") && accept_type(parser, type) &&
        text_accept(&parser->reader, '"'))
        return read_string(parser);
    *type = TYPE_DWORD;
    if (text_accept_word(&parser->reader, "dword:"))
        return read_dword(parser);
    *type = TYPE_BINARY;
    if (text_accept_word(&parser->reader, "hex") && accept_type(parser, type))
        return read_hex(parser);
    return text_fail(&parser->reader,
                     "a value that is neither a text in quotes nor str, dword or hex");
}

/* "name"=data or @=data */
static int read_value(struct parser *parser)
{
    uint32_t type;
    int error;

    if (!parser->has_key)
        return text_fail(&parser->reader, "a value before the first key");
    if ((error = tell_key(parser)))
        return error;
    parser->name.size = 0;
    if (!text_accept(&parser->reader, '@')) {
        parser->reader.at++;
        if ((error = text_read(&parser->reader, '"', &parser->name)))
            return error;
    }
    text_skip_blanks(&parser->reader);
    if (!text_accept(&parser->reader, '='))
        return text_fail(&parser->reader, "no = behind the name of the value");
    text_skip_blanks(&parser->reader);
    if ((error = read_data(parser, &type)))
        return error;
    return parser->sink->value(parser->sink->context, parser->name.data,
                               parser->name.size / sizeof(uint16_t), type, parser->data.data,
                               parser->data.size);
}

/* ---- the whole ---- */

static int read_line(struct parser *parser)
{
    if (parser->reader.at == parser->reader.line_end)
        return 0;
    switch (*parser->reader.at) {
    case '[':
        parser->reader.at++;
        return read_key(parser);
    case '@':
    case '"':
        return read_value(parser);
    case '#':
        return read_option(parser);
    case ';':
        return text_accept_word(&parser->reader, BASE_COMMENT) ? read_base(parser) : 0;
    default:
        return text_fail(&parser->reader, "a line that is no key, value, option or comment");
    }
}

static int read_all(struct parser *parser)
{
    bool found;
    int error = text_next_line(&parser->reader, &found);

    if (error)
        return error;
    if (!found || !text_accept_word(&parser->reader, HEADER) ||
        parser->reader.at != parser->reader.line_end)
        return text_fail(&parser->reader,
                         "not Wine's registry text: the first line is not '" HEADER "'");
    for (;;) {
        if ((error = text_next_line(&parser->reader, &found)))
            return error;
        if (!found)
            break;
        if ((error = read_line(parser)))
            return error;
    }
    if (!parser->has_base)
        return text_fail(&parser->reader, "the text ends before the line '" BASE_COMMENT "...'");
    return tell_key(parser);
}

int wine_text_parse(const char *text, size_t size, const struct wine_text_sink *sink,
                    struct wine_text_error *error)
{
    struct wine_text_error unwanted;
    struct parser parser = {.sink = sink};
    int result;

    text_reader_init(&parser.reader, text, size, error ? error : &unwanted);
    result = read_all(&parser);
    free(parser.path.data);
    free(parser.class_name.data);
    free(parser.name.data);
    free(parser.data.data);
    return result;
}
