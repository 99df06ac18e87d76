/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_files_list.c - pwkctl files ls: a folder as the kernel sees it, the prefix's files and
 * the layer's in one list.
 */
#include "launcher/control_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/control_files_json.h"
#include "launcher/files_open.h"

struct row {
    char *name;
    enum files_kind kind;
    uint64_t size;
    char mark;
};

struct listing {
    struct control_files *files;
    const char *path;
    struct row *rows;
    size_t count, capacity;
};

static int add_row(struct listing *listing, const char *name, enum files_kind kind, uint64_t size,
                   char mark)
{
    char *copy = strdup(name);

    if (listing->count == listing->capacity) {
        size_t capacity = 2 * listing->capacity + 64;
        struct row *rows = realloc(listing->rows, capacity * sizeof(*rows));

        if (rows != NULL) {
            listing->rows = rows;
            listing->capacity = capacity;
        }
    }
    if (copy == NULL || listing->count == listing->capacity) {
        free(copy);
        return -ENOMEM;
    }
    listing->rows[listing->count++] = (struct row){copy, kind, size, mark};
    return 0;
}

/* ---- the layer's part ---- */

static const struct files_entry *find_entry(const struct files_layer *layer, const char *path)
{
    for (size_t i = 0; i < layer->count; i++)
        if (strcmp(layer->entries[i]->path, path) == 0)
            return layer->entries[i];
    return NULL;
}

/* A folder that is no change itself is marked where something below it is one. */
static char mark_of(const struct files_layer *layer, const struct files_entry *entry)
{
    if (entry->noise)
        return 'S';
    if (entry->change != FILES_SAME)
        return entry->change == FILES_ADDED ? 'A' : 'M';
    for (size_t i = 0; i < layer->count; i++)
        if (layer->entries[i]->change != FILES_SAME && !layer->entries[i]->noise &&
            files_is_below(layer->entries[i]->path, entry->path))
            return 'M';
    return '-';
}

static bool is_in(const char *path, const char *folder, const char **name)
{
    size_t length = strlen(folder);

    if (!files_is_below(path, folder) || path[length] == '\0')
        return false;
    *name = path + length + (length > 0);
    return strchr(*name, '/') == NULL;
}

static int add_layer_rows(struct listing *listing)
{
    const struct files_layer *layer = &listing->files->layer;
    const char *name;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < layer->count; i++) {
        const struct files_entry *entry = layer->entries[i];

        if (is_in(entry->path, listing->path, &name) && entry->after.kind != FILES_NOTHING)
            rc =
                add_row(listing, name, entry->after.kind, entry->after.size, mark_of(layer, entry));
    }
    return rc;
}

/* ---- the prefix's part ---- */

static int stat_lower(const struct files_layer *layer, const char *path, struct stat *st)
{
    int fd = files_open(layer->lower, path, O_PATH);
    int rc = fd < 0 ? fd : fstat(fd, st) < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    return rc;
}

static enum files_kind kind_of(mode_t mode)
{
    return S_ISDIR(mode)   ? FILES_FOLDER
           : S_ISREG(mode) ? FILES_FILE
           : S_ISLNK(mode) ? FILES_LINK
                           : FILES_SPECIAL;
}

static int add_lower_row(void *context, const char *name)
{
    struct listing *listing = context;
    char path[2 * PATH_MAX];
    struct stat st;

    snprintf(path, sizeof(path), "%s%s%s", listing->path, *listing->path == '\0' ? "" : "/", name);
    if (strcmp(path, "pwk") == 0 || find_entry(&listing->files->layer, path) != NULL ||
        stat_lower(&listing->files->layer, path, &st) < 0)
        return 0;
    return add_row(listing, name, kind_of(st.st_mode), S_ISREG(st.st_mode) ? st.st_size : 0, '-');
}

