/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lower_apply.c - see lower_apply.h. A path is followed from the top: a tombstone or a key that
 * supersedes what is below it hides all that follows.
 */
#include "registry/lower_apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/upcase.h"
#include "registry/wine_text.h"

#define NAME_UNITS REGISTRY_MAX_KEY_NAME

/* A value of the key at work that the lower layer had. */
struct known_value {
    uint16_t *name;
    size_t units;
    uint32_t layer;
    bool seen;
};

struct applying {
    hive_store_t *store;
    struct lower_changes *changes;
    uint64_t key; /* 0: hidden */
    uint64_t last_write;
    bool values_hidden, changed;
    struct known_value *known;
    size_t known_count, known_capacity;
};

static void note(struct applying *applying, uint64_t key, uint64_t name_hash, uint32_t kinds)
{
    struct lower_changes *changes = applying->changes;

    if (changes->count < sizeof changes->list / sizeof changes->list[0])
        changes->list[changes->count] =
            (struct coherence_change){.key = key, .name_hash = name_hash, .kinds = kinds};
    changes->count++;
}

/* ---- values ---- */

static void forget_known(struct applying *applying)
{
    for (size_t i = 0; i < applying->known_count; i++)
        free(applying->known[i].name);
    applying->known_count = 0;
}

static int remember_value(void *context, const struct hive_layered *entry)
{
    struct applying *applying = context;
    struct known_value *known;

    if (!(entry->layer & HIVE_LOWER))
        return 0;
    if (applying->known_count == applying->known_capacity) {
        size_t capacity = applying->known_capacity * 2 + 32;
        known = realloc(applying->known, capacity * sizeof *known);
        if (!known)
            return -ENOMEM;
        applying->known = known;
        applying->known_capacity = capacity;
    }
    known = &applying->known[applying->known_count];
    *known = (struct known_value){malloc(entry->name_units * 2 + 1), entry->name_units,
                                  entry->layer, false};
    if (!known->name)
        return -ENOMEM;
    if (entry->name_units)
        memcpy(known->name, entry->name, entry->name_units * 2);
    applying->known_count++;
    return 0;
}

static struct known_value *find_known(struct applying *applying, const uint16_t *name, size_t units)
{
    for (size_t i = 0; i < applying->known_count; i++) {
        struct known_value *known = &applying->known[i];
        if (!known->seen && known->units == units &&
            registry_name_compare(known->name, units, name, units) == 0)
            return known;
    }
    return NULL;
}

static int put(struct applying *applying, const struct hive_value *value)
{
    applying->changed = true;
    return hive_store_put_lower_value(applying->store, applying->key, value, applying->last_write);
}

/* A value that the store has from the lower layer already. */
static int apply_known(struct applying *applying, struct known_value *known,
                       const struct hive_value *value)
{
    struct hive_value stored;
    int result;

    known->seen = true;
    if (known->layer & HIVE_UPPER)
        return 0;
    result = hive_store_find_value(applying->store, applying->key, value->name, value->name_units,
                                   &stored);
    if (result == 0 && stored.type == value->type && stored.size == value->size &&
        (!value->size || !memcmp(stored.data, value->data, value->size)))
        return 0;
    return result < 0 && result != -ENOENT ? result : put(applying, value);
}

static int apply_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                       const void *data, size_t size)
{
    static const uint16_t empty[1];
    struct applying *applying = context;
    struct hive_value value = {units ? name : empty, units, type, data, size};
    struct known_value *known;
    uint32_t layer;
    int result;

    if (!applying->key || applying->values_hidden)
        return 0;
    known = find_known(applying, value.name, units);
    if (known)
        return apply_known(applying, known, &value);
    result = hive_store_value_is_hidden(applying->store, applying->key, value.name, units);
    if (result != 0)
        return result < 0 ? result : 0;
    result = hive_store_value_layer(applying->store, applying->key, value.name, units, &layer);
    if (result == 0)
        return hive_store_set_value_layer(applying->store, applying->key, value.name, units,
                                          layer | HIVE_LOWER);
    return result == -ENOENT ? put(applying, &value) : result;
}

