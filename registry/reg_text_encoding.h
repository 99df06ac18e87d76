/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reg_text_encoding.h - what the reader and the writer of .reg files share: types of values, the
 * encodings, and the one of REGEDIT4: Windows-1252. The five bytes that Windows-1252 leaves open
 * stand for the control characters of their number, as Windows has it.
 */
#ifndef PWK_REGISTRY_REG_TEXT_ENCODING_H
#define PWK_REGISTRY_REG_TEXT_ENCODING_H

#include <stddef.h>
#include <stdint.h>

/* The types of values that have a form of their own in the text; the others stand as numbers. */
enum {
    REG_TYPE_SZ = 1,
    REG_TYPE_EXPAND_SZ = 2,
    REG_TYPE_BINARY = 3,
    REG_TYPE_DWORD = 4,
    REG_TYPE_MULTI_SZ = 7,
};

uint16_t reg_text_from_ansi(unsigned char byte);

/* -1 for what has no byte. */
int reg_text_to_ansi(uint16_t unit);

/* Makes a file's text UTF-16 (reg_text_read says how the encoding is told) without its byte order
 * mark. `units` has room for `size`. NULL, or why it cannot be done. */
const char *reg_text_decode(const void *text, size_t size, uint16_t *units, size_t *count);

#endif
