/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * import.c - takes a prefix's registry in from Wine's own text, in one transaction.
 */
#include "registry/import.h"

#include "registry/registry_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/lower_layer.h"
#include "registry/upcase.h"
#include "registry/wine_text.h"

struct import {
    registry_t *registry;
    uint64_t base;
    uint64_t key;
    uint64_t now;
    uint32_t layer;            /* HIVE_LOWER, or 0: the kernel's own */
    struct registry_path last; /* path of the key before, and the ids of its components */
    uint64_t last_ids[512];
    size_t last_depth;
    registry_progress progress;
    void *context;
    uint64_t done, total; /* bytes of data; names are counted too, roughly */
    uint32_t since_report;
};

static int find_or_insert(struct import *import, uint64_t parent, const uint16_t *name,
                          size_t units, uint64_t *id)
{
    struct hive_key row = {.parent = parent,
                           .last_write = import->now,
                           .layer = import->layer,
                           .name = name,
                           .name_units = units};
    uint32_t flags;
    int result;

    if (units > REGISTRY_MAX_KEY_NAME)
        return -EINVAL;
    result = hive_store_find_key(import->registry->store, parent, name, units, id, &flags);
    return result == -ENOENT ? hive_store_insert_key(import->registry->store, &row, id) : result;
}

/* Follows `path` below `from`, making what is missing. The text lists keys in order, so that most
 * of a path is the same as that of the key before: those components are not looked up again. */
static int make_path(struct import *import, uint64_t from, const uint16_t *path, size_t units,
                     uint64_t *key)
{
    struct registry_path *last = &import->last;
    size_t position = 0, depth = 0;
    bool shared = from == import->base && from != REGISTRY_ROOT_KEY;

    *key = from;
    while (position < units) {
        size_t start = position;
        int result = 0;
        while (position < units && path[position] != '\\')
            position++;
        shared = shared && depth < import->last_depth && position <= last->units &&
                 (position == last->units || last->text[position] == '\\') &&
                 memcmp(path + start, last->text + start, (position - start) * 2) == 0;
        if (position == start)
            shared = false;
        else if (shared)
            *key = import->last_ids[depth];
        else
            result = find_or_insert(import, *key, path + start, position - start, key);
        if (result < 0)
            return result;
        if (depth < sizeof import->last_ids / sizeof import->last_ids[0])
            import->last_ids[depth++] = *key;
        else
            shared = false;
        position++;
    }
    last->units = 0;
    import->last_depth = 0;
    if (from == import->base && units <= sizeof last->text / sizeof last->text[0]) {
        memcpy(last->text, path, units * 2);
        last->units = units;
        import->last_depth = depth;
    }
    return 0;
}

/* "\Machine", "REGISTRY\Machine", "\Registry\User\S-1-...": with or without the top key. */
static int import_base(void *context, const uint16_t *path, size_t units)
{
    static const uint16_t top[] = {'R', 'e', 'g', 'i', 's', 't', 'r', 'y'};
    struct import *import = context;
    const size_t top_units = sizeof top / sizeof top[0];

    while (units && *path == '\\') {
        path++;
        units--;
    }
    if (units >= top_units && (units == top_units || path[top_units] == '\\') &&
        registry_name_compare(path, top_units, top, top_units) == 0) {
        path += top_units;
        units -= top_units;
        while (units && *path == '\\') {
            path++;
            units--;
        }
    }
    import->base = 0;
    return make_path(import, REGISTRY_ROOT_KEY, path, units, &import->base);
}

static void report(struct import *import, size_t amount)
{
    import->done += amount;
    if (!import->progress || ++import->since_report < 256)
        return;
    import->since_report = 0;
    import->progress(import->context,
                     import->done < import->total ? (double)import->done / (double)import->total
                     : 1.0);
}

static int import_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                      const uint16_t *class_name, size_t class_units, bool link)
{
    struct import *import = context;
    int result = make_path(import, import->base, path, units, &import->key);

    if (result == 0)
        result = hive_store_update_key(import->registry->store, import->key, last_write,
                                       link ? REGISTRY_CREATE_LINK : 0, class_name, class_units);
    report(import, units + 60);
    return result;
}

static int import_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                        const void *data, size_t size)
{
    struct import *import = context;
    struct hive_value value = {name, units, type, data, size};
    struct hive_key key;
    int result = hive_store_read_key(import->registry->store, import->key, &key);

    if (result < 0)
        return result;
    report(import, units + size);
    return import->layer
               ? hive_store_put_lower_value(import->registry->store, import->key, &value,
                                            key.last_write)
               : hive_store_put_value(import->registry->store, import->key, &value, key.last_write);
}

/* What people know a text by: its file, where it has one, else its number. */
static void name_text(char name[PATH_MAX], int fd, size_t number)
{
    char link[32];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, name, PATH_MAX - 1);
    if (length > 0 && name[0] == '/' && strncmp(name, "/memfd:", 7))
        name[length] = '\0';
    else
        snprintf(name, PATH_MAX, "registry text %zu of the prefix", number + 1);
}

