/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wine_text_reader.h - what the parser of Wine's registry text reads by: lines, words, numbers
 * and quoted text. It never moves past the end of the line but by text_next_line.
 *
 * Functions that answer int answer 0, -EINVAL with the reason in the reader's error, or -ENOMEM.
 * The `accept` functions move past what they accept and nothing else.
 */
#ifndef PWK_REGISTRY_WINE_TEXT_READER_H
#define PWK_REGISTRY_WINE_TEXT_READER_H

#include "registry/wine_text.h"

struct text_reader {
    struct wine_text_error *error;
    const char *at;       /* the next byte of the line */
    const char *line_end; /* without the line break */
    const char *next;     /* the next line */
    const char *end;
    size_t line;
};

/* Starts all zero; its owner frees `data`. */
struct text_buffer {
    void *data;
    size_t size; /* in bytes, as is capacity */
    size_t capacity;
};

void text_reader_init(struct text_reader *reader, const char *text, size_t size,
                      struct wine_text_error *error);

/* Sets the reason and answers -EINVAL. */
int text_fail(struct text_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int text_reserve(struct text_reader *reader, struct text_buffer *buffer, size_t bytes);

/* `found` is false at the end of the text. A last line without its line break is an error: Wine
 * always writes one, and half a number cannot be told from a whole one. */
int text_next_line(struct text_reader *reader, bool *found);

bool text_accept_word(struct text_reader *reader, const char *word);

/* Reads at most `max_digits` digits of `radix`; answers how many there were. */
unsigned text_accept_number(struct text_reader *reader, unsigned radix, unsigned max_digits,
                            uint64_t *number);

#define TEXT_TO_END_OF_LINE (-1)

/* Reads UTF-16 text up to `delimiter` (a character or TEXT_TO_END_OF_LINE) and past it, escapes
 * resolved. There is room for one unit more behind it. */
int text_read(struct text_reader *reader, int delimiter, struct text_buffer *text);

/* The line holds no line feed, so that all of \t to \r are blanks. */
static inline void text_skip_blanks(struct text_reader *reader)
{
    while (reader->at < reader->line_end &&
           (*reader->at == ' ' || (*reader->at >= '\t' && *reader->at <= '\r')))
        reader->at++;
}

static inline bool text_at_end_of_line(struct text_reader *reader)
{
    text_skip_blanks(reader);
    return reader->at == reader->line_end;
}

static inline bool text_accept(struct text_reader *reader, char c)
{
    if (reader->at == reader->line_end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

#endif
