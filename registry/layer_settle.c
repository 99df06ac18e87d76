/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layer_settle.c - see layer_changes.h: what the layer below has as well is no longer the kernel's.
 * The state below is looked up in a store in memory that holds nothing else; what the store itself
 * says of it (the marks on its rows) is only what it knew when the rows were written.
 */
#include "registry/layer_changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/layer_walk.h"
#include "registry/lower_apply.h"
#include "registry/lower_layer.h"

struct settling {
    hive_store_t *store, *lower;
    const struct registry_layer_visitor *visitor;
    struct registry_path path;
    unsigned depth;
    unsigned apart; /* of how many keys on the way the caller wants to hear nothing */
    bool hidden;    /* a key above hides the layer below: what is there is only counted */
    size_t left;
};

static void differs(struct settling *settling)
{
    settling->left += settling->apart == 0;
}

static int has_value(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units)
{
    uint32_t layer;
    int result =
        key == LAYER_NO_KEY ? -ENOENT : hive_store_value_layer(store, key, name, units, &layer);

    return result == 0 ? 1 : result == -ENOENT ? 0 : result;
}

/* ---- keys that hide what is below them ---- */

/* 1 where the store's key has all values that the lower one has, under whatever data. */
static int covers_values(struct settling *settling, uint64_t id, uint64_t lower)
{
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result =
        lower == LAYER_NO_KEY ? 0 : layer_list_values(settling->lower, lower, LAYER_ALL, &names);
    bool all = true;

    while (result == 0 && all && layer_next_name(&names, &at, &name, &units)) {
        result = has_value(settling->store, id, name, units);
        all = result > 0;
        result = result > 0 ? 0 : result;
    }
    free(names.data);
    return result < 0 ? result : all;
}

/* 1 where the same is true of all keys below: then nothing is hidden. */
static int covers_branch(struct settling *settling, uint64_t id, uint64_t lower)
{
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = covers_values(settling, id, lower);

    if (result == 1 && lower != LAYER_NO_KEY) {
        int listed = layer_list_subkeys(settling->lower, lower, LAYER_ALL, &names);
        result = listed < 0 ? listed : 1;
    }
    while (result == 1 && layer_next_name(&names, &at, &name, &units)) {
        uint64_t subkey = LAYER_NO_KEY, below = LAYER_NO_KEY;
        result = layer_find(settling->store, id, name, units, &subkey);
        if (result == 0)
            result = layer_find(settling->lower, lower, name, units, &below);
        if (result == 0)
            result = subkey != LAYER_NO_KEY && below != LAYER_NO_KEY
                         ? covers_branch(settling, subkey, below)
                         : 0;
    }
    free(names.data);
    return result;
}

/* Nothing is hidden at the key any more, nor with `whole` below it. */
static int merge(struct settling *settling, uint64_t id, uint64_t lower, bool whole)
{
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = hive_store_set_key_layer(
        settling->store, id, lower == LAYER_NO_KEY ? HIVE_UPPER : HIVE_UPPER | HIVE_LOWER);

    if (result == 0 && whole)
        result = layer_list_subkeys(settling->store, id, LAYER_ALL, &names);
    while (result == 0 && layer_next_name(&names, &at, &name, &units)) {
        uint64_t subkey = LAYER_NO_KEY, below = LAYER_NO_KEY;
        result = layer_find(settling->store, id, name, units, &subkey);
        if (result == 0)
            result = layer_find(settling->lower, lower, name, units, &below);
        if (result == 0 && !layer_is_apart(settling->store, id, name, units, subkey))
            result = merge(settling, subkey, below, true);
    }
    free(names.data);
    return result;
}

/* 1 where the key and what is below it can be looked at one by one. */
static int uncover(struct settling *settling, const struct hive_key *row, uint64_t lower)
{
    const bool whole = row->layer & HIVE_SUPERSEDE_TREE;
    const uint64_t id = row->id;
    int result;

    if (settling->hidden || !(row->layer & (HIVE_SUPERSEDE_TREE | HIVE_SUPERSEDE_LOCAL)))
        return 1;
    result = whole ? covers_branch(settling, id, lower) : covers_values(settling, id, lower);
    if (result == 1) {
        result = merge(settling, id, lower, whole);
        return result < 0 ? result : 1;
    }
    return result;
}

