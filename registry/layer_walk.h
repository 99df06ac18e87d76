/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layer_walk.h - what is shared by those who walk over the kernel's layer. Statements of a store
 * cannot be nested, so whoever goes on below a key lists it first.
 */
#ifndef PWK_REGISTRY_LAYER_WALK_H
#define PWK_REGISTRY_LAYER_WALK_H

#include "registry/hive_store.h"

#define LAYER_MAX_DEPTH 512
#define LAYER_NO_KEY UINT64_C(0)

/* Names, each a unit with its length before it; `data` is the owner's to free. */
struct layer_names {
    uint16_t *data;
    size_t used, capacity, count;
};
/* The next name from `*at` on, which starts at 0; false at the end. */
bool layer_next_name(const struct layer_names *names, size_t *at, const uint16_t **name,
                     size_t *units);

/* What to list: all there is, or only what is the kernel's. */
enum layer_part { LAYER_ALL, LAYER_UPPER };
int layer_list_values(hive_store_t *store, uint64_t key, enum layer_part part,
                      struct layer_names *names);
int layer_list_value_tombstones(hive_store_t *store, uint64_t key, struct layer_names *names);
int layer_list_key_tombstones(hive_store_t *store, uint64_t parent, struct layer_names *names);
int layer_list_subkeys(hive_store_t *store, uint64_t parent, enum layer_part part,
                       struct layer_names *names);

/* A key of the store by its name, LAYER_NO_KEY where there is none, as below a `parent` that is
 * LAYER_NO_KEY. 0 or a negative errno. */
int layer_find(hive_store_t *store, uint64_t parent, const uint16_t *name, size_t units,
               uint64_t *id);

/* True for keys that are no part of the layer: one that was loaded from a file, and the place of
 * application hives, which no path leads to. */
bool layer_is_apart(hive_store_t *store, uint64_t parent, const uint16_t *name, size_t units,
                    uint64_t key);

/* Puts a name behind a path; false where it does not fit. */
bool layer_enter(struct registry_path *path, const uint16_t *name, size_t units);
/* The next component of a path from `*at` on; false at the end. */
bool layer_next_component(const struct registry_path *path, size_t *at, size_t *start,
                          size_t *units);

#endif
