/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry.c - keys: opening a store, looking up, creating, enumerating, deleting, volatile
 * keys. Links and passthrough are in test_registry_links.c.
 */
#include "tests/unit/registry_fixture.h"

#include <time.h>
#include <unistd.h>

#define LONGEST REGISTRY_MAX_KEY_NAME

static void wait_for_another_time(void)
{
    struct timespec start, now;

    clock_gettime(CLOCK_REALTIME, &start);
    do
        clock_gettime(CLOCK_REALTIME, &now);
    while (now.tv_sec == start.tv_sec && now.tv_nsec / 1000 == start.tv_nsec / 1000);
}

static void a_store_is_made_only_when_asked(void **state)
{
    struct registry_options options = {0};
    registry_t *registry;
    uint64_t key;

    (void)state;
    refuse_store(&options, -ENOENT, "registry.db");
    assert_int_equal(access(in_folder("registry.db"), F_OK), -1);
    registry = open_store();
    assert_true(registry_is_empty(registry));
    key = create(registry, REGISTRY_ROOT_KEY, "Machine");
    set(registry, key, "name", "kept");
    registry_close(registry);

    assert_int_equal(registry_open(store_folder, &options, &registry, NULL), 0);
    assert_true(lookup(registry, REGISTRY_ROOT_KEY, "Machine") == key);
    check_text(registry, key, "name", "kept");
    registry_close(registry);
    registry_close(NULL);
}

static void a_folder_that_is_not_there(void **state)
{
    struct registry_options options = {.create = true};
    struct registry_error error = {""};
    registry_t *registry;
    char folder[2 * PATH_MAX];

    (void)state;
    snprintf(folder, sizeof(folder), "%s/missing", store_folder);
    assert_int_equal(registry_open(folder, &options, &registry, &error), -ENOENT);
    assert_non_null(strstr(error.text, folder));
    memset(folder, 'x', PATH_MAX);
    folder[PATH_MAX] = '\0';
    assert_int_equal(registry_open(folder, &options, &registry, &error), -ENAMETOOLONG);
}

static void lookups_ignore_case_and_extra_backslashes(void **state)
{
    static const uint16_t written[] = u"\u00c4\u00e9\u0434";
    static const uint16_t other_case[] = u"\\machine\\\u00e4\u00c9\u0414\\";
    registry_t *registry = open_store();
    uint64_t machine = create(registry, REGISTRY_ROOT_KEY, "Machine");
    uint64_t software = create(registry, machine, "SoftWare");
    uint64_t wide_key, found;
    bool created;

    (void)state;
    assert_true(lookup(registry, REGISTRY_ROOT_KEY, "mACHINE\\SOFTWARE") == software);
    assert_true(lookup(registry, REGISTRY_ROOT_KEY, "\\\\machine\\\\\\software\\\\") == software);
    assert_true(lookup(registry, machine, "software") == software);
    assert_true(lookup(registry, machine, "") == machine);
    assert_true(lookup(registry, machine, "\\\\") == machine);
    assert_int_equal(
        registry_create(registry, machine, written, 3, 0, 0, NULL, 0, &wide_key, &created, NULL),
        0);
    assert_int_equal(registry_lookup(registry, REGISTRY_ROOT_KEY, other_case,
                                     sizeof(other_case) / 2 - 1, 0, &found, NULL),
                     0);
    assert_true(found == wide_key);
    registry_close(registry);
}

static void what_is_missing_on_the_way(void **state)
{
    registry_t *registry = open_store();
    uint64_t machine = create(registry, REGISTRY_ROOT_KEY, "Machine");
    uint64_t key;

    (void)state;
    for (int warm = 0; warm < 2; warm++) {
        assert_int_equal(try_lookup(registry, machine, "a", 0, &key), -ENOENT);
        assert_int_equal(try_lookup(registry, machine, "a\\", 0, &key), -ENOENT);
        assert_int_equal(try_lookup(registry, machine, "a\\b", 0, &key), -ENOTDIR);
        assert_int_equal(try_create(registry, machine, "a\\b", 0, &key), -ENOTDIR);
    }
    create(registry, machine, "a");
    lookup(registry, machine, "a");
    assert_int_equal(try_lookup(registry, machine, "a\\b", 0, &key), -ENOENT);
    registry_close(registry);
}

