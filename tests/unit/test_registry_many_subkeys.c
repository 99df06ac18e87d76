/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_many_subkeys.c - a key with more subkeys than the cache holds of one: random
 * operations on it through two registries (two caches, as two processes have them), each answer
 * compared with a plain list that is now longer, now shorter than that; and what listing one costs,
 * in steps of SQLite's.
 *
 *   PWK_TEST_SEED=N   where the random operations begin
 */
#include "tests/unit/lower_fixture.h"

#include <time.h>

#include "registry/batch.h"
#include "registry/hive_store_internal.h"
#include "registry/registry_internal.h"
#include "registry/transaction.h"

#define ROOT REGISTRY_ROOT_KEY

enum {
    HELD = 1022,  /* the smallest cache holds so many of one key */
    NAMES = 1200, /* numbers of subkeys */
    STEPS = 8000,
    LONGEST_ROW = 90, /* more than a run holds */
};

/* ---- the plain list ---- */

static bool there[NAMES];

static int count_plain(void)
{
    int count = 0;

    for (int i = 0; i < NAMES; i++)
        count += there[i];
    return count;
}

/* The one with that index. */
static int plain_at(int index)
{
    int i = 0;

    for (; i < NAMES; i++)
        if (there[i] && index-- == 0)
            break;
    return i;
}

/* Of all lengths, so that the longest changes. */
static size_t name_bytes(int number)
{
    return 18 + (size_t)number * 37 % 150 * 2;
}

/* In another spelling now and then: names are the same in upper and lower case. */
static const char *spell(int number)
{
    static char text[REGISTRY_MAX_KEY_NAME];

    snprintf(text, sizeof text, rand() % 2 ? "Sub %05d" : "SUB %05d", number);
    for (size_t i = 9; i < name_bytes(number) / 2; i++)
        strcat(text, "+");
    return text;
}

static int pick(bool present)
{
    int from = rand() % NAMES;

    for (int i = 0; i < NAMES; i++)
        if (there[(from + i) % NAMES] == present)
            return (from + i) % NAMES;
    return -1;
}

/* ---- operations, on both sides ---- */

static void create_one(registry_t *registry, uint64_t key)
{
    int number = pick(false);

    if (number < 0)
        return;
    create(registry, key, spell(number));
    there[number] = true;
}

static void delete_one(registry_t *registry, uint64_t key)
{
    int number = pick(true);

    if (number < 0)
        return;
    assert_int_equal(registry_delete(registry, lookup(registry, key, spell(number))), 0);
    there[number] = false;
}

static void rename_one(registry_t *registry, uint64_t key)
{
    int from = pick(true), to = pick(false);
    struct registry_path name;

    if (from < 0 || to < 0)
        return;
    name = wide(spell(to));
    assert_int_equal(
        registry_rename(registry, lookup(registry, key, spell(from)), name.text, name.units), 0);
    there[from] = false;
    there[to] = true;
}

/* The subkey at that index, which must be the list's; 0 behind the end. */
static uint64_t enumerate_one(registry_t *registry, uint64_t key, int index)
{
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    const struct registry_buffer buffer = {name, sizeof name};
    struct registry_key_info info;
    uint64_t subkey = 0;
    char text[32] = "";
    int code = registry_enumerate_key(registry, key, (uint32_t)index, &subkey);

    assert_int_equal(code, index < count_plain() ? 0 : -ENODATA);
    if (code)
        return 0;
    assert_int_equal(registry_query_key(registry, subkey, false, &info, &buffer, NULL), 0);
    for (int i = 0; i < 9; i++)
        text[i] = (char)name[i];
    assert_int_equal(atoi(text + 4), plain_at(index));
    assert_int_equal(info.name_bytes, name_bytes(plain_at(index)));
    return subkey;
}

/* From one to the next, forwards or backwards; with `deleting`, each goes as it is seen. */
static void list_some(registry_t *registry, uint64_t key, bool deleting)
{
    int count = count_plain(), step = rand() % 2 ? 1 : -1;
    int index = rand() % 4 ? rand() % (count + 1) : step > 0 ? 0 : count;

    for (int left = rand() % (deleting ? 12 : LONGEST_ROW); left > 0 && index >= 0; left--) {
        uint64_t subkey = enumerate_one(registry, key, index);

        if (deleting && subkey) {
            int number = plain_at(index);

            assert_int_equal(registry_delete(registry, subkey), 0);
            there[number] = false;
        }
        index += deleting && step > 0 ? 0 : step;
    }
}

static void check_measures(registry_t *registry, uint64_t key)
{
    struct registry_key_info info = key_info(registry, key);
    size_t longest = 0;

    for (int i = 0; i < NAMES; i++)
        if (there[i] && name_bytes(i) > longest)
            longest = name_bytes(i);
    assert_int_equal(info.subkeys, count_plain());
    assert_int_equal(info.max_subkey_name, longest);
}