/* What the lower layer has no longer goes, unless the kernel wrote it. */
static int drop_unseen(struct applying *applying)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < applying->known_count; i++) {
        const struct known_value *known = &applying->known[i];
        if (known->seen)
            continue;
        if (known->layer & HIVE_UPPER) {
            result = hive_store_set_value_layer(applying->store, applying->key, known->name,
                                                known->units, HIVE_UPPER);
            continue;
        }
        result = hive_store_drop_value(applying->store, applying->key, known->name, known->units);
        applying->changed = true;
    }
    return result;
}

/* ---- keys ---- */

static int finish_key(struct applying *applying)
{
    int result = applying->key ? drop_unseen(applying) : 0;

    if (applying->key && applying->changed)
        note(applying, applying->key, 0, REGISTRY_CHANGED_VALUES);
    forget_known(applying);
    applying->key = 0;
    applying->changed = false;
    return result;
}

/* The next component of a path; false at its end. */
static bool next_component(const uint16_t *path, size_t units, size_t *at, size_t *start)
{
    while (*at < units && path[*at] == '\\')
        ++*at;
    *start = *at;
    while (*at < units && path[*at] != '\\')
        ++*at;
    return *at > *start;
}

/* The subkey of that name, made where it is missing; 1: it is hidden. */
static int enter_subkey(struct applying *applying, const uint16_t *name, size_t units, uint64_t *id,
                        struct hive_key *row)
{
    hive_store_t *store = applying->store;
    struct hive_key made = {.parent = *id,
                            .last_write = applying->last_write,
                            .layer = HIVE_LOWER,
                            .name = name,
                            .name_units = units};
    uint64_t parent = *id;
    uint32_t flags;
    int result;

    if (units > NAME_UNITS)
        return -EINVAL;
    result = hive_store_find_key(store, parent, name, units, id, &flags);
    if (result == -ENOENT) {
        result = hive_store_key_is_hidden(store, parent, name, units);
        if (result != 0)
            return result;
        result = hive_store_insert_key(store, &made, id);
        if (result == 0)
            note(applying, parent, registry_name_hash(name, units), REGISTRY_CHANGED_NAME);
    }
    if (result == 0)
        result = hive_store_read_key(store, *id, row);
    if (result == 0 && !(row->layer & HIVE_LOWER))
        result = hive_store_set_key_layer(store, *id, row->layer | HIVE_LOWER);
    return result ? result : row->layer & HIVE_SUPERSEDE_TREE ? 1 : 0;
}

static int apply_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                     const uint16_t *class_name, size_t class_units, bool link)
{
    struct applying *applying = context;
    struct hive_key row = {.layer = HIVE_UPPER};
    uint64_t id = REGISTRY_ROOT_KEY;
    size_t at = 0, start;
    int result = finish_key(applying);

    applying->last_write = last_write;
    while (result == 0 && next_component(path, units, &at, &start))
        result = enter_subkey(applying, path + start, at - start, &id, &row);
    if (result != 0)
        return result < 0 ? result : 0;
    applying->key = id;
    applying->values_hidden = (row.layer & HIVE_SUPERSEDE_LOCAL) != 0;
    applying->last_write = last_write > row.last_write ? last_write : row.last_write;
    if (!(row.layer & HIVE_UPPER)) {
        applying->changed = true;
        result = hive_store_update_key(applying->store, id, applying->last_write,
                                       (row.flags & ~REGISTRY_CREATE_LINK) |
                                           (link ? REGISTRY_CREATE_LINK : 0),
                                       class_name, class_units);
    }
    return result ? result
                  : hive_store_visit_value_layers(applying->store, id, remember_value, applying);
}

static int any_base(void *context, const uint16_t *path, size_t units)
{
    (void)context;
    (void)path;
    (void)units;
    return 0;
}

int lower_apply_changed(hive_store_t *store, const struct lower_text *text,
                        struct lower_changes *changes)
{
    struct applying applying = {.store = store, .changes = changes};
    struct wine_text_sink sink = {&applying, any_base, apply_key, apply_value};
    int result = text->size ? wine_text_parse(text->data, text->size, &sink, NULL) : 0;

