/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_read_ahead.c - what a listing of subkeys brings into the cache before it is asked
 * for: that it comes, with names and with what is asked for below each; that other orders bring
 * nothing; and that what another process changes meanwhile shows, whether it is still in the
 * journal or was just written down.
 *
 *   PWK_TEST_SEED=N   where the random operations begin
 */
#include <stdbool.h>
#include <time.h>

#include "registry/registry_internal.h"
#include "tests/unit/registry_fixture.h"

#define KEYS 60
#define STEPS 30000

static const char *named(const char *format, int number)
{
    static char text[64];

    snprintf(text, sizeof text, format, number);
    return text;
}

static uint64_t subkey_at(registry_t *registry, uint64_t key, uint32_t index)
{
    uint64_t subkey;

    assert_int_equal(registry_enumerate_key(registry, key, index, &subkey), 0);
    key_info(registry, subkey);
    return subkey;
}

static bool holds_key(registry_t *registry, uint64_t key)
{
    size_t size;

    return key_cache_find(&registry->cache, CACHE_KEY, key, 0, &size);
}

/* What the cache says; -1: nothing. */
static uint64_t held(registry_t *registry, uint64_t parent, const char *name)
{
    struct registry_path text = wide(name);
    uint32_t flags;
    uint64_t id;

    return registry_cached_subkey(registry, parent, text.text, text.units, &id, &flags)
               ? id
               : UINT64_MAX;
}

/* Keys with a key "Below" and a value each; every fourth has none below it. In SQLite, not in the
 * journal. */
static void make_keys(uint64_t ids[KEYS])
{
    registry_t *registry = open_store();

    for (int i = 0; i < KEYS; i++) {
        ids[i] = create(registry, create(registry, REGISTRY_ROOT_KEY, "List"), named("Key %02d", i));
        set(registry, ids[i], "value", named("text %d", i));
        if (i % 4)
            set(registry, create(registry, ids[i], "Below"), "value", named("below %d", i));
    }
    registry_close(registry);
}

static void a_listing_brings_what_comes_next(void **state)
{
    uint64_t ids[KEYS], list, below;
    registry_t *registry;

    (void)state;
    make_keys(ids);
    registry = open_store();
    list = lookup(registry, REGISTRY_ROOT_KEY, "List");
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(subkey_at(registry, list, i), ids[i]);
    assert_false(holds_key(registry, ids[2]));
    subkey_at(registry, list, 2);
    for (int i = 2; i < 18; i++) {
        assert_true(holds_key(registry, ids[i]));
        assert_int_equal(held(registry, list, named("key %02d", i)), ids[i]);
    }
    assert_false(holds_key(registry, ids[18]));
    assert_int_equal(held(registry, list, "Key 18"), UINT64_MAX);
    assert_int_equal(held(registry, ids[17], "Below"), UINT64_MAX);

    /* What is asked for below one comes along with the next ones. */
    for (uint32_t i = 3; i < 19; i++)
        assert_int_equal(subkey_at(registry, list, i), ids[i]);
    assert_int_equal(try_lookup(registry, ids[18], "below", 0, &below), 0);
    for (uint32_t i = 19; i < 35; i++)
        assert_int_equal(subkey_at(registry, list, i), ids[i]);
    for (int i = 34; i < 50; i++) {
        below = held(registry, ids[i], "BELOW");
        assert_int_not_equal(below, UINT64_MAX);
        assert_int_equal(below != 0, i % 4 != 0);
        assert_int_equal(holds_key(registry, below), below != 0);
    }
    registry_close(registry);
}

static void jumps_bring_nothing(void **state)
{
    uint64_t ids[KEYS], list;
    registry_t *registry;

    (void)state;
    make_keys(ids);
    registry = open_store();
    list = lookup(registry, REGISTRY_ROOT_KEY, "List");
    for (uint32_t i = 0; i + 2 < KEYS; i += 2)
        subkey_at(registry, list, i);
    for (int i = 1; i < KEYS; i += 2)
        assert_false(holds_key(registry, ids[i]));
    registry_close(registry);
}