static void one_step(registry_t *registry, uint64_t key, bool growing)
{
    int chance = rand() % 100;

    if (chance < 40)
        for (int left = rand() % 6; left >= 0; left--)
            (growing ? create_one : delete_one)(registry, key);
    else if (chance < 50)
        (growing ? delete_one : create_one)(registry, key);
    else if (chance < 55)
        rename_one(registry, key);
    else if (chance < 80)
        list_some(registry, key, chance < 63);
    else if (chance < 88)
        enumerate_one(registry, key, rand() % (NAMES + 10));
    else
        check_measures(registry, key);
}

/* Some are the prefix's own: to delete those leaves tombstones, which is for the store; others are
 * deleted by way of the journal. */
static void make_lower_subkeys(int every)
{
    char *text = malloc(NAMES * REGISTRY_MAX_KEY_NAME), *at = text;

    assert_non_null(text);
    for (int i = 0; i < NAMES; i++) {
        there[i] = i % every == 0;
        if (there[i])
            at += sprintf(at, "[Large\\\\%s]\n", spell(i));
    }
    lower_becomes(text);
    free(text);
    registry_close(open_layers());
}

static registry_t *open_small(void)
{
    const struct registry_options options = {.cache_bytes = SMALL_CACHE};
    struct registry_lower lower = the_lower();
    struct registry_error error;
    registry_t *registry = NULL;

    assert_int_equal(registry_open(store_folder, &options, &registry, &error), 0);
    assert_int_equal(registry_follow_lower(registry, &lower, &error), 0);
    return registry;
}

static void random_operations_leave_what_the_list_has(void **state)
{
    const char *given = getenv("PWK_TEST_SEED");
    unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
    registry_t *both[2];
    bool growing = false;
    uint64_t key;

    (void)state;
    print_message("PWK_TEST_SEED=%u\n", seed);
    srand(seed);
    make_lower_subkeys(1 + rand() % 8);
    both[0] = open_small();
    both[1] = open_small();
    key = lookup(both[0], ROOT, "Machine\\Large");
    for (int step = 0; step < STEPS; step++) {
        int count = count_plain();

        growing = count < 10 || (growing && count < NAMES - 10);
        one_step(both[rand() % 8 == 0], key, growing);
    }
    for (int i = 0; i < 2; i++) {
        for (int index = 0; index <= count_plain(); index++)
            enumerate_one(both[i], key, index);
        check_measures(both[i], key);
        registry_close(both[i]);
    }
}

/* A run is of a key's subkeys: the key goes, and the next to have many does not show them. */
static void a_key_that_is_gone_has_no_run(void **state)
{
    registry_t *registry, *other;
    registry_batch_t *batch;
    uint64_t key, subkey;

    (void)state;
    make_lower_subkeys(1);
    registry = open_small();
    other = open_small();
    key = lookup(registry, ROOT, "Machine\\Large");
    enumerate_one(registry, key, 1000);
    enumerate_one(registry, key, 1001);
    assert_int_equal(registry_begin_batch(other, &batch), 0);
    assert_int_equal(registry_batch_delete_branch(batch, key), 0);
    assert_int_equal(registry_end_batch(batch, 0), 0);
    assert_int_equal(registry_enumerate_key(registry, key, 1002, &subkey), -EIDRM);
    registry_close(registry);
    registry_close(other);
}

/* Of a list that is held, and stays so. */
static void the_longest_that_goes_counts_no_more(void **state)
{
    registry_t *registry;
    uint64_t key, longest;

    (void)state;
    lower_becomes("[Z]\n");
    registry = open_layers();
    key = make(registry, "K");
    make(registry, "K\\a");
    longest = make(registry, "K\\longest");
    make(registry, "K\\z");
    assert_int_equal(key_info(registry, key).max_subkey_name, 14);
    assert_int_equal(registry_delete(registry, longest), 0);
    assert_int_equal(key_info(registry, key).max_subkey_name, 2);
    assert_int_equal(key_info(registry, key).subkeys, 2);
    assert_string_equal(subkeys(registry, "K"), "a z ");
    registry_close(registry);
}

/* ---- what it costs ---- */

static unsigned long work;

static int count_work(void *unused)
{
    (void)unused;
    work++;
    return 0;
}

static void make_own(int subkeys)
{
    registry_t *registry = open_layers();
    registry_batch_t *batch;
    char path[64];
    uint64_t key;

    assert_int_equal(registry_begin_batch(registry, &batch), 0);
    for (int i = 0; i < subkeys; i++) {
        struct registry_path text;

        snprintf(path, sizeof path, "Machine\\%d\\Sub %05d", subkeys, i);
        text = wide(path);
        assert_int_equal(registry_batch_create(batch, ROOT, text.text, text.units, 0, &key), 0);
    }
    assert_int_equal(registry_end_batch(batch, 0), 0);
    registry_close(registry);
}

static char *write_sections(char *at, int subkeys)
{
    for (int i = 0; i < subkeys; i++)
        at += sprintf(at, "[%d\\\\Sub %05d]\n", subkeys, i);
    return at;
}

