/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fill.c - brings records from the hive store into the cache. All of it runs inside
 * registry_enter and registry_leave.
 */
#include "registry/registry_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/large_key.h"
#include "registry/upcase.h"
#include "registry/value_list.h"

/* Puts a fixed value in the place of the stored one, behind the others, or hides it. */
static int apply_fixed(struct value_list *collected, const struct registry_fixed_value *fixed)
{
    struct hive_value value = {fixed->name, fixed->name_units, fixed->type, fixed->data,
                               fixed->size};

    for (size_t i = 0; i < collected->count; i++) {
        struct cached_value *slot = &collected->values[i];
        const uint16_t *name = (const uint16_t *)(collected->bytes + slot->name_offset);
        if (registry_name_compare(name, slot->name_bytes / 2, fixed->name, fixed->name_units))
            continue;
        if (fixed->data)
            return value_list_put(collected, slot, &value);
        memmove(slot, slot + 1, (--collected->count - i) * sizeof *slot);
        return 0;
    }
    return fixed->data ? value_list_add(collected, &value) : 0;
}

static int apply_all_fixed(registry_t *registry, uint64_t key, const uint16_t *name, size_t units,
                           struct value_list *collected)
{
    struct registry_path path;
    int result = 0;

    if (!fixed_values_concern(&registry->fixed, name, units))
        return 0;
    if (registry_read_path(registry, key, &path) < 0)
        return 0;
    for (size_t i = 0; result == 0 && i < registry->fixed.count; i++) {
        const struct registry_fixed_value *fixed = &registry->fixed.values[i];
        if (fixed_values_match(fixed->path, fixed->path_units, path.text, path.units))
            result = apply_fixed(collected, fixed);
    }
    return result;
}

static uint32_t slots_for(size_t values)
{
    uint32_t slots = 4;

    if (!values)
        return 0;
    while (slots < values * 2)
        slots *= 2;
    return slots;
}

static void index_values(uint32_t *slots, uint32_t slot_count, const struct cached_value *values,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = values[i].hash & (slot_count - 1);
        while (slots[slot])
            slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)i + 1;
    }
}

/* Lays out the payload of a key control block and puts it into the cache. */
int registry_store_key(registry_t *registry, uint64_t id, const struct cached_key *head,
                       const void *name, const void *class_name, const struct value_list *values)
{
    struct cached_key layout = *head;
    size_t at = sizeof layout;
    unsigned char *payload;
    uint32_t base;

    layout.name_offset = (uint32_t)at;
    at = (at + layout.name_bytes + 7) & ~(size_t)7;
    layout.class_offset = (uint32_t)at;
    at = (at + layout.class_bytes + 7) & ~(size_t)7;
    layout.value_slots = layout.too_large ? 0 : slots_for(values->count);
    layout.slots_offset = (uint32_t)at;
    at += layout.value_slots * sizeof(uint32_t);
    layout.values_offset = (uint32_t)at;
    at += (layout.too_large ? 0 : values->count) * sizeof(struct cached_value);
    at = (at + 7) & ~(size_t)7;
    base = (uint32_t)at;
    at += layout.too_large ? 0 : values->used;

    key_cache_write_begin(&registry->cache);
    payload = key_cache_add(&registry->cache, CACHE_KEY, id, 0, at);
    if (payload) {
        memcpy(payload, &layout, sizeof layout);
        memcpy(payload + layout.name_offset, name, layout.name_bytes);
        if (layout.class_bytes)
            memcpy(payload + layout.class_offset, class_name, layout.class_bytes);
        if (layout.value_slots) {
            struct cached_value *slots = (struct cached_value *)(payload + layout.values_offset);
            memset(payload + layout.slots_offset, 0, layout.value_slots * sizeof(uint32_t));
            memcpy(slots, values->values, values->count * sizeof *slots);
            for (size_t i = 0; i < values->count; i++) {
                slots[i].name_offset += base;
                slots[i].data_offset += base;
            }
            if (values->used)
                memcpy(payload + base, values->bytes, values->used);
            index_values((uint32_t *)(payload + layout.slots_offset), layout.value_slots, slots,
                         values->count);
        }
    }
    key_cache_write_end(&registry->cache);
    if (payload)
        return 0;
    if (layout.too_large)
        return -E2BIG;
    registry_mark_too_large(registry, &layout, name);
    return registry_store_key(registry, id, &layout, name, class_name, values);
}

static int collect_sizes(void *context, const struct hive_value *value)
{
    struct cached_key *head = context;

    if (value->name_units * 2 > head->max_value_name)
        head->max_value_name = (uint32_t)value->name_units * 2;
    if (value->size > head->max_value_data)
        head->max_value_data = (uint32_t)value->size;
    head->value_count++;
    return 0;
}

