/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_tree.c - see registry_tree.h. Keys and values come out of large blocks that are given
 * back together; keys are found by a hash of parent and name.
 */
#include "launcher/registry_tree.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "registry/upcase.h"

#define BLOCK_BYTES (1u << 20)
#define FIRST_BUCKETS 1024

struct block {
    struct block *next;
    size_t used;
    size_t capacity;
    max_align_t bytes[];
};

struct value {
    struct registry_tree_value value;
    size_t order; /* in which it was added */
};

struct registry_tree_key {
    struct registry_tree_key *parent;
    struct registry_tree_key *next; /* in its bucket */
    uint64_t hash;
    const uint16_t *name;
    size_t units;
    bool link;
    struct registry_tree_key **subkeys;
    size_t subkey_count, subkey_capacity;
    struct value *values;
    size_t value_count, value_capacity;
};

struct registry_tree {
    struct block *blocks;
    struct registry_tree_key **buckets;
    size_t bucket_count; /* a power of two */
    size_t key_count;
    struct registry_tree_key root;
};

/* ---- memory ---- */

static void *take(struct registry_tree *tree, size_t size)
{
    struct block *block = tree->blocks;
    void *memory;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!block || block->capacity - block->used < size) {
        size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;

        block = malloc(sizeof(*block) + capacity);
        if (!block)
            return NULL;
        block->next = tree->blocks;
        block->used = 0;
        block->capacity = capacity;
        tree->blocks = block;
    }
    memory = (char *)block->bytes + block->used;
    block->used += size;
    return memory;
}

static const void *take_copy(struct registry_tree *tree, const void *data, size_t size)
{
    void *copy = take(tree, size + 1);

    return copy && size ? memcpy(copy, data, size) : copy;
}

/* Room for one more in an array; the old one stays in its block. */
static bool grow(struct registry_tree *tree, void **array, size_t count, size_t *capacity,
                 size_t element)
{
    size_t wanted = *capacity ? 2 * *capacity : 4;
    void *larger;

    if (count < *capacity)
        return true;
    larger = take(tree, wanted * element);
    if (!larger)
        return false;
    if (count)
        memcpy(larger, *array, count * element);
    *array = larger;
    *capacity = wanted;
    return true;
}

struct registry_tree *registry_tree_create(void)
{
    struct registry_tree *tree = calloc(1, sizeof(*tree));

    if (!tree)
        return NULL;
    tree->bucket_count = FIRST_BUCKETS;
    tree->buckets = calloc(tree->bucket_count, sizeof(struct registry_tree_key *));
    if (!tree->buckets) {
        free(tree);
        return NULL;
    }
    return tree;
}

