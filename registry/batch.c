/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.c - see batch.h: one transaction of the hive store. The cache is not used: what it held of
 * an open transaction would have to go where that is rolled back.
 */
#include "registry/batch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "registry/lookup.h"
#include "registry/registry_internal.h"
#include "registry/upcase.h"

#define NAMED_CHANGES 64 /* more than any reader takes in one by one */
#define KEPT_DEPTH 128

struct registry_batch {
    registry_t *registry;
    struct registry_guard guard;
    uint64_t now;
    struct coherence_change changes[COHERENCE_RING / 2 + 1];
    size_t change_count; /* past NAMED_CHANGES: everything */
    /* The path that was followed last, without links, and the keys of its components: those of
     * files come in order, and have most of their paths in common. */
    struct registry_path last;
    uint64_t last_from;
    uint64_t last_keys[KEPT_DEPTH];
    size_t last_depth;
};

int registry_begin_batch(registry_t *registry, registry_batch_t **out)
{
    registry_batch_t *batch = calloc(1, sizeof *batch);
    int result;

    if (!batch)
        return -ENOMEM;
    batch->registry = registry;
    batch->now = registry_now();
    result = registry_begin_write(registry, &batch->guard);
    if (result < 0)
        free(batch);
    else
        *out = batch;
    return result;
}

int registry_end_batch(registry_batch_t *batch, int result)
{
    size_t count = batch->change_count > NAMED_CHANGES
                       ? sizeof batch->changes / sizeof batch->changes[0]
                       : batch->change_count;

    result = registry_end_write(batch->registry, &batch->guard, result, batch->changes, count);
    free(batch);
    return result;
}

bool registry_batch_interrupted(const registry_batch_t *batch)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t waiting;

    if (sigpending(&waiting) < 0)
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (sigismember(&waiting, ends[i]) && !sigismember(&batch->guard.signals, ends[i]))
            return true;
    return false;
}

static void note_change(registry_batch_t *batch, uint64_t key, uint64_t name_hash, uint32_t kinds)
{
    const struct coherence_change *last =
        batch->change_count ? &batch->changes[batch->change_count - 1] : NULL;

    if (batch->change_count > NAMED_CHANGES ||
        (last && last->key == key && last->name_hash == name_hash && last->kinds == kinds))
        return;
    batch->changes[batch->change_count++] =
        (struct coherence_change){.key = key, .name_hash = name_hash, .kinds = kinds};
}

/* ---- paths ---- */

struct follow {
    registry_batch_t *batch;
    uint64_t from;
    const uint16_t *path;
    size_t units;
    unsigned flags;
    bool make;
    struct registry_path targets[2];
    int links;
};

static void forget_path(registry_batch_t *batch)
{
    batch->last_depth = 0;
    batch->last.units = 0;
}

/* How much of the path is that of the last one: units, and the key that they lead to. Its last
 * component is looked up anew, for it may be a link. */
static size_t shared_part(const struct follow *follow, uint64_t *key, size_t *depth)
{
    const registry_batch_t *batch = follow->batch;
    size_t at = 0, shared = 0;

    *depth = 0;
    if (batch->last_from != follow->from)
        return 0;
    for (; at < follow->units && at < batch->last.units && *depth < batch->last_depth; at++) {
        if (follow->path[at] != batch->last.text[at])
            break;
        if (at + 1 < follow->units && follow->path[at + 1] == '\\' &&
            (at + 1 == batch->last.units || batch->last.text[at + 1] == '\\') &&
            follow->path[at] != '\\') {
            *key = batch->last_keys[(*depth)++];
            shared = at + 1;
        }
    }
    return shared;
}

static int make_key(registry_batch_t *batch, uint64_t parent, const uint16_t *name, size_t units,
                    uint64_t *key)
{
    struct hive_key above;
    struct hive_key row = {
        .parent = parent, .last_write = batch->now, .name = name, .name_units = units};
    int result = hive_store_read_key(batch->registry->store, parent, &above);

    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    if (above.flags & REGISTRY_VOLATILE)
        return -ECHILD;
    result = hive_store_insert_key(batch->registry->store, &row, key);
    if (result == 0)
        result = hive_store_touch_key(batch->registry->store, parent, batch->now);
    note_change(batch, parent, registry_name_hash(name, units), REGISTRY_CHANGED_NAME);
    return result;
}