/* A store with a key of `few` and one of `many` subkeys, the kernel's own or the prefix's. */
static void make_both(int few, int many, bool own)
{
    char *text = malloc((size_t)(few + many) * 24);

    assert_non_null(text);
    write_sections(write_sections(text, few), many);
    lower_becomes(own ? "[Z]\n" : text);
    free(text);
    registry_close(open_layers());
    if (own) {
        make_own(few);
        make_own(many);
    }
}

static void forwards(registry_t *registry, uint64_t key, int subkeys)
{
    uint64_t subkey;

    for (int i = 0; i < subkeys; i++)
        assert_int_equal(registry_enumerate_key(registry, key, (uint32_t)i, &subkey), 0);
    assert_int_equal(registry_enumerate_key(registry, key, (uint32_t)subkeys, &subkey), -ENODATA);
}

static void backwards(registry_t *registry, uint64_t key, int subkeys)
{
    uint64_t subkey;

    for (int i = subkeys; i-- > 0;)
        assert_int_equal(registry_enumerate_key(registry, key, (uint32_t)i, &subkey), 0);
}

/* As programs delete what is below a key. */
static void the_first_again_and_again(registry_t *registry, uint64_t key, int subkeys)
{
    uint64_t subkey;

    for (int i = 0; i < subkeys; i++) {
        assert_int_equal(registry_enumerate_key(registry, key, 0, &subkey), 0);
        assert_int_equal(registry_delete(registry, subkey), 0);
    }
}

static void the_last_again_and_again(registry_t *registry, uint64_t key, int subkeys)
{
    uint64_t subkey;

    for (int i = subkeys; i-- > 0;) {
        assert_int_equal(registry_enumerate_key(registry, key, (uint32_t)i, &subkey), 0);
        assert_int_equal(registry_delete(registry, subkey), 0);
    }
}

static unsigned long work_each(int subkeys, void (*list)(registry_t *, uint64_t, int))
{
    registry_t *registry = open_small();
    char path[32];
    uint64_t key;

    snprintf(path, sizeof path, "Machine\\%d", subkeys);
    key = lookup(registry, ROOT, path);
    work = 0;
    sqlite3_progress_handler(registry->store->db, 1, count_work, NULL);
    list(registry, key, subkeys);
    sqlite3_progress_handler(registry->store->db, 0, NULL, NULL);
    registry_close(registry);
    return work / (unsigned long)subkeys;
}

static void compare_costs(int fewer, int more, bool own, void (*list)(registry_t *, uint64_t, int))
{
    unsigned long few, many;

    assert_int_equal(make_layers(NULL), 0);
    make_both(fewer, more, own);
    few = work_each(fewer, list);
    many = work_each(more, list);
    assert_int_equal(remove_layers(NULL), 0);
    print_message("%d and %d: %lu and %lu steps a subkey\n", fewer, more, few, many);
    assert_true(few > 0);
    assert_true(many <= few + few / 2);
}

/* From one to the next costs a constant: it is not more in a key of several times as many, whether
 * the cache holds them or not. */
static void a_long_list_costs_no_more_a_subkey(void **state)
{
    static void (*const ways[])(registry_t *, uint64_t, int) = {
        forwards, backwards, the_first_again_and_again, the_last_again_and_again};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof ways / sizeof ways[0]; i++) {
        compare_costs(2 * HELD, 8 * HELD, i % 2, ways[i / 2]);
        compare_costs(HELD / 4 + 50, HELD - 10, i % 2, ways[i / 2]);
    }
}

/* As a transaction sees the key that has made one more there, while others write elsewhere. */
static void in_a_transaction(registry_t *registry, uint64_t key, int subkeys)
{
    registry_t *other = open_small();
    uint64_t elsewhere = make(other, "elsewhere"), transaction, subkey;

    assert_int_equal(registry_transaction_begin(registry, 0, &transaction), 0);
    key = registry_key_in_transaction(key, transaction);
    create(registry, key, "Sub one more");
    for (int i = 0; i <= subkeys; i++) {
        set(other, elsewhere, "value", i % 2 ? "one" : "two");
        assert_int_equal(registry_enumerate_key(registry, key, (uint32_t)i, &subkey), 0);
    }
    assert_int_equal(registry_enumerate_key(registry, key, (uint32_t)subkeys + 1, &subkey),
                     -ENODATA);
    /* What is written there shows. */
    create(other, registry_key_outside(key), "Sub of another");
    assert_int_equal(registry_enumerate_key(registry, key, (uint32_t)subkeys + 1, &subkey), 0);
    registry_transaction_close(registry, transaction);
    registry_close(other);
}

static void a_transaction_lists_at_the_same_cost(void **state)
{
    (void)state;
    compare_costs(HELD / 4, HELD, true, in_a_transaction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_operations_leave_what_the_list_has, make_layers,
                                        remove_layers),
        cmocka_unit_test_setup_teardown(a_key_that_is_gone_has_no_run, make_layers, remove_layers),
        cmocka_unit_test_setup_teardown(the_longest_that_goes_counts_no_more, make_layers,
                                        remove_layers),
        cmocka_unit_test(a_long_list_costs_no_more_a_subkey),
        cmocka_unit_test(a_transaction_lists_at_the_same_cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