/* True where the kernel sees what the prefix has at the path. */
static bool shows_lower(const struct files_layer *layer, const char *path)
{
    for (size_t i = 0; i < layer->count; i++) {
        const struct files_entry *entry = layer->entries[i];

        if (files_is_below(path, entry->path) &&
            (entry->after.kind != FILES_FOLDER || entry->opaque ||
             (entry->what & FILES_WHAT_KIND) != 0))
            return false;
    }
    return true;
}

static int add_lower_rows(struct listing *listing)
{
    const struct files_layer *layer = &listing->files->layer;
    int fd, rc;

    if (!shows_lower(layer, listing->path))
        return 0;
    fd = files_open(layer->lower, listing->path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
    rc = files_list(fd, add_lower_row, listing);
    close(fd);
    return rc;
}

/* ---- the command ---- */

static int add_itself(struct listing *listing, enum files_kind *kind)
{
    const struct files_layer *layer = &listing->files->layer;
    const struct files_entry *entry = find_entry(layer, listing->path);
    struct stat st;
    int rc;

    *kind = FILES_FOLDER;
    if (*listing->path == '\0')
        return 0;
    if (entry != NULL) {
        *kind = entry->after.kind;
        if (*kind == FILES_NOTHING)
            return -ENOENT;
        return *kind == FILES_FOLDER ? 0
                                     : add_row(listing, listing->path, *kind, entry->after.size,
                                               mark_of(layer, entry));
    }
    if (!shows_lower(layer, listing->path) || files_is_below(listing->path, "pwk"))
        return -ENOENT;
    rc = stat_lower(layer, listing->path, &st);
    if (rc < 0)
        return rc;
    *kind = kind_of(st.st_mode);
    return *kind == FILES_FOLDER
               ? 0
               : add_row(listing, listing->path, *kind, S_ISREG(st.st_mode) ? st.st_size : 0, '-');
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct row *)left)->name, ((const struct row *)right)->name);
}

static const char *mark_word(char mark)
{
    return mark == 'A' ? "added" : mark == 'M' ? "changed" : mark == 'S' ? "session" : "prefix";
}

static int print_rows(const struct listing *listing, bool json)
{
    json_t *list = json ? json_array() : NULL;
    int rc = 0;

    for (size_t i = 0; i < listing->count; i++) {
        const struct row *row = &listing->rows[i];

        if (json) {
            json_t *object = json_object();

            control_files_add_path(object, "name", row->name);
            json_object_set_new(object, "kind", json_string(control_files_kind(row->kind)));
            if (row->kind == FILES_FILE)
                json_object_set_new(object, "size", json_integer((json_int_t)row->size));
            json_object_set_new(object, "from", json_string(mark_word(row->mark)));
            json_array_append_new(list, object);
            continue;
        }
        printf("%c\t%s\t", row->mark, control_files_kind(row->kind));
        if (row->kind == FILES_FILE)
            printf("%" PRIu64, row->size);
        else
            putchar('-');
        putchar('\t');
        control_files_print_path(stdout, row->name);
        putchar('\n');
    }
    if (json) {
        rc = list == NULL || json_dumpf(list, stdout, JSON_INDENT(2)) != 0 ? -EIO : 0;
        putchar('\n');
    }
    json_decref(list);
    return rc;
}

int control_files_list(struct control_files *files, const char *path, bool json)
{
    struct listing listing = {.files = files, .path = path};
    enum files_kind kind;
    int rc = add_itself(&listing, &kind);

    if (rc == 0 && kind == FILES_FOLDER) {
        rc = add_layer_rows(&listing);
        if (rc == 0)
            rc = add_lower_rows(&listing);
    }
    if (rc == 0 && listing.count > 0)
        qsort(listing.rows, listing.count, sizeof(*listing.rows), by_name);
    if (rc == 0)
        rc = print_rows(&listing, json);
    for (size_t i = 0; i < listing.count; i++)
        free(listing.rows[i].name);
    free(listing.rows);
    return rc == 0 ? 0
                   : pwk_error_set(&files->error, rc, "%s: the kernel sees nothing there: %s", path,
                                   strerror(-rc));
}
