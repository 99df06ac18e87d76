/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_fixed_values.c - values that are served in place of stored ones: replaced, added,
 * hidden, for one path and for a pattern.
 */
#include "tests/unit/registry_fixture.h"

#define ROOT REGISTRY_ROOT_KEY

static struct registry_path paths[4], names[4];

/* Fixed value number `i`; without `data` it hides. */
static struct registry_fixed_value fixed_value(size_t i, const char *path, const char *name,
                                               const char *data)
{
    struct registry_fixed_value value = {.type = REG_SZ, .data = data};

    paths[i] = wide(path);
    names[i] = wide(name);
    value.path = paths[i].text;
    value.path_units = paths[i].units;
    value.name = names[i].text;
    value.name_units = names[i].units;
    value.size = data ? strlen(data) : 0;
    return value;
}

static void check_fixed(registry_t *registry, uint64_t key, const char *name, const char *data)
{
    check_value(registry, key, name, REG_SZ, data, strlen(data));
}

static void they_replace_add_and_hide(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, create(registry, ROOT, "Machine"), "Version");
    struct registry_value_info info;
    struct registry_fixed_value values[3];
    uint16_t name[16];
    struct registry_buffer buffer = {name, sizeof(name)};

    (void)state;
    set(registry, key, "first", "stored");
    set(registry, key, "secret", "stored");
    set(registry, key, "last", "stored");
    check_text(registry, key, "first", "stored");
    values[0] = fixed_value(0, "\\Registry\\machine\\VERSION", "First", "fixed and longer");
    values[1] = fixed_value(1, "\\Registry\\Machine\\Version", "secret", NULL);
    values[2] = fixed_value(2, "\\Registry\\Machine\\Version", "added", "new");
    registry_set_fixed_values(registry, values, 3);
    for (int written = 0; written < 2; written++) {
        check_fixed(registry, key, "first", "fixed and longer");
        check_fixed(registry, key, "added", "new");
        check_text(registry, key, "last", "stored");
        assert_int_equal(try_query(registry, key, "secret", &info, NULL, 0), -ENOENT);
        assert_int_equal(key_info(registry, key).values, 3);
        assert_int_equal(key_info(registry, key).max_value_data, 16);
        assert_int_equal(registry_enumerate_value(registry, key, 0, &info, &buffer, NULL), 0);
        assert_true(same_text(name, info.name_bytes / 2, "First"));
        assert_int_equal(registry_enumerate_value(registry, key, 2, &info, &buffer, NULL), 0);
        assert_true(same_text(name, info.name_bytes / 2, "added"));
        assert_int_equal(registry_enumerate_value(registry, key, 3, &info, NULL, NULL), -ENODATA);
        set(registry, key, "first", "stored anew");
    }
    registry_set_fixed_values(registry, NULL, 0);
    check_text(registry, key, "first", "stored anew");
    check_text(registry, key, "secret", "stored");
    assert_int_equal(try_query(registry, key, "added", &info, NULL, 0), -ENOENT);
    registry_close(registry);
}

static void a_star_is_any_one_component(void **state)
{
    registry_t *registry = open_store();
    struct registry_fixed_value values[2];
    struct registry_value_info info;
    uint64_t user = create(registry, ROOT, "User"), keys[2];

    (void)state;
    keys[0] = create(registry, create(registry, user, "S-1"), "Wine");
    keys[1] = create(registry, create(registry, user, "S-2"), "Wine");
    values[0] = fixed_value(0, "\\Registry\\User\\*\\Wine", "Version", "win10");
    values[1] = fixed_value(1, "\\Registry\\User\\*", "any", "user");
    registry_set_fixed_values(registry, values, 2);
    for (size_t i = 0; i < 2; i++) {
        check_fixed(registry, keys[i], "version", "win10");
        assert_int_equal(try_query(registry, keys[i], "any", &info, NULL, 0), -ENOENT);
    }
    check_fixed(registry, lookup(registry, user, "S-1"), "any", "user");
    assert_int_equal(try_query(registry, user, "any", &info, NULL, 0), -ENOENT);
    assert_int_equal(try_query(registry, user, "Version", &info, NULL, 0), -ENOENT);
    assert_int_equal(try_query(registry, create(registry, user, "Wine"), "Version", &info, NULL, 0),
                     -ENOENT);
    assert_int_equal(
        try_query(registry, create(registry, keys[0], "Wine"), "Version", &info, NULL, 0), -ENOENT);
    registry_close(registry);
}

static void an_empty_fixed_value_is_not_a_hidden_one(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "key");
    struct registry_fixed_value values[2];

    (void)state;
    set(registry, key, "a", "stored");
    values[0] = fixed_value(0, "\\Registry\\key", "a", "");
    values[1] = fixed_value(1, "\\Registry\\key", "", "default");
    registry_set_fixed_values(registry, values, 2);
    check_fixed(registry, key, "a", "");
    check_fixed(registry, key, "", "default");
    registry_close(registry);
}

/* A program must not get rid of them by filling the key with values of its own. */
static void they_hold_in_a_key_too_large_for_the_cache(void **state)
{
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t key = create(registry, ROOT, "key");
    struct registry_fixed_value values[3];
    struct registry_value_info info;
    static const char large[SMALL_CACHE];
    uint16_t name[16];
    struct registry_buffer buffer = {name, sizeof(name)};

    (void)state;
    set(registry, key, "a", "stored");
    set(registry, key, "secret", "stored");
    assert_int_equal(try_set(registry, key, "large", REG_BINARY, large, sizeof(large)), 0);
    values[0] = fixed_value(0, "\\Registry\\key", "a", "fixed");
    values[1] = fixed_value(1, "\\Registry\\key", "secret", NULL);
    values[2] = fixed_value(2, "\\Registry\\key", "added", "new");
    registry_set_fixed_values(registry, values, 3);
    check_value(registry, key, "large", REG_BINARY, large, sizeof(large));
    check_fixed(registry, key, "a", "fixed");
    check_fixed(registry, key, "added", "new");
    assert_int_equal(try_query(registry, key, "secret", &info, NULL, 0), -ENOENT);
    assert_int_equal(key_info(registry, key).values, 3);
    assert_int_equal(registry_enumerate_value(registry, key, 1, &info, &buffer, NULL), 0);
    assert_true(same_text(name, info.name_bytes / 2, "large"));
    assert_int_equal(registry_enumerate_value(registry, key, 2, &info, &buffer, NULL), 0);
    assert_true(same_text(name, info.name_bytes / 2, "added"));
    assert_int_equal(registry_enumerate_value(registry, key, 3, &info, NULL, NULL), -ENODATA);
    registry_close(registry);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(they_replace_add_and_hide),
        TEST(a_star_is_any_one_component),
        TEST(an_empty_fixed_value_is_not_a_hidden_one),
        TEST(they_hold_in_a_key_too_large_for_the_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
