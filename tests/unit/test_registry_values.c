/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_values.c - values: types, sizes, names, order, buffers, and keys that are too
 * large for the cache. Fixed values are in test_registry_fixed_values.c.
 */
#include "tests/unit/registry_fixture.h"

#define ROOT REGISTRY_ROOT_KEY
#define LONGEST REGISTRY_MAX_VALUE_NAME

static void every_type_comes_back(void **state)
{
    static const uint32_t types[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x12345, UINT32_MAX};
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "key");
    char name[16];

    (void)state;
    for (int reopened = 0; reopened < 2; reopened++) {
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
            snprintf(name, sizeof(name), "type %zu", i);
            if (!reopened)
                assert_int_equal(try_set(registry, key, name, types[i], name, i), 0);
            check_value(registry, key, name, types[i], name, i);
        }
        registry_close(registry);
        registry = open_store();
    }
    registry_close(registry);
}

/* The smallest record that a key may have: UBSan's ground for empty memory. */
static void empty_values_with_empty_names(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "key");
    struct registry_value_info info;
    struct registry_buffer nothing = {NULL, 0};

    (void)state;
    assert_int_equal(registry_set_value(registry, key, NULL, 0, REG_SZ, NULL, 0), 0);
    check_value(registry, key, "", REG_SZ, NULL, 0);
    assert_int_equal(registry_query_value(registry, key, NULL, 0, &info, NULL), 0);
    assert_int_equal(registry_query_value(registry, key, NULL, 0, &info, &nothing), 0);
    assert_int_equal(registry_enumerate_value(registry, key, 0, &info, &nothing, &nothing), 0);
    assert_int_equal(info.name_bytes, 0);
    assert_int_equal(info.data_bytes, 0);
    assert_int_equal(key_info(registry, key).values, 1);
    check_value(registry, key, "", REG_SZ, NULL, 0);
    set(registry, key, "", "no longer empty");
    check_text(registry, key, "", "no longer empty");
    assert_int_equal(registry_delete_value(registry, key, NULL, 0), 0);
    assert_int_equal(registry_delete_value(registry, key, NULL, 0), -ENOENT);
    assert_int_equal(registry_query_value(registry, key, NULL, 0, &info, NULL), -ENOENT);
    assert_int_equal(registry_enumerate_value(registry, key, 0, &info, NULL, NULL), -ENODATA);
    registry_close(registry);
}

static void zeros_are_units_like_others(void **state)
{
    static const uint16_t names[][3] = {{'a', 0, 'b'}, {'a', 0, 'c'}, {0, 0, 0}};
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "key");
    struct registry_value_info info;
    uint32_t data;
    struct registry_buffer buffer = {&data, sizeof(data)};

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(registry_set_value(registry, key, names[i], 3, REG_BINARY, &i, 4), 0);
    assert_int_equal(registry_set_value(registry, key, names[2], 1, REG_BINARY, "\0\0\0x", 4), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(registry_query_value(registry, key, names[i], 3, &info, &buffer), 0);
        assert_int_equal(data, i);
    }
    assert_int_equal(registry_query_value(registry, key, names[2], 1, &info, &buffer), 0);
    assert_memory_equal(&data, "\0\0\0x", 4);
    assert_int_equal(registry_query_value(registry, key, names[0], 1, &info, NULL), -ENOENT);
    registry_close(registry);
}

