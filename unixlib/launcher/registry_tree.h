/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_tree.h - a registry in memory, made to be compared with another one.
 *
 * Names are compared as the registry does, without case. Paths are components between
 * backslashes; doubled ones and those at either end are skipped. All memory goes with the tree.
 */
#ifndef PWK_LAUNCHER_REGISTRY_TREE_H
#define PWK_LAUNCHER_REGISTRY_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGISTRY_TREE_DEPTH 512
#define REGISTRY_TREE_PATH 2048 /* units */

struct registry_tree;
struct registry_tree_key;

struct registry_tree_value {
    const uint16_t *name;
    size_t units;
    uint32_t type;
    const void *data; /* aligned for any type */
    size_t size;
};

/* NULL when there is no memory. */
struct registry_tree *registry_tree_create(void);
void registry_tree_destroy(struct registry_tree *tree);

/* Finds or makes the key and those on the way to it. -EINVAL for a path that is too long or deep,
 * -ENOMEM. */
int registry_tree_add_key(struct registry_tree *tree, const uint16_t *path, size_t units, bool link,
                          struct registry_tree_key **key);

/* Copies `value`. Where there is one of that name, the last one counts. -ENOMEM. */
int registry_tree_add_value(struct registry_tree *tree, struct registry_tree_key *key,
                            const struct registry_tree_value *value);

/* How one place differs between two trees. */
struct registry_tree_difference {
    const uint16_t *path;
    size_t units;
    bool key;  /* else one of its values */
    bool link; /* the key is a symbolic link */
    /* A key: which of the trees has it. */
    bool before, after;
    /* A value: NULL where it is not there. */
    const struct registry_tree_value *old_value, *new_value;
};

/* Tells `visit` what leads from `before` to `after`, in the order of upcased names: of a removed
 * key only that, of an added one also its values and all below it. A key that became a link, or
 * was one, is removed and added. A non-zero answer ends it and is returned. Sorts both trees:
 * nothing may be added afterwards. */
int registry_tree_compare(struct registry_tree *before, struct registry_tree *after,
                          int (*visit)(void *context,
                                       const struct registry_tree_difference *difference),
                          void *context);

#endif
