/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * subkeys.c - the list of a key's subkeys: held by the cache whole, or, where that is too long, its
 * measures alone. Then a run of it is kept, and which index it begins at, so that who lists the key
 * goes on from where the store was left; only a jump counts the subkeys before it. A long list that
 * others change is treated so too, until it is listed to its end: to take it in anew costs a walk
 * each time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/large_key.h"

#define RUN_SUBKEYS 64u
#define LONG_LIST 256u

struct subkey_run {
    uint64_t key;    /* 0: nothing is known */
    uint64_t before; /* the subkey before the first one held; 0: there is none */
    uint32_t first;  /* the index of the first one held */
    uint32_t count;
    uint64_t ids[RUN_SUBKEYS];
};

/* ---- the list ---- */

struct subkey_list {
    struct cached_subkeys head;
    uint64_t *ids;
    size_t capacity;
    size_t limit; /* more ids than that are not kept */
};

/* How many the cache holds. */
static size_t list_limit(const registry_t *registry)
{
    return (key_cache_payload_limit(&registry->cache) - sizeof(struct cached_subkeys)) /
           sizeof(uint64_t);
}

static int collect_subkey(void *context, const struct hive_key *key)
{
    struct subkey_list *list = context;

    if (list->head.count == list->limit)
        return -E2BIG;
    if (list->head.count == list->capacity) {
        size_t capacity = list->capacity * 2 + 32;
        uint64_t *grown = realloc(list->ids, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        list->ids = grown;
        list->capacity = capacity;
    }
    list->ids[list->head.count++] = key->id;
    if (key->name_units * 2 > list->head.max_name)
        list->head.max_name = (uint32_t)key->name_units * 2;
    if (key->class_units * 2 > list->head.max_class)
        list->head.max_class = (uint32_t)key->class_units * 2;
    return 0;
}

bool registry_store_subkeys(registry_t *registry, uint64_t key, const struct cached_subkeys *head,
                            const uint64_t *ids)
{
    size_t held = head->state & SUBKEYS_NOT_HELD ? 0 : head->count;
    unsigned char *payload;

    key_cache_write_begin(&registry->cache);
    payload =
        key_cache_add(&registry->cache, CACHE_SUBKEYS, key, 0, sizeof *head + held * sizeof *ids);
    if (payload) {
        memcpy(payload, head, sizeof *head);
        if (held)
            memcpy(payload + sizeof *head, ids, held * sizeof *ids);
    }
    key_cache_write_end(&registry->cache);
    return payload != NULL;
}

int registry_fill_subkeys(registry_t *registry, uint64_t key)
{
    struct subkey_list list = {.limit = list_limit(registry)};
    struct hive_key self;
    int result = hive_store_read_key(registry->store, key, &self);

    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    result = hive_store_visit_subkeys(registry->store, key, collect_subkey, &list);
    if (result == -E2BIG) {
        list.head.state = SUBKEYS_NOT_HELD | SUBKEYS_UNMEASURED;
        result = 0;
    }
    if (result == 0 && !registry_store_subkeys(registry, key, &list.head, list.ids))
        result = -E2BIG;
    free(list.ids);
    return result;
}

static struct cached_subkeys *find_list(registry_t *registry, uint64_t key)
{
    size_t size;
    const struct cache_entry *entry =
        key_cache_find(&registry->cache, CACHE_SUBKEYS, key, 0, &size);

    return entry ? (struct cached_subkeys *)entry->payload : NULL;
}

int registry_measure_subkeys(registry_t *registry, uint64_t key)
{
    struct hive_measures measured;
    struct cached_subkeys *list;
    int result = hive_store_measure_subkeys(registry->store, key, &measured);

    if (result < 0)
        return result;
    key_cache_write_begin(&registry->cache);
    list = find_list(registry, key);
    if (list && (list->state & SUBKEYS_NOT_HELD || list->count == measured.count)) {
        list->count = measured.count;
        list->max_name = measured.max_name;
        list->max_class = measured.max_data;
        list->state &= ~SUBKEYS_UNMEASURED;
    } else {
        key_cache_remove(&registry->cache, CACHE_SUBKEYS, key, 0);
    }
    key_cache_write_end(&registry->cache);
    return 0;
}

void registry_forget_subkeys(registry_t *registry, uint64_t key, bool gone)
{
    struct cached_subkeys *list = find_list(registry, key);

    if (!list || gone || !(list->state & SUBKEYS_NOT_HELD || list->count > LONG_LIST)) {
        key_cache_remove(&registry->cache, CACHE_SUBKEYS, key, 0);
        return;
    }
    list->state = SUBKEYS_NOT_HELD | SUBKEYS_UNMEASURED;
    list->count = 1; /* not none */
}

void registry_forget_subkey(registry_t *registry, uint64_t key, uint64_t subkey)
{
    struct cached_subkeys *list = find_list(registry, key);
    uint32_t i = 0, last;

    if (!list || list->state & SUBKEYS_NOT_HELD || !list->count) {
        registry_forget_subkeys(registry, key, false);
        return;
    }
    /* Mostly it is the first or the last one. */
    last = list->count - 1;
    while (i < last - i && list->ids[i] != subkey && list->ids[last - i] != subkey)
        i++;
    if (list->ids[i] != subkey)
        i = last - i;
    if (list->ids[i] != subkey) {
        registry_forget_subkeys(registry, key, false);
        return;
    }
    memmove(&list->ids[i], &list->ids[i + 1], (last - i) * sizeof *list->ids);
    list->count = last;
    if (last)
        list->state = SUBKEYS_UNMEASURED;
    else
        *list = (struct cached_subkeys){0};
}

/* ---- the run ---- */

static int take_forwards(void *context, uint64_t id)
{
    struct subkey_run *run = context;

    run->ids[run->count++] = id;
    return run->count == RUN_SUBKEYS;
}

/* Fills the run from `first` on, which is behind the subkey `before`. */
static int fill_forwards(registry_t *registry, struct subkey_run *run, uint32_t first,
                         uint64_t before)
{
    int result;

    run->first = first;
    run->before = before;
    run->count = 0;
    result = hive_store_visit_subkeys_from(registry->store, run->key, before, false, RUN_SUBKEYS,
                                           take_forwards, run);
    return result < 0 ? result : 0;
}

/* Only the last one that is visited. */
static int note_subkey(void *context, uint64_t id)
{
    *(uint64_t *)context = id;
    return 0;
}

/* Moves the run back, to end before where it begins now. */
static int fill_backwards(registry_t *registry, struct subkey_run *run)
{
    uint32_t back = run->first < RUN_SUBKEYS ? run->first : RUN_SUBKEYS;
    uint64_t before = 0;
    int result = 0;

    if (run->first > back)
        result = hive_store_visit_subkeys_from(registry->store, run->key, run->before, true, back,
                                               note_subkey, &before);
    return result < 0 ? result : fill_forwards(registry, run, run->first - back, before);
}

/* From where nothing is known: the subkeys before are counted. */
static int fill_from(registry_t *registry, struct subkey_run *run, uint32_t index)
{
    uint64_t before = 0;
    int result = 0;

    if (index)
        result = hive_store_subkey_at(registry->store, run->key, index - 1, &before);
    if (result < 0)
        return result == -ENOENT ? -ENODATA : result;
    return fill_forwards(registry, run, index, before);
}

static bool holds(const struct subkey_run *run, uint32_t index)
{
    return index >= run->first && index - run->first < run->count;
}

/* The list was gone through to its end, and fits: the next to ask for it takes it in whole. */
static void hold_whole(registry_t *registry, const struct subkey_run *run)
{
    if (run->count == RUN_SUBKEYS || run->first + run->count > list_limit(registry) / 2)
        return;
    key_cache_write_begin(&registry->cache);
    key_cache_remove(&registry->cache, CACHE_SUBKEYS, run->key, 0);
    key_cache_write_end(&registry->cache);
}

static int move_to(registry_t *registry, struct subkey_run *run, uint64_t key, uint32_t index)
{
    bool known = run->key == key;
    int result;

    run->key = key;
    if (known && index == run->first + run->count) {
        result = fill_forwards(registry, run, index,
                               run->count ? run->ids[run->count - 1] : run->before);
        if (result == 0)
            hold_whole(registry, run);
        return result;
    }
    if (known && index < run->first && run->first - index <= RUN_SUBKEYS)
        return fill_backwards(registry, run);
    return fill_from(registry, run, index);
}

int subkey_run_get(registry_t *registry, uint64_t key, uint32_t index, uint64_t *subkey)
{
    struct subkey_run *run = registry->subkey_run;
    int result = 0;

    if (!run)
        run = registry->subkey_run = calloc(1, sizeof *run);
    if (!run)
        return -ENOMEM;
    if (run->key != key || !holds(run, index))
        result = move_to(registry, run, key, index);
    if (result < 0)
        run->key = 0;
    if (result == 0 && !holds(run, index))
        result = -ENODATA;
    if (result == 0)
        *subkey = run->ids[index - run->first];
    return result;
}

/* What is held moves up by one behind it; where it is elsewhere, nothing is known. */
void subkey_run_delete(registry_t *registry, uint64_t key, uint64_t subkey)
{
    struct subkey_run *run = registry->subkey_run;
    uint32_t i = 0;

    subkey_run_forget(registry, subkey);
    if (!run || run->key != key)
        return;
    while (i < run->count && run->ids[i] != subkey)
        i++;
    if (i == run->count) {
        run->key = 0;
        return;
    }
    run->count--;
    memmove(&run->ids[i], &run->ids[i + 1], (run->count - i) * sizeof *run->ids);
}

void subkey_run_forget(registry_t *registry, uint64_t key)
{
    if (registry->subkey_run && (!key || registry->subkey_run->key == key))
        registry->subkey_run->key = 0;
}
