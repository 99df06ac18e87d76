/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reg_text_encoding.c - see reg_text_encoding.h.
 */
#include "registry/reg_text_encoding.h"

#include <stdbool.h>
#include <string.h>

static const uint16_t ansi_80_to_9f[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

uint16_t reg_text_from_ansi(unsigned char byte)
{
    return byte >= 0x80 && byte < 0xa0 ? ansi_80_to_9f[byte - 0x80] : byte;
}

int reg_text_to_ansi(uint16_t unit)
{
    if (unit < 0x80 || (unit >= 0xa0 && unit <= 0xff))
        return unit;
    for (int i = 0; i < 32; i++)
        if (ansi_80_to_9f[i] == unit)
            return 0x80 + i;
    return -1;
}

/* The length of the valid UTF-8 character at `text`, of which `size` > 0 bytes are there; or 0. */
static size_t decode_utf8(const unsigned char *text, size_t size, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

    *code = text[0];
    if (length == 1)
        return 1;
    if (text[0] < 0xc2 || text[0] > 0xf4 || length > size)
        return 0;
    *code &= 0x7fu >> length;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (text[i] & 0x3f);
    }
    if (*code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
        return 0;
    return length;
}

/* False where the text is no UTF-8. No character has more units than bytes. */
static bool utf8_to_units(const unsigned char *text, size_t size, uint16_t *units, size_t *count)
{
    *count = 0;
    while (size > 0) {
        uint32_t code;
        size_t length = decode_utf8(text, size, &code);

        if (length == 0)
            return false;
        if (code >= 0x10000) {
            units[(*count)++] = (uint16_t)(0xd800 + ((code - 0x10000) >> 10));
            code = 0xdc00 + ((code - 0x10000) & 0x3ff);
        }
        units[(*count)++] = (uint16_t)code;
        text += length;
        size -= length;
    }
    return true;
}

static const char *utf16_to_units(const unsigned char *text, size_t size, uint16_t *units,
                                  size_t *count)
{
    if (size % sizeof(*units))
        return "the file ends in the middle of a character: it was cut off";
    memcpy(units, text, size);
    *count = size / sizeof(*units);
    return NULL;
}

const char *reg_text_decode(const void *text, size_t size, uint16_t *units, size_t *count)
{
    static const char ansi_head[] = "REGEDIT4";
    const size_t ansi_head_size = sizeof(ansi_head) - 1;
    const unsigned char *bytes = text;

    if (size >= 2 && bytes[0] == 0xff && bytes[1] == 0xfe)
        return utf16_to_units(bytes + 2, size - 2, units, count);
    if (size >= 2 && bytes[0] != 0 && bytes[1] == 0)
        return utf16_to_units(bytes, size, units, count);
    if (size >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf)
        return utf8_to_units(bytes + 3, size - 3, units, count)
                   ? NULL
                   : "the file is not UTF-8, though its byte order mark says so";
    if ((size < ansi_head_size || memcmp(bytes, ansi_head, ansi_head_size) != 0) &&
        utf8_to_units(bytes, size, units, count))
        return NULL;
    for (*count = 0; *count < size; ++*count)
        units[*count] = reg_text_from_ansi(bytes[*count]);
    return NULL;
}
