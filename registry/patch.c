/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * patch.c - setting a value by way of the journal: the record goes into the journal, and the key's
 * control block in this process's cache, or the value that is held by itself, is brought up to date
 * without the store.
 */
#include <errno.h>
#include <string.h>

#include "registry/large_key.h"
#include "registry/upcase.h"
#include "registry/value_list.h"

/* The key's control block, which the writer may change; NULL where there is none, or where values
 * may be fixed. */
static unsigned char *cached_block(registry_t *registry, uint64_t key, struct cached_key *head)
{
    size_t size;
    const struct cache_entry *entry = key_cache_find(&registry->cache, CACHE_KEY, key, 0, &size);
    unsigned char *payload;

    if (!entry)
        return NULL;
    payload = (unsigned char *)entry->payload;
    memcpy(head, payload, sizeof *head);
    if (head->too_large == 2 ||
        fixed_values_concern(&registry->fixed, (const uint16_t *)(payload + head->name_offset),
                             head->name_bytes / 2))
        return NULL;
    return payload;
}

static struct cached_value *find_value(unsigned char *payload, const struct cached_key *head,
                                       const struct hive_value *value)
{
    struct cached_value *values = (struct cached_value *)(payload + head->values_offset);
    const uint32_t *slots = (const uint32_t *)(payload + head->slots_offset);
    uint32_t hash = (uint32_t)registry_name_hash(value->name, value->name_units);
    uint32_t mask = head->value_slots - 1;

    for (uint32_t slot = hash & mask; head->value_slots && slots[slot]; slot = (slot + 1) & mask) {
        struct cached_value *found = &values[slots[slot] - 1];

        if (found->hash == hash &&
            registry_name_compare((const uint16_t *)(payload + found->name_offset),
                                  found->name_bytes / 2, value->name, value->name_units) == 0)
            return found;
    }
    return NULL;
}

/* Lays the block out anew with the value in it. */
static int rebuild(registry_t *registry, uint64_t key, unsigned char *payload,
                   struct cached_key *head, const struct cached_value *replaced,
                   const struct hive_value *value)
{
    const struct cached_value *values = (struct cached_value *)(payload + head->values_offset);
    struct value_list list = {0};
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    unsigned char class_name[512];
    int result = 0;

    if (head->class_bytes > sizeof class_name || head->name_bytes > sizeof name)
        return -E2BIG;
    memcpy(name, payload + head->name_offset, head->name_bytes);
    memcpy(class_name, payload + head->class_offset, head->class_bytes);
    for (uint32_t i = 0; result == 0 && i < head->value_count; i++) {
        struct hive_value old = {(const uint16_t *)(payload + values[i].name_offset),
                                 values[i].name_bytes / 2, values[i].type,
                                 payload + values[i].data_offset, values[i].data_bytes};
        /* A value that is replaced keeps its place and the spelling of its name. */
        if (&values[i] == replaced) {
            old.type = value->type;
            old.data = value->data;
            old.size = value->size;
        }
        result = value_list_add(&list, &old);
    }
    if (result == 0 && !replaced)
        result = value_list_add(&list, value);
    if (result == 0 && (list.used > key_cache_payload_limit(&registry->cache) / 2))
        result = -E2BIG;
    if (result == 0) {
        head->value_count = (uint32_t)list.count;
        result = registry_store_key(registry, key, head, name, class_name, &list);
    }
    value_list_finish(&list);
    return result;
}

static uint32_t larger(uint32_t a, size_t b)
{
    return b > a ? (uint32_t)b : a;
}

/* Brings the block up to date, or drops it. */
static void patch_block(registry_t *registry, uint64_t key, unsigned char *payload,
                        struct cached_key *head, const struct hive_value *value,
                        uint64_t last_write)
{
    struct cached_value *found = find_value(payload, head, value);
    int result = 0;

    head->last_write = last_write;
    head->max_value_name = larger(head->max_value_name, value->name_units * 2);
    /* The largest datum may be the one that shrinks: then all are looked at again when asked. */
    if (found && found->data_bytes == head->max_value_data && value->size < found->data_bytes)
        result = -E2BIG;
    head->max_value_data = larger(head->max_value_data, value->size);
    if (result == 0 && found && found->data_bytes == value->size) {
        key_cache_write_begin(&registry->cache);
        memcpy(payload, head, sizeof *head);
        found->type = value->type;
        if (value->size)
            memcpy(payload + found->data_offset, value->data, value->size);
        key_cache_write_end(&registry->cache);
        return;
    }
    if (result == 0)
        result = rebuild(registry, key, payload, head, found, value);
    if (result < 0) {
        key_cache_write_begin(&registry->cache);
        key_cache_remove(&registry->cache, CACHE_KEY, key, 0);
        key_cache_write_end(&registry->cache);
    }
}

