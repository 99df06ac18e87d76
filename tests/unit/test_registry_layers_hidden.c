/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_layers_hidden.c - what the kernel took away of the layer below stays away: deleted
 * values and keys, keys made anew in their place, renamed and restored ones, loaded hives, and
 * volatile keys, which give back what they covered.
 */
#include "tests/unit/lower_fixture.h"

#include "registry/hive_files.h"

#define ROOT REGISTRY_ROOT_KEY

/* Nothing that was opened before may matter. */
static registry_t *reopen(registry_t *registry)
{
    registry_close(registry);
    return open_layers();
}

static void a_deleted_value_stays_hidden(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n\"w\"=dword:2\n");
    registry = open_layers();
    remove_value(registry, "A", "v");
    assert_int_equal(number(registry, "A", "v"), NO_VALUE);
    lower_becomes("[A]\n\"V\"=dword:11\n\"w\"=dword:12\n");
    registry = reopen(registry);
    assert_int_equal(number(registry, "A", "v"), NO_VALUE);
    assert_int_equal(number(registry, "A", "w"), 0x12);
    /* Also when it was gone in between, and the key with it. */
    lower_becomes("[Z]\n");
    assert_int_equal(number(registry, "A", "w"), NO_VALUE);
    lower_becomes("[A]\n\"v\"=dword:21\n\"w\"=dword:22\n");
    assert_int_equal(number(registry, "A", "v"), NO_VALUE);
    assert_int_equal(number(registry, "A", "w"), 0x22);
    /* Set again and deleted again. */
    put(registry, "A", "v", 100);
    lower_becomes("[A]\n\"v\"=dword:31\n");
    assert_int_equal(number(registry, "A", "v"), 100);
    remove_value(registry, "A", "v");
    lower_becomes("[A]\n\"v\"=dword:41\n");
    assert_int_equal(number(registry, "A", "v"), NO_VALUE);
    registry_close(registry);
}

static void a_value_over_a_lower_one_is_hidden_when_deleted(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n");
    registry = open_layers();
    put(registry, "A", "v", 100);
    put(registry, "A", "mine", 100);
    remove_value(registry, "A", "v");
    remove_value(registry, "A", "mine");
    assert_int_equal(number(registry, "A", "v"), NO_VALUE);
    lower_becomes("[A]\n\"v\"=dword:2\n\"mine\"=dword:3\n");
    assert_int_equal(number(registry, "A", "v"), NO_VALUE);
    /* Nothing was hidden by it. */
    assert_int_equal(number(registry, "A", "mine"), 3);
    registry_close(registry);
}

static void a_deleted_key_stays_hidden_with_all_below(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[A\\\\B]\n\"v\"=dword:2\n[Z]\n");
    registry = open_layers();
    remove_key(registry, "A\\B");
    remove_key(registry, "A");
    lower_becomes(
        "[A]\n\"v\"=dword:3\n\"n\"=dword:4\n[A\\\\B\\\\C]\n\"v\"=dword:5\n[A\\\\N]\n[Z]\n");
    registry = reopen(registry);
    assert_string_equal(subkeys(registry, ""), "Z ");
    assert_false(has_key(registry, "a\\b\\c"));
    lower_becomes("[Z]\n");
    assert_string_equal(subkeys(registry, ""), "Z ");
    lower_becomes("[a\\\\B]\n[Z]\n");
    assert_string_equal(subkeys(registry, ""), "Z ");
    registry_close(registry);
}

/* The layer below gets a key that the kernel made before, and nothing else about it changes. */
static void a_key_that_came_below_later_is_hidden_too(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[Z]\n");
    registry = open_layers();
    /* Both are cached as keys that nothing is below of. */
    key_info(registry, make(registry, "A\\B"));
    key_info(registry, make(registry, "A"));
    lower_becomes("[A\\\\B] 1\n#time=1\n[Z]\n");
    /* From here on keys are made by way of the journal. */
    make(registry, "Other");
    remove_key(registry, "A\\B");
    put(registry, "A\\B", "mine", 100);
    lower_becomes("[A\\\\B]\n\"v\"=dword:1\n[A\\\\B\\\\C]\n[Z]\n");
    assert_string_equal(values(registry, "A\\B"), "mine ");
    assert_string_equal(subkeys(registry, "A\\B"), "");
    registry_close(registry);
}