static void names_have_a_longest_length(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "key");
    uint16_t *name = malloc((LONGEST + 1) * sizeof(*name));
    uint16_t *found = malloc(LONGEST * sizeof(*name));
    struct registry_buffer buffer = {found, LONGEST * sizeof(*name)};
    struct registry_value_info info;

    (void)state;
    assert_true(name && found);
    for (size_t i = 0; i <= LONGEST; i++)
        name[i] = (uint16_t)('a' + i % 26);
    assert_int_equal(registry_set_value(registry, key, name, LONGEST, REG_BINARY, "x", 1), 0);
    assert_int_equal(registry_set_value(registry, key, name, LONGEST + 1, REG_BINARY, "x", 1),
                     -EINVAL);
    name[0] = 'A';
    assert_int_equal(registry_query_value(registry, key, name, LONGEST, &info, NULL), 0);
    assert_int_equal(registry_query_value(registry, key, name, LONGEST - 1, &info, NULL), -ENOENT);
    assert_int_equal(registry_query_value(registry, key, name, LONGEST + 1, &info, NULL), -ENOENT);
    assert_int_equal(registry_delete_value(registry, key, name, LONGEST + 1), -ENOENT);
    assert_int_equal(registry_enumerate_value(registry, key, 0, &info, &buffer, NULL), 0);
    name[0] = 'a';
    assert_int_equal(info.name_bytes, LONGEST * 2);
    assert_memory_equal(found, name, LONGEST * 2);
    assert_int_equal(key_info(registry, key).max_value_name, LONGEST * 2);
    free(found);
    free(name);
    registry_close(registry);
}

static void check_order(registry_t *registry, uint64_t key, const char *const *names,
                        uint32_t count)
{
    struct registry_value_info info;
    uint16_t name[64];
    struct registry_buffer buffer = {name, sizeof(name)};

    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(registry_enumerate_value(registry, key, i, &info, &buffer, NULL), 0);
        assert_true(same_text(name, info.name_bytes / 2, names[i]));
    }
    assert_int_equal(registry_enumerate_value(registry, key, count, &info, &buffer, NULL),
                     -ENODATA);
    assert_int_equal(registry_enumerate_value(registry, key, UINT32_MAX, &info, &buffer, NULL),
                     -ENODATA);
    assert_int_equal(key_info(registry, key).values, count);
}

static void values_come_in_the_order_they_were_set(void **state)
{
    static const char *const set_order[] = {"Zebra", "apple", "", "Mango"};
    static const char *const after[] = {"Zebra", "", "Mango", "apple"};
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "key");
    struct registry_path apple = wide("APPLE");

    (void)state;
    for (size_t i = 0; i < 4; i++)
        set(registry, key, set_order[i], "1");
    check_order(registry, key, set_order, 4);
    set(registry, key, "ZEBRA", "longer than before");
    set(registry, key, "MANGO", "");
    check_order(registry, key, set_order, 4);
    check_text(registry, key, "zebra", "longer than before");
    check_text(registry, key, "mango", "");
    assert_int_equal(registry_delete_value(registry, key, apple.text, apple.units), 0);
    set(registry, key, "apple", "2");
    check_order(registry, key, after, 4);
    registry_close(registry);
    registry = open_store();
    check_order(registry, key, after, 4);
    registry_close(registry);
}

static void buffers_may_be_too_small(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "some key");
    struct registry_value_info info;
    struct registry_key_info about;
    unsigned char data[8], name[8];
    struct registry_buffer data_out = {data, 3}, name_out = {name, 4};

    (void)state;
    set(registry, key, "name", "12345");
    for (int warm = 0; warm < 2; warm++) {
        memset(data, '.', sizeof(data));
        memset(name, '.', sizeof(name));
        memset(&info, 0, sizeof(info));
        assert_int_equal(registry_enumerate_value(registry, key, 0, &info, &name_out, &data_out),
                         0);
        assert_int_equal(info.name_bytes, 8);
        assert_int_equal(info.data_bytes, 5);
        assert_memory_equal(data, "123.....", 8);
        assert_memory_equal(name, "n\0a\0....", 8);
        memset(data, '.', sizeof(data));
        assert_int_equal(try_query(registry, key, "name", &info, data, 1), 0);
        assert_memory_equal(data, "1.......", 8);
        assert_int_equal(try_query(registry, key, "name", &info, data, 5), 0);
        assert_memory_equal(data, "12345...", 8);
        memset(name, '.', sizeof(name));
        assert_int_equal(registry_query_key(registry, key, false, &about, &name_out, NULL), 0);
        assert_int_equal(about.name_bytes, 16);
        assert_memory_equal(name, "s\0o\0....", 8);
    }
    registry_close(registry);
}