static void names_have_a_longest_length(void **state)
{
    registry_t *registry = open_store();
    char name[LONGEST + 8];
    uint64_t key;

    (void)state;
    memset(name, 'n', sizeof(name));
    name[LONGEST] = '\0';
    assert_true(create(registry, REGISTRY_ROOT_KEY, name) ==
                lookup(registry, REGISTRY_ROOT_KEY, name));
    name[LONGEST] = 'n';
    name[LONGEST + 1] = '\0';
    assert_int_equal(try_lookup(registry, REGISTRY_ROOT_KEY, name, 0, &key), -EINVAL);
    assert_int_equal(try_create(registry, REGISTRY_ROOT_KEY, name, 0, &key), -EINVAL);
    strcpy(name + LONGEST + 1, "\\a");
    assert_int_equal(try_lookup(registry, REGISTRY_ROOT_KEY, name, 0, &key), -ENOTDIR);
    assert_int_equal(key_info(registry, REGISTRY_ROOT_KEY).subkeys, 1);
    registry_close(registry);
}

static void creating_what_is_there_opens_it(void **state)
{
    registry_t *registry = open_store();
    struct registry_path name = wide("Key"), other = wide("KEY"), class_name = wide("Class");
    struct registry_key_info info;
    uint16_t found_name[8], found_class[8];
    struct registry_buffer name_out = {found_name, sizeof(found_name)};
    struct registry_buffer class_out = {found_class, sizeof(found_class)};
    uint64_t first, second;
    bool created;

    (void)state;
    assert_int_equal(registry_create(registry, REGISTRY_ROOT_KEY, name.text, name.units, 0, 0,
                                     class_name.text, class_name.units, &first, &created, NULL),
                     0);
    assert_true(created);
    assert_int_equal(registry_create(registry, REGISTRY_ROOT_KEY, other.text, other.units, 0, 0,
                                     NULL, 0, &second, &created, NULL),
                     0);
    assert_false(created);
    assert_true(first == second);
    assert_int_equal(registry_query_key(registry, first, true, &info, &name_out, &class_out), 0);
    assert_true(same_text(found_name, info.name_bytes / 2, "Key"));
    assert_true(same_text(found_class, info.class_bytes / 2, "Class"));
    assert_int_equal(info.flags, 0);
    assert_int_equal(info.subkeys, 0);
    assert_int_equal(info.values, 0);
    assert_int_equal(key_info(registry, REGISTRY_ROOT_KEY).max_subkey_class, 10);
    assert_int_equal(key_info(registry, REGISTRY_ROOT_KEY).max_subkey_name, 6);
    registry_close(registry);
}

static void changes_move_the_time_of_a_key(void **state)
{
    registry_t *registry = open_store();
    uint64_t parent = create(registry, REGISTRY_ROOT_KEY, "parent");
    uint64_t child, before;
    struct registry_path name = wide("v");

    (void)state;
    before = key_info(registry, parent).last_write;
    wait_for_another_time();
    child = create(registry, parent, "child");
    assert_true(key_info(registry, parent).last_write != before);
    before = key_info(registry, parent).last_write;
    wait_for_another_time();
    set(registry, child, "v", "1");
    assert_true(key_info(registry, parent).last_write == before);
    before = key_info(registry, child).last_write;
    wait_for_another_time();
    assert_int_equal(registry_delete_value(registry, child, name.text, name.units), 0);
    assert_true(key_info(registry, child).last_write != before);
    before = key_info(registry, parent).last_write;
    wait_for_another_time();
    assert_int_equal(registry_delete(registry, child), 0);
    assert_true(key_info(registry, parent).last_write != before);
    registry_close(registry);
}

static void subkeys_come_in_the_order_of_upcased_names(void **state)
{
    static const char *const names[] = {"b", "A", "c_", "C", "ab", "a1", "Z", "_"};
    static const char *const ordered[] = {"A", "a1", "ab", "b", "C", "c_", "Z", "_"};
    registry_t *registry = open_store();
    uint64_t key;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        create(registry, REGISTRY_ROOT_KEY, names[i]);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(registry_enumerate_key(registry, REGISTRY_ROOT_KEY, i, &key), 0);
        assert_true(key == lookup(registry, REGISTRY_ROOT_KEY, ordered[i]));
    }
    assert_int_equal(registry_enumerate_key(registry, REGISTRY_ROOT_KEY, 8, &key), -ENODATA);
    assert_int_equal(registry_enumerate_key(registry, REGISTRY_ROOT_KEY, UINT32_MAX, &key),
                     -ENODATA);
    assert_int_equal(
        registry_enumerate_key(registry, lookup(registry, REGISTRY_ROOT_KEY, "A"), 0, &key),
        -ENODATA);
    registry_close(registry);
}