/* The text is taken in, and kept to be compared with what the prefix holds later. */
static int import_file(struct import *import, struct lower_source *source, const char *name,
                       struct registry_error *error)
{
    static const struct wine_text_sink callbacks = {
        .base = import_base, .key = import_key, .value = import_value};
    struct wine_text_sink sink = callbacks;
    struct wine_text_error where;
    int result;

    if (source->size == 0) {
        snprintf(error->text, sizeof error->text,
                 "%.300s is empty; run the prefix once with stock Wine", name);
        return -EINVAL;
    }
    import->last_depth = 0;
    sink.context = import;
    result = wine_text_parse(source->text, source->size, &sink, &where);
    if (result == -EINVAL)
        snprintf(
            error->text, sizeof error->text,
            "%.300s, line %zu: %s; run the prefix once with stock Wine to have it written anew",
            name, where.line, where.text[0] ? where.text : "a name is too long");
    return result;
}

/* Where the kernel has hidden such a key itself, -ENOENT. */
static int make_fixed_key(struct import *import, uint64_t parent, const uint16_t *name,
                          size_t units)
{
    uint64_t key;
    int result = hive_store_key_is_hidden(import->registry->store, parent, name, units);

    if (result != 0)
        return result < 0 ? result : -ENOENT;
    return find_or_insert(import, parent, name, units, &key);
}

int registry_make_fixed_keys(registry_t *registry)
{
    static const uint16_t always[][8] = {u"Machine", u"User"};
    struct import fixed = {.registry = registry, .now = registry_now(), .layer = HIVE_LOWER};
    struct import *import = &fixed;
    int result = 0;

    for (size_t i = 0; result == 0 && i < 2; i++) {
        result = make_fixed_key(import, REGISTRY_ROOT_KEY, always[i], i ? 4 : 7);
        result = result == -ENOENT ? 0 : result;
    }
    for (size_t i = 0; result == 0 && i < registry->passthrough_count; i++) {
        const struct short_path *path = &registry->passthrough[i];
        const size_t top = sizeof "\\Registry\\" - 1;
        uint64_t parent = REGISTRY_ROOT_KEY;
        for (size_t at = top, start = top; result == 0 && at <= path->units; at++) {
            uint32_t flags = 0;
            if (at < path->units && path->text[at] != '\\')
                continue;
            result = at == path->units
                         ? make_fixed_key(import, parent, path->text + start, at - start)
                         : hive_store_find_key(registry->store, parent, path->text + start,
                                               at - start, &parent, &flags);
            start = at + 1;
            if (flags & REGISTRY_CREATE_LINK)
                break;
        }
        if (result == -ENOENT)
            result = 0;
    }
    return result;
}

static int keep_base(void *context, const uint16_t *path, size_t units)
{
    (void)context;
    (void)path;
    (void)units;
    return 0;
}

int registry_import_text_below(registry_t *registry, uint64_t base, const char *text, size_t size,
                               struct registry_error *error)
{
    struct import *import = calloc(1, sizeof *import);
    struct wine_text_sink sink = {import, keep_base, import_key, import_value};
    struct wine_text_error where;
    int result;

    if (!import)
        return -ENOMEM;
    import->registry = registry;
    import->base = base;
    import->now = registry_now();
    result = wine_text_parse(text, size, &sink, &where);
    free(import);
    if (result == -EINVAL)
        snprintf(error->text, sizeof error->text, "line %zu of the registry text: %s", where.line,
                 where.text[0] ? where.text : "a name is too long");
    return result;
}

static int import_all(struct import *import, const int *fds, size_t count,
                      struct registry_error *error)
{
    hive_store_t *store = import->registry->store;
    struct lower_source sources[REGISTRY_LOWER_TEXTS];
    int64_t imported;
    int result = hive_store_get_mark(store, "imported", &imported);

    if (result < 0 || imported)
        return result;
    result = lower_sources_open(sources, fds, count);
    for (size_t i = 0; result == 0 && i < count; i++)
        import->total += sources[i].size;
    for (size_t i = 0; result == 0 && i < count; i++) {
        char name[PATH_MAX];
        name_text(name, fds[i], i);
        result = import_file(import, &sources[i], name, error);
    }
    if (result == 0)
        result = registry_make_fixed_keys(import->registry);
    if (result == 0)
        result = lower_keep(import->registry, sources, count);
    lower_sources_close(sources, count);
    if (result == 0)
        result = hive_store_set_mark(store, "imported", 1);
    return result;
}

int registry_import_wine_text(registry_t *registry, const int *fds, size_t count,
                              registry_progress progress, void *context,
                              struct registry_error *error)
{
    struct import import = {.registry = registry,
                            .now = registry_now(),
                            .layer = HIVE_LOWER,
                            .progress = progress,
                            .context = context};
    struct registry_guard guard;
    int result;

    error->text[0] = 0;
    result = registry_begin_write(registry, &guard);
    if (result == 0) {
        result = import_all(&import, fds, count, error);
        result =
            registry_end_write(registry, &guard, result, registry_everything, REGISTRY_EVERYTHING);
        if (result == 0)
            lower_forget_older(registry);
    }
    if (result < 0 && !error->text[0])
        snprintf(error->text, sizeof error->text, "%s: the prefix could not be imported: %s",
                 registry->database, strerror(-result));
    return result;
}
