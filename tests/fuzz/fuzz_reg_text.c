/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_reg_text.c - libFuzzer target: the reader of .reg files, and that what it told, written as
 * version 5, is told again in the same way. Written as REGEDIT4, where that can hold it, it must
 * be the same too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/reg_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct file {
    unsigned char *bytes;
    size_t size, capacity;
};

struct seen {
    uint64_t sum; /* of everything told, in order */
    size_t keys;
    struct reg_text_writer *writer; /* NULL: is not written */
    bool held_all;                  /* nothing was left out */
};

static void require(bool promise)
{
    if (!promise)
        abort();
}

static int take(void *context, const void *bytes, size_t size)
{
    struct file *file = context;

    if (size > file->capacity - file->size) {
        file->capacity = 2 * file->capacity + size;
        file->bytes = realloc(file->bytes, file->capacity);
        require(file->bytes != NULL);
    }
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
    return 0;
}

static void add(struct seen *seen, char kind, uint64_t number, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    seen->sum = (seen->sum ^ (uint8_t)kind ^ number << 8 ^ (uint64_t)size << 40) * 0x100000001b3;
    for (size_t i = 0; i < size; i++)
        seen->sum = (seen->sum ^ bytes[i]) * 0x100000001b3;
}

static void written(struct seen *seen, int result)
{
    bool narrow = seen->writer && seen->writer->format == REG_TEXT_4;

    require(result == 0 || (result == -EILSEQ && narrow));
    seen->held_all = seen->held_all && result == 0;
}

static int see_key(void *context, const uint16_t *path, size_t units)
{
    struct seen *seen = context;

    require(units > 0);
    seen->keys++;
    add(seen, 'k', 0, path, units * sizeof(*path));
    written(seen, seen->writer ? reg_text_write_key(seen->writer, path, units) : 0);
    return 0;
}

static int see_delete_key(void *context, const uint16_t *path, size_t units)
{
    struct seen *seen = context;
    int result = 0;

    require(units > 0);
    add(seen, 'K', 0, path, units * sizeof(*path));
    /* The writer refuses a second dash, with which no path of a registry begins. */
    if (seen->writer && path[0] == '-')
        seen->held_all = false;
    else if (seen->writer)
        result = reg_text_write_delete_key(seen->writer, path, units);
    written(seen, result);
    return 0;
}

static int see_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                     const void *data, size_t size)
{
    struct seen *seen = context;

    require(seen->keys > 0);
    add(seen, 'v', 0, name, units * sizeof(*name));
    add(seen, 'd', type, data, size);
    written(seen,
            seen->writer ? reg_text_write_value(seen->writer, name, units, type, data, size) : 0);
    return 0;
}

static int see_delete_value(void *context, const uint16_t *name, size_t units)
{
    struct seen *seen = context;

    require(seen->keys > 0);
    add(seen, 'V', 0, name, units * sizeof(*name));
    written(seen, seen->writer ? reg_text_write_delete_value(seen->writer, name, units) : 0);
    return 0;
}

static int see(struct seen *seen, const void *text, size_t size)
{
    const struct reg_text_sink sink = {seen,      see_key,          see_delete_key,
                                       see_value, see_delete_value, NULL};
    struct reg_text_error error;
    int result = reg_text_read(text, size, &sink, &error);

    require(error.line >= 1 && memchr(error.text, 0, sizeof(error.text)));
    require((result == 0) == (error.text[0] == '\0'));
    return result;
}

static void there_and_back(const uint8_t *bytes, size_t size, enum reg_text_format format)
{
    struct file file = {0};
    struct reg_text_writer writer;
    struct seen first = {.writer = &writer, .held_all = true};
    struct seen second = {.held_all = true};

    reg_text_writer_init(&writer, format, take, &file);
    if (see(&first, bytes, size) == 0 && first.held_all) {
        require(reg_text_writer_finish(&writer) == 0);
        require(see(&second, file.bytes, file.size) == 0);
        require(second.sum == first.sum);
    }
    free(file.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    there_and_back(bytes, size, REG_TEXT_5);
    there_and_back(bytes, size, REG_TEXT_4);
    return 0;
}