static void the_full_path_is_as_written(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, create(registry, REGISTRY_ROOT_KEY, "Machine"), "SoftWare");
    struct registry_path path;
    int depth = 2;

    (void)state;
    assert_int_equal(registry_key_path(registry, key, &path), 0);
    assert_true(same_text(path.text, path.units, "\\REGISTRY\\Machine\\SoftWare"));
    assert_int_equal(registry_key_path(registry, REGISTRY_ROOT_KEY, &path), 0);
    assert_true(same_text(path.text, path.units, "\\REGISTRY"));
    for (char name[201] = ""; depth < 14; depth++) {
        memset(name, 'x', 200);
        key = create(registry, key, name);
    }
    assert_int_equal(registry_key_path(registry, key, &path), -EINVAL);
    registry_close(registry);
}

static void more_subkeys_than_the_cache_holds(void **state)
{
    enum { COUNT = 2500 };
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t parent = create(registry, REGISTRY_ROOT_KEY, "wide"), key;
    uint64_t *keys = malloc(COUNT * sizeof(*keys));
    char name[32];

    (void)state;
    assert_non_null(keys);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "key%05d", i);
        keys[i] = create(registry, parent, name);
    }
    assert_int_equal(key_info(registry, parent).subkeys, COUNT);
    assert_int_equal(key_info(registry, parent).max_subkey_name, 16);
    assert_int_equal(key_info(registry, parent).name_bytes, 8);
    for (uint32_t i = 0; i < COUNT; i += 61) {
        snprintf(name, sizeof(name), "KEY%05d", (int)i);
        assert_int_equal(registry_enumerate_key(registry, parent, i, &key), 0);
        assert_true(key == keys[i]);
        assert_true(key == lookup(registry, parent, name));
    }
    assert_int_equal(registry_enumerate_key(registry, parent, COUNT, &key), -ENODATA);
    assert_int_equal(registry_delete(registry, keys[0]), 0);
    assert_int_equal(registry_enumerate_key(registry, parent, 0, &key), 0);
    assert_true(key == keys[1]);
    free(keys);
    registry_close(registry);
}

static void volatile_keys_go_with_the_last_close(void **state)
{
    registry_t *registry = open_store();
    registry_t *second = open_store();
    uint64_t key, child;
    uint64_t stays = create(registry, REGISTRY_ROOT_KEY, "stays");

    (void)state;
    assert_int_equal(try_create(registry, REGISTRY_ROOT_KEY, "goes", REGISTRY_VOLATILE, &key), 0);
    assert_int_equal(key_info(registry, key).flags, REGISTRY_VOLATILE);
    assert_int_equal(try_create(registry, key, "child", 0, &child), -ECHILD);
    assert_int_equal(try_create(registry, key, "child", REGISTRY_VOLATILE, &child), 0);
    set(registry, child, "v", "data");
    assert_int_equal(try_create(registry, stays, "goes too", REGISTRY_VOLATILE, &key), 0);
    registry_close(registry);

    registry = open_store();
    assert_true(lookup(registry, REGISTRY_ROOT_KEY, "goes\\child") == child);
    check_text(registry, child, "v", "data");
    registry_close(registry);
    registry_close(second);

    registry = open_store();
    assert_int_equal(try_lookup(registry, REGISTRY_ROOT_KEY, "goes", 0, &key), -ENOENT);
    assert_int_equal(try_lookup(registry, stays, "goes too", 0, &key), -ENOENT);
    assert_int_equal(key_info(registry, stays).subkeys, 0);
    assert_int_equal(
        registry_query_key(registry, child, false, &(struct registry_key_info){0}, NULL, NULL),
        -EIDRM);
    registry_close(registry);
}

static void a_key_with_subkeys_is_not_deleted(void **state)
{
    registry_t *registry = open_store();
    uint64_t parent = create(registry, REGISTRY_ROOT_KEY, "parent");
    uint64_t child = create(registry, parent, "child");

    (void)state;
    assert_int_equal(registry_delete(registry, parent), -ENOTEMPTY);
    assert_true(lookup(registry, parent, "child") == child);
    assert_int_equal(registry_delete(registry, child), 0);
    assert_int_equal(registry_delete(registry, parent), 0);
    assert_int_equal(registry_delete(registry, REGISTRY_ROOT_KEY), -ENOTEMPTY);
    assert_int_equal(key_info(registry, REGISTRY_ROOT_KEY).subkeys, 0);
    registry_close(registry);
}