static void a_key_made_anew_brings_nothing_back(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[A\\\\B]\n\"v\"=dword:2\n[Z]\n");
    registry = open_layers();
    remove_key(registry, "A\\B");
    remove_key(registry, "A");
    put(registry, "A", "mine", 100);
    assert_string_equal(values(registry, "A"), "mine ");
    assert_string_equal(subkeys(registry, "A"), "");
    lower_becomes(
        "[A]\n#class=\"c\"\n\"v\"=dword:3\n\"n\"=dword:4\n[A\\\\B]\n[A\\\\N\\\\O]\n[Z]\n");
    registry = reopen(registry);
    assert_string_equal(values(registry, "A"), "mine ");
    assert_string_equal(subkeys(registry, "A"), "");
    assert_int_equal(key_info(registry, lookup(registry, ROOT, "Machine\\A")).class_bytes, 0);
    /* Below it too: these are the kernel's alone. */
    put(registry, "A\\B", "mine", 101);
    lower_becomes("[A]\n\"v\"=dword:5\n[A\\\\B]\n\"v\"=dword:6\n[Z]\n");
    assert_string_equal(values(registry, "A\\B"), "mine ");
    lower_becomes("[Z]\n");
    assert_int_equal(number(registry, "A\\B", "mine"), 101);
    lower_becomes("[A]\n\"v\"=dword:7\n[A\\\\B]\n\"v\"=dword:8\n[Z]\n");
    /* A second deletion hides again. */
    remove_key(registry, "A\\B");
    remove_key(registry, "A");
    lower_becomes("[A]\n\"v\"=dword:9\n[A\\\\B]\n\"v\"=dword:a\n[Z]\n");
    registry = reopen(registry);
    assert_string_equal(subkeys(registry, ""), "Z ");
    registry_close(registry);
}

static void rename_key(registry_t *registry, const char *path, const char *name)
{
    char full[256];
    struct registry_path text = wide(name);

    snprintf(full, sizeof full, "Machine\\%s", path);
    assert_int_equal(registry_rename(registry, lookup(registry, ROOT, full), text.text, text.units),
                     0);
}

static void a_renamed_branch_goes_along_and_is_cut_off(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes(
        "[A]\n\"v\"=dword:1\n[A\\\\B]\n\"v\"=dword:2\n[A\\\\B\\\\C]\n\"v\"=dword:3\n[Z]\n");
    registry = open_layers();
    put(registry, "A\\B", "mine", 100);
    rename_key(registry, "A", "New");
    lower_becomes(
        "[A]\n\"v\"=dword:4\n[A\\\\B]\n\"v\"=dword:5\n[A\\\\N]\n"
        "[New]\n\"v\"=dword:6\n\"w\"=dword:6\n[New\\\\B\\\\C]\n\"v\"=dword:7\n[New\\\\X]\n[Z]\n");
    for (int again = 0; again < 2; again++) {
        assert_string_equal(subkeys(registry, ""), "New Z ");
        assert_string_equal(subkeys(registry, "New"), "B ");
        assert_string_equal(values(registry, "New"), "v ");
        assert_int_equal(number(registry, "New", "v"), 1);
        assert_int_equal(number(registry, "New\\B", "v"), 2);
        assert_int_equal(number(registry, "New\\B", "mine"), 100);
        assert_int_equal(number(registry, "New\\B\\C", "v"), 3);
        lower_becomes("[Z]\n");
        registry = reopen(registry);
    }
    /* Back to its old name: still what it was, not what is below. */
    rename_key(registry, "New", "A");
    lower_becomes("[A]\n\"v\"=dword:8\n\"w\"=dword:9\n[New]\n\"v\"=dword:a\n[Z]\n");
    assert_int_equal(number(registry, "A", "v"), 1);
    assert_int_equal(number(registry, "A", "w"), NO_VALUE);
    registry_close(registry);
}

/* A whole key that the kernel renamed back and deleted leaves nothing behind. */
static void deleting_a_renamed_key(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[Z]\n");
    registry = open_layers();
    rename_key(registry, "A", "B");
    remove_key(registry, "B");
    assert_string_equal(subkeys(registry, ""), "Z ");
    lower_becomes("[A]\n\"v\"=dword:2\n[Z]\n");
    assert_string_equal(subkeys(registry, ""), "Z ");
    registry_close(registry);
}

/* ---- hives ---- */

static void *image_of(registry_t *registry, const char *path, size_t *size)
{
    struct registry_error error = {""};
    char full[256];
    void *image = NULL;

    snprintf(full, sizeof full, "Machine\\%s", path);
    assert_int_equal(registry_save_hive(registry, lookup(registry, ROOT, full),
                                        REGISTRY_HIVE_LATEST, &image, size, &error),
                     0);
    return image;
}