int registry_visit_values(registry_t *registry, uint64_t key,
                          int (*visit)(void *context, const struct hive_value *value),
                          void *context)
{
    struct value_list collected = {0};
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    struct hive_key row;
    size_t units;
    int result = hive_store_read_key(registry->store, key, &row);

    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    units = row.name_units < REGISTRY_MAX_KEY_NAME ? row.name_units : REGISTRY_MAX_KEY_NAME;
    if (!fixed_values_concern(&registry->fixed, row.name, row.name_units))
        return hive_store_visit_values(registry->store, key, visit, context);
    memcpy(name, row.name, units * 2);
    result = hive_store_visit_values(registry->store, key, value_list_add, &collected);
    if (result == 0)
        result = apply_all_fixed(registry, key, name, units, &collected);
    if (result == 0)
        result = value_list_visit(&collected, visit, context);
    value_list_finish(&collected);
    return result;
}

/* One walk over the values of a key, which ends where they no longer fit into the cache. */
#define DOES_NOT_FIT 1
struct collection {
    struct cached_key *head;
    struct value_list *kept;
    struct place *places; /* of what is kept */
    size_t room;
    size_t limit, bytes;
};

struct place {
    int64_t position;
    struct cached_value value;
};

static int collect_value(void *context, const struct hive_value *value, int64_t position)
{
    struct collection *collection = context;
    struct value_list *kept = collection->kept;
    int result = collect_sizes(collection->head, value);

    collection->bytes += value->name_units * 2 + value->size;
    if (collection->bytes > collection->limit ||
        kept->count >= collection->limit / (sizeof(struct cached_value) + 16))
        return DOES_NOT_FIT;
    if (kept->count == collection->room) {
        size_t room = collection->room * 2 + 16;
        struct place *grown = realloc(collection->places, room * sizeof *grown);

        if (!grown)
            return -ENOMEM;
        collection->places = grown;
        collection->room = room;
    }
    result = result ? result : value_list_add(kept, value);
    if (result == 0)
        collection->places[kept->count - 1].position = position;
    return result;
}

static int compare_places(const void *a, const void *b)
{
    int64_t one = ((const struct place *)a)->position, other = ((const struct place *)b)->position;

    return one < other ? -1 : one > other;
}

/* The store gives values by name; here they come into the order in which they were first set. */
static void put_in_order(struct collection *collection)
{
    struct value_list *kept = collection->kept;

    for (size_t i = 0; i < kept->count; i++)
        collection->places[i].value = kept->values[i];
    if (kept->count)
        qsort(collection->places, kept->count, sizeof *collection->places, compare_places);
    for (size_t i = 0; i < kept->count; i++)
        kept->values[i] = collection->places[i].value;
}

/* Values whole where they fit into the cache. */
static int collect_values(registry_t *registry, uint64_t key, const uint16_t *name, size_t units,
                          struct cached_key *head, struct value_list *collected)
{
    struct collection collection = {
        .head = head,
        .kept = collected,
        .limit = key_cache_payload_limit(&registry->cache) / 2,
    };
    bool fixed = fixed_values_concern(&registry->fixed, name, units);
    int result =
        hive_store_visit_values_unordered(registry->store, key, collect_value, &collection);

    if (result == 0)
        put_in_order(&collection);
    free(collection.places);
    if (result == DOES_NOT_FIT && !fixed) {
        registry_mark_too_large(registry, head, name);
        return 0;
    }
    if (result < 0 || !fixed)
        return result;
    head->value_count = head->max_value_name = head->max_value_data = 0;
    if (result == DOES_NOT_FIT) {
        head->too_large = 2;
        return registry_visit_values(registry, key, collect_sizes, head);
    }
    result = apply_all_fixed(registry, key, name, units, collected);
    return result ? result : value_list_visit(collected, collect_sizes, head);
}

int registry_fill_key(registry_t *registry, uint64_t id)
{
    struct value_list collected = {0};
    struct cached_key head = {0};
    struct hive_key key;
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    void *class_name = NULL;
    size_t name_units;
    int result = hive_store_read_key(registry->store, id, &key);

    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    name_units = key.name_units < REGISTRY_MAX_KEY_NAME ? key.name_units : REGISTRY_MAX_KEY_NAME;
    if (name_units)
        memcpy(name, key.name, name_units * 2);
    head.parent = key.parent;
    head.last_write = key.last_write;
    head.flags = key.flags;
    head.layer = key.layer;
    head.secured = key.secured;
    head.name_bytes = (uint32_t)name_units * 2;
    head.class_bytes = (uint32_t)key.class_units * 2;
    if (head.class_bytes) {
        class_name = malloc(head.class_bytes);
        if (!class_name)
            return -ENOMEM;
        memcpy(class_name, key.class_name, head.class_bytes);
    }
    result = collect_values(registry, id, name, name_units, &head, &collected);
    if (result == 0)
        result = registry_store_key(registry, id, &head, name, class_name, &collected);
    value_list_finish(&collected);
    free(class_name);
    return result;
}

