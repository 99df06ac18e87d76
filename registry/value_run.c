/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * value_run.c - the values of a large key by their index (large_key.h). The store knows values by
 * position, in an order with gaps: which position has which index is counted once, and known from
 * then on for the run and what borders on it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/large_key.h"
#include "registry/upcase.h"
#include "registry/value_list.h"

#define RUN_VALUES 64u
#define RUN_BYTES (64u << 10) /* no further value is taken in */
#define NOTHING_BEFORE INT64_MIN

struct value_run {
    uint64_t key;   /* 0: nothing is known */
    uint32_t first; /* the index of the first value held */
    int64_t before; /* the position of the value before that */
    struct value_list list;
    int64_t positions[RUN_VALUES];
};

static int take(void *context, const struct hive_value *value, int64_t position)
{
    struct value_run *run = context;

    if (run->list.count == RUN_VALUES || (run->list.count && run->list.used > RUN_BYTES))
        return 1;
    run->positions[run->list.count] = position;
    return value_list_add(&run->list, value);
}

/* The position of the last value held, or of the one before where none is. */
static int64_t end_of(const struct value_run *run)
{
    return run->list.count ? run->positions[run->list.count - 1] : run->before;
}

static void drop_values(struct value_run *run)
{
    run->list.count = run->list.used = 0;
}

/* Fills the run from `first` on, which is behind the position `before`. */
static int fill_forwards(registry_t *registry, struct value_run *run, uint32_t first,
                         int64_t before)
{
    int result;

    drop_values(run);
    run->first = first;
    run->before = before;
    result = hive_store_visit_values_from(registry->store, run->key, before, false, RUN_VALUES,
                                          take, run);
    return result < 0 ? result : 0;
}

/* Only the position of the last one that is visited. */
static int note_position(void *context, const struct hive_value *value, int64_t position)
{
    (void)value;
    *(int64_t *)context = position;
    return 0;
}

/* Moves the run back, to end before where it begins now. */
static int fill_backwards(registry_t *registry, struct value_run *run)
{
    uint32_t back = run->first < RUN_VALUES ? run->first : RUN_VALUES;
    int64_t position = NOTHING_BEFORE, start = run->before;
    int result = 0;

    /* The values from `back` before the first on are behind the one before them. */
    if (run->first > back)
        result = hive_store_visit_values_from(registry->store, run->key,
                                              start == INT64_MAX ? start : start + 1, true,
                                              back + 1, note_position, &position);
    return result < 0 ? result : fill_forwards(registry, run, run->first - back, position);
}

/* From where nothing is known: the values before are counted. */
static int fill_from(registry_t *registry, struct value_run *run, uint32_t index)
{
    int64_t before = NOTHING_BEFORE;
    int result = 0;

    if (index)
        result = hive_store_value_position(registry->store, run->key, index - 1, &before);
    if (result < 0)
        return result == -ENOENT ? -ENODATA : result;
    return fill_forwards(registry, run, index, before);
}

static bool holds(const struct value_run *run, uint32_t index)
{
    return index >= run->first && index - run->first < run->list.count;
}

static int move_to(registry_t *registry, struct value_run *run, uint64_t key, uint32_t index)
{
    bool known = run->key == key;
    uint32_t end = run->first + (uint32_t)run->list.count;

    run->key = key;
    if (known && index == end)
        return fill_forwards(registry, run, end, end_of(run));
    if (known && index < run->first && run->first - index <= RUN_VALUES) {
        int result = fill_backwards(registry, run);

        /* Large values may have ended it early. */
        if (result < 0 || holds(run, index))
            return result;
    }
    return fill_from(registry, run, index);
}

int value_run_get(registry_t *registry, uint64_t key, uint32_t index, struct hive_value *value)
{
    struct value_run *run = registry->run;
    const struct cached_value *slot;
    int result = 0;

    if (!run)
        run = registry->run = calloc(1, sizeof *run);
    if (!run)
        return -ENOMEM;
    if (run->key != key || !holds(run, index))
        result = move_to(registry, run, key, index);
    if (result == 0 && !holds(run, index))
        return -ENODATA;
    if (result < 0) {
        run->key = 0;
        return result;
    }
    slot = &run->list.values[index - run->first];
    *value = (struct hive_value){(const uint16_t *)(run->list.bytes + slot->name_offset),
                                 slot->name_bytes / 2, slot->type,
                                 run->list.bytes + slot->data_offset, slot->data_bytes};
    return 0;
}

/* ---- changes ---- */

/* Where the run has a value; its count where it has not. */
static size_t find(const struct value_run *run, const uint16_t *name, size_t units)
{
    size_t i = 0;

    while (
        i < run->list.count &&
        registry_name_compare((const uint16_t *)(run->list.bytes + run->list.values[i].name_offset),
                              run->list.values[i].name_bytes / 2, name, units))
        i++;
    return i;
}

/* A value that was there keeps its place, a new one is the last: the order stands. */
void value_run_set(registry_t *registry, uint64_t key, const uint16_t *name, size_t units)
{
    struct value_run *run = registry->run;

    if (run && run->key == key)
        run->list.count = find(run, name, units);
}

/* What is held moves up by one behind the value; where that is elsewhere, nothing is known. */
void value_run_delete(registry_t *registry, uint64_t key, const uint16_t *name, size_t units)
{
    struct value_run *run = registry->run;
    size_t i, behind;

    if (!run || run->key != key)
        return;
    i = find(run, name, units);
    if (i == run->list.count) {
        run->key = 0;
        return;
    }
    behind = run->list.count - i - 1;
    memmove(&run->list.values[i], &run->list.values[i + 1], behind * sizeof *run->list.values);
    memmove(&run->positions[i], &run->positions[i + 1], behind * sizeof *run->positions);
    run->list.count--;
}

void value_run_forget(registry_t *registry, uint64_t key)
{
    if (registry->run && (!key || registry->run->key == key))
        registry->run->key = 0;
}

void value_run_finish(registry_t *registry)
{
    if (!registry->run)
        return;
    value_list_finish(&registry->run->list);
    free(registry->run);
    registry->run = NULL;
}
