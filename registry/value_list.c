/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * value_list.c - see value_list.h.
 */
#include "registry/value_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/upcase.h"

void value_list_finish(struct value_list *list)
{
    free(list->values);
    free(list->bytes);
}

static uint32_t keep_bytes(struct value_list *list, const void *bytes, size_t size)
{
    size_t at = (list->used + 7) & ~(size_t)7;

    if (at + size > list->room) {
        size_t room = (at + size) * 2 + 256;
        unsigned char *grown = realloc(list->bytes, room);
        if (!grown)
            return UINT32_MAX;
        list->bytes = grown;
        list->room = room;
    }
    if (size)
        memcpy(list->bytes + at, bytes, size);
    list->used = at + size;
    return (uint32_t)at;
}

int value_list_put(struct value_list *list, struct cached_value *slot,
                   const struct hive_value *value)
{
    slot->hash = (uint32_t)registry_name_hash(value->name, value->name_units);
    slot->type = value->type;
    slot->name_bytes = (uint32_t)value->name_units * 2;
    slot->data_bytes = (uint32_t)value->size;
    slot->name_offset = keep_bytes(list, value->name, slot->name_bytes);
    slot->data_offset = keep_bytes(list, value->data, slot->data_bytes);
    return slot->name_offset == UINT32_MAX || slot->data_offset == UINT32_MAX ? -ENOMEM : 0;
}

int value_list_add(void *context, const struct hive_value *value)
{
    struct value_list *list = context;

    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 16;
        struct cached_value *grown = realloc(list->values, capacity * sizeof *list->values);
        if (!grown)
            return -ENOMEM;
        list->values = grown;
        list->capacity = capacity;
    }
    return value_list_put(list, &list->values[list->count++], value);
}

int value_list_visit(const struct value_list *list,
                     int (*visit)(void *context, const struct hive_value *value), void *context)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < list->count; i++) {
        const struct cached_value *slot = &list->values[i];
        struct hive_value value = {(const uint16_t *)(list->bytes + slot->name_offset),
                                   slot->name_bytes / 2, slot->type,
                                   list->bytes + slot->data_offset, slot->data_bytes};
        result = visit(context, &value);
    }
    return result;
}
