/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lookup.c - follows paths, component by component, through the cache where it can.
 */
#include "registry/lookup.h"

#include <errno.h>
#include <string.h>

#include "registry/transaction_internal.h"
#include "registry/upcase.h"

const uint16_t registry_link_value[REGISTRY_LINK_VALUE_UNITS] = {
    'S', 'y', 'm', 'b', 'o', 'l', 'i', 'c', 'L', 'i', 'n', 'k', 'V', 'a', 'l', 'u', 'e'};
static const uint16_t registry_top[] = {'R', 'e', 'g', 'i', 's', 't', 'r', 'y'};

static bool same_name(const struct cached_name *cached, size_t size, const uint16_t *name,
                      size_t units)
{
    if (size < sizeof *cached + units * 2 || cached->units != units)
        return false;
    for (size_t i = 0; i < units; i++)
        if (cached->upcased[i] != registry_upcase(name[i]))
            return false;
    return true;
}

bool registry_cached_subkey(registry_t *registry, uint64_t parent, const uint16_t *name,
                            size_t units, uint64_t *id, uint32_t *flags)
{
    size_t size;
    const struct cache_entry *entry = key_cache_find(&registry->cache, CACHE_NAME, parent,
                                                     registry_name_hash(name, units), &size);
    const struct cached_name *cached = entry ? (const void *)entry->payload : NULL;

    if (!cached || size < sizeof *cached || !same_name(cached, size, name, units))
        return false;
    *id = cached->id;
    *flags = cached->flags;
    return true;
}

int registry_find_subkey(registry_t *registry, uint64_t parent, const uint16_t *name, size_t units,
                         uint64_t *id, uint32_t *flags)
{
    uint32_t sequence = key_cache_read_begin(&registry->cache);
    struct registry_guard guard;
    int result;

    if (registry_transaction_of(parent))
        return transaction_find_subkey(registry, parent, name, units, id, flags);
    if (registry_fresh_for(registry, parent) &&
        registry_cached_subkey(registry, parent, name, units, id, flags) &&
        key_cache_read_valid(&registry->cache, sequence))
        return 0;
    result = registry_enter_for(registry, &guard, REGISTRY_NO_KEY);
    if (result < 0)
        return result;
    if (registry_cached_subkey(registry, parent, name, units, id, flags) ||
        (registry_fill_missing_name(registry, parent, name, units) &&
         registry_cached_subkey(registry, parent, name, units, id, flags))) {
        registry_leave(registry, &guard);
        return 0;
    }
    registry_leave(registry, &guard);
    result = registry_enter_for(registry, &guard, parent);
    if (result < 0)
        return result;
    if (!registry_cached_subkey(registry, parent, name, units, id, flags)) {
        listing_note_below(&registry->listing, parent, name, units);
        result = registry_fill_name(registry, parent, name, units);
        if (result == 0 && !registry_cached_subkey(registry, parent, name, units, id, flags))
            result = -ENOMEM;
    }
    registry_leave(registry, &guard);
    return result;
}

static bool append(struct registry_path *path, const uint16_t *text, size_t units)
{
    if (units > sizeof path->text / sizeof path->text[0] - path->units)
        return false;
    memcpy(path->text + path->units, text, units * 2);
    path->units += units;
    return true;
}

int registry_link_target(const void *data, size_t size, const uint16_t *rest, size_t units,
                         struct registry_path *target)
{
    static const uint16_t separator = '\\';
    const size_t start = 1 + sizeof registry_top / 2;
    struct registry_path whole = {.units = size / 2};

    if (size > sizeof whole.text)
        return -ENOENT;
    if (size)
        memcpy(whole.text, data, size);
    if (whole.units < start || whole.text[0] != '\\' ||
        registry_name_compare(whole.text + 1, start - 1, registry_top, start - 1) ||
        (whole.units > start && whole.text[start] != '\\'))
        return -ENOENT;
    target->units = 0;
    if (!append(target, whole.text + start, whole.units - start) ||
        !append(target, &separator, 1) || !append(target, rest, units))
        return -EINVAL;
    return 0;
}