static void a_restored_key_shows_nothing_from_below(void **state)
{
    struct registry_error error;
    registry_t *registry;
    void *image;
    size_t size;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[A\\\\B\\\\C]\n\"v\"=dword:2\n[Z]\n");
    registry = open_layers();
    put(registry, "Saved", "kept", 100);
    put(registry, "Saved\\Sub", "kept", 101);
    image = image_of(registry, "Saved", &size);
    assert_int_equal(
        registry_restore_hive(registry, lookup(registry, ROOT, "Machine\\A"), image, size, &error),
        0);
    free(image);
    lower_becomes("[A]\n\"v\"=dword:3\n\"w\"=dword:4\n[A\\\\B\\\\C]\n\"v\"=dword:5\n"
                  "[A\\\\Sub]\n\"v\"=dword:6\n[Z]\n");
    for (int again = 0; again < 2; again++) {
        assert_string_equal(values(registry, "A"), "kept ");
        assert_string_equal(subkeys(registry, "A"), "Sub ");
        assert_string_equal(values(registry, "A\\Sub"), "kept ");
        registry = reopen(registry);
    }
    remove_key(registry, "A\\Sub");
    remove_key(registry, "A");
    lower_becomes("[A]\n\"v\"=dword:7\n[Z]\n");
    assert_false(has_key(registry, "A"));
    registry_close(registry);
}

static void a_loaded_hive_is_the_kernels_alone(void **state)
{
    struct registry_path name = wide("Hive");
    struct registry_error error;
    registry_t *registry;
    uint64_t key;
    void *image;
    size_t size;

    (void)state;
    lower_becomes("[Z]\n");
    registry = open_layers();
    put(registry, "Saved\\Sub", "kept", 100);
    image = image_of(registry, "Saved", &size);
    assert_int_equal(registry_load_hive(registry, lookup(registry, ROOT, "Machine"), name.text,
                                        name.units, "/hive", image, size, &key, &error),
                     0);
    free(image);
    lower_becomes("[Saved\\\\Sub]\n\"v\"=dword:1\n[Z]\n");
    assert_string_equal(values(registry, "Saved\\Sub"), "kept v ");
    assert_string_equal(values(registry, "Hive\\Sub"), "kept ");
    assert_int_equal(registry_unload_hive(registry, key), 0);
    assert_false(has_key(registry, "Hive"));
    lower_becomes("[Hive]\n\"v\"=dword:2\n[Z]\n");
    assert_int_equal(number(registry, "Hive", "v"), 2);
    /* Loaded over a key that the kernel had deleted: that is hidden again afterwards. */
    remove_key(registry, "Hive");
    image = image_of(registry, "Saved", &size);
    assert_int_equal(registry_load_hive(registry, lookup(registry, ROOT, "Machine"), name.text,
                                        name.units, "/hive", image, size, &key, &error),
                     0);
    free(image);
    lower_becomes("[Hive]\n\"v\"=dword:3\n[Hive\\\\Sub]\n\"v\"=dword:4\n[Z]\n");
    assert_string_equal(values(registry, "Hive"), "");
    assert_string_equal(values(registry, "Hive\\Sub"), "kept ");
    assert_int_equal(registry_unload_hive(registry, key), 0);
    assert_false(has_key(registry, "Hive"));
    registry_close(registry);
}

/* ---- volatile keys ---- */

static uint64_t make_volatile(registry_t *registry, const char *path)
{
    char full[256];
    uint64_t key;

    snprintf(full, sizeof full, "Machine\\%s", path);
    assert_int_equal(try_create(registry, ROOT, full, REGISTRY_VOLATILE, &key), 0);
    return key;
}

static void volatile_keys_above_go_with_the_kernel(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[Z]\n");
    registry = open_layers();
    set(registry, make_volatile(registry, "A\\Mine"), "v", "x");
    lower_becomes("[A]\n\"v\"=dword:2\n[Z]\n");
    assert_string_equal(subkeys(registry, "A"), "Mine ");
    registry = reopen(registry);
    assert_int_equal(number(registry, "A", "v"), 2);
    assert_string_equal(subkeys(registry, "A"), "");
    registry_close(registry);
}

static void a_volatile_key_over_a_tombstone_gives_it_back(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[A\\\\B]\n[Z]\n");
    registry = open_layers();
    remove_key(registry, "A\\B");
    remove_key(registry, "A");
    set(registry, make_volatile(registry, "A"), "mine", "x");
    make_volatile(registry, "A\\B");
    lower_becomes("[A]\n\"v\"=dword:2\n[A\\\\B]\n\"v\"=dword:3\n[Z]\n");
    assert_string_equal(values(registry, "A"), "mine ");
    assert_string_equal(values(registry, "A\\B"), "");
    for (int again = 0; again < 2; again++) {
        registry = reopen(registry);
        assert_string_equal(subkeys(registry, ""), "Z ");
        lower_becomes("[A]\n\"v\"=dword:4\n[Z]\n");
        assert_string_equal(subkeys(registry, ""), "Z ");
    }
    registry_close(registry);
}

