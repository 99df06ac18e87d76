/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_tree.h - the keys of a store as a tree that may be broken: for checks and repairs.
 */
#ifndef PWK_REGISTRY_HIVE_STORE_TREE_H
#define PWK_REGISTRY_HIVE_STORE_TREE_H

#include "registry/hive_store_internal.h"

/* The full path of a key as UTF-8, cut to `size`; "key NUMBER" where none leads to the top. */
void hive_store_describe_key(hive_store_t *store, uint64_t id, char *text, size_t size);

/* UTF-16 bytes of any alignment as UTF-8, control characters and lone surrogates as "?". */
void hive_store_describe_name(const unsigned char *bytes, size_t size, char *text, size_t room);

/* One key of every circle of parents; -ENOMEM, errors of the store, or what `visit` answered. */
int hive_store_visit_circles(hive_store_t *store, int (*visit)(void *context, uint64_t id),
                             void *context);

/* True where the store's schema has that column; with `column` NULL, that table. */
bool hive_store_has_column(hive_store_t *store, const char *table, const char *column);

#endif