static void flags_of_names_come_too(void **state)
{
    static const char *const passed[] = {"\\Registry\\List\\Key 04"};
    uint64_t ids[KEYS], list, key, target;
    registry_t *registry;

    (void)state;
    make_keys(ids);
    registry = open_store();
    create_link(registry, "List\\Key 99", "\\Registry\\List\\Key 00");
    registry_close(registry);
    registry = open_store_with(0, passed, 1);
    list = lookup(registry, REGISTRY_ROOT_KEY, "List");
    for (uint32_t i = 0; i <= KEYS; i++)
        subkey_at(registry, list, i);
    assert_int_equal(try_lookup(registry, list, "Key 04", 0, &key), -EXDEV);
    target = lookup(registry, list, "Key 99");
    assert_int_equal(target, ids[0]);
    assert_int_equal(try_lookup(registry, list, "Key 99", REGISTRY_OPEN_LINK, &key), 0);
    assert_int_not_equal(key, target);
    registry_close(registry);
}

/* ---- two processes' caches ---- */

struct model {
    uint64_t list;
    int texts[KEYS]; /* -1: there is no such key */
    int below[KEYS];
};

static void change(registry_t *registry, struct model *model, int i)
{
    uint64_t key;

    if (model->texts[i] < 0 || rand() % 3) {
        key = create(registry, model->list, named("Key %02d", i));
        model->texts[i] = rand() % 1000;
        set(registry, key, "value", named("%d", model->texts[i]));
        if (model->below[i] < 0 && rand() % 2) {
            create(registry, key, "Below");
            model->below[i] = 0;
        }
        if (model->below[i] >= 0) {
            model->below[i] = rand() % 1000;
            set(registry, lookup(registry, key, "Below"), "value", named("%d", model->below[i]));
        }
        return;
    }
    key = lookup(registry, model->list, named("Key %02d", i));
    if (model->below[i] >= 0)
        assert_int_equal(registry_delete(registry, lookup(registry, key, "Below")), 0);
    else
        model->texts[i] = -1;
    model->below[i] = -1;
    if (model->texts[i] < 0)
        assert_int_equal(registry_delete(registry, key), 0);
}

/* All keys in order, the third and later ones read ahead, as they are at this moment. */
static void compare(registry_t *registry, const struct model *model)
{
    uint32_t index = 0;
    uint64_t key, below;

    for (int i = 0; i < KEYS; i++) {
        if (model->texts[i] < 0) {
            assert_int_equal(try_lookup(registry, model->list, named("Key %02d", i), 0, &key),
                             -ENOENT);
            continue;
        }
        key = subkey_at(registry, model->list, index++);
        assert_int_equal(key, lookup(registry, model->list, named("KEY %02d", i)));
        check_text(registry, key, "value", named("%d", model->texts[i]));
        if (model->below[i] < 0) {
            assert_int_equal(try_lookup(registry, key, "Below", 0, &below), -ENOENT);
            continue;
        }
        below = lookup(registry, key, "Below");
        check_text(registry, below, "value", named("%d", model->below[i]));
    }
    assert_int_equal(registry_enumerate_key(registry, model->list, index, &key), -ENODATA);
}

static void what_others_change_shows(void **state)
{
    const char *seed_text = getenv("PWK_TEST_SEED");
    unsigned seed = seed_text ? (unsigned)atoi(seed_text) : (unsigned)time(NULL);
    registry_t *sides[2] = {open_store(), open_store_with(SMALL_CACHE, NULL, 0)};
    struct model model;

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    model.list = create(sides[0], REGISTRY_ROOT_KEY, "List");
    memset(model.texts, 0xff, sizeof model.texts);
    memset(model.below, 0xff, sizeof model.below);
    for (int step = 0; step < STEPS; step++) {
        change(sides[rand() % 2], &model, rand() % KEYS);
        if (rand() % 40 == 0)
            registry_flush(sides[rand() % 2]);
        if (rand() % 20 == 0)
            compare(sides[rand() % 2], &model);
    }
    registry_close(sides[0]);
    registry_close(sides[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_listing_brings_what_comes_next, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(jumps_bring_nothing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(flags_of_names_come_too, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_others_change_shows, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
