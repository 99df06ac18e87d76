/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_data.h - registry data as words that people type and read.
 */
#ifndef PWK_LAUNCHER_REGISTRY_DATA_H
#define PWK_LAUNCHER_REGISTRY_DATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kernel/error.h"

/* UTF-8 as UTF-16 units, not terminated. False where it is no UTF-8, or does not fit. */
bool registry_data_to_units(const char *text, uint16_t *units, size_t capacity, size_t *count);

/* UTF-16 units as UTF-8: control characters as \xHH, what is no character as U+FFFD. */
void registry_data_print_units(FILE *stream, const uint16_t *units, size_t count);

/* "sz", "dword", ...; types without a word are "unknown". */
const char *registry_data_type_word(uint32_t type);

/* Strings as they are, those of a multi_sz parted by `separator`; numbers as 0x...; all else as
 * hexadecimal digits. Data that is not what its type says is shown as digits too. */
void registry_data_print(FILE *stream, uint32_t type, const void *data, size_t size,
                         const char *separator);

/* A line: name ("@" for the default value), type and data, parted by tabs. The strings of a multi_sz
 * are parted by \0, as reg.exe writes them. */
void registry_data_print_value(FILE *stream, const uint16_t *name, size_t units, uint32_t type,
                               const void *data, size_t size);

/* Text, control characters and all as above. NULL without memory. */
json_t *registry_data_units_json(const uint16_t *units, size_t count);

/* An object with `type`, `type_number` and `data`: what registry_data_print prints, of a multi_sz a
 * list of its strings. NULL without memory. */
json_t *registry_data_json(uint32_t type, const void *data, size_t size);

struct registry_data {
    uint32_t type;
    void *bytes; /* owned: free */
    size_t size;
};

/* Reads what `words` say as data of type `type_word`. */
int registry_data_parse(struct registry_data *data, const char *type_word, char *const words[],
                        int count, struct pwk_error *error);

#endif