/* Leads the follower to a link's target, with the rest of its path behind. */
static int follow_link(struct follow *follow, uint64_t link, size_t next)
{
    struct registry_path *target = &follow->targets[++follow->links & 1];
    hive_store_t *store = follow->batch->registry->store;
    struct hive_value value;
    int result;

    if (follow->links > REGISTRY_LINK_LIMIT)
        return -ELOOP;
    result =
        hive_store_find_value(store, link, registry_link_value, REGISTRY_LINK_VALUE_UNITS, &value);
    if (result == 0)
        result = registry_link_target(value.data, value.size, follow->path + next,
                                      follow->units - next, target);
    follow->path = target->text;
    follow->units = target->units;
    return result;
}

/* One component, at `start`: the next key. */
static int find_component(struct follow *follow, uint64_t parent, size_t start, size_t end,
                          uint64_t *key, uint32_t *flags)
{
    const uint16_t *name = follow->path + start;
    registry_t *registry = follow->batch->registry;
    int result;

    *flags = 0;
    if (end - start > REGISTRY_MAX_KEY_NAME)
        return -EINVAL;
    if (registry_is_passthrough(registry, parent, name, end - start))
        return -EXDEV;
    result = hive_store_find_key(registry->store, parent, name, end - start, key, flags);
    if (result == -ENOENT && follow->make)
        result = make_key(follow->batch, parent, name, end - start, key);
    return result;
}

static size_t component_end(const struct follow *follow, size_t at)
{
    while (at < follow->units && follow->path[at] != '\\')
        at++;
    return at;
}

static size_t component_start(const struct follow *follow, size_t at)
{
    while (at < follow->units && follow->path[at] == '\\')
        at++;
    return at;
}

static int follow_path(struct follow *follow, uint64_t *key)
{
    registry_batch_t *batch = follow->batch;
    const uint16_t *whole = follow->path;
    size_t units = follow->units, depth;
    size_t at;

    *key = follow->from;
    at = component_start(follow, shared_part(follow, key, &depth));
    forget_path(batch);
    while (at < follow->units) {
        size_t end = component_end(follow, at), next = component_start(follow, end);
        uint32_t flags;
        uint64_t id;
        int result = find_component(follow, *key, at, end, &id, &flags);

        if (result < 0)
            return result == -ENOENT && next < follow->units ? -ENOTDIR : result;
        if (flags & REGISTRY_CREATE_LINK &&
            !(next == follow->units && follow->flags & REGISTRY_OPEN_LINK)) {
            result = follow_link(follow, id, next);
            if (result < 0)
                return result;
            *key = REGISTRY_ROOT_KEY;
            at = component_start(follow, 0);
            continue;
        }
        *key = id;
        follow->links += (flags & REGISTRY_CREATE_LINK) != 0;
        if (!follow->links && depth < KEPT_DEPTH)
            batch->last_keys[depth] = id;
        depth++;
        at = next;
    }
    if (!follow->links && depth <= KEPT_DEPTH && units <= sizeof batch->last.text / 2) {
        memcpy(batch->last.text, whole, units * 2);
        batch->last.units = units;
        batch->last_from = follow->from;
        batch->last_depth = depth;
    }
    return 0;
}

int registry_batch_find(registry_batch_t *batch, uint64_t from, const uint16_t *path, size_t units,
                        unsigned flags, uint64_t *key)
{
    struct follow follow = {
        .batch = batch, .from = from, .path = path, .units = units, .flags = flags};

    return follow_path(&follow, key);
}

int registry_batch_create(registry_batch_t *batch, uint64_t from, const uint16_t *path,
                          size_t units, unsigned flags, uint64_t *key)
{
    struct follow follow = {
        .batch = batch, .from = from, .path = path, .units = units, .flags = flags, .make = true};

    return follow_path(&follow, key);
}

/* ---- keys and values ---- */

int registry_batch_set_key(registry_batch_t *batch, uint64_t key,
                           const struct registry_batch_key *data)
{
    hive_store_t *store = batch->registry->store;
    uint64_t last_write = data->last_write ? data->last_write : batch->now;
    uint16_t *kept = NULL;
    struct hive_key row;
    uint64_t name_hash;
    uint32_t flags;
    int result = hive_store_read_key(store, key, &row);

    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    name_hash = registry_name_hash(row.name, row.name_units);
    flags = (row.flags & ~REGISTRY_CREATE_LINK) | (data->link ? REGISTRY_CREATE_LINK : 0);
    if (data->class_units) {
        row.class_name = data->class_name;
        row.class_units = data->class_units;
    } else if (row.class_units) {
        kept = malloc(row.class_units * sizeof *kept);
        if (!kept)
            return -ENOMEM;
        row.class_name = memcpy(kept, row.class_name, row.class_units * sizeof *kept);
    }
    forget_path(batch);
    result = hive_store_update_key(store, key, last_write, flags, row.class_name, row.class_units);
    free(kept);
    if (result == 0 && data->security_size) {
        result = hive_store_put_security(store, key, data->security, data->security_size);
        note_change(batch, row.parent, name_hash, 0);
    }
    note_change(batch, key, 0, REGISTRY_CHANGED_ATTRIBUTES | REGISTRY_CHANGED_SECURITY);
    return result;
}

