/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layer_changes.c - see layer_changes.h: telling what the kernel's layer holds. What has something
 * of the kernel's in it or below it bears the kernel's mark (hive_store_claim_key), so that only
 * the way to it is walked.
 */
#include "registry/layer_changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/layer_walk.h"
#include "registry/registry_internal.h"

struct visiting {
    hive_store_t *store;
    const struct registry_layer_visitor *visitor;
    struct registry_path path;
    unsigned depth;
};

static int tell(struct visiting *visiting, struct registry_layer_change *change)
{
    change->path = visiting->path.text;
    change->path_units = visiting->path.units;
    return visiting->visitor->change(visiting->visitor->context, change);
}

static int tell_names(struct visiting *visiting, enum registry_layer_kind kind,
                      const struct layer_names *names)
{
    struct registry_layer_change change = {
        .kind = kind, .data = names->data, .size = names->used * sizeof *names->data};

    return tell(visiting, &change);
}

/* ---- values ---- */

/* The kernel's, or all of them where nothing of the layer below is seen. */
static int tell_values(struct visiting *visiting, uint64_t key, enum layer_part part)
{
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = layer_list_values(visiting->store, key, part, &names);

    if (result == 0 && part == LAYER_ALL)
        result = tell_names(visiting, REGISTRY_LAYER_VALUES_KEPT, &names);
    while (result == 0 && layer_next_name(&names, &at, &name, &units)) {
        struct hive_value value;
        struct registry_layer_change change = {
            .kind = REGISTRY_LAYER_VALUE, .name = name, .name_units = units};
        result = hive_store_find_value(visiting->store, key, name, units, &value);
        change.type = value.type;
        change.data = value.data;
        change.size = value.size;
        if (result == 0)
            result = tell(visiting, &change);
    }
    free(names.data);
    return result;
}

/* ---- tombstones ---- */

/* 1 where the registry has a key or value of that name all the same: what was made anew. */
static int is_there(hive_store_t *store, uint64_t key, bool values, const uint16_t *name,
                    size_t units)
{
    uint64_t id;
    uint32_t number;
    int result = values ? hive_store_value_layer(store, key, name, units, &number)
                        : hive_store_find_key(store, key, name, units, &id, &number);

    return result == 0 ? 1 : result == -ENOENT ? 0 : result;
}

static bool skips(struct visiting *visiting, const uint16_t *name, size_t units)
{
    const struct registry_layer_visitor *visitor = visiting->visitor;
    const size_t before = visiting->path.units;
    bool skip = visitor->skip && layer_enter(&visiting->path, name, units) &&
                visitor->skip(visitor->context, visiting->path.text, visiting->path.units);

    visiting->path.units = before;
    return skip;
}

/* What a hostile program has called by the name of several would lead elsewhere. */
static bool is_one_component(const uint16_t *name, size_t units)
{
    for (size_t i = 0; i < units; i++)
        if (name[i] == '\\')
            return false;
    return units > 0;
}

static int tell_deleted(struct visiting *visiting, uint64_t key, bool values)
{
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = values ? layer_list_value_tombstones(visiting->store, key, &names)
                        : layer_list_key_tombstones(visiting->store, key, &names);

    while (result == 0 && layer_next_name(&names, &at, &name, &units)) {
        struct registry_layer_change change = {.kind = values ? REGISTRY_LAYER_VALUE_DELETED
                                                              : REGISTRY_LAYER_SUBKEY_DELETED,
                                               .name = name,
                                               .name_units = units};
        result = values || is_one_component(name, units)
                     ? is_there(visiting->store, key, values, name, units)
                     : -EUCLEAN;
        if (result == 0 && (values || !skips(visiting, name, units)))
            result = tell(visiting, &change);
        else if (result > 0)
            result = 0;
    }
    free(names.data);
    return result;
}

/* ---- keys ---- */

static int tell_key_itself(struct visiting *visiting, const struct hive_key *row)
{
    struct registry_layer_change change = {.kind = REGISTRY_LAYER_KEY,
                                           .name = row->class_name,
                                           .name_units = row->class_units,
                                           .type = row->flags & REGISTRY_CREATE_LINK};

    return tell(visiting, &change);
}