/* By its name alone. */
static bool may_be_passthrough(registry_t *registry, const uint16_t *name, size_t units)
{
    for (size_t i = 0; i < registry->passthrough_count; i++) {
        const struct short_path *other = &registry->passthrough[i];
        if (fixed_values_may_match(other->text, other->units, name, units))
            return true;
    }
    return false;
}

bool registry_is_passthrough(registry_t *registry, uint64_t parent, const uint16_t *name,
                             size_t units)
{
    struct registry_path path;

    if (!may_be_passthrough(registry, name, units) ||
        registry_read_path(registry, parent, &path) < 0 ||
        path.units + 1 + units > sizeof path.text / sizeof path.text[0])
        return false;
    path.text[path.units++] = '\\';
    memcpy(path.text + path.units, name, units * 2);
    path.units += units;
    for (size_t i = 0; i < registry->passthrough_count; i++) {
        const struct short_path *other = &registry->passthrough[i];
        if (fixed_values_match(other->text, other->units, path.text, path.units))
            return true;
    }
    return false;
}

void registry_store_name(registry_t *registry, uint64_t parent, const uint16_t *name,
                         const struct cached_name *head)
{
    unsigned char *payload;

    key_cache_write_begin(&registry->cache);
    payload =
        key_cache_add(&registry->cache, CACHE_NAME, parent, registry_name_hash(name, head->units),
                      sizeof *head + head->units * sizeof *name);
    if (payload) {
        memcpy(payload, head, sizeof *head);
        for (size_t i = 0; i < head->units; i++)
            ((struct cached_name *)payload)->upcased[i] = registry_upcase(name[i]);
    }
    key_cache_write_end(&registry->cache);
}

int registry_fill_name(registry_t *registry, uint64_t parent, const uint16_t *name, size_t units)
{
    struct cached_name head = {.units = (uint32_t)units};
    uint32_t flags;
    int result = hive_store_find_key(registry->store, parent, name, units, &head.id, &flags);

    if (result < 0 && result != -ENOENT)
        return result;
    if (result == 0 && flags & REGISTRY_CREATE_LINK)
        head.flags |= CACHED_NAME_LINK;
    if (result == 0 && flags & HIVE_FOUND_SECURED)
        head.flags |= CACHED_NAME_SECURED;
    if (registry_is_passthrough(registry, parent, name, units))
        head.flags |= CACHED_NAME_PASSTHROUGH;
    registry_store_name(registry, parent, name, &head);
    return 0;
}

bool registry_fill_missing_name(registry_t *registry, uint64_t parent, const uint16_t *name,
                                size_t units)
{
    struct cached_name head = {.units = (uint32_t)units};
    size_t size;
    const struct cache_entry *entry =
        key_cache_find(&registry->cache, CACHE_SUBKEYS, parent, 0, &size);

    if (!entry || ((const struct cached_subkeys *)entry->payload)->count ||
        may_be_passthrough(registry, name, units))
        return false;
    registry_store_name(registry, parent, name, &head);
    return true;
}

int registry_read_path(registry_t *registry, uint64_t key, struct registry_path *path)
{
    static const uint16_t top[] = {'\\', 'R', 'E', 'G', 'I', 'S', 'T', 'R', 'Y'};
    size_t capacity = sizeof path->text / sizeof path->text[0];
    size_t at = capacity;

    /* Written from its end, then moved to the front. */
    for (int depth = 0; key != REGISTRY_ROOT_KEY; depth++) {
        struct hive_key record;
        int result = hive_store_read_key(registry->store, key, &record);
        if (result < 0)
            return result == -ENOENT ? -EIDRM : result;
        if (depth == 1024 || record.name_units + 1 + sizeof top / 2 > at)
            return -EINVAL;
        at -= record.name_units;
        memcpy(path->text + at, record.name, record.name_units * 2);
        path->text[--at] = '\\';
        key = record.parent;
    }
    at -= sizeof top / 2;
    memcpy(path->text + at, top, sizeof top);
    path->units = capacity - at;
    memmove(path->text, path->text + at, path->units * 2);
    return 0;
}
