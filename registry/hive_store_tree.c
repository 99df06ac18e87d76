/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_tree.c - see hive_store_tree.h.
 */
#include "registry/hive_store_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 512

/* ---- names ---- */

static size_t put_code(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)(code < 0x20 || code == 0x7f ? '?' : code);
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static uint32_t unit_at(const unsigned char *bytes, size_t index)
{
    return (uint32_t)bytes[2 * index] | (uint32_t)bytes[2 * index + 1] << 8;
}

void hive_store_describe_name(const unsigned char *bytes, size_t size, char *text, size_t room)
{
    size_t units = size / 2, used = 0;

    for (size_t i = 0; i < units && used + 5 <= room; i++) {
        uint32_t code = unit_at(bytes, i);

        if (code >= 0xd800 && code < 0xdc00 && i + 1 < units && unit_at(bytes, i + 1) >= 0xdc00 &&
            unit_at(bytes, i + 1) < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + (unit_at(bytes, ++i) - 0xdc00);
        else if (code >= 0xd800 && code < 0xe000)
            code = '?';
        used += put_code(code, text + used);
    }
    if (room)
        text[used] = 0;
}

void hive_store_describe_key(hive_store_t *store, uint64_t id, char *text, size_t size)
{
    char path[1024], name[REGISTRY_MAX_KEY_NAME * 3 + 8];
    size_t start = sizeof path - 1;
    struct hive_key key = {.id = id};
    uint64_t at = id;

    path[start] = 0;
    for (int depth = 0; at != REGISTRY_ROOT_KEY && depth < MAX_DEPTH; depth++, at = key.parent) {
        size_t length;
        if (hive_store_read_key(store, at, &key) < 0)
            break;
        hive_store_describe_name((const unsigned char *)key.name, key.name_units * 2, name,
                                 sizeof name);
        length = strlen(name);
        if (length + 1 > start)
            break;
        start -= length;
        memcpy(path + start, name, length);
        path[--start] = '\\';
    }
    if (at == REGISTRY_ROOT_KEY)
        snprintf(text, size, "\\Registry%s", path + start);
    else
        snprintf(text, size, "key %llu", (unsigned long long)id);
}

/* ---- circles ---- */

struct link {
    uint64_t id, parent;
    size_t seen; /* the walk that came by, counted from 1 */
};

struct links {
    struct link *all;
    size_t count, capacity;
};

static int add_link(struct links *links, uint64_t id, uint64_t parent)
{
    if (links->count == links->capacity) {
        size_t capacity = links->capacity * 2 + 256;
        struct link *larger = realloc(links->all, capacity * sizeof *larger);
        if (!larger)
            return -ENOMEM;
        links->all = larger;
        links->capacity = capacity;
    }
    links->all[links->count++] = (struct link){id, parent, 0};
    return 0;
}

/* All keys, in the order of their ids. */
static int read_links(hive_store_t *store, struct links *links)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(store->db, "SELECT id, parent FROM keys ORDER BY id", -1,
                                  &statement, NULL);
    int result = hive_store_errno(code);

    while (result == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW)
        result = add_link(links, (uint64_t)sqlite3_column_int64(statement, 0),
                          (uint64_t)sqlite3_column_int64(statement, 1));
    sqlite3_finalize(statement);
    return result < 0 ? result : hive_store_errno(code);
}

static struct link *find_link(const struct links *links, uint64_t id)
{
    size_t low = 0, high = links->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((int64_t)links->all[middle].id < (int64_t)id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < links->count && links->all[low].id == id ? &links->all[low] : NULL;
}

int hive_store_visit_circles(hive_store_t *store, int (*visit)(void *context, uint64_t id),
                             void *context)
{
    struct links links = {0};
    int result = read_links(store, &links);

    for (size_t i = 0; result == 0 && i < links.count; i++) {
        struct link *link = &links.all[i];
        while (link && link->id != REGISTRY_ROOT_KEY && !link->seen) {
            link->seen = i + 1;
            link = find_link(&links, link->parent);
        }
        if (link && link->id != REGISTRY_ROOT_KEY && link->seen == i + 1)
            result = visit(context, link->id);
    }
    free(links.all);
    return result;
}

bool hive_store_has_column(hive_store_t *store, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(store->db, "main", table, column, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}