static int tell_key(struct visiting *visiting, uint64_t id, bool hidden);

static int tell_subkeys(struct visiting *visiting, uint64_t id, bool hidden)
{
    const size_t before = visiting->path.units;
    struct layer_names names = {0};
    const uint16_t *name;
    size_t units, at = 0;
    int result = layer_list_subkeys(visiting->store, id, hidden ? LAYER_ALL : LAYER_UPPER, &names);

    if (result == 0 && hidden)
        result = tell_names(visiting, REGISTRY_LAYER_SUBKEYS_KEPT, &names);
    while (result == 0 && layer_next_name(&names, &at, &name, &units)) {
        uint64_t subkey;
        uint32_t flags;
        result = is_one_component(name, units)
                     ? hive_store_find_key(visiting->store, id, name, units, &subkey, &flags)
                     : -EUCLEAN;
        if (result == 0 && !(flags & REGISTRY_VOLATILE) &&
            !layer_is_apart(visiting->store, id, name, units, subkey) &&
            !skips(visiting, name, units)) {
            result = layer_enter(&visiting->path, name, units) ? 0 : -EINVAL;
            if (result == 0)
                result = tell_key(visiting, subkey, hidden);
        }
        visiting->path.units = before;
    }
    free(names.data);
    return result;
}

/* `hidden`: nothing of the layer below is seen there. What a hostile program has put below a link
 * would be written where that leads. */
static int tell_key(struct visiting *visiting, uint64_t id, bool hidden)
{
    bool values_hidden;
    struct hive_key row;
    int result = hive_store_read_key(visiting->store, id, &row);

    if (result < 0 || !(row.layer & HIVE_UPPER || hidden))
        return result;
    if (++visiting->depth > LAYER_MAX_DEPTH)
        return -EINVAL;
    hidden = hidden || row.layer & HIVE_SUPERSEDE_TREE;
    values_hidden = hidden || row.layer & HIVE_SUPERSEDE_LOCAL;
    if (id != REGISTRY_ROOT_KEY)
        result = tell_key_itself(visiting, &row);
    if (result == 0 && !values_hidden)
        result = tell_deleted(visiting, id, true);
    if (result == 0)
        result = tell_values(visiting, id, values_hidden ? LAYER_ALL : LAYER_UPPER);
    if (row.flags & REGISTRY_CREATE_LINK) {
        visiting->depth--;
        return result;
    }
    if (result == 0 && !hidden)
        result = tell_deleted(visiting, id, false);
    if (result == 0)
        result = tell_subkeys(visiting, id, hidden);
    visiting->depth--;
    return result;
}

/* ---- a branch ---- */

/* The key at `branch` is not there: where the kernel has hidden what is below, that goes. The path
 * of `visiting` is that of the last key that is there. */
static int tell_missing(struct visiting *visiting, uint64_t last, bool hidden,
                        const uint16_t *component, size_t component_units,
                        const struct registry_path *branch)
{
    struct registry_layer_change change = {.kind = REGISTRY_LAYER_SUBKEY_DELETED};
    size_t at = branch->units;
    int result =
        hidden ? 1 : hive_store_key_is_hidden(visiting->store, last, component, component_units);

    if (result <= 0)
        return result;
    while (at > 0 && branch->text[at - 1] != '\\')
        at--;
    change.name = branch->text + at;
    change.name_units = branch->units - at;
    visiting->path.units = at ? at - 1 : 0;
    memcpy(visiting->path.text, branch->text, visiting->path.units * sizeof branch->text[0]);
    return tell(visiting, &change);
}

