/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * value_list.h - the values of one key in memory, as they are laid out in the cache: entries with
 * offsets into one run of bytes.
 */
#ifndef PWK_REGISTRY_VALUE_LIST_H
#define PWK_REGISTRY_VALUE_LIST_H

#include "registry/hive_store.h"
#include "registry/registry_internal.h"

struct value_list {
    struct cached_value *values;
    size_t count, capacity;
    unsigned char *bytes;
    size_t used, room;
};

void value_list_finish(struct value_list *list);

/* Appends; a visitor for hive_store_visit_values with the list as its context. 0 or -ENOMEM. */
int value_list_add(void *list, const struct hive_value *value);

/* Fills an entry of the list anew. */
int value_list_put(struct value_list *list, struct cached_value *slot,
                   const struct hive_value *value);

/* Visitors answer 0 to go on. */
int value_list_visit(const struct value_list *list,
                     int (*visit)(void *context, const struct hive_value *value), void *context);

#endif
