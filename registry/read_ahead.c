/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * read_ahead.c - see read_ahead.h.
 */
#include "registry/read_ahead.h"

#include <string.h>

#include "registry/lookup.h"
#include "registry/reading.h"

#define IN_A_ROW 3        /* from then on it is taken for a listing */
#define AHEAD 16          /* keys */
#define AHEAD_BYTES 32768 /* of the cache, or a quarter: not to drive out what was asked for */

void listing_note(struct listing *listing, uint64_t key, uint32_t index, uint64_t subkey)
{
    bool next = atomic_load_explicit(&listing->key, memory_order_relaxed) == key &&
                atomic_load_explicit(&listing->index, memory_order_relaxed) + 1 == index;
    uint32_t run = next ? atomic_load_explicit(&listing->run, memory_order_relaxed) + 1 : 1;

    atomic_store_explicit(&listing->key, key, memory_order_relaxed);
    atomic_store_explicit(&listing->index, index, memory_order_relaxed);
    atomic_store_explicit(&listing->subkey, subkey, memory_order_relaxed);
    atomic_store_explicit(&listing->run, run, memory_order_relaxed);
}

void listing_note_below(struct listing *listing, uint64_t parent, const uint16_t *name,
                        size_t units)
{
    if (atomic_load_explicit(&listing->subkey, memory_order_relaxed) != parent ||
        units > LISTING_NAME_UNITS)
        return;
    listing->below = atomic_load_explicit(&listing->key, memory_order_relaxed);
    listing->name_units = (uint32_t)units;
    memcpy(listing->name, name, units * sizeof *name);
}

/* `key` and those behind it; none where the list that is cached by now says otherwise. Copied,
 * since what is added to the cache may take the list's place. */
static uint32_t copy_list(registry_t *registry, uint64_t parent, uint32_t index, uint64_t key,
                          uint64_t ids[AHEAD])
{
    struct cached_subkeys head;
    struct view view;
    const void *list;
    uint32_t count;

    if (!view_of(registry, CACHE_SUBKEYS, parent, 0, sizeof head, &view))
        return 0;
    memcpy(&head, view.bytes, sizeof head);
    if (head.state & SUBKEYS_NOT_HELD || index >= head.count)
        return 0;
    count = head.count - index < AHEAD ? head.count - index : AHEAD;
    list = part(&view, sizeof head + index * (uint32_t)sizeof *ids, count * sizeof *ids);
    if (!list)
        return 0;
    memcpy(ids, list, count * sizeof *ids);
    return ids[0] == key ? count : 0;
}

static size_t cached_size(registry_t *registry, uint64_t key)
{
    struct view view;

    return view_of(registry, CACHE_KEY, key, 0, 0, &view) ? view.size : 0;
}

/* From the key's control block, which is in the cache. */
static void store_name(registry_t *registry, uint64_t parent, uint64_t key)
{
    struct cached_name name = {.id = key};
    uint16_t text[REGISTRY_MAX_KEY_NAME];
    struct cached_key head;
    struct view view;
    const void *stored;

    if (!view_of(registry, CACHE_KEY, key, 0, sizeof head, &view))
        return;
    memcpy(&head, view.bytes, sizeof head);
    stored = part(&view, head.name_offset, head.name_bytes);
    if (head.parent != parent || !stored || head.name_bytes > sizeof text)
        return;
    memcpy(text, stored, head.name_bytes);
    name.units = head.name_bytes / (uint32_t)sizeof *text;
    if (head.flags & REGISTRY_CREATE_LINK)
        name.flags |= CACHED_NAME_LINK;
    if (head.secured)
        name.flags |= CACHED_NAME_SECURED;
    if (registry_is_passthrough(registry, parent, text, name.units))
        name.flags |= CACHED_NAME_PASSTHROUGH;
    registry_store_name(registry, parent, text, &name);
}

/* What was asked for below the others in the list. Answers how much it takes of the cache. */
static size_t fill_below(registry_t *registry, uint64_t key, const struct listing *listing)
{
    uint64_t id;
    uint32_t flags;

    if (registry_fill_name(registry, key, listing->name, listing->name_units) < 0 ||
        !registry_cached_subkey(registry, key, listing->name, listing->name_units, &id, &flags) ||
        !id || registry_fill_key(registry, id) < 0)
        return 0;
    return cached_size(registry, id);
}

static void fill_next(registry_t *registry, const struct listing *listing, uint64_t key)
{
    const size_t quarter = registry->cache.ring_size / 4;
    const size_t limit = quarter < AHEAD_BYTES ? quarter : AHEAD_BYTES;
    uint64_t parent = atomic_load_explicit(&listing->key, memory_order_relaxed);
    uint32_t index = atomic_load_explicit(&listing->index, memory_order_relaxed);
    bool below = listing->name_units && listing->below == parent;
    uint64_t ids[AHEAD];
    uint32_t count = copy_list(registry, parent, index, key, ids);
    size_t bytes = 0;

    for (uint32_t i = 0; i < count && bytes < limit; i++) {
        if (!cached_size(registry, ids[i]) && registry_fill_key(registry, ids[i]) < 0)
            break;
        bytes += cached_size(registry, ids[i]);
        store_name(registry, parent, ids[i]);
        if (below)
            bytes += fill_below(registry, ids[i], listing);
    }
}

int registry_fill_key_and_next(registry_t *registry, uint64_t key)
{
    struct listing *listing = &registry->listing;
    bool listed = atomic_load_explicit(&listing->subkey, memory_order_relaxed) == key &&
                  atomic_load_explicit(&listing->run, memory_order_relaxed) >= IN_A_ROW;
    /* What was in the journal when we came in counts as taken in, but may be missing in a snapshot
     * that is older than its being written down. */
    bool complete = !journal_pending(coherence_journal(registry->coherence));
    int result = hive_store_begin_reading(registry->store);

    if (result < 0)
        return result;
    result = registry_fill_key(registry, key);
    if (result == 0 && listed && complete)
        fill_next(registry, listing, key);
    hive_store_end_reading(registry->store);
    return result;
}
