/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layer_discard.c - see layer_changes.h: a branch as the layer below has it, in the place of what
 * the kernel made of it. What is below is read from the kept text, and written anew.
 */
#include "registry/layer_changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/import.h"
#include "registry/layer_walk.h"
#include "registry/lower_layer.h"

struct discarding {
    hive_store_t *store, *lower;
    unsigned depth;
};

/* ---- what is below ---- */

struct copying {
    struct discarding *discarding;
    uint64_t key, last_write;
};

static int copy_value(void *context, const struct hive_value *value)
{
    const struct copying *copying = context;

    return hive_store_put_lower_value(copying->discarding->store, copying->key, value,
                                      copying->last_write);
}

/* The row of a key that is there (one above a loaded key), or a new one. */
static int copy_row(struct discarding *discarding, uint64_t parent, struct hive_key *row,
                    uint64_t *id)
{
    int result = layer_find(discarding->store, parent, row->name, row->name_units, id);

    row->parent = parent;
    row->id = 0;
    row->layer = HIVE_LOWER;
    if (result < 0)
        return result;
    if (*id == LAYER_NO_KEY)
        return hive_store_insert_key(discarding->store, row, id);
    result = hive_store_set_key_layer(discarding->store, *id, HIVE_UPPER | HIVE_LOWER);
    return result ? result
                  : hive_store_update_key(discarding->store, *id, row->last_write, row->flags,
                                          row->class_name, row->class_units);
}

static int copy_key(struct discarding *discarding, uint64_t lower, uint64_t parent);

static int copy_subkeys(struct discarding *discarding, uint64_t lower, uint64_t key)
{
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = layer_list_subkeys(discarding->lower, lower, LAYER_ALL, &names);

    while (result == 0 && layer_next_name(&names, &at, &name, &units)) {
        uint64_t subkey = LAYER_NO_KEY;
        result = layer_find(discarding->lower, lower, name, units, &subkey);
        if (result == 0)
            result = copy_key(discarding, subkey, key);
    }
    free(names.data);
    return result;
}

static int copy_key(struct discarding *discarding, uint64_t lower, uint64_t parent)
{
    struct copying copying = {.discarding = discarding};
    struct hive_key row;
    int result = hive_store_read_key(discarding->lower, lower, &row);

    if (result < 0)
        return result;
    if (discarding->depth >= LAYER_MAX_DEPTH)
        return -EINVAL;
    copying.last_write = row.last_write;
    result = copy_row(discarding, parent, &row, &copying.key);
    if (result == 0)
        result = hive_store_visit_values(discarding->lower, lower, copy_value, &copying);
    discarding->depth++;
    if (result == 0)
        result = copy_subkeys(discarding, lower, copying.key);
    discarding->depth--;
    return result;
}

/* ---- a branch ---- */

/* The keys from the top to the one above a branch. */
struct way {
    struct {
        uint64_t id, lower;
    } keys[LAYER_MAX_DEPTH];
    size_t count;
    const uint16_t *name; /* the branch's own, below the last of them; units 0: the top key */
    size_t units;
};

/* -ENOENT: nothing to discard. */
static int discard_at(struct discarding *discarding, const struct way *way)
{
    const uint64_t parent = way->keys[way->count - 1].id;
    struct hive_key row = {.layer = HIVE_UPPER};
    uint64_t id = REGISTRY_ROOT_KEY, lower = REGISTRY_ROOT_KEY;
    int result = 0, buried = 0;

    if (way->units) {
        result = layer_find(discarding->store, parent, way->name, way->units, &id);
        if (result == 0)
            result = layer_find(discarding->lower, way->keys[way->count - 1].lower, way->name,
                                way->units, &lower);
        if (result == 0 && id != LAYER_NO_KEY)
            result = hive_store_read_key(discarding->store, id, &row);
        if (result == 0)
            buried = hive_store_key_is_hidden(discarding->store, parent, way->name, way->units);
    }
    if (result < 0 || buried < 0)
        return result < 0 ? result : buried;
    if (id == LAYER_NO_KEY ? !buried : !(row.layer & HIVE_UPPER) && !buried)
        return -ENOENT;
    if (id != LAYER_NO_KEY && layer_is_apart(discarding->store, parent, way->name, way->units, id))
        return -ENOENT;
    if (way->units)
        result = hive_store_drop_key_tombstone(discarding->store, parent, way->name, way->units);
    if (result == 0 && id != LAYER_NO_KEY)
        result = hive_store_drop_branch(discarding->store, id);
    if (result < 0 || lower == LAYER_NO_KEY)
        return result;
    return way->units ? copy_key(discarding, lower, parent)
                      : copy_subkeys(discarding, lower, REGISTRY_ROOT_KEY);
}

static int find_way(struct discarding *discarding, const struct registry_path *branch,
                    struct way *way, struct registry_path *above)
{
    size_t at = 0, start, units;
    int result = 0;

    way->count = 1;
    way->keys[0].id = way->keys[0].lower = REGISTRY_ROOT_KEY;
    way->units = above->units = 0;
    while (result == 0 && layer_next_component(branch, &at, &start, &units)) {
        const size_t last = way->count - 1;
        uint64_t id = LAYER_NO_KEY, lower = LAYER_NO_KEY;
        struct hive_key row = {0};
        way->name = branch->text + start;
        way->units = units;
        if (!layer_enter(above, way->name, units) || way->count == LAYER_MAX_DEPTH)
            return -EINVAL;
        if (at == branch->units)
            return 0;
        result = layer_find(discarding->store, way->keys[last].id, way->name, units, &id);
        if (result == 0)
            result = layer_find(discarding->lower, way->keys[last].lower, way->name, units, &lower);
        if (result == 0 && id == LAYER_NO_KEY)
            result =
                hive_store_key_is_hidden(discarding->store, way->keys[last].id, way->name, units);
        else if (result == 0)
            result = hive_store_read_key(discarding->store, id, &row);
        if (result > 0 || row.layer & HIVE_SUPERSEDE_TREE)
            return -ENOTDIR;
        if (result == 0 && id == LAYER_NO_KEY)
            return -ENOENT;
        way->keys[way->count].id = id;
        way->keys[way->count++].lower = lower;
    }
    return result;
}

static int discard_branch(struct discarding *discarding, const struct registry_path *branch,
                          struct way *way, struct registry_path *at)
{
    int result = find_way(discarding, branch, way, at);

    if (result == 0)
        result = discard_at(discarding, way);
    if (result == -ENOENT)
        *at = *branch;
    for (size_t i = way->count; result == 0 && i > 0; i--)
        if (way->keys[i - 1].lower != LAYER_NO_KEY)
            result = hive_store_release_key(discarding->store, way->keys[i - 1].id);
    return result;
}

int registry_discard_layer(registry_t *registry, const struct registry_path *branches, size_t count,
                           struct registry_path *at)
{
    struct discarding discarding = {0};
    struct way *way = malloc(sizeof *way);
    struct registry_guard guard;
    int result = way ? registry_begin_write_as_is(registry, &guard) : -ENOMEM;

    at->units = 0;
    if (result == 0) {
        discarding.store = registry->store;
        result = lower_open_kept(registry, &discarding.lower);
        for (size_t i = 0; result == 0 && i < count; i++)
            result = discard_branch(&discarding, &branches[i], way, at);
        if (result == 0)
            result = registry_make_fixed_keys(registry);
        hive_store_close(discarding.lower);
        result =
            registry_end_write(registry, &guard, result, registry_everything, REGISTRY_EVERYTHING);
    }
    free(way);
    return result;
}
