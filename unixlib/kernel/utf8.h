/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * utf8.h - reads UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 */
#ifndef PWK_KERNEL_UTF8_H
#define PWK_KERNEL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Reads the character at `text`, of which `size` > 0 bytes may be read. Its length, 1 to 4, and the
 * character in `code`; 0 where no valid one stands there. */
static inline size_t pwk_utf8_read(const char *text, size_t size, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];

    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || length > size) {
        return 0;
    }
    uint32_t value = lead & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (next & 0x3f);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    *code = value;
    return length;
}

#endif