struct setting {
    uint64_t key;
    const struct hive_value *value;
    const struct coherence_change *change;
};

/* True where a value is already what it is to be: as on Windows and in wineserver, that is not
 * written, and tells nobody. */
static bool is_same(uint32_t type, const void *data, size_t size, const struct hive_value *value)
{
    return type == value->type && size == value->size &&
           (!size || !memcmp(data, value->data, size));
}

/* Into the journal, or -E2BIG; then publish_setting. */
static int append_setting(registry_t *registry, const struct setting *setting, uint64_t last_write)
{
    if (!journal_append(coherence_journal(registry->coherence), setting->key, last_write,
                        setting->value))
        return -E2BIG;
    value_run_set(registry, setting->key, setting->value->name, setting->value->name_units);
    return 0;
}

static void publish_setting(registry_t *registry, const struct setting *setting)
{
    coherence_publish(registry->coherence, setting->change, 1);
    /* Our own cache has it already. */
    __atomic_store_n(&registry->cache.seen, coherence_generation(registry->coherence),
                     __ATOMIC_RELAXED);
}

/* In a key that is too large for a block of its own: the value must be held by itself. */
static int journal_single(registry_t *registry, const struct setting *setting,
                          struct cached_key *block)
{
    const struct hive_value *value = setting->value;
    uint64_t last_write = registry_now();
    size_t size;
    const struct cached_single *held =
        registry_find_single(registry, setting->key, block, value->name, value->name_units, &size);
    bool was_absent;

    if (!held)
        return -EAGAIN;
    if (!held->absent &&
        is_same(held->type,
                (const unsigned char *)held + cached_single_data_offset(held->name_bytes),
                held->data_bytes, value))
        return 0;
    if (append_setting(registry, setting, last_write) < 0)
        return -E2BIG;
    was_absent = held->absent;
    key_cache_write_begin(&registry->cache);
    if (!was_absent && held->data_bytes == block->max_value_data && value->size < held->data_bytes)
        block->stale |= STALE_MEASURES;
    block->value_count += was_absent;
    block->max_value_name = larger(block->max_value_name, value->name_units * 2);
    block->max_value_data = larger(block->max_value_data, value->size);
    block->last_write = last_write;
    block->stale &= ~STALE_LAST_WRITE;
    key_cache_write_end(&registry->cache);
    registry_put_single(registry, setting->key, value->name, value->name_units, value);
    publish_setting(registry, setting);
    return 0;
}

static int journal_value(registry_t *registry, void *context)
{
    const struct setting *setting = context;
    uint64_t last_write = registry_now();
    const struct cached_value *found;
    struct cached_key head;
    unsigned char *payload;

    payload = cached_block(registry, setting->key, &head);
    if (!payload)
        return -EAGAIN;
    if (head.too_large)
        return journal_single(registry, setting, (struct cached_key *)payload);
    found = find_value(payload, &head, setting->value);
    if (found &&
        is_same(found->type, payload + found->data_offset, found->data_bytes, setting->value))
        return 0;
    if (append_setting(registry, setting, last_write) < 0)
        return -E2BIG;
    patch_block(registry, setting->key, payload, &head, setting->value, last_write);
    publish_setting(registry, setting);
    return 0;
}

int registry_set_journalled(registry_t *registry, uint64_t key, const struct hive_value *value,
                            const struct coherence_change *change)
{
    struct setting setting = {key, value, change};
    struct registry_value_info about;
    struct registry_key_info info;
    int result;

    if (value->size > JOURNAL_VALUE_LIMIT)
        return -E2BIG;
    result = registry_by_journal(registry, journal_value, &setting);
    if (result != -EAGAIN)
        return result;
    /* Brings the key into the cache, or tells that it is gone; of a large one the value. */
    result = registry_query_key(registry, key, false, &info, NULL, NULL);
    if (result == 0)
        result = registry_query_value(registry, key, value->name, value->name_units, &about, NULL);
    if (result < 0 && result != -ENOENT)
        return result;
    result = registry_by_journal(registry, journal_value, &setting);
    return result == -EAGAIN ? -E2BIG : result;
}
