/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_data.c - see registry_data.h.
 */
#include "launcher/registry_data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/utf8.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Type numbers as winnt.h has them. */
enum {
    TYPE_NONE,
    TYPE_SZ,
    TYPE_EXPAND_SZ,
    TYPE_BINARY,
    TYPE_DWORD,
    TYPE_DWORD_BIG_ENDIAN,
    TYPE_LINK,
    TYPE_MULTI_SZ,
    TYPE_RESOURCE_LIST,
    TYPE_FULL_RESOURCE_DESCRIPTOR,
    TYPE_RESOURCE_REQUIREMENTS_LIST,
    TYPE_QWORD,
};

static const char *const type_words[] = {
    [TYPE_NONE] = "none",
    [TYPE_SZ] = "sz",
    [TYPE_EXPAND_SZ] = "expand_sz",
    [TYPE_BINARY] = "binary",
    [TYPE_DWORD] = "dword",
    [TYPE_DWORD_BIG_ENDIAN] = "dword_big_endian",
    [TYPE_LINK] = "link",
    [TYPE_MULTI_SZ] = "multi_sz",
    [TYPE_RESOURCE_LIST] = "resource_list",
    [TYPE_FULL_RESOURCE_DESCRIPTOR] = "full_resource_descriptor",
    [TYPE_RESOURCE_REQUIREMENTS_LIST] = "resource_requirements_list",
    [TYPE_QWORD] = "qword",
};

const char *registry_data_type_word(uint32_t type)
{
    return type < COUNT_OF(type_words) ? type_words[type] : "unknown";
}

bool registry_data_to_units(const char *text, uint16_t *units, size_t capacity, size_t *count)
{
    size_t left = strlen(text);

    *count = 0;
    while (left > 0) {
        uint32_t code;
        size_t length = pwk_utf8_read(text, left, &code);

        if (length == 0 || capacity - *count < (code > 0xffff ? 2u : 1u))
            return false;
        if (code > 0xffff) {
            units[(*count)++] = (uint16_t)(0xd800 + ((code - 0x10000) >> 10));
            units[(*count)++] = (uint16_t)(0xdc00 + ((code - 0x10000) & 0x3ff));
        } else {
            units[(*count)++] = (uint16_t)code;
        }
        text += length;
        left -= length;
    }
    return true;
}

/* ---- printing ---- */

static void print_code(FILE *stream, uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        fprintf(stream, "\\x%02x", (unsigned)code);
    } else if (code < 0x80) {
        putc((int)code, stream);
    } else if (code < 0x800) {
        putc((int)(0xc0 | code >> 6), stream);
        putc((int)(0x80 | (code & 0x3f)), stream);
    } else {
        if (code < 0x10000) {
            putc((int)(0xe0 | code >> 12), stream);
        } else {
            putc((int)(0xf0 | code >> 18), stream);
            putc((int)(0x80 | (code >> 12 & 0x3f)), stream);
        }
        putc((int)(0x80 | (code >> 6 & 0x3f)), stream);
        putc((int)(0x80 | (code & 0x3f)), stream);
    }
}

void registry_data_print_units(FILE *stream, const uint16_t *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t code = units[i];

        if (code >= 0xd800 && code < 0xdc00 && i + 1 < count && units[i + 1] >= 0xdc00 &&
            units[i + 1] < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + (units[++i] - 0xdc00u);
        else if (code >= 0xd800 && code < 0xe000)
            code = 0xfffd;
        print_code(stream, code);
    }
}

static void print_hex(FILE *stream, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        fprintf(stream, "%02x", data[i]);
}

static void print_strings(FILE *stream, const uint16_t *units, size_t count, const char *separator)
{
    while (count > 0 && units[count - 1] == 0)
        count--;
    for (size_t start = 0; start < count;) {
        size_t end = start;

        while (end < count && units[end] != 0)
            end++;
        if (start > 0)
            fputs(separator, stream);
        registry_data_print_units(stream, units + start, end - start);
        start = end + 1;
    }
}

void registry_data_print(FILE *stream, uint32_t type, const void *data, size_t size,
                         const char *separator)
{
    const uint16_t *units = data;
    const size_t count = size / sizeof(*units);
    bool whole = size % sizeof(*units) == 0;
    uint64_t number = 0;

    if (size == 0)
        return;
    if ((type == TYPE_SZ || type == TYPE_EXPAND_SZ || type == TYPE_LINK) && whole) {
        registry_data_print_units(stream, units, count - (units[count - 1] == 0));
    } else if (type == TYPE_MULTI_SZ && whole) {
        print_strings(stream, units, count, separator);
    } else if ((type == TYPE_DWORD && size == 4) || (type == TYPE_QWORD && size == 8)) {
        memcpy(&number, data, size);
        fprintf(stream, "0x%0*" PRIx64, (int)size * 2, number);
    } else {
        print_hex(stream, data, size);
    }
}

void registry_data_print_value(FILE *stream, const uint16_t *name, size_t units, uint32_t type,
                               const void *data, size_t size)
{
    if (units == 0)
        putc('@', stream);
    registry_data_print_units(stream, name, units);
    fprintf(stream, "\t%s\t", registry_data_type_word(type));
    registry_data_print(stream, type, data, size, "\\0");
    putc('\n', stream);
}

/* ---- JSON ---- */

json_t *registry_data_units_json(const uint16_t *units, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    json_t *json;

    if (stream == NULL)
        return NULL;
    registry_data_print_units(stream, units, count);
    json = fclose(stream) == 0 ? json_stringn(text, size) : NULL;
    free(text);
    return json;
}

