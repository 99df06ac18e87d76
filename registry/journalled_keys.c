/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journalled_keys.c - making and deleting keys by way of the journal, without the store: where the
 * cache knows that the name is free, or that the key has no subkeys, and the layer below cannot be
 * concerned. What is made below a key with a descriptor of its own is for the store.
 */
#include <errno.h>
#include <string.h>

#include "registry/large_key.h"
#include "registry/upcase.h"
#include "registry/value_list.h"

static unsigned char *cached_payload(registry_t *registry, uint64_t key, struct cached_key *head)
{
    size_t size;
    const struct cache_entry *entry = key_cache_find(&registry->cache, CACHE_KEY, key, 0, &size);

    if (!entry)
        return NULL;
    memcpy(head, entry->payload, sizeof *head);
    return (unsigned char *)entry->payload;
}

/* A subkey of `parent` came, or `gone` went. */
static void touch_cached_parent(registry_t *registry, uint64_t parent, uint64_t last_write,
                                uint64_t gone)
{
    struct cached_key head;
    unsigned char *payload;

    key_cache_write_begin(&registry->cache);
    payload = cached_payload(registry, parent, &head);
    if (payload) {
        head.last_write = last_write;
        memcpy(payload, &head, sizeof head);
    }
    if (gone)
        registry_forget_subkey(registry, parent, gone);
    else
        registry_forget_subkeys(registry, parent, false);
    key_cache_write_end(&registry->cache);
    if (gone)
        subkey_run_delete(registry, parent, gone);
    else
        subkey_run_forget(registry, parent);
}

/* Our own cache has it already. */
static void publish(registry_t *registry, const struct coherence_change *changes, size_t count)
{
    coherence_publish(registry->coherence, changes, count);
    __atomic_store_n(&registry->cache.seen, coherence_generation(registry->coherence),
                     __ATOMIC_RELAXED);
}

static void cache_new_key(registry_t *registry, const struct hive_key *row)
{
    static const struct cached_subkeys no_subkeys;
    static const struct value_list no_values;
    struct cached_key head = {
        .parent = row->parent,
        .last_write = row->last_write,
        .flags = row->flags,
        .layer = row->layer,
        .hides = HIDES_NOTHING,
        .name_bytes = (uint32_t)row->name_units * 2,
        .class_bytes = (uint32_t)row->class_units * 2,
    };
    struct cached_name name = {
        .id = row->id,
        .flags = row->flags & REGISTRY_CREATE_LINK ? CACHED_NAME_LINK : 0,
        .units = (uint32_t)row->name_units,
    };

    registry_store_key(registry, row->id, &head, row->name, row->class_name, &no_values);
    registry_store_subkeys(registry, row->id, &no_subkeys, NULL);
    registry_store_name(registry, row->parent, row->name, &name);
    touch_cached_parent(registry, row->parent, row->last_write, 0);
}

/* Asks the store and keeps what it says. What the journal holds puts no tombstone anywhere. */
static int find_what_hides(registry_t *registry, uint64_t key, struct cached_key *head)
{
    int result = hive_store_hides_keys(registry->store, key);

    if (result < 0)
        return result;
    head->hides = result ? HIDES_SOMETHING : HIDES_NOTHING;
    key_cache_write_begin(&registry->cache);
    memcpy(cached_payload(registry, key, &(struct cached_key){0}), head, sizeof *head);
    key_cache_write_end(&registry->cache);
    return 0;
}

/* 1 where a new key has to do with the layer below: it would stand over a tombstone (which a key
 * that the layer below has lost meanwhile may still hold), or its parent becomes the kernel's by
 * it. A volatile key makes nothing else last. */
static int lower_is_concerned(registry_t *registry, const struct hive_key *row,
                              struct cached_key *parent)
{
    int result = 0;

    if (parent->layer & HIVE_SUPERSEDE_TREE)
        return 0;
    if (!(parent->layer & HIVE_UPPER) && !(row->flags & REGISTRY_VOLATILE))
        return 1;
    if (parent->hides == HIDES_UNKNOWN)
        result = find_what_hides(registry, row->parent, parent);
    if (result == 0 && parent->hides == HIDES_SOMETHING)
        result = hive_store_key_is_hidden(registry->store, row->parent, row->name, row->name_units);
    return result;
}

