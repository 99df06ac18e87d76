/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layer_walk.c - see layer_walk.h.
 */
#include "registry/layer_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    struct layer_names *names;
    enum layer_part part;
};

static int add_name(struct layer_names *names, const uint16_t *name, size_t units)
{
    if (names->capacity - names->used < units + 1) {
        size_t capacity = names->capacity * 2 + units + 256;
        uint16_t *grown = realloc(names->data, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        names->data = grown;
        names->capacity = capacity;
    }
    names->data[names->used++] = (uint16_t)units;
    if (units)
        memcpy(names->data + names->used, name, units * sizeof *name);
    names->used += units;
    names->count++;
    return 0;
}

bool layer_next_name(const struct layer_names *names, size_t *at, const uint16_t **name,
                     size_t *units)
{
    if (*at >= names->used)
        return false;
    *units = names->data[*at];
    *name = names->data + *at + 1;
    *at += 1 + *units;
    return true;
}

static int add_layered(void *context, const struct hive_layered *entry)
{
    struct listing *listing = context;

    if (listing->part == LAYER_UPPER && entry->layer && !(entry->layer & HIVE_UPPER))
        return 0;
    return add_name(listing->names, entry->name, entry->name_units);
}

int layer_list_values(hive_store_t *store, uint64_t key, enum layer_part part,
                      struct layer_names *names)
{
    struct listing listing = {names, part};
    return hive_store_visit_value_layers(store, key, add_layered, &listing);
}

int layer_list_value_tombstones(hive_store_t *store, uint64_t key, struct layer_names *names)
{
    struct listing listing = {names, LAYER_ALL};
    return hive_store_visit_value_tombstones(store, key, add_layered, &listing);
}

int layer_list_key_tombstones(hive_store_t *store, uint64_t parent, struct layer_names *names)
{
    struct listing listing = {names, LAYER_ALL};
    return hive_store_visit_key_tombstones(store, parent, add_layered, &listing);
}

static int add_subkey(void *context, const struct hive_key *key)
{
    struct listing *listing = context;

    if (listing->part == LAYER_UPPER && !(key->layer & HIVE_UPPER))
        return 0;
    return add_name(listing->names, key->name, key->name_units);
}

int layer_list_subkeys(hive_store_t *store, uint64_t parent, enum layer_part part,
                       struct layer_names *names)
{
    struct listing listing = {names, part};
    return hive_store_visit_subkeys(store, parent, add_subkey, &listing);
}

int layer_find(hive_store_t *store, uint64_t parent, const uint16_t *name, size_t units,
               uint64_t *id)
{
    uint32_t flags;
    int result = parent == LAYER_NO_KEY
                     ? -ENOENT
                     : hive_store_find_key(store, parent, name, units, id, &flags);

    if (result == -ENOENT)
        *id = LAYER_NO_KEY;
    return result == -ENOENT ? 0 : result;
}

bool layer_is_apart(hive_store_t *store, uint64_t parent, const uint16_t *name, size_t units,
                    uint64_t key)
{
    char file[PATH_MAX];

    if (parent == REGISTRY_ROOT_KEY && units == 1 && (name[0] == 'A' || name[0] == 'a'))
        return true;
    return hive_store_get_hive(store, key, file, sizeof file) != -ENOENT;
}

bool layer_enter(struct registry_path *path, const uint16_t *name, size_t units)
{
    size_t room = sizeof path->text / sizeof path->text[0] - path->units;

    if (units + 1 > room)
        return false;
    if (path->units)
        path->text[path->units++] = '\\';
    if (units)
        memcpy(path->text + path->units, name, units * sizeof *name);
    path->units += units;
    return true;
}

bool layer_next_component(const struct registry_path *path, size_t *at, size_t *start,
                          size_t *units)
{
    while (*at < path->units && path->text[*at] == '\\')
        ++*at;
    *start = *at;
    while (*at < path->units && path->text[*at] != '\\')
        ++*at;
    *units = *at - *start;
    return *units > 0;
}