/* ---- values ---- */

static bool same_value(const struct hive_value *a, const struct hive_value *b)
{
    return a->type == b->type && a->size == b->size &&
           (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static int settle_value(struct settling *settling, uint64_t id, uint64_t lower,
                        const uint16_t *name, size_t units)
{
    struct hive_value have, below;
    int result = hive_store_find_value(settling->store, id, name, units, &have);

    if (result < 0)
        return result;
    result = lower == LAYER_NO_KEY
                 ? -ENOENT
                 : hive_store_find_value(settling->lower, lower, name, units, &below);
    if (result == 0 && same_value(&have, &below))
        return settling->hidden
                   ? 0
                   : hive_store_set_value_layer(settling->store, id, name, units, HIVE_LOWER);
    differs(settling);
    return result == -ENOENT ? 0 : result;
}

static int settle_values(struct settling *settling, uint64_t id, uint64_t lower)
{
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = layer_list_values(settling->store, id, LAYER_UPPER, &names);

    while (result == 0 && layer_next_name(&names, &at, &name, &units))
        result = settle_value(settling, id, lower, name, units);
    free(names.data);
    return result;
}

/* ---- tombstones ---- */

static bool enter(struct settling *settling, const uint16_t *name, size_t units)
{
    const struct registry_layer_visitor *visitor = settling->visitor;

    if (!layer_enter(&settling->path, name, units))
        return false;
    if (settling->apart > 0 ||
        (visitor->skip &&
         visitor->skip(visitor->context, settling->path.text, settling->path.units)))
        settling->apart++;
    return true;
}

static void leave(struct settling *settling, size_t path_units)
{
    settling->path.units = path_units;
    settling->apart -= settling->apart > 0;
}

/* The lower layer has it: 1 where it differs from that. What the kernel made anew stands beside a
 * tombstone, which has no meaning any more when that is the lower layer's too (0). */
static int still_hides(struct settling *settling, uint64_t id, bool value, const uint16_t *name,
                       size_t units)
{
    uint64_t subkey = LAYER_NO_KEY;
    uint32_t layer = 0;
    int result = value ? hive_store_value_layer(settling->store, id, name, units, &layer)
                       : layer_find(settling->store, id, name, units, &subkey);

    if (result < 0 && result != -ENOENT)
        return result;
    return value ? layer != HIVE_LOWER : subkey == LAYER_NO_KEY;
}

static int drop_tombstone(struct settling *settling, uint64_t id, bool value, const uint16_t *name,
                          size_t units)
{
    if (settling->hidden)
        return 0;
    return value ? hive_store_drop_value_tombstone(settling->store, id, name, units)
                 : hive_store_drop_key_tombstone(settling->store, id, name, units);
}

/* A value that the kernel has beside the tombstone has been counted itself. */
static int keep_tombstone(struct settling *settling, uint64_t id, bool value, const uint16_t *name,
                          size_t units)
{
    const size_t before = settling->path.units;
    int result = value ? has_value(settling->store, id, name, units) : 0;

    if (value && result == 0)
        differs(settling);
    else if (!value && enter(settling, name, units)) {
        differs(settling);
        leave(settling, before);
    }
    return result < 0 ? result : 0;
}

static int settle_tombstones(struct settling *settling, uint64_t id, uint64_t lower, bool values)
{
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = values ? layer_list_value_tombstones(settling->store, id, &names)
                        : layer_list_key_tombstones(settling->store, id, &names);

    while (result == 0 && layer_next_name(&names, &at, &name, &units)) {
        uint64_t below = LAYER_NO_KEY;
        result = values ? has_value(settling->lower, lower, name, units)
                        : layer_find(settling->lower, lower, name, units, &below);
        if (result == 1 || below != LAYER_NO_KEY)
            result = still_hides(settling, id, values, name, units);
        if (result == 0)
            result = drop_tombstone(settling, id, values, name, units);
        else if (result == 1)
            result = keep_tombstone(settling, id, values, name, units);
    }
    free(names.data);
    return result;
}

/* ---- keys ---- */

/* The kernel's own record of the key equals the lower one's. */
static int release(struct settling *settling, uint64_t id, uint64_t lower)
{
    struct hive_key row, below;
    int result = lower == LAYER_NO_KEY ? 1 : hive_store_read_key(settling->store, id, &row);

    if (result == 0)
        result = hive_store_read_key(settling->lower, lower, &below);
    if (result != 0 || row.layer & (HIVE_SUPERSEDE_TREE | HIVE_SUPERSEDE_LOCAL) ||
        (row.flags ^ below.flags) & REGISTRY_CREATE_LINK || row.class_units != below.class_units ||
        (row.class_units && memcmp(row.class_name, below.class_name, row.class_units * 2)))
        return result < 0 ? result : 0;
    result = hive_store_set_key_layer(settling->store, id, row.layer | HIVE_LOWER);
    return result ? result : hive_store_release_key(settling->store, id);
}

static int settle_key(struct settling *settling, uint64_t id, uint64_t lower);

static int settle_subkeys(struct settling *settling, uint64_t id, uint64_t lower)
{
    const size_t before = settling->path.units;
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = layer_list_subkeys(settling->store, id, LAYER_UPPER, &names);

    while (result == 0 && layer_next_name(&names, &at, &name, &units)) {
        uint64_t subkey = LAYER_NO_KEY, below = LAYER_NO_KEY;
        result = layer_find(settling->store, id, name, units, &subkey);
        if (result == 0)
            result = layer_find(settling->lower, lower, name, units, &below);
        if (result < 0 || layer_is_apart(settling->store, id, name, units, subkey))
            continue;
        if (!enter(settling, name, units)) {
            result = -EINVAL;
            continue;
        }
        result = settle_key(settling, subkey, below);
        leave(settling, before);
    }
    free(names.data);
    return result;
}

/* `lower` LAYER_NO_KEY: the layer below has no such key. */
static int settle_key(struct settling *settling, uint64_t id, uint64_t lower)
{
    struct hive_key row;
    int result = hive_store_read_key(settling->store, id, &row);

    if (result < 0 || !(row.layer & HIVE_UPPER) || row.flags & REGISTRY_VOLATILE)
        return result;
    if (settling->depth >= LAYER_MAX_DEPTH)
        return -EINVAL;
    if (lower == LAYER_NO_KEY)
        differs(settling);
    result = uncover(settling, &row, lower);
    if (result == 0)
        differs(settling);
    if (result <= 0)
        return result;
    settling->depth++;
    result = settle_values(settling, id, lower);
    if (result == 0)
        result = settle_tombstones(settling, id, lower, true);
    if (result == 0)
        result = settle_tombstones(settling, id, lower, false);
    if (result == 0)
        result = settle_subkeys(settling, id, lower);
    settling->depth--;
    return result || settling->hidden ? result : release(settling, id, lower);
}

/* ---- a branch ---- */

/* The keys from the top to a branch's own. */
struct way {
    struct {
        uint64_t id, lower;
    } keys[LAYER_MAX_DEPTH];
    size_t count;
};

/* The kernel has no key at the rest of the path: it differs where the layer below has one. */
static int settle_missing(struct settling *settling, const struct way *way,
                          const struct registry_path *branch, size_t start, size_t units)
{
    const uint64_t last = way->keys[way->count - 1].id;
    uint64_t lower = way->keys[way->count - 1].lower;
    const uint16_t *name = branch->text + start;
    size_t at = start + units;
    int result = layer_find(settling->lower, lower, name, units, &lower);

    if (result == 0 && lower == LAYER_NO_KEY && !settling->hidden)
        return hive_store_drop_key_tombstone(settling->store, last, name, units);
    while (result == 0 && lower != LAYER_NO_KEY &&
           layer_next_component(branch, &at, &start, &units))
        result = layer_find(settling->lower, lower, branch->text + start, units, &lower);
    if (result == 0 && lower != LAYER_NO_KEY)
        differs(settling);
    return result;
}

static int settle_branch(struct settling *settling, const struct registry_path *branch,
                         struct way *way)
{
    size_t at = 0, start, units;
    int result = 0;

    way->count = 1;
    way->keys[0].id = way->keys[0].lower = REGISTRY_ROOT_KEY;
    while (result == 0 && layer_next_component(branch, &at, &start, &units)) {
        const uint64_t parent = way->keys[way->count - 1].id;
        const uint16_t *name = branch->text + start;
        uint64_t id = LAYER_NO_KEY, lower = LAYER_NO_KEY;
        struct hive_key row;
        result = hive_store_read_key(settling->store, parent, &row);
        settling->hidden = settling->hidden || row.layer & HIVE_SUPERSEDE_TREE;
        if (result == 0)
            result = layer_find(settling->store, parent, name, units, &id);
        if (result == 0)
            result =
                layer_find(settling->lower, way->keys[way->count - 1].lower, name, units, &lower);
        if (result < 0)
            return result;
        if (id == LAYER_NO_KEY)
            return settle_missing(settling, way, branch, start, units);
        if (layer_is_apart(settling->store, parent, name, units, id))
            return 0;
        if (way->count == LAYER_MAX_DEPTH || !enter(settling, name, units))
            return -EINVAL;
        way->keys[way->count].id = id;
        way->keys[way->count++].lower = lower;
    }
    return result ? result
                  : settle_key(settling, way->keys[way->count - 1].id,
                               way->keys[way->count - 1].lower);
}

/* With the branches settled the keys on the way to them may be free of the kernel too. */
static int settle_all(struct settling *settling, const struct registry_path *branches, size_t count)
{
    struct way *way = malloc(sizeof *way);
    int result = way ? 0 : -ENOMEM;

    for (size_t i = 0; result == 0 && i < count; i++) {
        settling->path.units = 0;
        settling->apart = settling->depth = 0;
        settling->hidden = false;
        result = settle_branch(settling, &branches[i], way);
        for (size_t j = way->count; result == 0 && j > 0 && !settling->hidden; j--)
            result = release(settling, way->keys[j - 1].id, way->keys[j - 1].lower);
    }
    free(way);
    return result;
}

/* ---- the call ---- */

/* Inside a write. */
static int settle(struct registry *registry, const struct lower_source *sources,
                  const struct registry_layer_state *state, const struct registry_path *branches,
                  size_t count, struct settling *settling)
{
    struct coherence_lower reached = {state->instance, state->generation};
    struct lower_changes changes = {.count = 0};
    int result = lower_bring_in_step(registry, sources, state->count, &changes);

    if (result == 0)
        result = lower_write_state(registry, reached);
    if (result == 0)
        result = lower_open_kept(registry, &settling->lower);
    if (result < 0)
        return result;
    settling->store = registry->store;
    result = settle_all(settling, branches, count);
    hive_store_close(settling->lower);
    return result;
}

int registry_settle_layer(registry_t *registry, const struct registry_layer_state *state,
                          const struct registry_path *branches, size_t count,
                          const struct registry_layer_visitor *visitor, size_t *left)
{
    struct settling *settling = calloc(1, sizeof *settling);
    struct lower_source sources[REGISTRY_LOWER_TEXTS];
    struct registry_guard guard;
    int result = settling ? lower_sources_open(sources, state->fds, state->count) : -ENOMEM;

    if (!settling)
        return result;
    settling->visitor = visitor;
    if (result == 0)
        result = registry_begin_write_as_is(registry, &guard);
    if (result == 0) {
        result = settle(registry, sources, state, branches, count, settling);
        result =
            registry_end_write(registry, &guard, result, registry_everything, REGISTRY_EVERYTHING);
    }
    lower_sources_close(sources, state->count);
    *left = settling->left;
    free(settling);
    if (result == 0)
        result = lower_tell_state(registry);
    if (result == 0)
        lower_forget_older(registry);
    return result;
}
