/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_links.c - paths that lead elsewhere: symbolic links, and passthrough paths that
 * the registry does not hold.
 */
#include "tests/unit/registry_fixture.h"

#define ROOT REGISTRY_ROOT_KEY

static void links_lead_to_their_target(void **state)
{
    registry_t *registry = open_store();
    uint64_t set1, child, found;

    (void)state;
    create(registry, ROOT, "Machine");
    set1 = create(registry, ROOT, "Machine\\Set1");
    child = create(registry, set1, "Control");
    create_link(registry, "Machine\\Current", "\\Registry\\Machine\\Set1");
    for (int warm = 0; warm < 2; warm++) {
        assert_true(lookup(registry, ROOT, "Machine\\Current") == set1);
        assert_true(lookup(registry, ROOT, "machine\\current\\\\control\\") == child);
        assert_int_equal(try_lookup(registry, ROOT, "Machine\\Current\\x", 0, &found), -ENOENT);
        assert_int_equal(try_lookup(registry, ROOT, "Machine\\Current\\x\\y", 0, &found), -ENOTDIR);
    }
    assert_true(create(registry, ROOT, "Machine\\Current\\New") == lookup(registry, set1, "New"));
    registry_close(registry);
}

static void the_link_itself_can_be_opened(void **state)
{
    registry_t *registry = open_store();
    uint64_t target = create(registry, ROOT, "target"), inside, found;
    uint64_t link = create_link(registry, "link", "\\REGISTRY\\target");

    (void)state;
    inside = create(registry, target, "inside");
    assert_int_equal(try_lookup(registry, ROOT, "link", REGISTRY_OPEN_LINK, &found), 0);
    assert_true(found == link);
    assert_int_equal(try_lookup(registry, ROOT, "link\\", REGISTRY_OPEN_LINK, &found), 0);
    assert_true(found == link);
    assert_int_equal(try_lookup(registry, ROOT, "link\\inside", REGISTRY_OPEN_LINK, &found), 0);
    assert_true(found == inside);
    assert_int_equal(key_info(registry, link).flags, REGISTRY_CREATE_LINK);
    assert_int_equal(registry_delete(registry, link), 0);
    assert_int_equal(try_lookup(registry, ROOT, "link", 0, &found), -ENOENT);
    assert_true(lookup(registry, ROOT, "target") == target);
    registry_close(registry);
}

/* A key made with REGISTRY_OPEN_LINK where a link stands is the link. */
static void creating_the_link_again_opens_it(void **state)
{
    registry_t *registry = open_store();
    uint64_t link = create_link(registry, "link", "\\Registry\\nowhere"), key;
    struct registry_path name = wide("link");
    bool created;

    (void)state;
    assert_int_equal(registry_create(registry, ROOT, name.text, name.units, REGISTRY_OPEN_LINK,
                                     REGISTRY_CREATE_LINK, NULL, 0, &key, &created, NULL),
                     0);
    assert_true(key == link && !created);
    registry_close(registry);
}

static void a_link_may_lead_nowhere(void **state)
{
    registry_t *registry = open_store();
    uint64_t machine = create(registry, ROOT, "Machine"), key, empty;

    (void)state;
    create_link(registry, "dangling", "\\Registry\\Machine\\later");
    create_link(registry, "far", "\\Registry\\no\\such");
    assert_int_equal(try_lookup(registry, ROOT, "dangling", 0, &key), -ENOENT);
    assert_int_equal(try_lookup(registry, ROOT, "dangling\\x", 0, &key), -ENOTDIR);
    assert_int_equal(try_lookup(registry, ROOT, "far", 0, &key), -ENOTDIR);
    assert_int_equal(try_create(registry, ROOT, "far", 0, &key), -ENOTDIR);
    key = create(registry, ROOT, "dangling");
    assert_true(lookup(registry, machine, "later") == key);
    assert_int_equal(key_info(registry, key).flags, 0);
    assert_int_equal(try_create(registry, ROOT, "empty", REGISTRY_CREATE_LINK, &empty), 0);
    assert_int_equal(try_lookup(registry, ROOT, "empty", 0, &key), -ENOENT);
    assert_int_equal(try_create(registry, ROOT, "empty", 0, &key), -ENOENT);
    registry_close(registry);
}

static void targets_that_are_no_full_path(void **state)
{
    static const char *const targets[] = {"",       "Registry\\target", "\\Registr", "\\Registryx",
                                          "target", "\\Machine"};
    registry_t *registry = open_store();
    uint64_t key;

    (void)state;
    create(registry, ROOT, "target");
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        uint64_t link = create_link(registry, "link", targets[i]);

        assert_int_equal(try_lookup(registry, ROOT, "link", 0, &key), -ENOENT);
        assert_int_equal(registry_delete(registry, link), 0);
    }
    create_link(registry, "top", "\\registry");
    assert_true(lookup(registry, ROOT, "top") == ROOT);
    assert_true(lookup(registry, ROOT, "top\\target") == lookup(registry, ROOT, "target"));
    registry_close(registry);
}

