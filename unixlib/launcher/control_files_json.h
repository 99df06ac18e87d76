/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_files_json.h - words and paths of pwkctl files, in text and in JSON.
 */
#ifndef PWK_LAUNCHER_CONTROL_FILES_JSON_H
#define PWK_LAUNCHER_CONTROL_FILES_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "launcher/files_layer.h"

/* folder, file, link or special. */
const char *control_files_kind(enum files_kind kind);

/* A name as people are shown it: control characters and what is no UTF-8 as \xHH, "\" as "\\". */
void control_files_print_path(FILE *stream, const char *path);

/* Sets `key` to the name; one that is no UTF-8 is written as above, with "escaped": true. */
void control_files_add_path(json_t *object, const char *key, const char *path);

#endif
