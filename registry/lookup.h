/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lookup.h - following a path through keys and symbolic links.
 */
#ifndef PWK_REGISTRY_LOOKUP_H
#define PWK_REGISTRY_LOOKUP_H

#include "registry/registry.h"

/* Where a walk has come to. With -ENOENT, `parent` exists and `name` does not below it. */
struct walk {
    uint64_t key;
    uint32_t key_flags; /* CACHED_NAME_... of `key`, where it is not the one it began from */
    uint64_t parent;
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    size_t name_units;
    struct registry_path *rest; /* or NULL: see registry_lookup */
};

int registry_walk(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                  unsigned flags, struct walk *walk);

/* What links are made of. */
#define REGISTRY_LINK_LIMIT 32 /* that a path may lead through */
#define REGISTRY_LINK_VALUE_UNITS 17
extern const uint16_t registry_link_value[REGISTRY_LINK_VALUE_UNITS]; /* SymbolicLinkValue */

/* The target that the link's value holds, with the unread `rest` of the path behind it, below
 * \Registry. -ENOENT for a value that names no key, -EINVAL for a path that is too long. */
int registry_link_target(const void *data, size_t size, const uint16_t *rest, size_t units,
                         struct registry_path *target);

/* The subkey of that name: its id (0: none) and CACHED_NAME flags. Lock-free when warm. */
int registry_find_subkey(registry_t *registry, uint64_t parent, const uint16_t *name, size_t units,
                         uint64_t *id, uint32_t *flags);

#endif