static void links_in_a_circle(void **state)
{
    registry_t *registry = open_store();
    char name[32], target[64];
    uint64_t key;

    (void)state;
    create_link(registry, "self", "\\Registry\\self");
    create_link(registry, "a", "\\Registry\\b");
    create_link(registry, "b", "\\Registry\\a");
    create_link(registry, "growing", "\\Registry\\growing\\x");
    assert_int_equal(try_lookup(registry, ROOT, "self", 0, &key), -ELOOP);
    assert_int_equal(try_lookup(registry, ROOT, "a\\x", 0, &key), -ELOOP);
    assert_int_equal(try_lookup(registry, ROOT, "growing", 0, &key), -ELOOP);
    assert_int_equal(try_create(registry, ROOT, "b", 0, &key), -ELOOP);
    create(registry, ROOT, "link0");
    for (int i = 1; i <= 10; i++) {
        snprintf(name, sizeof(name), "link%d", i);
        snprintf(target, sizeof(target), "\\Registry\\link%d", i - 1);
        create_link(registry, name, target);
    }
    assert_true(lookup(registry, ROOT, "link10") == lookup(registry, ROOT, "link0"));
    registry_close(registry);
}

static void a_target_may_be_too_long(void **state)
{
    registry_t *registry = open_store();
    char target[2000] = "\\Registry", rest[200];
    char path[256];
    uint64_t key;

    (void)state;
    for (size_t at = strlen(target); at < 1900; at += 100) {
        memset(target + at, 'x', 100);
        target[at] = '\\';
        target[at + 100] = '\0';
    }
    create_link(registry, "long", target);
    assert_int_equal(try_lookup(registry, ROOT, "long\\a", 0, &key), -ENOTDIR);
    memset(rest, 'y', sizeof(rest) - 1);
    rest[sizeof(rest) - 1] = '\0';
    snprintf(path, sizeof(path), "long\\%s", rest);
    assert_int_equal(try_lookup(registry, ROOT, path, 0, &key), -EINVAL);
    registry_close(registry);
}

static const char *const passthrough[] = {"\\Registry\\Machine\\Hardware",
                                          "\\Registry\\User\\*\\Volatile"};

static void leads_elsewhere(registry_t *registry, uint64_t from, const char *path,
                            const char *whole)
{
    struct registry_path text = wide(path), rest;
    uint64_t key;
    bool created;

    for (int warm = 0; warm < 2; warm++) {
        memset(&rest, 0, sizeof(rest));
        assert_int_equal(registry_lookup(registry, from, text.text, text.units, 0, &key, &rest),
                         -EXDEV);
        assert_true(same_text(rest.text, rest.units, whole));
        memset(&rest, 0, sizeof(rest));
        assert_int_equal(registry_create(registry, from, text.text, text.units, 0, 0, NULL, 0, &key,
                                         &created, &rest),
                         -EXDEV);
        assert_true(same_text(rest.text, rest.units, whole));
        assert_int_equal(try_lookup(registry, from, path, 0, &key), -EXDEV);
    }
}

static void passthrough_paths_live_elsewhere(void **state)
{
    registry_t *registry = open_store_with(0, passthrough, 2);
    uint64_t machine = create(registry, ROOT, "Machine");
    uint64_t user = create(registry, create(registry, ROOT, "User"), "S-1-5");
    uint64_t key;

    (void)state;
    leads_elsewhere(registry, ROOT, "machine\\hardware", "\\REGISTRY\\Machine\\hardware");
    leads_elsewhere(registry, machine, "HARDWARE\\a\\b c", "\\REGISTRY\\Machine\\HARDWARE\\a\\b c");
    leads_elsewhere(registry, user, "Volatile\\x", "\\REGISTRY\\User\\S-1-5\\Volatile\\x");
    create_link(registry, "Machine\\Link", "\\Registry\\Machine\\Hardware\\Deep");
    leads_elsewhere(registry, machine, "Link\\x", "\\REGISTRY\\Machine\\Hardware\\Deep\\x");
    assert_int_equal(try_lookup(registry, machine, "Hardware2", 0, &key), -ENOENT);
    assert_int_equal(try_lookup(registry, ROOT, "User\\Volatile", 0, &key), -ENOENT);
    create(registry, machine, "Hardware2");
    registry_close(registry);
}

/* What the store holds at such a path counts for nothing, but for its place in enumerations. */
static void passthrough_goes_before_what_is_stored(void **state)
{
    registry_t *registry = open_store();
    uint64_t machine = create(registry, ROOT, "Machine"), stored, found;

    (void)state;
    stored = create(registry, machine, "Hardware");
    registry_close(registry);
    registry = open_store_with(0, passthrough, 2);
    leads_elsewhere(registry, machine, "Hardware", "\\REGISTRY\\Machine\\Hardware");
    assert_int_equal(registry_enumerate_key(registry, machine, 0, &found), 0);
    assert_true(found == stored);
    registry_close(registry);
}

static void the_rest_may_be_too_long(void **state)
{
    registry_t *registry = open_store_with(0, passthrough, 2);
    struct registry_path path, rest;
    uint64_t key;

    (void)state;
    create(registry, ROOT, "Machine");
    path = wide("Machine\\Hardware\\");
    while (path.units < 2048)
        path.text[path.units++] = 'x';
    assert_int_equal(registry_lookup(registry, ROOT, path.text, path.units, 0, &key, &rest),
                     -EINVAL);
    assert_int_equal(registry_lookup(registry, ROOT, path.text, path.units, 0, &key, NULL), -EXDEV);
    registry_close(registry);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(links_lead_to_their_target),
        TEST(the_link_itself_can_be_opened),
        TEST(creating_the_link_again_opens_it),
        TEST(a_link_may_lead_nowhere),
        TEST(targets_that_are_no_full_path),
        TEST(links_in_a_circle),
        TEST(a_target_may_be_too_long),
        TEST(passthrough_paths_live_elsewhere),
        TEST(passthrough_goes_before_what_is_stored),
        TEST(the_rest_may_be_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
