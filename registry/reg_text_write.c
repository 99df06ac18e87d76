/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reg_text_write.c - the writer of .reg files, in the shape that Windows' regedit gives them:
 * CR LF, an empty line before each key and at the end, hex data wrapped.
 */
#include "registry/reg_text.h"

#include <errno.h>
#include <string.h>

#include "registry/reg_text_encoding.h"

/* A byte and its comma end here at the latest; the backslash may follow. */
#define HEX_COLUMNS 77

/* ---- characters ---- */

static void flush(struct reg_text_writer *writer)
{
    if (writer->error == 0 && writer->used > 0)
        writer->error = writer->write(writer->context, writer->buffer, writer->used);
    writer->used = 0;
}

static void put_unit(struct reg_text_writer *writer, uint16_t unit)
{
    if (sizeof(writer->buffer) - writer->used < sizeof(unit))
        flush(writer);
    writer->column++;
    if (writer->format == REG_TEXT_5) {
        memcpy(writer->buffer + writer->used, &unit, sizeof(unit));
        writer->used += sizeof(unit);
    } else {
        writer->buffer[writer->used++] = (unsigned char)reg_text_to_ansi(unit);
    }
}

static void put_units(struct reg_text_writer *writer, const uint16_t *units, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_unit(writer, units[i]);
}

static void put_text(struct reg_text_writer *writer, const char *text)
{
    for (; *text; text++)
        put_unit(writer, (unsigned char)*text);
}

static void end_line(struct reg_text_writer *writer)
{
    put_text(writer, "\r\n");
    writer->column = 0;
}

/* The lowest `least` digits, and those above them that are not 0. */
static void put_hex(struct reg_text_writer *writer, uint32_t number, unsigned least)
{
    for (unsigned digit = 8; digit-- > 0;)
        if (digit < least || number >> 4 * digit)
            put_unit(writer, (unsigned char)"0123456789abcdef"[number >> 4 * digit & 15]);
}

/* Between quotes; what stands in them is escaped. */
static void put_quoted(struct reg_text_writer *writer, const uint16_t *units, size_t count)
{
    put_unit(writer, '"');
    for (size_t i = 0; i < count; i++) {
        static const char special[] = "\\\"\n\r";
        static const char letters[] = "\\\"nr0";
        const char *found = units[i] <= '\\' ? strchr(special, units[i]) : NULL;

        if (found)
            put_unit(writer, '\\');
        put_unit(writer, found ? (unsigned char)letters[found - special] : units[i]);
    }
    put_unit(writer, '"');
}

static bool can_write(const struct reg_text_writer *writer, const uint16_t *units, size_t count)
{
    for (size_t i = 0; writer->format == REG_TEXT_4 && i < count; i++)
        if (reg_text_to_ansi(units[i]) < 0)
            return false;
    return true;
}

/* ---- keys ---- */

static int write_key_line(struct reg_text_writer *writer, const char *opening, const uint16_t *path,
                          size_t units)
{
    if (units == 0 || path[0] == '-' || !can_write(writer, path, units))
        return -EILSEQ;
    for (size_t i = 0; i < units; i++)
        if (path[i] == 0 || path[i] == '\r' || path[i] == '\n')
            return -EILSEQ;
    end_line(writer);
    put_text(writer, opening);
    put_units(writer, path, units);
    put_unit(writer, ']');
    end_line(writer);
    return writer->error;
}

int reg_text_write_key(struct reg_text_writer *writer, const uint16_t *path, size_t units)
{
    return write_key_line(writer, "[", path, units);
}

int reg_text_write_delete_key(struct reg_text_writer *writer, const uint16_t *path, size_t units)
{
    return write_key_line(writer, "[-", path, units);
}

/* ---- values ---- */

static void put_value_name(struct reg_text_writer *writer, const uint16_t *name, size_t units)
{
    if (units)
        put_quoted(writer, name, units);
    else
        put_unit(writer, '@');
    put_unit(writer, '=');
}

/* A string that ends in its only 0 and has no line break: Windows' older readers know no escapes
 * for those. */
static bool is_plain(const uint16_t *units, size_t count)
{
    if (count == 0 || units[count - 1] != 0)
        return false;
    for (size_t i = 0; i < count - 1; i++)
        if (units[i] == 0 || units[i] == '\r' || units[i] == '\n')
            return false;
    return true;
}

static void put_byte(struct reg_text_writer *writer, unsigned char byte, bool first, bool last)
{
    if (!first && writer->column + 3 > HEX_COLUMNS) {
        put_unit(writer, '\\');
        end_line(writer);
        put_text(writer, "  ");
    }
    put_hex(writer, byte, 2);
    if (!last)
        put_unit(writer, ',');
}

static void put_hex_data(struct reg_text_writer *writer, uint32_t type, bool narrow,
                         const unsigned char *data, size_t size)
{
    const size_t step = narrow ? sizeof(uint16_t) : 1;

    put_text(writer, "hex");
    if (type != REG_TYPE_BINARY) {
        put_unit(writer, '(');
        put_hex(writer, type, 1);
        put_unit(writer, ')');
    }
    put_unit(writer, ':');
    for (size_t i = 0; i < size; i += step) {
        unsigned char byte = data[i];
        uint16_t unit;

        if (narrow) {
            memcpy(&unit, data + i, sizeof(unit));
            byte = (unsigned char)reg_text_to_ansi(unit);
        }
        put_byte(writer, byte, i == 0, size - i == step);
    }
}

int reg_text_write_value(struct reg_text_writer *writer, const uint16_t *name, size_t units,
                         uint32_t type, const void *data, size_t size)
{
    const size_t count = size / sizeof(uint16_t);
    bool whole = size % sizeof(uint16_t) == 0;
    bool text = type == REG_TYPE_SZ || type == REG_TYPE_EXPAND_SZ || type == REG_TYPE_MULTI_SZ;
    bool narrow = text && writer->format == REG_TEXT_4;
    uint32_t number;

    if (!can_write(writer, name, units) || (narrow && (!whole || !can_write(writer, data, count))))
        return -EILSEQ;
    put_value_name(writer, name, units);
    if (type == REG_TYPE_SZ && whole && is_plain(data, count)) {
        put_quoted(writer, data, count - 1);
    } else if (type == REG_TYPE_DWORD && size == sizeof(number)) {
        memcpy(&number, data, sizeof(number));
        put_text(writer, "dword:");
        put_hex(writer, number, 8);
    } else {
        put_hex_data(writer, type, narrow, data, size);
    }
    end_line(writer);
    return writer->error;
}

int reg_text_write_delete_value(struct reg_text_writer *writer, const uint16_t *name, size_t units)
{
    if (!can_write(writer, name, units))
        return -EILSEQ;
    put_value_name(writer, name, units);
    put_unit(writer, '-');
    end_line(writer);
    return writer->error;
}

/* ---- the whole ---- */

void reg_text_writer_init(struct reg_text_writer *writer, enum reg_text_format format,
                          int (*write)(void *context, const void *bytes, size_t size),
                          void *context)
{
    writer->format = format;
    writer->write = write;
    writer->context = context;
    writer->error = 0;
    writer->used = 0;
    if (format == REG_TEXT_5)
        put_unit(writer, 0xfeff);
    put_text(writer, format == REG_TEXT_5 ? "Windows Registry Editor Version 5.00" : "REGEDIT4");
    end_line(writer);
}

int reg_text_writer_finish(struct reg_text_writer *writer)
{
    end_line(writer);
    flush(writer);
    return writer->error;
}