void registry_tree_destroy(struct registry_tree *tree)
{
    if (!tree)
        return;
    for (struct block *block = tree->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(tree->buckets);
    free(tree);
}

/* ---- building ---- */

static uint64_t hash_of(const struct registry_tree_key *parent, const uint16_t *name, size_t units)
{
    return registry_name_hash(name, units) ^
           ((uint64_t)(uintptr_t)parent >> 4) * 0x9e3779b97f4a7c15;
}

/* Without the memory it stays as it is, and becomes slower. */
static void widen_buckets(struct registry_tree *tree)
{
    size_t count = tree->bucket_count * 4;
    struct registry_tree_key **buckets = calloc(count, sizeof(struct registry_tree_key *));

    if (!buckets)
        return;
    for (size_t i = 0; i < tree->bucket_count; i++) {
        for (struct registry_tree_key *key = tree->buckets[i], *next; key; key = next) {
            next = key->next;
            key->next = buckets[key->hash & (count - 1)];
            buckets[key->hash & (count - 1)] = key;
        }
    }
    free(tree->buckets);
    tree->buckets = buckets;
    tree->bucket_count = count;
}

static struct registry_tree_key *add_subkey(struct registry_tree *tree,
                                            struct registry_tree_key *parent, const uint16_t *name,
                                            size_t units, uint64_t hash)
{
    struct registry_tree_key *key = take(tree, sizeof(*key));

    if (!key || !grow(tree, (void **)&parent->subkeys, parent->subkey_count,
                      &parent->subkey_capacity, sizeof(struct registry_tree_key *)))
        return NULL;
    *key = (struct registry_tree_key){.parent = parent, .hash = hash, .units = units};
    key->name = take_copy(tree, name, units * sizeof(*name));
    if (!key->name)
        return NULL;
    if (++tree->key_count > tree->bucket_count)
        widen_buckets(tree);
    key->next = tree->buckets[hash & (tree->bucket_count - 1)];
    tree->buckets[hash & (tree->bucket_count - 1)] = key;
    parent->subkeys[parent->subkey_count++] = key;
    return key;
}

static struct registry_tree_key *find_or_add(struct registry_tree *tree,
                                             struct registry_tree_key *parent, const uint16_t *name,
                                             size_t units)
{
    uint64_t hash = hash_of(parent, name, units);

    for (struct registry_tree_key *key = tree->buckets[hash & (tree->bucket_count - 1)]; key;
         key = key->next)
        if (key->hash == hash && key->parent == parent &&
            registry_name_compare(key->name, key->units, name, units) == 0)
            return key;
    return add_subkey(tree, parent, name, units, hash);
}

int registry_tree_add_key(struct registry_tree *tree, const uint16_t *path, size_t units, bool link,
                          struct registry_tree_key **out)
{
    struct registry_tree_key *key = &tree->root;
    size_t depth = 0;

    if (units > REGISTRY_TREE_PATH)
        return -EINVAL;
    for (size_t start = 0; start < units;) {
        size_t end = start;

        while (end < units && path[end] != '\\')
            end++;
        if (end > start) {
            if (++depth > REGISTRY_TREE_DEPTH)
                return -EINVAL;
            key = find_or_add(tree, key, path + start, end - start);
        }
        if (!key)
            return -ENOMEM;
        start = end + 1;
    }
    key->link = key->link || link;
    *out = key;
    return 0;
}

int registry_tree_add_value(struct registry_tree *tree, struct registry_tree_key *key,
                            const struct registry_tree_value *value)
{
    struct value copy = {*value, key->value_count};

    copy.value.name = take_copy(tree, value->name, value->units * sizeof(uint16_t));
    copy.value.data = take_copy(tree, value->data, value->size);
    if (!copy.value.name || !copy.value.data ||
        !grow(tree, (void **)&key->values, key->value_count, &key->value_capacity, sizeof(copy)))
        return -ENOMEM;
    key->values[key->value_count++] = copy;
    return 0;
}

/* ---- comparing ---- */

static int compare_keys(const void *left, const void *right)
{
    const struct registry_tree_key *a = *(struct registry_tree_key *const *)left;
    const struct registry_tree_key *b = *(struct registry_tree_key *const *)right;

    return registry_name_compare(a->name, a->units, b->name, b->units);
}

static int compare_names(const struct registry_tree_value *a, const struct registry_tree_value *b)
{
    return registry_name_compare(a->name, a->units, b->name, b->units);
}

static int compare_values(const void *left, const void *right)
{
    const struct value *a = left, *b = right;
    int order = compare_names(&a->value, &b->value);

    return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* Sorts subkeys and values; of values of one name the last is kept. */
static void sort_key(struct registry_tree_key *key)
{
    size_t kept = 0;

    if (key->subkey_count > 1)
        qsort(key->subkeys, key->subkey_count, sizeof(struct registry_tree_key *), compare_keys);
    if (key->value_count > 1)
        qsort(key->values, key->value_count, sizeof(*key->values), compare_values);
    for (size_t i = 0; i < key->value_count; i++)
        if (i + 1 == key->value_count ||
            compare_names(&key->values[i].value, &key->values[i + 1].value) != 0)
            key->values[kept++] = key->values[i];
    key->value_count = kept;
}

struct comparison {
    int (*visit)(void *context, const struct registry_tree_difference *difference);
    void *context;
    size_t units;
    uint16_t path[REGISTRY_TREE_PATH + 1];
};

static int tell_key(struct comparison *at, const struct registry_tree_key *key, bool after)
{
    const struct registry_tree_difference difference = {
        .path = at->path,
        .units = at->units,
        .key = true,
        .link = key->link,
        .before = !after,
        .after = after,
    };

    return at->visit(at->context, &difference);
}

static int tell_value(struct comparison *at, const struct registry_tree_key *key,
                      const struct value *before, const struct value *after)
{
    const struct registry_tree_difference difference = {
        .path = at->path,
        .units = at->units,
        .link = key->link,
        .old_value = before ? &before->value : NULL,
        .new_value = after ? &after->value : NULL,
    };

    return at->visit(at->context, &difference);
}

static bool same_data(const struct registry_tree_value *a, const struct registry_tree_value *b)
{
    return a->type == b->type && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static int compare_all_values(struct comparison *at, const struct registry_tree_key *before,
                              const struct registry_tree_key *after)
{
    size_t i = 0, j = 0;
    int result = 0;

    while (result == 0 && (i < before->value_count || j < after->value_count)) {
        const struct value *old = i < before->value_count ? &before->values[i] : NULL;
        const struct value *new = j < after->value_count ? &after->values[j] : NULL;
        int order = !old ? 1 : !new ? -1 : compare_names(&old->value, &new->value);

        i += order <= 0;
        j += order >= 0;
        if (order != 0 || !same_data(&old->value, &new->value))
            result = tell_value(at, after, order <= 0 ? old : NULL, order >= 0 ? new : NULL);
    }
    return result;
}

static int compare_tree(struct comparison *at, struct registry_tree_key *before,
                        struct registry_tree_key *after);

/* A key of either tree, or of both; NULL where it is not there. */
static int compare_subkey(struct comparison *at, struct registry_tree_key *before,
                          struct registry_tree_key *after)
{
    const struct registry_tree_key *named = after ? after : before;
    const size_t parent_units = at->units;
    struct registry_tree_key nothing = {0};
    int result = 0;

    if (parent_units > 0)
        at->path[at->units++] = '\\';
    memcpy(at->path + at->units, named->name, named->units * sizeof(*named->name));
    at->units += named->units;
    if (before && after && before->link == after->link) {
        result = compare_tree(at, before, after);
    } else {
        if (before)
            result = tell_key(at, before, false);
        if (result == 0 && after)
            result = tell_key(at, after, true);
        if (result == 0 && after)
            result = compare_tree(at, &nothing, after);
    }
    at->units = parent_units;
    return result;
}

static int compare_tree(struct comparison *at, struct registry_tree_key *before,
                        struct registry_tree_key *after)
{
    size_t i = 0, j = 0;
    int result;

    sort_key(before);
    sort_key(after);
    result = compare_all_values(at, before, after);
    while (result == 0 && (i < before->subkey_count || j < after->subkey_count)) {
        struct registry_tree_key *old = i < before->subkey_count ? before->subkeys[i] : NULL;
        struct registry_tree_key *new = j < after->subkey_count ? after->subkeys[j] : NULL;
        int order = !old ? 1 : !new ? -1 : compare_keys(&old, &new);

        i += order <= 0;
        j += order >= 0;
        result = compare_subkey(at, order <= 0 ? old : NULL, order >= 0 ? new : NULL);
    }
    return result;
}

int registry_tree_compare(struct registry_tree *before, struct registry_tree *after,
                          int (*visit)(void *context,
                                       const struct registry_tree_difference *difference),
                          void *context)
{
    struct comparison *at = malloc(sizeof(*at));
    int result;

    if (!at)
        return -ENOMEM;
    at->visit = visit;
    at->context = context;
    at->units = 0;
    result = compare_tree(at, &before->root, &after->root);
    free(at);
    return result;
}