static json_t *strings_json(const uint16_t *units, size_t count)
{
    json_t *list = json_array();

    while (count > 0 && units[count - 1] == 0)
        count--;
    for (size_t start = 0; list != NULL && start < count;) {
        size_t end = start;

        while (end < count && units[end] != 0)
            end++;
        if (json_array_append_new(list, registry_data_units_json(units + start, end - start)) !=
            0) {
            json_decref(list);
            return NULL;
        }
        start = end + 1;
    }
    return list;
}

static json_t *data_json(uint32_t type, const void *data, size_t size)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream;
    json_t *json;

    if (type == TYPE_MULTI_SZ && size % sizeof(uint16_t) == 0)
        return strings_json(data, size / sizeof(uint16_t));
    stream = open_memstream(&text, &length);
    if (stream == NULL)
        return NULL;
    registry_data_print(stream, type, data, size, "");
    json = fclose(stream) == 0 ? json_stringn(text, length) : NULL;
    free(text);
    return json;
}

json_t *registry_data_json(uint32_t type, const void *data, size_t size)
{
    return json_pack("{s:s, s:I, s:o}", "type", registry_data_type_word(type), "type_number",
                     (json_int_t)type, "data", data_json(type, data, size));
}

/* ---- reading ---- */

/* `word` and its end as UTF-16 behind what is there already. */
static int append_string(struct registry_data *data, const char *word, struct pwk_error *error)
{
    size_t room = strlen(word) + 1;
    char *grown = realloc(data->bytes, data->size + (room + 1) * sizeof(uint16_t));
    uint16_t *units;
    size_t count;

    if (grown == NULL)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    data->bytes = grown;
    units = (uint16_t *)(grown + data->size);
    if (!registry_data_to_units(word, units, room, &count))
        return pwk_error_set(error, -EINVAL, "%s: not UTF-8", word);
    units[count++] = 0;
    data->size += count * sizeof(*units);
    return 0;
}

static int parse_strings(struct registry_data *data, char *const words[], int count,
                         struct pwk_error *error)
{
    int rc = 0;

    if (data->type != TYPE_MULTI_SZ && count != 1)
        return pwk_error_set(error, -EINVAL, "one DATA is needed; quote it where it has blanks");
    for (int i = 0; rc == 0 && i < count; i++) {
        if (data->type == TYPE_MULTI_SZ && words[i][0] == '\0')
            return pwk_error_set(error, -EINVAL, "a multi_sz holds no empty strings");
        rc = append_string(data, words[i], error);
    }
    if (rc == 0 && data->type == TYPE_MULTI_SZ)
        rc = append_string(data, "", error);
    return rc;
}

static int parse_number(struct registry_data *data, const char *word, struct pwk_error *error)
{
    const size_t size = data->type == TYPE_DWORD ? 4 : 8;
    const uint64_t most = size == 4 ? UINT32_MAX : UINT64_MAX;
    char *end;
    uint64_t number;

    errno = 0;
    number = strtoull(word, &end, 0);
    if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 || number > most)
        return pwk_error_set(error, -EINVAL,
                             "'%s' is no %zu-bit number: write it in digits, or as 0x...", word,
                             size * 8);
    data->bytes = malloc(size);
    if (data->bytes == NULL)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    memcpy(data->bytes, &number, size);
    data->size = size;
    return 0;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);

    return found == NULL ? -1 : (int)((found - digits) % 16);
}

static int parse_hex(struct registry_data *data, const char *word, struct pwk_error *error)
{
    const size_t size = strlen(word) / 2;
    unsigned char *bytes = malloc(size + 1);

    if (bytes == NULL)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    data->bytes = bytes;
    data->size = size;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(word[2 * i]);
        int low = hex_digit(word[2 * i + 1]);

        if (high < 0 || low < 0)
            return pwk_error_set(error, -EINVAL, "'%.32s' is not all hexadecimal digits", word);
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    if (word[2 * size] != '\0')
        return pwk_error_set(error, -EINVAL, "'%.32s': two hexadecimal digits make a byte", word);
    return 0;
}

static int parse_by_type(struct registry_data *data, char *const words[], int count,
                         struct pwk_error *error)
{
    switch (data->type) {
    case TYPE_SZ:
    case TYPE_EXPAND_SZ:
    case TYPE_MULTI_SZ:
        return parse_strings(data, words, count, error);
    case TYPE_DWORD:
    case TYPE_QWORD:
    case TYPE_BINARY:
    case TYPE_NONE:
        if (count != 1)
            return pwk_error_set(error, -EINVAL, "one DATA is needed");
        return data->type == TYPE_DWORD || data->type == TYPE_QWORD
                   ? parse_number(data, words[0], error)
                   : parse_hex(data, words[0], error);
    }
    return pwk_error_set(error, -EINVAL,
                         "such a type cannot be written: use sz, expand_sz, multi_sz, dword, "
                         "qword, binary or none");
}

int registry_data_parse(struct registry_data *data, const char *type_word, char *const words[],
                        int count, struct pwk_error *error)
{
    int rc;

    memset(data, 0, sizeof(*data));
    while (data->type < COUNT_OF(type_words) && strcmp(type_words[data->type], type_word) != 0)
        data->type++;
    rc = parse_by_type(data, words, count, error);
    if (rc != 0) {
        free(data->bytes);
        data->bytes = NULL;
    }
    return rc;
}
