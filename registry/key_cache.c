/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_cache.c - see key_cache.h.
 */
#include "registry/key_cache.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define MINIMUM_BYTES (64u << 10)
#define MAXIMUM_BYTES (1u << 30)
#define FIRST_BUCKETS 1024u
#define ALIGNMENT KEY_CACHE_ALIGNMENT

int key_cache_init(struct key_cache *cache, size_t bytes)
{
    size_t buckets = 256;
    void *memory;

    if (bytes < MINIMUM_BYTES)
        bytes = MINIMUM_BYTES;
    if (bytes > MAXIMUM_BYTES)
        bytes = MAXIMUM_BYTES;
    bytes &= ~(size_t)(ALIGNMENT - 1);
    while (buckets < bytes / 256)
        buckets *= 2;
    memset(cache, 0, sizeof *cache);
    memory = mmap(NULL, bytes + buckets * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    cache->ring = memory;
    cache->ring_size = (uint32_t)bytes;
    cache->buckets = (uint32_t *)(cache->ring + bytes);
    cache->bucket_limit = (uint32_t)buckets - 1;
    cache->bucket_mask =
        cache->bucket_limit < FIRST_BUCKETS ? cache->bucket_limit : FIRST_BUCKETS - 1;
    cache->head = cache->tail = ALIGNMENT; /* offset 0 means none */
    return 0;
}

void key_cache_finish(struct key_cache *cache)
{
    if (cache->ring)
        munmap(cache->ring, cache->ring_size + (cache->bucket_limit + 1) * sizeof(uint32_t));
    cache->ring = NULL;
}

void key_cache_write_begin(struct key_cache *cache)
{
    __atomic_store_n(&cache->sequence, cache->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

void key_cache_write_end(struct key_cache *cache)
{
    __atomic_store_n(&cache->sequence, cache->sequence + 1, __ATOMIC_RELEASE);
}

/* From now on the entry is dead. */
static void kill_entry(struct key_cache *cache, struct cache_entry *entry)
{
    uint32_t offset = (uint32_t)((const unsigned char *)entry - cache->ring);
    uint32_t *link = &cache->buckets[key_cache_bucket(cache, entry->kind, entry->key, entry->hash)];

    while (*link && *link != offset)
        link = &((struct cache_entry *)(cache->ring + *link))->next;
    if (*link)
        *link = entry->next;
    entry->kind = 0;
    cache->entries--;
}

void key_cache_remove(struct key_cache *cache, enum cache_kind kind, uint64_t key, uint64_t hash)
{
    size_t size;
    struct cache_entry *entry =
        (struct cache_entry *)key_cache_search(cache, kind, key, hash, UINT32_MAX, &size);

    if (entry)
        kill_entry(cache, entry);
}

void key_cache_clear(struct key_cache *cache)
{
    memset(cache->buckets, 0, (cache->bucket_mask + 1) * sizeof(uint32_t));
    cache->head = cache->tail = ALIGNMENT;
    cache->used = 0;
    cache->entries = 0;
}

void key_cache_sweep(struct key_cache *cache, const _Atomic uint64_t *places,
                     uint64_t (*place_of)(uint64_t key))
{
    uint32_t offset = cache->tail, left = cache->used;

    while (left) {
        struct cache_entry *entry = (struct cache_entry *)(cache->ring + offset);

        if (entry->kind &&
            atomic_load_explicit(&places[place_of(entry->key)], memory_order_acquire) > cache->seen)
            kill_entry(cache, entry);
        left -= entry->size;
        offset += entry->size;
        if (offset >= cache->ring_size)
            offset = ALIGNMENT;
    }
}

/* Gives up the oldest entry. */
static void evict(struct key_cache *cache)
{
    struct cache_entry *entry = (struct cache_entry *)(cache->ring + cache->tail);

    if (entry->kind)
        kill_entry(cache, entry);
    cache->used -= entry->size;
    cache->tail += entry->size;
    if (cache->tail >= cache->ring_size)
        cache->tail = ALIGNMENT;
    if (cache->used == 0)
        cache->head = cache->tail = ALIGNMENT;
}

/* The bytes from the head that are free without a break. */
static uint32_t room_at_head(const struct key_cache *cache)
{
    if (cache->used == 0)
        return cache->ring_size - ALIGNMENT;
    return cache->head > cache->tail ? cache->ring_size - cache->head : cache->tail - cache->head;
}

/* A dead entry that fills the ring up to its end, so that the head can start over. */
static void wrap(struct key_cache *cache)
{
    struct cache_entry *entry = (struct cache_entry *)(cache->ring + cache->head);

    entry->size = cache->ring_size - cache->head;
    entry->kind = 0;
    cache->used += entry->size;
    cache->head = ALIGNMENT;
}

static void link_entry(struct key_cache *cache, struct cache_entry *entry)
{
    uint32_t *bucket =
        &cache->buckets[key_cache_bucket(cache, entry->kind, entry->key, entry->hash)];

    entry->next = *bucket;
    *bucket = (uint32_t)((unsigned char *)entry - cache->ring);
}

/* Four times as many buckets. */
static void grow(struct key_cache *cache)
{
    uint32_t mask = cache->bucket_mask * 4 + 3, offset = cache->tail, left = cache->used;

    memset(cache->buckets, 0, (cache->bucket_mask + 1) * sizeof(uint32_t));
    cache->bucket_mask = mask < cache->bucket_limit ? mask : cache->bucket_limit;
    while (left) {
        struct cache_entry *entry = (struct cache_entry *)(cache->ring + offset);

        if (entry->kind)
            link_entry(cache, entry);
        left -= entry->size;
        offset += entry->size;
        if (offset >= cache->ring_size)
            offset = ALIGNMENT;
    }
}

size_t key_cache_payload_limit(const struct key_cache *cache)
{
    return cache->ring_size / 8;
}

void *key_cache_add(struct key_cache *cache, enum cache_kind kind, uint64_t key, uint64_t hash,
                    size_t size)
{
    uint32_t whole =
        (uint32_t)((sizeof(struct cache_entry) + size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
    struct cache_entry *entry;

    key_cache_remove(cache, kind, key, hash);
    if (size > key_cache_payload_limit(cache))
        return NULL;
    while (room_at_head(cache) < whole + sizeof(struct cache_entry)) {
        if (cache->used && cache->head > cache->tail)
            wrap(cache);
        else
            evict(cache);
    }
    if (cache->entries > cache->bucket_mask && cache->bucket_mask < cache->bucket_limit)
        grow(cache);
    entry = (struct cache_entry *)(cache->ring + cache->head);
    entry->size = whole;
    entry->kind = kind;
    entry->key = key;
    entry->hash = hash;
    entry->payload_size = (uint32_t)size;
    link_entry(cache, entry);
    cache->entries++;
    cache->used += whole;
    cache->head += whole;
    return entry->payload;
}
