/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layer_marks.c - how a key stands to the layer below, set by hand.
 */
#include <errno.h>

#include "registry/lower_layer.h"

int registry_set_layer(registry_t *registry, uint64_t key, enum registry_layer layer)
{
    struct registry_guard guard;
    struct hive_key row;
    int result = registry_begin_write_key(registry, &guard, key, &row);

    if (result < 0)
        return result;
    if (layer == REGISTRY_MERGED)
        result = hive_store_merge_key(registry->store, key);
    else
        result = hive_store_supersede_key(registry->store, key,
                                          layer == REGISTRY_SUPERSEDES_TREE ? HIVE_SUPERSEDE_TREE
                                                                            : HIVE_SUPERSEDE_LOCAL);
    result = registry_end_write(registry, &guard, result, registry_everything, REGISTRY_EVERYTHING);
    return result ? result : lower_tell_state(registry);
}

int registry_get_layer(registry_t *registry, uint64_t key, enum registry_layer *layer)
{
    struct registry_guard guard;
    struct hive_key row;
    int result = registry_enter(registry, &guard);

    if (result < 0)
        return result;
    result = hive_store_read_key(registry->store, key, &row);
    if (result == 0)
        *layer = row.layer & HIVE_SUPERSEDE_TREE    ? REGISTRY_SUPERSEDES_TREE
                 : row.layer & HIVE_SUPERSEDE_LOCAL ? REGISTRY_SUPERSEDES_LOCAL
                                                    : REGISTRY_MERGED;
    registry_leave(registry, &guard);
    return result == -ENOENT ? -EIDRM : result;
}
