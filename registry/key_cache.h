/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_cache.h - the cache of one process: entries in a ring of memory that is mapped once and
 * never given back, found by hash, the oldest making room for the newest.
 *
 * Readers take no lock. They note the sequence number, look up, copy what they need, and ask
 * whether the sequence still stands; if not, what they copied is void. What a reader sees in
 * between may be torn, so every offset and size is checked against the bounds of the ring: a
 * reader may read nonsense, never outside. A reader that is suspended or ended leaves nothing
 * behind. Writers are one at a time (the registry's lock).
 */
#ifndef PWK_REGISTRY_KEY_CACHE_H
#define PWK_REGISTRY_KEY_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cache_kind {
    CACHE_KEY = 1, /* a key control block: struct cached_key; hash 0 */
    CACHE_SUBKEYS, /* the ids of a key's subkeys in order: struct cached_subkeys; hash 0 */
    CACHE_NAME,    /* which subkey has a name: struct cached_name; hash of the name */
    CACHE_VALUE,   /* a value of a large key: struct cached_single; low half of its name's hash */
};

struct cache_entry {
    uint32_t size; /* of the whole entry, a multiple of 16 */
    uint32_t kind; /* 0: removed */
    uint64_t key;
    uint64_t hash;
    uint32_t next; /* offset of the next entry in the chain; 0: none */
    uint32_t payload_size;
    unsigned char payload[];
};

struct key_cache {
    unsigned char *ring;
    uint32_t *buckets;
    uint32_t ring_size;
    uint32_t bucket_mask;  /* grows with the entries: a short program touches few pages of them */
    uint32_t bucket_limit; /* the largest mask there is memory for */
    uint32_t entries;      /* that can be found */
    uint32_t head, tail;   /* where the next entry goes; the oldest entry */
    uint32_t used;
    uint32_t sequence; /* odd while a writer is at work */
    uint64_t seen;     /* the generation up to which changes have been taken in */
};

/* -ENOMEM where the memory cannot be mapped. `bytes` is rounded up to at least 64 KiB. */
int key_cache_init(struct key_cache *cache, size_t bytes);
void key_cache_finish(struct key_cache *cache);

/* ---- how an entry is found ---- */

#define KEY_CACHE_ALIGNMENT 16u
#define KEY_CACHE_CHAIN_LIMIT 256 /* steps of a reader that may be following torn links */

static inline uint32_t key_cache_bucket(const struct key_cache *cache, enum cache_kind kind,
                                        uint64_t key, uint64_t hash)
{
    uint64_t mixed = key * 4 + kind + hash;

    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(mixed ^ mixed >> 32) & cache->bucket_mask;
}

/* The entry after at most `limit` steps, or NULL. Offsets may be nonsense: not even the head of
 * what is looked at lies outside the ring. */
static inline const struct cache_entry *key_cache_search(const struct key_cache *cache,
                                                         enum cache_kind kind, uint64_t key,
                                                         uint64_t hash, uint32_t limit,
                                                         size_t *size)
{
    uint32_t offset = __atomic_load_n(&cache->buckets[key_cache_bucket(cache, kind, key, hash)],
                                      __ATOMIC_RELAXED);

    for (uint32_t steps = 0; steps < limit; steps++) {
        const struct cache_entry *entry = (const void *)(cache->ring + offset);

        if (offset < KEY_CACHE_ALIGNMENT || offset % KEY_CACHE_ALIGNMENT ||
            offset > cache->ring_size - sizeof *entry)
            return NULL;
        if (__atomic_load_n(&entry->kind, __ATOMIC_RELAXED) == (uint32_t)kind &&
            __atomic_load_n(&entry->key, __ATOMIC_RELAXED) == key &&
            __atomic_load_n(&entry->hash, __ATOMIC_RELAXED) == hash) {
            *size = __atomic_load_n(&entry->payload_size, __ATOMIC_RELAXED);
            return *size <= cache->ring_size - offset - sizeof *entry ? entry : NULL;
        }
        offset = __atomic_load_n(&entry->next, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* ---- readers ---- */

static inline uint32_t key_cache_read_begin(const struct key_cache *cache)
{
    return __atomic_load_n(&cache->sequence, __ATOMIC_ACQUIRE);
}

static inline bool key_cache_read_valid(const struct key_cache *cache, uint32_t sequence)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return !(sequence & 1) && __atomic_load_n(&cache->sequence, __ATOMIC_RELAXED) == sequence;
}

/* The entry or NULL. All of entry->payload up to the returned *size lies within the ring. */
static inline const struct cache_entry *key_cache_find(const struct key_cache *cache,
                                                       enum cache_kind kind, uint64_t key,
                                                       uint64_t hash, size_t *size)
{
    return key_cache_search(cache, kind, key, hash, KEY_CACHE_CHAIN_LIMIT, size);
}

/* ---- the writer; between begin and end ---- */
void key_cache_write_begin(struct key_cache *cache);
void key_cache_write_end(struct key_cache *cache);
/* Room for a payload, to be filled in before write_end; NULL when it is too large to be kept. An
 * entry of the same name is replaced. */
void *key_cache_add(struct key_cache *cache, enum cache_kind kind, uint64_t key, uint64_t hash,
                    size_t size);
void key_cache_remove(struct key_cache *cache, enum cache_kind kind, uint64_t key, uint64_t hash);
void key_cache_clear(struct key_cache *cache);
/* Removes the entries of all keys that were touched after cache->seen: places[place_of(key)]. */
void key_cache_sweep(struct key_cache *cache, const _Atomic uint64_t *places,
                     uint64_t (*place_of)(uint64_t key));
/* The largest payload that is kept. */
size_t key_cache_payload_limit(const struct key_cache *cache);

#endif