static int journal_creation(registry_t *registry, void *context)
{
    struct hive_key *row = context;
    struct coherence_change change = {.key = row->parent,
                                      .name_hash = registry_name_hash(row->name, row->name_units),
                                      .kinds = REGISTRY_CHANGED_NAME};
    uint64_t next = coherence_next_key(registry->coherence), existing;
    struct cached_key parent;
    uint32_t flags;
    int result;

    if (!next || fixed_values_concern(&registry->fixed, row->name, row->name_units))
        return -E2BIG;
    if (!cached_payload(registry, row->parent, &parent) ||
        !registry_cached_subkey(registry, row->parent, row->name, row->name_units, &existing,
                                &flags))
        return -EAGAIN;
    if (existing || flags || parent.secured)
        return -E2BIG;
    result = lower_is_concerned(registry, row, &parent);
    if (result != 0)
        return result < 0 ? result : -E2BIG;
    if (parent.flags & REGISTRY_VOLATILE && !(row->flags & REGISTRY_VOLATILE))
        return -ECHILD;
    row->id = next;
    row->layer = HIVE_UPPER;
    /* Who dies here has used up an id, no more. */
    coherence_set_next_key(registry->coherence, next + 1);
    if (!journal_append_key(coherence_journal(registry->coherence), row))
        return -E2BIG;
    cache_new_key(registry, row);
    publish(registry, &change, 1);
    return 0;
}

int registry_create_journalled(registry_t *registry, struct hive_key *row)
{
    struct registry_key_info info;
    int result = registry_by_journal(registry, journal_creation, row);

    if (result != -EAGAIN)
        return result;
    result = registry_query_key(registry, row->parent, false, &info, NULL, NULL);
    if (result < 0)
        return result;
    result = registry_by_journal(registry, journal_creation, row);
    return result == -EAGAIN ? -E2BIG : result;
}

static int journal_deletion(registry_t *registry, void *context)
{
    uint64_t key = *(const uint64_t *)context, last_write = registry_now();
    struct coherence_change changes[2] = {{.key = key, .kinds = REGISTRY_CHANGED_GONE},
                                          {.kinds = REGISTRY_CHANGED_NAME}};
    const struct cached_subkeys *subkeys;
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    const struct cache_entry *entry;
    struct cached_name gone = {0};
    struct cached_key head;
    unsigned char *payload = cached_payload(registry, key, &head);
    uint32_t flags = 0;
    uint64_t id;
    size_t size;

    entry = key_cache_find(&registry->cache, CACHE_SUBKEYS, key, 0, &size);
    if (!payload || !entry)
        return -EAGAIN;
    subkeys = (const struct cached_subkeys *)entry->payload;
    if (subkeys->state == (SUBKEYS_NOT_HELD | SUBKEYS_UNMEASURED))
        return -EAGAIN;
    if (subkeys->count)
        return -ENOTEMPTY;
    if (head.layer != HIVE_UPPER || head.name_bytes > sizeof name)
        return -E2BIG;
    gone.units = head.name_bytes / 2;
    memcpy(name, payload + head.name_offset, head.name_bytes);
    if (registry_cached_subkey(registry, head.parent, name, gone.units, &id, &flags) &&
        flags & CACHED_NAME_PASSTHROUGH)
        return -E2BIG;
    if (!journal_append_deletion(coherence_journal(registry->coherence), key, head.parent,
                                 last_write))
        return -E2BIG;
    changes[1].key = head.parent;
    changes[0].name_hash = changes[1].name_hash = registry_name_hash(name, gone.units);
    key_cache_write_begin(&registry->cache);
    key_cache_remove(&registry->cache, CACHE_KEY, key, 0);
    key_cache_remove(&registry->cache, CACHE_SUBKEYS, key, 0);
    key_cache_write_end(&registry->cache);
    registry_store_name(registry, head.parent, name, &gone);
    touch_cached_parent(registry, head.parent, last_write, key);
    publish(registry, changes, 2);
    return 0;
}

int registry_delete_journalled(registry_t *registry, uint64_t key)
{
    struct registry_key_info info;
    int result = registry_by_journal(registry, journal_deletion, &key);

    if (result != -EAGAIN)
        return result;
    result = registry_query_key(registry, key, true, &info, NULL, NULL);
    if (result < 0)
        return result;
    result = registry_by_journal(registry, journal_deletion, &key);
    return result == -EAGAIN ? -E2BIG : result;
}
