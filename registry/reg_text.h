/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reg_text.h - `.reg` files, the text in which Windows' regedit and reg.exe exchange parts of a
 * registry: a reader that tells a sink what the file asks for, and a writer.
 *
 * Two formats: version 5 ("Windows Registry Editor Version 5.00"), in which all text and data are
 * UTF-16, and REGEDIT4, in which both are Windows-1252, data of the string types (sz, expand_sz,
 * multi_sz) included. Paths begin with the name of a root (HKEY_LOCAL_MACHINE\...), which is the
 * caller's to understand. Units are in host byte order (little-endian: pwk runs on x86-64 only).
 */
#ifndef PWK_REGISTRY_REG_TEXT_H
#define PWK_REGISTRY_REG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reading ---- */

/* What a callback is given lives until it returns. Each answers 0 to go on. Where text or data is
 * empty, its pointer may be NULL. */
struct reg_text_sink {
    void *context;
    int (*key)(void *context, const uint16_t *path, size_t units);        /* [path] */
    int (*delete_key)(void *context, const uint16_t *path, size_t units); /* [-path] */
    /* Values of the last key; `name` is empty for the default value. `data` is aligned for any
     * type, and exactly what stands there: no terminating 0 is added to hex data. */
    int (*value)(void *context, const uint16_t *name, size_t units, uint32_t type, const void *data,
                 size_t size);
    int (*delete_value)(void *context, const uint16_t *name, size_t units);
    /* Before each key, the share of the text that has been read, 0..1. May be NULL. */
    void (*progress)(void *context, double share);
};

struct reg_text_error {
    size_t line;    /* from 1 */
    char text[256]; /* the reason, without file and line; empty when a sink ended the reading */
};

/* Reads `size` bytes. The first non-zero answer of the sink ends it and is returned; -EINVAL, with
 * line and reason, for text that is no .reg file; -ENOMEM. `error` may be NULL.
 *
 * Encodings: UTF-16LE and UTF-8 with their byte order marks; without one UTF-16LE where the first
 * character shows it, Windows-1252 for REGEDIT4, and for version 5 UTF-8 where all of it is valid,
 * else Windows-1252. Values below [-path] are read and not told, as Windows does it. What Windows
 * skips in silence (a line that is nothing, an unfinished value) is an error here. */
int reg_text_read(const void *text, size_t size, const struct reg_text_sink *sink,
                  struct reg_text_error *error);

/* ---- writing ---- */

enum reg_text_format {
    REG_TEXT_5, /* UTF-16LE with byte order mark */
    REG_TEXT_4, /* REGEDIT4 */
};

struct reg_text_writer {
    enum reg_text_format format;
    /* Takes `size` bytes of the file: 0, or a negative errno, which ends the writing. */
    int (*write)(void *context, const void *bytes, size_t size);
    void *context;
    int error;       /* the first of `write` */
    unsigned column; /* units on the line */
    size_t used;
    unsigned char buffer[8192];
};

/* Writes the head of the file. */
void reg_text_writer_init(struct reg_text_writer *writer, enum reg_text_format format,
                          int (*write)(void *context, const void *bytes, size_t size),
                          void *context);

/* All answer 0, an error of `write`, or -EILSEQ, with nothing written, for what the format has no
 * notation for: a path that is empty, starts with a dash or holds a line break or a 0; and in
 * REGEDIT4 any text outside Windows-1252 and string data of an odd size. Strings that are not
 * terminated, or hold a line break or a 0, are written as hex(1), so that reading gives the same
 * bytes back. `data` is aligned for uint16_t. */
int reg_text_write_key(struct reg_text_writer *writer, const uint16_t *path, size_t units);
int reg_text_write_delete_key(struct reg_text_writer *writer, const uint16_t *path, size_t units);
int reg_text_write_value(struct reg_text_writer *writer, const uint16_t *name, size_t units,
                         uint32_t type, const void *data, size_t size);
int reg_text_write_delete_value(struct reg_text_writer *writer, const uint16_t *name, size_t units);

/* Writes the end of the file and what is still held back. */
int reg_text_writer_finish(struct reg_text_writer *writer);

#endif