int registry_batch_set_last_write(registry_batch_t *batch, uint64_t key, uint64_t last_write)
{
    note_change(batch, key, 0, REGISTRY_CHANGED_ATTRIBUTES);
    return hive_store_touch_key(batch->registry->store, key, last_write);
}

int registry_batch_set_value(registry_batch_t *batch, uint64_t key, const uint16_t *name,
                             size_t units, uint32_t type, const void *data, size_t size)
{
    struct hive_value value = {name, units, type, data, size};

    if (units > REGISTRY_MAX_VALUE_NAME || size > REGISTRY_MAX_VALUE_SIZE)
        return -EINVAL;
    note_change(batch, key, 0, REGISTRY_CHANGED_VALUES);
    return hive_store_put_value(batch->registry->store, key, &value, batch->now);
}

int registry_batch_delete_value(registry_batch_t *batch, uint64_t key, const uint16_t *name,
                                size_t units)
{
    hive_store_t *store = batch->registry->store;
    int result = units > REGISTRY_MAX_VALUE_NAME ? -ENOENT
                                                 : hive_store_remove_value(store, key, name, units);

    if (result == 0)
        result = hive_store_touch_key(store, key, batch->now);
    note_change(batch, key, 0, REGISTRY_CHANGED_VALUES);
    return result;
}

/* ---- branches ---- */

/* True where a path that is passed through may lie below `path`. */
static bool may_hold_passthrough(const registry_t *registry, const struct registry_path *path)
{
    size_t depth = 0;

    for (size_t i = 0; i < path->units; i++)
        depth += path->text[i] == '\\';
    for (size_t i = 0; i < registry->passthrough_count; i++) {
        const struct short_path *other = &registry->passthrough[i];
        size_t left = depth, at = 0;
        while (at < other->units && (other->text[at] != '\\' || left-- > 0))
            at++;
        if (fixed_values_match(other->text, at, path->text, path->units))
            return true;
    }
    return false;
}

struct subkeys {
    registry_batch_t *batch;
    uint64_t *ids;
    size_t count, capacity;
};

static int add_subkey(void *context, const struct hive_key *key)
{
    struct subkeys *subkeys = context;

    if (subkeys->count == subkeys->capacity) {
        size_t capacity = subkeys->capacity * 2 + 64;
        uint64_t *larger = realloc(subkeys->ids, capacity * sizeof *larger);
        if (!larger)
            return -ENOMEM;
        subkeys->ids = larger;
        subkeys->capacity = capacity;
    }
    subkeys->ids[subkeys->count++] = key->id;
    return 0;
}

/* -EXDEV where one of the keys below is passed through. */
static int check_branch(registry_batch_t *batch, uint64_t key)
{
    registry_t *registry = batch->registry;
    struct subkeys below = {.batch = batch};
    struct registry_path path;
    int result = registry_read_path(registry, key, &path);

    if (result < 0 || !may_hold_passthrough(registry, &path))
        return result;
    result = hive_store_visit_subkeys(registry->store, key, add_subkey, &below);
    for (size_t i = 0; result == 0 && i < below.count; i++) {
        result = registry_read_path(registry, below.ids[i], &path);
        for (size_t j = 0; result == 0 && j < registry->passthrough_count; j++)
            if (fixed_values_match(registry->passthrough[j].text, registry->passthrough[j].units,
                                   path.text, path.units))
                result = -EXDEV;
        if (result == 0 && may_hold_passthrough(registry, &path))
            result = hive_store_visit_subkeys(registry->store, below.ids[i], add_subkey, &below);
    }
    free(below.ids);
    return result;
}

int registry_batch_delete_branch(registry_batch_t *batch, uint64_t key)
{
    hive_store_t *store = batch->registry->store;
    struct hive_key row;
    uint64_t parent;
    int result = key == REGISTRY_ROOT_KEY ? -ENOTEMPTY : check_branch(batch, key);

    if (result == 0)
        result = hive_store_read_key(store, key, &row);
    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    parent = row.parent;
    forget_path(batch);
    batch->change_count = NAMED_CHANGES + 1;
    result = hive_store_remove_branch(store, key, true);
    return result < 0 ? result : hive_store_touch_key(store, parent, batch->now);
}
