/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reading.h - what the files that read share: attempts on the cache, which take no lock and are
 * repeated until what they saw was not disturbed.
 */
#ifndef PWK_REGISTRY_READING_H
#define PWK_REGISTRY_READING_H

#include <string.h>

#include "registry/registry_internal.h"

/* A payload of the cache, every access to which is bounded. */
struct view {
    const unsigned char *bytes;
    size_t size;
};

static inline bool view_of(registry_t *registry, enum cache_kind kind, uint64_t key, uint64_t hash,
                           size_t least, struct view *view)
{
    const struct cache_entry *entry =
        key_cache_find(&registry->cache, kind, key, hash, &view->size);

    if (!entry || view->size < least)
        return false;
    view->bytes = entry->payload;
    return true;
}

/* The part of a view, or NULL where a torn offset leads outside. */
static inline const void *part(const struct view *view, uint32_t offset, size_t size)
{
    return offset <= view->size && size <= view->size - offset ? view->bytes + offset : NULL;
}

static inline void copy_part(const struct view *view, uint32_t offset, uint32_t size,
                             const struct registry_buffer *buffer)
{
    const void *source = part(view, offset, size);

    if (source && buffer && buffer->capacity)
        memcpy(buffer->data, source, size < buffer->capacity ? size : buffer->capacity);
}

/* What an attempt answers: 0 or an error that stands, or one of these. */
#define NEEDS_KEY 1
#define NEEDS_SUBKEYS 2
#define NEEDS_STORE 3
#define NEEDS_LAST_WRITE 4 /* of a key whose values changed one by one */
#define NEEDS_MEASURES 5
#define NEEDS_SUBKEY_MEASURES 6

typedef int (*registry_attempt)(registry_t *registry, void *query);

/* Repeats an attempt until what it answered was read undisturbed; what it misses is brought into
 * the cache in between. NEEDS_STORE: the cache cannot answer. */
int registry_read_cached(registry_t *registry, uint64_t key, registry_attempt try_cache,
                         void *query);

#endif