/* Whatever is asked of the key. */
static void check_gone(registry_t *registry, uint64_t gone)
{
    struct registry_key_info info;
    struct registry_value_info value;
    struct registry_path path, name = wide("v");
    uint64_t key;

    assert_int_equal(registry_delete(registry, gone), -EIDRM);
    assert_int_equal(registry_query_key(registry, gone, false, &info, NULL, NULL), -EIDRM);
    assert_int_equal(registry_query_key(registry, gone, true, &info, NULL, NULL), -EIDRM);
    assert_int_equal(registry_enumerate_key(registry, gone, 0, &key), -EIDRM);
    assert_int_equal(registry_key_path(registry, gone, &path), -EIDRM);
    assert_int_equal(try_lookup(registry, gone, "", 0, &key), -EIDRM);
    assert_int_equal(try_lookup(registry, gone, "child", 0, &key), -EIDRM);
    assert_int_equal(try_lookup(registry, gone, "child\\x", 0, &key), -EIDRM);
    assert_int_equal(try_create(registry, gone, "", 0, &key), -EIDRM);
    assert_int_equal(try_create(registry, gone, "child", 0, &key), -EIDRM);
    assert_int_equal(try_create(registry, gone, "child\\x", 0, &key), -EIDRM);
    assert_int_equal(try_query(registry, gone, "v", &value, NULL, 0), -EIDRM);
    assert_int_equal(registry_enumerate_value(registry, gone, 0, &value, NULL, NULL), -EIDRM);
    assert_int_equal(try_set(registry, gone, "v", REG_BINARY, "x", 1), -EIDRM);
    assert_int_equal(registry_delete_value(registry, gone, name.text, name.units), -EIDRM);
}

/* Whether anything that is asked of the key was cached or not. */
static void a_deleted_key_says_so(void **state)
{
    (void)state;
    for (int warm = 0; warm < 2; warm++) {
        registry_t *registry = open_store();
        uint64_t gone = create(registry, REGISTRY_ROOT_KEY, "gone"), key;

        set(registry, gone, "v", "data");
        if (warm) {
            key_info(registry, gone);
            check_text(registry, gone, "v", "data");
            assert_int_equal(try_lookup(registry, gone, "child", 0, &key), -ENOENT);
        }
        assert_int_equal(registry_delete(registry, gone), 0);
        assert_int_equal(try_lookup(registry, REGISTRY_ROOT_KEY, "gone", 0, &key), -ENOENT);
        for (int again = 0; again < 2; again++)
            check_gone(registry, gone);
        key = create(registry, REGISTRY_ROOT_KEY, "gone");
        assert_true(key != gone);
        assert_int_equal(key_info(registry, key).values, 0);
        assert_int_equal(registry_delete(registry, key), 0);
        registry_close(registry);
    }
}

/* A hostile process can write any number to the handle table of another one. */
static void an_id_that_never_was_is_gone(void **state)
{
    const uint64_t ids[] = {0, 1000000, INT32_MAX, (UINT64_C(1) << 40) - 1, UINT64_C(1) << 63};
    registry_t *registry = open_store();

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        check_gone(registry, ids[i]);
    create(registry, REGISTRY_ROOT_KEY, "well");
    registry_close(registry);
}

/* Ids must not come back after a close either: a handle would mean another key. */
static void ids_are_not_used_again(void **state)
{
    registry_t *registry = open_store();
    uint64_t gone = create(registry, REGISTRY_ROOT_KEY, "a");

    (void)state;
    assert_int_equal(registry_delete(registry, gone), 0);
    registry_close(registry);
    registry = open_store();
    assert_true(create(registry, REGISTRY_ROOT_KEY, "b") != gone);
    registry_close(registry);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(a_store_is_made_only_when_asked),
        TEST(a_folder_that_is_not_there),
        TEST(lookups_ignore_case_and_extra_backslashes),
        TEST(what_is_missing_on_the_way),
        TEST(names_have_a_longest_length),
        TEST(creating_what_is_there_opens_it),
        TEST(changes_move_the_time_of_a_key),
        TEST(subkeys_come_in_the_order_of_upcased_names),
        TEST(the_full_path_is_as_written),
        TEST(more_subkeys_than_the_cache_holds),
        TEST(volatile_keys_go_with_the_last_close),
        TEST(a_key_with_subkeys_is_not_deleted),
        TEST(a_deleted_key_says_so),
        TEST(an_id_that_never_was_is_gone),
        TEST(ids_are_not_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
