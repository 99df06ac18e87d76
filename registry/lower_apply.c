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
    uint64_t hash;
    uint32_t layer;
    bool seen;
};

struct applying {
    hive_store_t *store;
    struct lower_changes *changes;
    uint64_t key; /* 0: hidden */
    uint64_t last_write;
    bool values_hidden;
    bool touched;   /* the key's record is no longer what caches have */
    uint32_t kinds; /* and of interest to those who watch it */
    struct known_value *known;
    size_t known_count, known_capacity;
    uint32_t *slots; /* by hash of the name: the number of a known value + 1 */
    size_t slot_count;
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

static void finish_applying(struct applying *applying)
{
    forget_known(applying);
    free(applying->known);
    free(applying->slots);
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
                                  registry_name_hash(entry->name, entry->name_units), entry->layer,
                                  false};
    if (!known->name)
        return -ENOMEM;
    if (entry->name_units)
        memcpy(known->name, entry->name, entry->name_units * 2);
    applying->known_count++;
    return 0;
}

static uint32_t *known_slot(const struct applying *applying, const uint16_t *name, size_t units,
                            uint64_t hash)
{
    size_t mask = applying->slot_count - 1, at = hash & mask;

    for (; applying->slots[at]; at = (at + 1) & mask) {
        const struct known_value *known = &applying->known[applying->slots[at] - 1];
        if (known->hash == hash &&
            registry_name_compare(known->name, known->units, name, units) == 0)
            break;
    }
    return &applying->slots[at];
}

/* Reads what the store has of the lower layer's values in the key at work. */
static int remember_values(struct applying *applying)
{
    size_t slots = 64;
    int result =
        hive_store_visit_value_layers(applying->store, applying->key, remember_value, applying);

    while (slots < applying->known_count * 2)
        slots *= 2;
    if (result == 0 && slots > applying->slot_count) {
        uint32_t *grown = realloc(applying->slots, slots * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        applying->slots = grown;
        applying->slot_count = slots;
    }
    if (result < 0)
        return result;
    memset(applying->slots, 0, applying->slot_count * sizeof *applying->slots);
    for (size_t i = 0; i < applying->known_count; i++) {
        const struct known_value *known = &applying->known[i];
        *known_slot(applying, known->name, known->units, known->hash) = (uint32_t)i + 1;
    }
    return 0;
}

static struct known_value *find_known(struct applying *applying, const uint16_t *name, size_t units)
{
    uint32_t number = *known_slot(applying, name, units, registry_name_hash(name, units));
    return number ? &applying->known[number - 1] : NULL;
}

static int put(struct applying *applying, const struct hive_value *value)
{
    applying->touched = true;
    applying->kinds |= REGISTRY_CHANGED_VALUES;
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
    /* A second value of that name in the text is the one that counts. */
    if (result == 0 && layer == HIVE_LOWER)
        result = -ENOENT;
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
        applying->touched = true;
        applying->kinds |= REGISTRY_CHANGED_VALUES;
    }
    return result;
}

/* ---- keys ---- */

static int finish_key(struct applying *applying)
{
    int result = applying->key ? drop_unseen(applying) : 0;

    if (applying->key && applying->touched)
        note(applying, applying->key, 0, applying->kinds);
    forget_known(applying);
    applying->key = 0;
    applying->touched = false;
    applying->kinds = 0;
    return result;
}

/* What the text says of a key. */
struct key_text {
    uint64_t last_write;
    const uint16_t *class_name;
    size_t class_units;
    bool link;
};

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
    if (result == 0 && !(row->layer & HIVE_LOWER)) {
        /* Who deletes the key must know that something is below it now. */
        note(applying, *id, 0, 0);
        result = hive_store_set_key_layer(store, *id, row->layer | HIVE_LOWER);
    }
    return result ? result : row->layer & HIVE_SUPERSEDE_TREE ? 1 : 0;
}

/* The key's own record: all of it follows the lower layer as long as it is that layer's alone;
 * the time of the last write is always the newest. `row` is what the store has. */
static int update_record(struct applying *applying, const struct hive_key *row,
                         const struct key_text *text)
{
    bool same_class =
        row->class_units == text->class_units &&
        (!text->class_units || !memcmp(row->class_name, text->class_name, text->class_units * 2));
    bool newer = text->last_write > row->last_write;
    uint32_t flags = (row->flags & ~REGISTRY_CREATE_LINK) | (text->link ? REGISTRY_CREATE_LINK : 0);

    applying->last_write = newer ? text->last_write : row->last_write;
    if (row->layer & HIVE_UPPER || (same_class && flags == row->flags)) {
        applying->touched = newer;
        return newer ? hive_store_touch_key(applying->store, row->id, text->last_write) : 0;
    }
    applying->touched = true;
    applying->kinds = REGISTRY_CHANGED_ATTRIBUTES;
    /* That a key is a link stands in its parent's list of names too. */
    if (flags != row->flags)
        note(applying, row->parent, registry_name_hash(row->name, row->name_units), 0);
    return hive_store_update_key(applying->store, row->id, applying->last_write, flags,
                                 text->class_name, text->class_units);
}

static int apply_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                     const uint16_t *class_name, size_t class_units, bool link)
{
    struct applying *applying = context;
    struct key_text text = {last_write, class_name, class_units, link};
    struct hive_key row = {.layer = HIVE_UPPER};
    uint64_t id = REGISTRY_ROOT_KEY;
    size_t at = 0, start;
    int result = finish_key(applying);

    applying->last_write = last_write;
    while (result == 0 && next_component(path, units, &at, &start))
        result = enter_subkey(applying, path + start, at - start, &id, &row);
    if (result == 0)
        result = hive_store_read_key(applying->store, id, &row);
    if (result != 0)
        return result < 0 ? result : 0;
    applying->key = id;
    applying->values_hidden = (row.layer & HIVE_SUPERSEDE_LOCAL) != 0;
    result = update_record(applying, &row, &text);
    return result ? result : remember_values(applying);
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
    finish_applying(&applying);
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

/* The key stays, the kernel's alone if it is the kernel's at all, without what it showed of the
 * lower layer. */
static int empty_key(struct applying *applying, const struct hive_key *row)
{
    uint32_t left = row->layer & HIVE_UPPER ? row->layer & ~(uint32_t)HIVE_LOWER : row->layer;
    int result = hive_store_set_key_layer(applying->store, row->id, left);

    applying->key = row->id;
    if (result == 0)
        result = remember_values(applying);
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
    result = row.layer & HIVE_UPPER ? 1 : hive_store_has_subkeys(applying->store, id);
    if (result != 0)
        return result < 0 ? result : empty_key(applying, &row);
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
    finish_applying(&applying);
    return result;
}