/* The key came into being below while the kernel had a volatile one of that name. */
static void a_volatile_key_over_nothing_hides_nothing_later(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[Z]\n");
    registry = open_layers();
    set(registry, make_volatile(registry, "A"), "mine", "x");
    put(registry, "Kept", "v", 100);
    lower_becomes("[A]\n\"v\"=dword:1\n\"mine\"=dword:2\n[A\\\\B]\n\"v\"=dword:3\n[Z]\n");
    assert_int_equal(number(registry, "A", "v"), 1);
    assert_int_equal(number(registry, "A\\B", "v"), 3);
    registry = reopen(registry);
    assert_int_equal(number(registry, "A", "v"), 1);
    assert_int_equal(number(registry, "A", "mine"), 2);
    assert_int_equal(number(registry, "A\\B", "v"), 3);
    assert_int_equal(number(registry, "Kept", "v"), 100);
    registry_close(registry);
}

/* ---- marks set by hand ---- */

static void set_layer(registry_t *registry, const char *path, enum registry_layer layer)
{
    char full[200];
    enum registry_layer found;
    uint64_t key;

    snprintf(full, sizeof(full), "Machine\\%s", path);
    key = lookup(registry, ROOT, full);
    assert_int_equal(registry_set_layer(registry, key, layer), 0);
    assert_int_equal(registry_get_layer(registry, key, &found), 0);
    assert_int_equal(found, layer);
}

static const char marked_text[] =
    "[A]\n\"v\"=dword:1\n\"w\"=dword:2\n[A\\\\B]\n\"v\"=dword:3\n[A\\\\B\\\\C]\n\"v\"=dword:4\n"
    "[A\\\\D]\n\"v\"=dword:5\n[Z]\n";

static void values_of_a_key_are_superseded(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes(marked_text);
    registry = open_layers();
    put(registry, "A", "w", 100);
    set_layer(registry, "A", REGISTRY_SUPERSEDES_LOCAL);
    assert_string_equal(values(registry, "A"), "w ");
    assert_string_equal(subkeys(registry, "A"), "B D ");
    lower_becomes("[A]\n\"v\"=dword:6\n\"n\"=dword:7\n[A\\\\B]\n\"v\"=dword:8\n[A\\\\E]\n[Z]\n");
    registry = reopen(registry);
    assert_string_equal(values(registry, "A"), "w ");
    assert_string_equal(subkeys(registry, "A"), "B E ");
    assert_int_equal(number(registry, "A\\B", "v"), 8);
    registry_close(registry);
}

static void a_branch_is_superseded_and_merged_again(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes(marked_text);
    registry = open_layers();
    put(registry, "A\\B\\Mine", "m", 100);
    put(registry, "A", "mine", 101);
    remove_value(registry, "A", "w");
    remove_key(registry, "A\\D");
    set_layer(registry, "A", REGISTRY_SUPERSEDES_TREE);
    assert_string_equal(values(registry, "A"), "mine ");
    assert_string_equal(subkeys(registry, "A"), "B ");
    assert_string_equal(subkeys(registry, "A\\B"), "Mine ");
    assert_string_equal(values(registry, "A\\B"), "");
    assert_int_equal(number(registry, "A\\B\\Mine", "m"), 100);
    lower_becomes("[A]\n\"v\"=dword:6\n[A\\\\B]\n\"v\"=dword:8\n[A\\\\E]\n[Z]\n");
    registry = reopen(registry);
    assert_string_equal(subkeys(registry, "A"), "B ");
    lower_becomes(
        "[A]\n\"v\"=dword:6\n\"w\"=dword:9\n[A\\\\B]\n\"v\"=dword:8\n[A\\\\D]\n[A\\\\E]\n[Z]\n");
    set_layer(registry, "A", REGISTRY_MERGED);
    registry = reopen(registry);
    assert_string_equal(values(registry, "A"), "mine v ");
    assert_string_equal(subkeys(registry, "A"), "B E ");
    assert_int_equal(number(registry, "A\\B", "v"), 8);
    assert_int_equal(number(registry, "A\\B\\Mine", "m"), 100);
    registry_close(registry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_layers, remove_layers)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_deleted_value_stays_hidden),
        TEST(a_value_over_a_lower_one_is_hidden_when_deleted),
        TEST(a_deleted_key_stays_hidden_with_all_below),
        TEST(a_key_that_came_below_later_is_hidden_too),
        TEST(a_key_made_anew_brings_nothing_back),
        TEST(a_renamed_branch_goes_along_and_is_cut_off),
        TEST(deleting_a_renamed_key),
        TEST(a_restored_key_shows_nothing_from_below),
        TEST(a_loaded_hive_is_the_kernels_alone),
        TEST(volatile_keys_above_go_with_the_kernel),
        TEST(a_volatile_key_over_a_tombstone_gives_it_back),
        TEST(a_volatile_key_over_nothing_hides_nothing_later),
        TEST(values_of_a_key_are_superseded),
        TEST(a_branch_is_superseded_and_merged_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