static void key_information_has_the_largest_sizes(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "key");
    struct registry_path name = wide("longest name");
    struct registry_key_info info;

    (void)state;
    set(registry, key, "a", "a longer value");
    set(registry, key, "longest name", "b");
    info = key_info(registry, key);
    assert_int_equal(info.values, 2);
    assert_int_equal(info.max_value_name, 24);
    assert_int_equal(info.max_value_data, 14);
    assert_int_equal(registry_delete_value(registry, key, name.text, name.units), 0);
    info = key_info(registry, key);
    assert_int_equal(info.values, 1);
    assert_int_equal(info.max_value_name, 2);
    registry_close(registry);
}

static void data_have_a_largest_size(void **state)
{
    enum { SIZE = 1 << 20 };
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t key = create(registry, ROOT, "key");
    unsigned char *data = malloc(SIZE);
    struct registry_value_info info;

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    assert_int_equal(try_set(registry, key, "large", REG_BINARY, data, SIZE), 0);
    assert_int_equal(try_set(registry, key, "huge", REG_BINARY, data, REGISTRY_MAX_VALUE_SIZE + 1),
                     -EINVAL);
    set(registry, key, "small", "beside it");
    check_value(registry, key, "LARGE", REG_BINARY, data, SIZE);
    check_text(registry, key, "small", "beside it");
    assert_int_equal(try_query(registry, key, "huge", &info, NULL, 0), -ENOENT);
    assert_int_equal(key_info(registry, key).max_value_data, SIZE);
    free(data);
    registry_close(registry);
}

/* More values, and more bytes, than a key may have in the smallest cache. */
static void keys_too_large_for_the_cache(void **state)
{
    enum { COUNT = 600 };
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t key = create(registry, ROOT, "key");
    struct registry_value_info info;
    uint16_t found[32];
    struct registry_buffer buffer = {found, sizeof(found)};
    char name[32], data[64];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "Value %d", i);
        snprintf(data, sizeof(data), "the data of value number %d", i);
        set(registry, key, name, data);
    }
    assert_int_equal(key_info(registry, key).values, COUNT);
    assert_int_equal(key_info(registry, key).max_value_name, 18);
    for (uint32_t i = 0; i < COUNT; i += 7) {
        snprintf(name, sizeof(name), "VALUE %u", i);
        snprintf(data, sizeof(data), "the data of value number %u", i);
        check_text(registry, key, name, data);
        name[1] = 'a', name[2] = 'l', name[3] = 'u', name[4] = 'e';
        assert_int_equal(registry_enumerate_value(registry, key, i, &info, &buffer, NULL), 0);
        assert_true(same_text(found, info.name_bytes / 2, name));
        assert_int_equal(info.data_bytes, strlen(data));
    }
    assert_int_equal(registry_enumerate_value(registry, key, COUNT, &info, NULL, NULL), -ENODATA);
    assert_int_equal(try_query(registry, key, "none", &info, NULL, 0), -ENOENT);
    assert_int_equal(registry_delete(registry, key), 0);
    assert_int_equal(try_query(registry, key, "Value 1", &info, NULL, 0), -EIDRM);
    assert_int_equal(registry_enumerate_value(registry, key, 1, &info, NULL, NULL), -EIDRM);
    registry_close(registry);
}

/* Many keys in turn through a cache that holds few of them. */
static void keys_that_make_room_for_each_other(void **state)
{
    enum { KEYS = 120 };
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t keys[KEYS];
    char text[1200];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < KEYS; i++) {
        char name[16];

        snprintf(name, sizeof(name), "key %d", i);
        keys[i] = create(registry, ROOT, name);
        memcpy(text, name, strlen(name));
        set(registry, keys[i], "v", text);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < KEYS; i++) {
            char name[16];

            snprintf(name, sizeof(name), "key %d", i);
            memcpy(text, "xxxxxxxxxxxxxxx", 15);
            memcpy(text, name, strlen(name));
            check_text(registry, lookup(registry, ROOT, name), "v", text);
            assert_int_equal(key_info(registry, keys[i]).values, 1);
        }
    }
    registry_close(registry);
}