/* The same for a link that is a key. */
static int link_target(registry_t *registry, uint64_t link, const uint16_t *rest, size_t units,
                       struct registry_path *target)
{
    uint16_t text[sizeof target->text / sizeof target->text[0]];
    struct registry_buffer buffer = {text, sizeof text};
    struct registry_value_info info;
    int result = registry_query_value(registry, link, registry_link_value,
                                      REGISTRY_LINK_VALUE_UNITS, &info, &buffer);

    if (result < 0)
        return result;
    return info.data_bytes > sizeof text
               ? -ENOENT
               : registry_link_target(text, info.data_bytes, rest, units, target);
}

/* The full path of what was asked for, where it lives elsewhere. */
static int leads_elsewhere(registry_t *registry, struct walk *walk, const uint16_t *rest,
                           size_t units)
{
    static const uint16_t separator = '\\';
    int result;

    if (!walk->rest)
        return -EXDEV;
    result = registry_key_path(registry, walk->key, walk->rest);
    if (result < 0)
        return result;
    if (!append(walk->rest, &separator, 1) || !append(walk->rest, rest, units))
        return -EINVAL;
    return -EXDEV;
}

int registry_walk(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                  unsigned flags, struct walk *walk)
{
    struct registry_path targets[2];
    size_t position = 0;
    int links = 0;

    walk->key = from;
    walk->key_flags = 0;
    walk->parent = 0;
    walk->name_units = 0;
    for (;;) {
        const uint16_t *name;
        size_t start, end, next;
        uint32_t name_flags;
        uint64_t id;
        int result;

        while (position < units && path[position] == '\\')
            position++;
        if (position == units)
            return 0;
        start = position;
        while (position < units && path[position] != '\\')
            position++;
        end = position;
        for (next = end; next < units && path[next] == '\\';)
            next++;
        name = path + start;
        if (end - start > REGISTRY_MAX_KEY_NAME)
            return next < units ? -ENOTDIR : -EINVAL;
        result = registry_find_subkey(registry, walk->key, name, end - start, &id, &name_flags);
        if (result < 0)
            return result;
        if (name_flags & CACHED_NAME_PASSTHROUGH)
            return leads_elsewhere(registry, walk, name, units - start);
        if (!id) {
            if (next < units)
                return -ENOTDIR;
            walk->parent = walk->key;
            walk->name_units = end - start;
            memcpy(walk->name, name, walk->name_units * 2);
            return -ENOENT;
        }
        if (name_flags & CACHED_NAME_LINK && !(next == units && flags & REGISTRY_OPEN_LINK)) {
            struct registry_path *target = &targets[links & 1];
            if (++links > REGISTRY_LINK_LIMIT)
                return -ELOOP;
            result = link_target(registry, id, path + next, units - next, target);
            if (result < 0)
                return result;
            path = target->text;
            units = target->units;
            position = 0;
            walk->key =
                registry_key_in_transaction(REGISTRY_ROOT_KEY, registry_transaction_of(from));
            walk->key_flags = 0;
            walk->parent = 0;
            continue;
        }
        walk->parent = walk->key;
        walk->key = id;
        walk->key_flags = name_flags;
    }
}

int registry_find(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                  unsigned flags, struct registry_found *found, struct registry_path *rest)
{
    struct walk walk = {.rest = rest};
    int result = registry_walk(registry, from, path, units, flags, &walk);

    found->created = false;
    found->secured = walk.key_flags & CACHED_NAME_SECURED;
    if (result == -ENOENT || result == -ENOTDIR || (result == 0 && !walk.parent)) {
        struct registry_key_info info;
        int exists =
            registry_query_key(registry, result ? from : walk.key, false, &info, NULL, NULL);
        if (exists < 0)
            return exists;
        found->secured = info.secured;
    }
    if (result == 0)
        found->key = walk.key;
    return result;
}

int registry_lookup(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                    unsigned flags, uint64_t *key, struct registry_path *rest)
{
    struct registry_found found;
    int result = registry_find(registry, from, path, units, flags, &found, rest);

    if (result == 0)
        *key = found.key;
    return result;
}
