/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check_json_lines.c - reads JSON Lines from standard input and prints, for each record, the
 * string members named as arguments, separated by blanks. Status 1 with the line's number where
 * a line is no JSON object or lacks one of them.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int print_record(const char *line, size_t number, int count, char **names)
{
    json_error_t error;
    json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(record)) {
        fprintf(stderr, "line %zu: %s\n", number, record ? "not an object" : error.text);
        json_decref(record);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        const char *value = json_string_value(json_object_get(record, names[i]));

        if (!value) {
            fprintf(stderr, "line %zu: no string \"%s\"\n", number, names[i]);
            json_decref(record);
            return 1;
        }
        printf("%s%s", i ? " " : "", value);
    }
    putchar('\n');
    json_decref(record);
    return 0;
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t capacity = 0, number = 0;
    int status = 0;

    while (status == 0 && getline(&line, &capacity, stdin) >= 0)
        status = print_record(line, ++number, argc - 1, argv + 1);
    free(line);
    return status;
}
