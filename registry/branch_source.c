/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * branch_source.c - see branch_source.h.
 */
#include "registry/branch_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more element of `size` bytes. */
static bool grow(void **array, size_t count, size_t *capacity, size_t size)
{
    size_t more = *capacity * 2 + 32;
    void *grown;

    if (count < *capacity)
        return true;
    grown = realloc(*array, more * size);
    if (!grown)
        return false;
    *array = grown;
    *capacity = more;
    return true;
}

/* ---- keys ---- */

static int read_key(void *context, uint64_t id, struct regf_key *out)
{
    struct branch_source *branch = context;
    struct hive_key row;
    const void *security;
    size_t name_bytes, class_bytes, security_size = 0;
    unsigned char *copy;
    int result = hive_store_read_key(branch->store, id, &row);

    if (result < 0)
        return result;
    name_bytes = row.name_units * 2;
    class_bytes = row.class_units * 2;
    copy = malloc(name_bytes + class_bytes + 1);
    if (!copy)
        return -ENOMEM;
    free(branch->record);
    branch->record = copy;
    if (name_bytes)
        memcpy(copy, row.name, name_bytes);
    if (class_bytes)
        memcpy(copy + name_bytes, row.class_name, class_bytes);
    *out = (struct regf_key){
        .name = (const uint16_t *)copy,
        .name_units = row.name_units,
        .class_name = (const uint16_t *)(copy + name_bytes),
        .class_units = row.class_units,
        .last_write = row.last_write,
        .link = (row.flags & REGISTRY_CREATE_LINK) != 0,
    };
    /* The descriptor lives in the statement until the next call, as the source's rules ask. */
    result = hive_store_read_security(branch->store, id, &security, &security_size);
    if (result == 0) {
        out->security = security;
        out->security_size = security_size;
    }
    return result == -ENODATA ? 0 : result;
}

static int collect_subkey(void *context, const struct hive_key *key)
{
    struct branch_level *level = context;

    if (key->flags & REGISTRY_VOLATILE)
        return 0;
    if (!grow((void **)&level->ids, level->count, &level->capacity, sizeof *level->ids))
        return -ENOMEM;
    level->ids[level->count++] = key->id;
    return 0;
}

/* The writer asks for a key's first subkey, writes all that is below it, asks for the second, and
 * so on until there is none: the lists are a stack. */
static int read_subkey(void *context, uint64_t key, size_t index, uint64_t *subkey)
{
    struct branch_source *branch = context;
    struct branch_level *level;

    if (index == 0) {
        int result;
        if (branch->depth > REGF_MAX_DEPTH)
            return -EINVAL;
        level = &branch->levels[branch->depth++];
        level->key = key;
        level->count = 0;
        result = hive_store_visit_subkeys(branch->store, key, collect_subkey, level);
        if (result < 0)
            return result;
    }
    if (!branch->depth || branch->levels[branch->depth - 1].key != key)
        return -EINVAL;
    level = &branch->levels[branch->depth - 1];
    if (index >= level->count) {
        branch->depth--;
        return -ENODATA;
    }
    *subkey = level->ids[index];
    return 0;
}

/* ---- values ---- */

static int collect_value(void *context, const struct hive_value *value)
{
    struct branch_source *branch = context;
    size_t at = (branch->used + 7) & ~(size_t)7;
    size_t data_at = (at + value->name_units * 2 + 7) & ~(size_t)7;
    struct branch_value *slot;

    if (!grow((void **)&branch->values, branch->value_count, &branch->value_capacity,
              sizeof *branch->values))
        return -ENOMEM;
    if (data_at + value->size > branch->room) {
        size_t room = (data_at + value->size) * 2 + 1024;
        unsigned char *grown = realloc(branch->bytes, room);
        if (!grown)
            return -ENOMEM;
        branch->bytes = grown;
        branch->room = room;
    }
    if (value->name_units)
        memcpy(branch->bytes + at, value->name, value->name_units * 2);
    if (value->size)
        memcpy(branch->bytes + data_at, value->data, value->size);
    branch->used = data_at + value->size;
    slot = &branch->values[branch->value_count++];
    *slot = (struct branch_value){value->type, value->name_units, value->size, at};
    return 0;
}

static int read_value(void *context, uint64_t key, size_t index, struct regf_value *out)
{
    struct branch_source *branch = context;
    const struct branch_value *slot;

    if (index == 0 || branch->values_of != key) {
        int result;
        branch->values_of = key;
        branch->value_count = branch->used = 0;
        result = hive_store_visit_values(branch->store, key, collect_value, branch);
        if (result < 0)
            return result;
    }
    if (index >= branch->value_count)
        return -ENODATA;
    slot = &branch->values[index];
    *out = (struct regf_value){
        .name = (const uint16_t *)(branch->bytes + slot->offset),
        .name_units = slot->name_units,
        .type = slot->type,
        .data = branch->bytes + ((slot->offset + slot->name_units * 2 + 7) & ~(size_t)7),
        .size = slot->size,
    };
    return 0;
}

struct regf_source branch_source_regf(struct branch_source *branch)
{
    struct regf_source source = {branch, read_key, read_value, read_subkey};
    return source;
}

void branch_source_finish(struct branch_source *branch)
{
    for (size_t i = 0; i <= REGF_MAX_DEPTH; i++)
        free(branch->levels[i].ids);
    free(branch->values);
    free(branch->bytes);
    free(branch->record);
}
