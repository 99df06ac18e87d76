/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * warm_value.c - the shortest way to a value that the cache holds. reading.c has the way that
 * always leads there; what is peculiar here is cost: no call, no copy of what is only looked at,
 * no vector register (the file is compiled with -mgeneral-regs-only).
 */
#include "registry/registry_internal.h"
#include "registry/upcase.h"

#include <string.h>

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* A payload of the cache that may be torn: nothing outside is touched. `size` is rounded up to
 * whole words, which the ring has (its entries are multiples of 16). */
struct payload {
    const unsigned char *bytes;
    size_t size;
};

static inline const void *part(const struct payload *payload, uint64_t offset, uint64_t size)
{
    return offset <= payload->size && size <= payload->size - offset ? payload->bytes + offset
                                                                     : NULL;
}

/* False where a unit is not ASCII. */
static inline bool hash_name(const uint64_t *name, size_t units, uint64_t *hash)
{
    uint64_t state = registry_hash_begin(units), all = 0;

    for (size_t i = 0; i < (units + 3) / 4; i++) {
        all |= name[i];
        state = registry_hash_add(state, registry_upcase_four_ascii(name[i]));
    }
    *hash = registry_hash_end(state);
    return registry_four_are_ascii(all);
}

/* `name` is ASCII: what is stored is the same only where it is ASCII too. */
static inline bool same_name(const unsigned char *stored, const uint64_t *name, size_t units)
{
    for (size_t i = 0; i < (units + 3) / 4; i++) {
        size_t left = units - i * 4;
        uint64_t four;

        memcpy(&four, stored + i * 8, sizeof four);
        if (left < 4)
            four &= (UINT64_C(1) << 16 * left) - 1;
        if (four != name[i] &&
            (!registry_four_are_ascii(four) ||
             registry_upcase_four_ascii(four) != registry_upcase_four_ascii(name[i])))
            return false;
    }
    return true;
}

static inline const struct cached_value *find_value(const struct payload *payload, uint32_t hash,
                                                    const uint64_t *name, size_t units)
{
    const struct cached_key *head = (const void *)payload->bytes;
    uint32_t count = LOAD(head->value_slots), mask = count - 1, slot = hash & mask;
    uint64_t slots = LOAD(head->slots_offset), values = LOAD(head->values_offset);

    for (uint32_t step = 0; step < count; step++, slot = (slot + 1) & mask) {
        const uint32_t *number = part(payload, slots + slot * 4ull, sizeof *number);
        const struct cached_value *value;
        const unsigned char *stored;
        uint32_t n;

        if (!number || (n = LOAD(*number)) == 0)
            return NULL;
        value = part(payload, values + (n - 1) * (uint64_t)sizeof *value, sizeof *value);
        if (!value)
            return NULL;
        if (LOAD(value->hash) != hash || LOAD(value->name_bytes) != units * 2)
            continue;
        stored = part(payload, LOAD(value->name_offset), (units * 2 + 7) & ~(size_t)7);
        if (stored && same_name(stored, name, units))
            return value;
    }
    return NULL;
}

/* The value as it is held by itself, of the key with the block `head`. */
static inline const struct cached_single *find_single(const struct registry *registry, uint64_t key,
                                                      const struct cached_key *head, uint32_t hash,
                                                      const uint64_t *name, size_t units,
                                                      struct payload *payload)
{
    const struct cache_entry *entry =
        key_cache_find(&registry->cache, CACHE_VALUE, key, hash, &payload->size);
    const struct cached_single *single = entry ? (const void *)entry->payload : NULL;
    const unsigned char *stored;

    if (!single || payload->size < sizeof *single)
        return NULL;
    payload->bytes = entry->payload;
    payload->size = (payload->size + 7) & ~(size_t)7;
    stored = part(payload, sizeof *single, (units * 2 + 7) & ~(size_t)7);
    return LOAD(single->stamp) == LOAD(head->stamp) && !LOAD(single->absent) &&
                   LOAD(single->name_bytes) == units * 2 && stored && same_name(stored, name, units)
               ? single
               : NULL;
}

/* Both ends may be at any address, and the caller's may fault. */
static inline void copy_bytes(unsigned char *to, const unsigned char *from, size_t size)
{
    if (size > 64) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
        return;
    }
    for (; size >= 8; size -= 8, to += 8, from += 8)
        memcpy(to, from, 8);
    if (size & 4) {
        memcpy(to, from, 4);
        to += 4;
        from += 4;
    }
    if (size & 2) {
        memcpy(to, from, 2);
        to += 2;
        from += 2;
    }
    if (size & 1)
        *to = *from;
}

/* Where the value's data are, NULL: not in the cache as a whole. */
static inline const unsigned char *find_data(const struct registry *registry, uint64_t key,
                                             uint64_t hash, const uint64_t *name, size_t units,
                                             struct registry_value_info *info)
{
    const struct cache_entry *entry;
    const struct cached_single *single;
    const struct cached_value *value;
    const struct cached_key *head;
    struct payload payload;

    entry = key_cache_find(&registry->cache, CACHE_KEY, key, 0, &payload.size);
    if (!entry || payload.size < sizeof *head)
        return NULL;
    head = (const void *)entry->payload;
    info->name_bytes = (uint32_t)units * 2;
    if (LOAD(head->too_large) == 0) {
        payload.bytes = entry->payload;
        payload.size = (payload.size + 7) & ~(size_t)7;
        value = find_value(&payload, (uint32_t)hash, name, units);
        if (!value)
            return NULL;
        info->type = LOAD(value->type);
        info->data_bytes = LOAD(value->data_bytes);
        return part(&payload, LOAD(value->data_offset), info->data_bytes);
    }
    if (LOAD(head->too_large) != 1)
        return NULL;
    single = find_single(registry, key, head, (uint32_t)hash, name, units, &payload);
    if (!single)
        return NULL;
    info->type = LOAD(single->type);
    info->data_bytes = LOAD(single->data_bytes);
    return part(&payload, sizeof *single + ((units * 2 + 7) & ~(size_t)7), info->data_bytes);
}

bool registry_query_warm_value(const registry_t *registry, uint64_t key, const uint64_t *name,
                               size_t name_units, struct registry_value_info *info, void *data,
                               size_t capacity)
{
    uint32_t sequence = key_cache_read_begin(&registry->cache);
    const unsigned char *source;
    uint64_t hash;

    if (!registry_fresh_for(registry, key) || !hash_name(name, name_units, &hash))
        return false;
    source = find_data(registry, key, hash, name, name_units, info);
    if (!source)
        return false;
    copy_bytes(data, source, info->data_bytes < capacity ? info->data_bytes : capacity);
    return key_cache_read_valid(&registry->cache, sequence);
}
