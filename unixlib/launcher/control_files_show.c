/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_files_show.c - entries of a kernel's layer of files, as text and as JSON.
 */
#include "launcher/control_files.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/utf8.h"
#include "launcher/control_files_json.h"

static const char *const kind_words[] = {[FILES_NOTHING] = "nothing",
                                         [FILES_FOLDER] = "folder",
                                         [FILES_FILE] = "file",
                                         [FILES_LINK] = "link",
                                         [FILES_SPECIAL] = "special"};

const char *control_files_kind(enum files_kind kind)
{
    return kind_words[kind];
}

static const struct {
    unsigned bit;
    const char *word;
} what_words[] = {{FILES_WHAT_KIND, "kind"},
                  {FILES_WHAT_CONTENT, "content"},
                  {FILES_WHAT_MODE, "permissions"},
                  {FILES_WHAT_TIMES, "times"},
                  {FILES_WHAT_ATTRIBUTES, "attributes"}};

#define WHAT_COUNT (sizeof(what_words) / sizeof(what_words[0]))

/* ---- text ---- */

void control_files_print_path(FILE *stream, const char *path)
{
    size_t size = strlen(path);

    while (size > 0) {
        uint32_t code = 0;
        size_t length = pwk_utf8_read(path, size, &code);
        bool plain = length > 0 && code >= 0x20 && code != 0x7f && !(code >= 0x80 && code < 0xa0);

        if (length == 0)
            length = 1;
        if (plain && code == '\\')
            fputs("\\\\", stream);
        else if (plain)
            fwrite(path, 1, length, stream);
        else
            for (size_t i = 0; i < length; i++)
                fprintf(stream, "\\x%02x", (unsigned char)path[i]);
        path += length;
        size -= length;
    }
}

static void print_size(const struct files_side *side)
{
    if (side->kind == FILES_FILE)
        printf("\t%" PRIu64, side->size);
    else
        fputs("\t-", stdout);
}

/* The content's change shows by the letter, the kind's by two kinds. */
static void print_remarks(const struct files_entry *entry)
{
    const char *lead = "\t(";

    for (size_t i = 0; i < WHAT_COUNT; i++) {
        if ((entry->what & what_words[i].bit & ~(FILES_WHAT_KIND | FILES_WHAT_CONTENT)) == 0)
            continue;
        printf("%s%s", lead, what_words[i].word);
        lead = ", ";
    }
    if (entry->extra_bits) {
        printf("%sset-ID or sticky bits, never committed", lead);
        lead = ", ";
    }
    if (entry->noise) {
        printf("%sthe session's own", lead);
        lead = ", ";
    }
    if (entry->hindrance != NULL) {
        printf("%scannot be committed: %s", lead, entry->hindrance);
        lead = ", ";
    }
    if (*lead == ',')
        putchar(')');
}

void control_files_print(const struct files_entry *entry)
{
    static const char letters[] = {
        [FILES_SAME] = '=', [FILES_ADDED] = 'A', [FILES_CHANGED] = 'M', [FILES_DELETED] = 'D'};

    printf("%c\t", letters[entry->change]);
    if ((entry->what & FILES_WHAT_KIND) != 0)
        printf("%s>%s", kind_words[entry->before.kind], kind_words[entry->after.kind]);
    else
        fputs(kind_words[entry->change == FILES_DELETED ? entry->before.kind : entry->after.kind],
              stdout);
    print_size(&entry->before);
    print_size(&entry->after);
    putchar('\t');
    control_files_print_path(stdout, entry->path);
    print_remarks(entry);
    putchar('\n');
}

void control_files_print_left(const struct files_entry *entry)
{
    fputs("pwkctl: left: ", stderr);
    control_files_print_path(stderr, entry->path);
    fprintf(stderr, ": %s", entry->hindrance);
    if (entry->code != 0)
        fprintf(stderr, ": %s", strerror(entry->code));
    fputc('\n', stderr);
}

/* ---- JSON ---- */

void control_files_add_path(json_t *object, const char *key, const char *path)
{
    json_t *text = json_string(path);
    char *escaped = NULL;
    size_t size = 0;
    FILE *stream;

    if (text == NULL && (stream = open_memstream(&escaped, &size)) != NULL) {
        control_files_print_path(stream, path);
        fclose(stream);
        text = json_string(escaped);
        json_object_set_new(object, "escaped", json_true());
        free(escaped);
    }
    json_object_set_new(object, key, text);
}

static void add_side(json_t *object, const char *kind, const char *size,
                     const struct files_side *side)
{
    if (side->kind == FILES_NOTHING)
        return;
    json_object_set_new(object, kind, json_string(kind_words[side->kind]));
    if (side->kind == FILES_FILE)
        json_object_set_new(object, size, json_integer((json_int_t)side->size));
}

static json_t *entry_json(const struct files_entry *entry)
{
    static const char *const changes[] = {[FILES_SAME] = "same",
                                          [FILES_ADDED] = "added",
                                          [FILES_CHANGED] = "changed",
                                          [FILES_DELETED] = "deleted"};
    json_t *object = json_object(), *what = json_array();

    control_files_add_path(object, "path", entry->path);
    json_object_set_new(object, "change", json_string(changes[entry->change]));
    add_side(object, "kind_before", "size_before", &entry->before);
    add_side(object, "kind", "size", &entry->after);
    for (size_t i = 0; i < WHAT_COUNT; i++)
        if ((entry->what & what_words[i].bit) != 0)
            json_array_append_new(what, json_string(what_words[i].word));
    json_object_set_new(object, "what", what);
    if (entry->noise)
        json_object_set_new(object, "session", json_true());
    if (entry->extra_bits)
        json_object_set_new(object, "extra_bits", json_true());
    if (entry->hindrance != NULL)
        json_object_set_new(object, "hindrance", json_string(entry->hindrance));
    return object;
}

bool control_files_diff(const struct files_layer *layer, bool noise, bool json)
{
    json_t *list = json ? json_array() : NULL;
    bool written = true;

    for (size_t i = 0; i < layer->count; i++) {
        const struct files_entry *entry = layer->entries[i];

        if (entry->change == FILES_SAME || (entry->noise && !noise))
            continue;
        if (json)
            json_array_append_new(list, entry_json(entry));
        else
            control_files_print(entry);
    }
    if (json) {
        written = list != NULL && json_dumpf(list, stdout, JSON_INDENT(2)) == 0;
        putchar('\n');
    }
    json_decref(list);
    return written;
}
