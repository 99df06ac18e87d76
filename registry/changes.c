/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * changes.c - what is read of the registry beside keys and values: descriptors, paths, and what
 * changed.
 */
#include <errno.h>
#include <string.h>

#include "registry/lower_layer.h"
#include "registry/transaction_internal.h"

int registry_get_security(registry_t *registry, uint64_t key, void *descriptor, size_t capacity,
                          size_t *size)
{
    struct registry_guard guard;
    const void *stored;
    int result;

    if (registry_transaction_of(key))
        return transaction_get_security(registry, key, descriptor, capacity, size);
    result = registry_enter(registry, &guard);
    if (result < 0)
        return result;
    result = hive_store_read_security(registry->store, key, &stored, size);
    if (result == 0)
        memcpy(descriptor, stored, *size < capacity ? *size : capacity);
    registry_leave(registry, &guard);
    return result == -ENOENT ? -EIDRM : result;
}

uint64_t registry_generation(registry_t *registry)
{
    return coherence_generation(registry->coherence);
}

int registry_read_changes(registry_t *registry, uint64_t *generation,
                          struct registry_change *changes, size_t capacity)
{
    struct coherence_change raw[64];
    uint64_t seen = *generation;
    int count, kept = 0;

    *generation = coherence_generation(registry->coherence);
    count = coherence_changes(registry->coherence, seen, *generation, raw,
                              capacity < 64 ? capacity : 64);
    for (int i = 0; i < count; i++)
        if (raw[i].kinds)
            changes[kept++] = (struct registry_change){raw[i].key, raw[i].kinds};
    return count < 0 ? count : kept;
}

void registry_wait_change(registry_t *registry, uint64_t generation, unsigned milliseconds)
{
    uint64_t lower = __atomic_load_n(&registry->lower_seen, __ATOMIC_RELAXED);

    if (!lower_is_behind(registry))
        coherence_wait(registry->coherence, generation,
                       (const uint32_t *)registry->lower.generation, (uint32_t)lower, milliseconds);
    if (lower_is_behind(registry))
        lower_catch_up(registry);
}

void registry_wake(registry_t *registry)
{
    coherence_wake(registry->coherence);
}

bool registry_is_within(registry_t *registry, uint64_t key, uint64_t ancestor)
{
    struct registry_key_info info;

    while (key && key != ancestor) {
        if (registry_query_key(registry, key, false, &info, NULL, NULL) < 0)
            return false;
        key = info.parent;
    }
    return key == ancestor;
}

int registry_key_path(registry_t *registry, uint64_t key, struct registry_path *path)
{
    struct registry_guard guard;
    int result;

    if (registry_transaction_of(key))
        return transaction_key_path(registry, key, path);
    result = registry_enter(registry, &guard);
    if (result < 0)
        return result;
    result = registry_read_path(registry, key, path);
    registry_leave(registry, &guard);
    return result;
}