/* The keys on the way to a branch that is there must be there too. Leaves the branch's path. */
static int tell_way(struct visiting *visiting, const struct registry_path *branch)
{
    uint64_t id = REGISTRY_ROOT_KEY;
    size_t at = 0, start, units;
    int result = 0;

    visiting->path.units = 0;
    while (result == 0 && layer_next_component(branch, &at, &start, &units)) {
        struct hive_key row;
        uint32_t flags;
        if (!layer_enter(&visiting->path, branch->text + start, units))
            return -EINVAL;
        if (at == branch->units)
            return 0;
        result = hive_store_find_key(visiting->store, id, branch->text + start, units, &id, &flags);
        if (result == 0)
            result = hive_store_read_key(visiting->store, id, &row);
        if (result == 0 && row.layer & HIVE_UPPER)
            result = tell_key_itself(visiting, &row);
    }
    return result;
}

static int tell_branch(struct visiting *visiting, const struct registry_path *branch)
{
    uint64_t id = REGISTRY_ROOT_KEY;
    size_t at = 0, start, units;
    bool hidden = false;
    int result = 0;

    while (result == 0 && layer_next_component(branch, &at, &start, &units)) {
        struct hive_key row;
        uint64_t parent = id;
        uint32_t flags;
        const uint16_t *name = branch->text + start;
        result = hive_store_find_key(visiting->store, parent, name, units, &id, &flags);
        if (result == -ENOENT)
            return tell_missing(visiting, parent, hidden, name, units, branch);
        if (result < 0 || flags & REGISTRY_VOLATILE ||
            layer_is_apart(visiting->store, parent, name, units, id) ||
            skips(visiting, name, units))
            return result;
        result = hive_store_read_key(visiting->store, id, &row);
        hidden = hidden || (at < branch->units && row.layer & HIVE_SUPERSEDE_TREE);
        if (result == 0 && !layer_enter(&visiting->path, name, units))
            result = -EINVAL;
    }
    if (result == 0)
        result = tell_way(visiting, branch);
    return result ? result : tell_key(visiting, id, hidden);
}

int registry_visit_layer(registry_t *registry, const struct registry_path *branch,
                         const struct registry_layer_visitor *visitor)
{
    struct visiting *visiting = calloc(1, sizeof *visiting);
    struct registry_guard guard;
    int result;

    if (!visiting)
        return -ENOMEM;
    visiting->visitor = visitor;
    result = registry_enter(registry, &guard);
    if (result == 0) {
        visiting->store = registry->store;
        result = tell_branch(visiting, branch);
        registry_leave(registry, &guard);
    }
    free(visiting);
    return result;
}

/* ---- paths ---- */

/* Removes the last component; false where there is none. */
static bool cut_component(const uint16_t *path, size_t *units)
{
    while (*units > 0 && path[*units - 1] == '\\')
        --*units;
    while (*units > 0 && path[*units - 1] != '\\')
        --*units;
    while (*units > 0 && path[*units - 1] == '\\')
        --*units;
    return *units > 0;
}

int registry_layer_path(registry_t *registry, const uint16_t *path, size_t units,
                        struct registry_path *branch)
{
    static const size_t top = sizeof "\\REGISTRY" - 1;
    size_t there = units, at, start, length;
    struct registry_path rest = {0};
    uint64_t key = REGISTRY_ROOT_KEY;
    int result;

    if (units > sizeof rest.text / sizeof rest.text[0])
        return -EINVAL;
    do
        result = registry_lookup(registry, REGISTRY_ROOT_KEY, path, there,
                                 there == units ? REGISTRY_OPEN_LINK : 0, &key, NULL);
    while ((result == -ENOENT || result == -ENOTDIR) && cut_component(path, &there));
    if (result == -ENOENT || result == -ENOTDIR)
        key = REGISTRY_ROOT_KEY;
    else if (result < 0)
        return result;
    result = registry_key_path(registry, key, branch);
    if (result < 0)
        return result;
    length = branch->units > top ? top + 1 : top;
    branch->units -= length;
    memmove(branch->text, branch->text + length, branch->units * sizeof branch->text[0]);
    memcpy(rest.text, path, units * sizeof *path);
    rest.units = units;
    for (at = there; layer_next_component(&rest, &at, &start, &length);)
        if (!layer_enter(branch, rest.text + start, length))
            return -EINVAL;
    return 0;
}