/* Asks on the shortest way; `name` may hold any units. */
static bool ask_warm(registry_t *registry, uint64_t key, const uint16_t *name, size_t units,
                     struct registry_value_info *info, void *data, size_t capacity)
{
    uint64_t words[REGISTRY_WARM_UNITS / 4] = {0};

    memcpy(words, name, units * 2);
    return registry_query_warm_value(registry, key, words, units, info, data, capacity);
}

static void warm_values_are_the_same(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "key");
    unsigned char data[200], found[200];
    struct registry_value_info info;
    uint16_t name[REGISTRY_WARM_UNITS + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7 + 1);
    for (size_t units = 0; units <= REGISTRY_WARM_UNITS; units++) {
        for (size_t i = 0; i < units; i++)
            name[i] = (uint16_t)('a' + (units + i) % 26);
        assert_int_equal(
            registry_set_value(registry, key, name, units, (uint32_t)units, data, units * 6), 0);
    }
    assert_int_equal(registry_query_value(registry, key, name, 1, &info, NULL), -ENOENT);
    for (size_t units = 0; units <= REGISTRY_WARM_UNITS; units++) {
        for (size_t i = 0; i < units; i++)
            name[i] = (uint16_t)((i & 1 ? 'A' : 'a') + (units + i) % 26);
        for (size_t capacity = 0; capacity <= units * 6 + 1; capacity++) {
            memset(found, 0, sizeof(found));
            assert_true(ask_warm(registry, key, name, units, &info, found, capacity));
            assert_int_equal(info.type, units);
            assert_int_equal(info.data_bytes, units * 6);
            size_t filled = capacity < units * 6 ? capacity : units * 6;
            assert_memory_equal(found, data, filled);
            assert_int_equal(found[filled], 0);
        }
    }
    registry_close(registry);
}

static void what_is_not_warm_gets_no_answer(void **state)
{
    static const uint16_t names[][5] = {u"v", u"\u00e9\u00e9", u"a\u0176", u"vvvv"};
    registry_t *registry = open_store(), *other = open_store();
    uint64_t key = create(registry, ROOT, "key");
    struct registry_value_info info;
    char data[16];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(registry_set_value(registry, key, names[i], i + 1, REG_BINARY, "old", 3),
                         0);
    assert_false(ask_warm(other, key, names[0], 1, &info, data, sizeof(data)));
    check_text(other, key, "v", "old");
    assert_true(ask_warm(other, key, names[0], 1, &info, data, sizeof(data)));
    /* What another one writes makes it cold. */
    set(registry, key, "V", "new");
    assert_false(ask_warm(other, key, names[0], 1, &info, data, sizeof(data)));
    check_text(other, key, "v", "new");
    assert_true(ask_warm(other, key, names[0], 1, &info, data, sizeof(data)));
    assert_memory_equal(data, "new", 3);
    assert_true(ask_warm(other, key, names[3], 4, &info, data, sizeof(data)));
    /* Names that are not ASCII, that are not there, keys that are not there. */
    assert_false(ask_warm(other, key, names[1], 2, &info, data, sizeof(data)));
    assert_false(ask_warm(other, key, names[2], 3, &info, data, sizeof(data)));
    assert_false(ask_warm(other, key, names[3], 3, &info, data, sizeof(data)));
    assert_false(ask_warm(other, key + 1, names[0], 1, &info, data, sizeof(data)));
    assert_int_equal(registry_delete_value(registry, key, names[0], 1), 0);
    assert_false(ask_warm(other, key, names[0], 1, &info, data, sizeof(data)));
    registry_close(other);
    registry_close(registry);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(every_type_comes_back),
        TEST(empty_values_with_empty_names),
        TEST(zeros_are_units_like_others),
        TEST(names_have_a_longest_length),
        TEST(values_come_in_the_order_they_were_set),
        TEST(buffers_may_be_too_small),
        TEST(key_information_has_the_largest_sizes),
        TEST(data_have_a_largest_size),
        TEST(keys_too_large_for_the_cache),
        TEST(keys_that_make_room_for_each_other),
        TEST(warm_values_are_the_same),
        TEST(what_is_not_warm_gets_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
