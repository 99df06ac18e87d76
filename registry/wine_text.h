/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wine_text.h - a streaming parser of Wine's own registry text ("WINE REGISTRY Version 2": the
 * system.reg, user.reg and userdef.reg of a prefix, and what NtSaveKey writes).
 *
 * What is read is told to a sink, in the order of the text; nothing is joined, checked for
 * doubles or compared. Everything else about names (empty components, length) is the sink's.
 * Stricter than Wine's own reader, which skips what it does not understand: an import that lost
 * a value would do so silently.
 */
#ifndef PWK_REGISTRY_WINE_TEXT_H
#define PWK_REGISTRY_WINE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a callback is given lives until it returns. Each answers 0 to go on. Text may hold any
 * unit, 0 and lone surrogates too; where it is empty, its pointer may be NULL. */
struct wine_text_sink {
    void *context;
    /* What the keys are relative to, exactly as it stands there but for the escapes: in Wine 8
     * and 10 `REGISTRY\Machine`, in older ones `\Machine`. Called once, before the first key. */
    int (*base)(void *context, const uint16_t *path, size_t units);
    /* `path` may be empty: the base itself. `last_write`: 100 ns since 1601, from the #time line,
     * else from the seconds behind the path, else 0. Without a #class line, class_name is NULL. */
    int (*key)(void *context, const uint16_t *path, size_t units, uint64_t last_write,
               const uint16_t *class_name, size_t class_units, bool link);
    /* A value of the last key; `name` is empty for the default value. `data` is aligned for any
     * type; strings have the terminating 0 that the text leaves out. */
    int (*value)(void *context, const uint16_t *name, size_t units, uint32_t type, const void *data,
                 size_t size);
};

struct wine_text_error {
    size_t line;    /* from 1 */
    char text[256]; /* the reason, without file and line; empty when a sink ended the parsing */
};

/* Parses `size` bytes; they need no terminating 0. The first non-zero answer of the sink ends it
 * and is returned. -EINVAL, with line and reason, for text that is not such a file or that ends
 * in the middle of a line, of hex data or before the base; -ENOMEM. Bytes from 0x80 are read as
 * UTF-8 where that is valid, each as Latin-1 where it is not. `error` may be NULL. */
int wine_text_parse(const char *text, size_t size, const struct wine_text_sink *sink,
                    struct wine_text_error *error);

#endif