    if (result == 0)
        result = finish_key(&applying);
    forget_known(&applying);
    free(applying.known);
    return result;
}

/* ---- keys that are gone ---- */

struct gone_paths {
    struct gone_path {
        uint16_t *text;
        size_t units;
    } * paths;
    size_t count, capacity;
};

static int collect_path(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                        const uint16_t *class_name, size_t class_units, bool link)
{
    struct gone_paths *gone = context;
    uint16_t *copy;

    (void)last_write;
    (void)class_name;
    (void)class_units;
    (void)link;
    if (gone->count == gone->capacity) {
        size_t capacity = gone->capacity * 2 + 64;
        struct gone_path *grown = realloc(gone->paths, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        gone->paths = grown;
        gone->capacity = capacity;
    }
    copy = malloc(units * 2 + 1);
    if (!copy)
        return -ENOMEM;
    if (units)
        memcpy(copy, path, units * 2);
    gone->paths[gone->count++] = (struct gone_path){copy, units};
    return 0;
}

static int no_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                    const void *data, size_t size)
{
    (void)context;
    (void)name;
    (void)units;
    (void)type;
    (void)data;
    (void)size;
    return 0;
}

/* What is below a key has a longer path than the key. */
static int longest_first(const void *a, const void *b)
{
    size_t first = ((const struct gone_path *)a)->units,
           second = ((const struct gone_path *)b)->units;
    return first > second ? -1 : first < second;
}

/* The key is the kernel's alone from now on, without what it showed of the lower layer. */
static int leave_to_kernel(struct applying *applying, const struct hive_key *row)
{
    int result =
        hive_store_set_key_layer(applying->store, row->id, row->layer & ~(uint32_t)HIVE_LOWER);

    applying->key = row->id;
    if (result == 0)
        result = hive_store_visit_value_layers(applying->store, row->id, remember_value, applying);
    return result ? result : finish_key(applying);
}

static int remove_key(struct applying *applying, const struct gone_path *path)
{
    uint64_t id = REGISTRY_ROOT_KEY, parent = 0, name_hash = 0;
    struct hive_key row = {0};
    size_t at = 0, start;
    uint32_t flags;
    int result = 0;

    while (result == 0 && next_component(path->text, path->units, &at, &start)) {
        if (row.layer & HIVE_SUPERSEDE_TREE || at - start > NAME_UNITS)
            return 0;
        parent = id;
        name_hash = registry_name_hash(path->text + start, at - start);
        result = hive_store_find_key(applying->store, parent, path->text + start, at - start, &id,
                                     &flags);
        if (result == 0)
            result = hive_store_read_key(applying->store, id, &row);
    }
    if (result < 0 || !parent)
        return result == -ENOENT ? 0 : result;
    if (row.layer & HIVE_UPPER)
        return leave_to_kernel(applying, &row);
    result = hive_store_has_subkeys(applying->store, id);
    if (result != 0)
        return result < 0 ? result : 0;
    note(applying, id, name_hash, REGISTRY_CHANGED_GONE);
    note(applying, parent, name_hash, REGISTRY_CHANGED_NAME);
    return hive_store_drop_key(applying->store, id);
}

int lower_apply_gone(hive_store_t *store, const struct lower_text *text,
                     struct lower_changes *changes)
{
    struct applying applying = {.store = store, .changes = changes};
    struct gone_paths gone = {0};
    struct wine_text_sink sink = {&gone, any_base, collect_path, no_value};
    int result = text->size ? wine_text_parse(text->data, text->size, &sink, NULL) : 0;

    if (result == 0 && gone.count)
        qsort(gone.paths, gone.count, sizeof *gone.paths, longest_first);
    for (size_t i = 0; i < gone.count; i++) {
        if (result == 0)
            result = remove_key(&applying, &gone.paths[i]);
        free(gone.paths[i].text);
    }
    free(gone.paths);
    forget_known(&applying);
    free(applying.known);
    return result;
}
