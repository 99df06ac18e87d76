/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_layers.c - what changes in the layer below shows, but for what the kernel wrote.
 * What the kernel took away is in test_registry_layers_hidden.c.
 */
#include "tests/unit/lower_fixture.h"

#include <pthread.h>

#include "registry/upcase.h"

#define ROOT REGISTRY_ROOT_KEY

static void what_changes_below_shows(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A] 5\n\"stays\"=dword:1\n\"changes\"=dword:2\n\"goes\"=dword:3\n\n"
                  "[Gone]\n@=dword:4\n\n[Gone\\\\Below\\\\Deep]\n\"v\"=dword:5\n");
    registry = open_layers();
    assert_int_equal(number(registry, "A", "changes"), 2);
    assert_int_equal(number(registry, "Gone\\Below\\Deep", "v"), 5);
    lower_becomes("[A] 5\n\"stays\"=dword:1\n\"changes\"=dword:22\n\"new\"=dword:6\n\n"
                  "[New\\\\Key]\n\"v\"=dword:7\n");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(number(registry, "A", "stays"), 1);
        assert_int_equal(number(registry, "A", "changes"), 0x22);
        assert_int_equal(number(registry, "A", "goes"), NO_VALUE);
        assert_int_equal(number(registry, "A", "new"), 6);
        assert_int_equal(number(registry, "New\\Key", "v"), 7);
        assert_false(has_key(registry, "Gone\\Below\\Deep"));
        assert_false(has_key(registry, "Gone\\Below"));
        assert_false(has_key(registry, "Gone"));
        assert_string_equal(subkeys(registry, ""), "A New ");
        registry_close(registry);
        registry = open_layers();
    }
    registry_close(registry);
}

/* Keys that have no section of their own come and go with what is below them. */
static void keys_between_come_and_go(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[One]\n\"v\"=dword:1\n[One\\\\Two\\\\Three]\n\"v\"=dword:3\n"
                  "[X\\\\Y\\\\Z]\n\"v\"=dword:4\n[X\\\\Y2]\n\"v\"=dword:5\n");
    registry = open_layers();
    lower_becomes("[One\\\\Two\\\\Three]\n\"v\"=dword:3\n[X\\\\Y2]\n\"v\"=dword:5\n");
    assert_int_equal(number(registry, "One", "v"), NO_VALUE);
    assert_int_equal(number(registry, "One\\Two\\Three", "v"), 3);
    assert_false(has_key(registry, "X\\Y"));
    assert_int_equal(number(registry, "X\\Y2", "v"), 5);
    lower_becomes("[Z]\n");
    assert_string_equal(subkeys(registry, ""), "Z ");
    registry_close(registry);
}

/* What is neither text nor value: the class, and whether the key is a link. */
static void class_and_link_follow(void **state)
{
    static const char target[] = "\"SymbolicLinkValue\"=hex(6):5c,00,52,00,65,00,67,00,69,00,73,00,"
                                 "74,00,72,00,79,00\n";
    char text[512];
    registry_t *registry;
    uint64_t key, target_key;

    (void)state;
    lower_becomes("[A]\n#class=\"old\"\n[L]\n");
    registry = open_layers();
    key = lookup(registry, ROOT, "Machine\\A");
    assert_int_equal(key_info(registry, key).class_bytes, 6);
    snprintf(text, sizeof text, "[A]\n#class=\"other\"\n[L]\n#link\n%s", target);
    lower_becomes(text);
    assert_int_equal(key_info(registry, key).class_bytes, 10);
    assert_true(lookup(registry, ROOT, "Machine\\L") == ROOT);
    lower_becomes("[A]\n[L]\n");
    assert_int_equal(key_info(registry, key).class_bytes, 0);
    target_key = lookup(registry, ROOT, "Machine\\L");
    assert_true(target_key != ROOT);
    assert_int_equal(key_info(registry, target_key).flags, 0);
    registry_close(registry);
}

static void what_the_kernel_wrote_stays_over_it(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n\"w\"=dword:2\n[B\\\\C]\n\"v\"=dword:3\n");
    registry = open_layers();
    put(registry, "A", "v", 100);
    put(registry, "A", "mine", 101);
    put(registry, "B\\C\\Mine", "v", 102);
    lower_becomes("[A]\n\"v\"=dword:11\n\"w\"=dword:12\n\"mine\"=dword:13\n"
                  "[B\\\\C]\n\"v\"=dword:14\n[B\\\\C\\\\Mine]\n\"v\"=dword:15\n\"w\"=dword:16\n");
    assert_int_equal(number(registry, "A", "v"), 100);
    assert_int_equal(number(registry, "A", "w"), 0x12);
    assert_int_equal(number(registry, "A", "mine"), 101);
    assert_int_equal(number(registry, "B\\C", "v"), 0x14);
    assert_int_equal(number(registry, "B\\C\\Mine", "v"), 102);
    assert_int_equal(number(registry, "B\\C\\Mine", "w"), 0x16);
    registry_close(registry);
}

static void keys_with_something_of_the_kernel_outlive_the_lower_ones(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[A\\\\B]\n\"v\"=dword:2\n\"w\"=dword:3\n"
                  "[A\\\\B\\\\C]\n\"v\"=dword:4\n[Z]\n");
    registry = open_layers();
    put(registry, "A\\B", "v", 100);
    lower_becomes("[Z]\n");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(number(registry, "A", "v"), NO_VALUE);
        assert_int_equal(number(registry, "A\\B", "v"), 100);
        assert_int_equal(number(registry, "A\\B", "w"), NO_VALUE);
        assert_false(has_key(registry, "A\\B\\C"));
        registry_close(registry);
        registry = open_layers();
    }
    /* It comes back below what is there. */
    lower_becomes("[A]\n\"v\"=dword:5\n[A\\\\B]\n\"v\"=dword:6\n\"w\"=dword:7\n[Z]\n");
    assert_int_equal(number(registry, "A", "v"), 5);
    assert_int_equal(number(registry, "A\\B", "v"), 100);
    assert_int_equal(number(registry, "A\\B", "w"), 7);
    registry_close(registry);
}

static void security_on_a_lower_key_stays(void **state)
{
    registry_t *registry;
    char found[16];
    uint64_t key;
    size_t size;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[Z]\n");
    registry = open_layers();
    key = lookup(registry, ROOT, "Machine\\A");
    assert_int_equal(registry_set_security(registry, key, "descriptor", 10), 0);
    lower_becomes("[A]\n\"v\"=dword:2\n[Z]\n");
    assert_int_equal(number(registry, "A", "v"), 2);
    lower_becomes("[Z]\n");
    assert_int_equal(number(registry, "A", "v"), NO_VALUE);
    assert_int_equal(registry_get_security(registry, key, found, sizeof found, &size), 0);
    assert_int_equal(size, 10);
    assert_memory_equal(found, "descriptor", 10);
    registry_close(registry);
}

static void the_last_write_is_the_newest(void **state)
{
    registry_t *registry;
    uint64_t lower_only, both, written;

    (void)state;
    lower_becomes("[A]\n#time=1d9000000000000\n\"v\"=dword:1\n\"w\"=dword:1\n"
                  "[B]\n#time=1d9000000000000\n\"v\"=dword:1\n");
    registry = open_layers();
    both = put(registry, "A", "v", 100);
    lower_only = lookup(registry, ROOT, "Machine\\B");
    written = key_info(registry, both).last_write;
    assert_true(written > 0x1d9000000000000);
    assert_true(key_info(registry, lower_only).last_write == 0x1d9000000000000);
    /* Older than the kernel's; newer than the lower's own. */
    lower_becomes("[A]\n#time=1d9000000000001\n\"v\"=dword:2\n\"w\"=dword:2\n"
                  "[B]\n#time=1d9000000000002\n\"v\"=dword:1\n");
    assert_true(key_info(registry, both).last_write == written);
    assert_true(key_info(registry, lower_only).last_write == 0x1d9000000000002);
    /* Newer than both: a value that only goes counts too. */
    lower_becomes("[A]\n#time=1ff000000000000\n\"v\"=dword:2\n"
                  "[B]\n#time=1ff000000000000\n\"v\"=dword:1\n");
    assert_true(key_info(registry, both).last_write == 0x1ff000000000000);
    assert_true(key_info(registry, lower_only).last_write == 0x1ff000000000000);
    assert_int_equal(number(registry, "A", "w"), NO_VALUE);
    registry_close(registry);
}

static void enumeration_is_merged_and_keeps_its_order(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[K]\n\"b\"=dword:1\n\"d\"=dword:2\n[K\\\\b]\n[K\\\\d]\n");
    registry = open_layers();
    put(registry, "K", "a", 1);
    make(registry, "K\\c");
    put(registry, "K", "d", 3);
    assert_string_equal(subkeys(registry, "K"), "b c d ");
    assert_string_equal(values(registry, "K"), "b d a ");
    lower_becomes("[K]\n\"a0\"=dword:1\n\"b\"=dword:5\n\"d\"=dword:2\n"
                  "[K\\\\a]\n[K\\\\b]\n[K\\\\d]\n[K\\\\e]\n");
    assert_string_equal(subkeys(registry, "K"), "a b c d e ");
    assert_string_equal(values(registry, "K"), "b d a a0 ");
    lower_becomes("[K]\n\"a0\"=dword:1\n\"d\"=dword:2\n[K\\\\b]\n[K\\\\e]\n");
    assert_string_equal(subkeys(registry, "K"), "b c e ");
    assert_string_equal(values(registry, "K"), "d a a0 ");
    registry_close(registry);
}

static void open_keys_stay_open(void **state)
{
    registry_t *registry;
    uint64_t changed, same, gone;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[B]\n\"v\"=dword:1\n[C]\n");
    registry = open_layers();
    changed = lookup(registry, ROOT, "Machine\\A");
    same = lookup(registry, ROOT, "Machine\\B");
    gone = lookup(registry, ROOT, "Machine\\C");
    lower_becomes("[A]\n\"v\"=dword:2\n[B]\n\"v\"=dword:1\n");
    check_value(registry, changed, "v", 4, "\2\0\0\0", 4);
    check_value(registry, same, "v", 4, "\1\0\0\0", 4);
    assert_int_equal(try_query(registry, gone, "v", &(struct registry_value_info){0}, NULL, 0),
                     -EIDRM);
    lower_becomes("[A]\n\"v\"=dword:2\n[B]\n\"v\"=dword:1\n[C]\n");
    assert_true(lookup(registry, ROOT, "Machine\\A") == changed);
    assert_true(lookup(registry, ROOT, "Machine\\C") != gone);
    registry_close(registry);
}

/* A key that was deleted below and made again in another spelling. */
static void another_spelling_is_a_new_key(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[Name]\n\"v\"=dword:1\n[Name\\\\Sub]\n\"v\"=dword:2\n[Z]\n");
    registry = open_layers();
    lower_becomes("[NAME]\n\"v\"=dword:3\n[Z]\n");
    assert_int_equal(number(registry, "name", "v"), 3);
    assert_false(has_key(registry, "name\\sub"));
    assert_string_equal(subkeys(registry, ""), "NAME Z ");
    lower_becomes("[naMe\\\\suB]\n\"v\"=dword:4\n[Z]\n");
    assert_int_equal(number(registry, "name\\sub", "v"), 4);
    assert_int_equal(number(registry, "name", "v"), NO_VALUE);
    registry_close(registry);
}

/* The last of several values of one name counts, as in an import. */
static void a_value_that_stands_there_twice(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n\"V\"=dword:2\n");
    registry = open_layers();
    assert_int_equal(number(registry, "A", "v"), 2);
    lower_becomes("[A]\n\"v\"=dword:3\n\"V\"=dword:4\n\"n\"=dword:5\n\"N\"=dword:6\n");
    assert_int_equal(number(registry, "A", "v"), 4);
    assert_int_equal(number(registry, "A", "n"), 6);
    assert_string_equal(values(registry, "A"), "v n ");
    registry_close(registry);
}

/* ---- names that are escaped in the text ---- */

static uint64_t wide_lookup(registry_t *registry, uint64_t from, const uint16_t *name, size_t units)
{
    uint64_t key = 0;

    assert_int_equal(registry_lookup(registry, from, name, units, 0, &key, NULL), 0);
    return key;
}

static void escaped_names(void **state)
{
    static const uint16_t odd[] = u"\u00e4\u4e2d[]\n";
    registry_t *registry;
    uint64_t key, other;

    (void)state;
    lower_becomes("[\\x00e4\\x4e2d[\\]\\n]\n\"a\\\\b\\\"c\"=dword:1\n[\\x00e4\\x4e2d[\\]\\n\\\\x]\n"
                  "[[\\]]\n\"[v]\"=\"[text]\"\n[Z]\n");
    registry = open_layers();
    other = lookup(registry, ROOT, "Machine\\[]");
    lower_becomes("[\\x00e4\\x4e2d[\\]\\n]\n\"a\\\\b\\\"c\"=dword:2\n[\\x00e4\\x4e2d[\\]\\n\\\\y]\n"
                  "[[\\]]\n\"[v]\"=\"[texts]\"\n[Z]\n");
    key = wide_lookup(registry, lookup(registry, ROOT, "Machine"), odd, 5);
    check_value(registry, key, "a\\b\"c", 4, "\2\0\0\0", 4);
    assert_int_equal(try_lookup(registry, key, "x", 0, &other), -ENOENT);
    lookup(registry, key, "y");
    check_value(registry, lookup(registry, ROOT, "Machine\\[]"), "[v]", REG_SZ, u"[texts]", 16);
    lower_becomes("[Z]\n");
    assert_string_equal(subkeys(registry, ""), "Z ");
    registry_close(registry);
}

/* ---- what is told ---- */

static uint32_t kinds_of(const struct registry_change *changes, int count, uint64_t key)
{
    uint32_t kinds = 0;

    for (int i = 0; i < count; i++)
        if (changes[i].key == key)
            kinds |= changes[i].kinds;
    return kinds;
}

static void changes_are_told(void **state)
{
    struct registry_change changes[64];
    registry_t *registry;
    uint64_t generation, machine, value, class, time, gone, same, hidden;
    int count;

    (void)state;
    lower_becomes("[Class]\n[Gone]\n[Hidden]\n\"v\"=dword:1\n[Same]\n\"v\"=dword:1\n"
                  "[Time]\n#time=1\n[Value]\n\"v\"=dword:1\n");
    registry = open_layers();
    machine = lookup(registry, ROOT, "Machine");
    value = lookup(registry, machine, "Value");
    class = lookup(registry, machine, "Class");
    time = lookup(registry, machine, "Time");
    gone = lookup(registry, machine, "Gone");
    same = lookup(registry, machine, "Same");
    hidden = put(registry, "Hidden", "v", 100);
    number(registry, "Hidden", "v");
    generation = registry_generation(registry);
    lower_becomes("[Class]\n#class=\"c\"\n[Hidden]\n\"v\"=dword:2\n[New]\n[Same]\n\"v\"=dword:1\n"
                  "[Time]\n#time=2\n[Value]\n\"v\"=dword:2\n");
    assert_true(has_key(registry, "New"));
    count = registry_read_changes(registry, &generation, changes, 64);
    assert_true(count > 0);
    assert_int_equal(kinds_of(changes, count, machine), REGISTRY_CHANGED_NAME);
    assert_int_equal(kinds_of(changes, count, value), REGISTRY_CHANGED_VALUES);
    assert_int_equal(kinds_of(changes, count, class), REGISTRY_CHANGED_ATTRIBUTES);
    assert_int_equal(kinds_of(changes, count, gone), REGISTRY_CHANGED_GONE);
    assert_int_equal(kinds_of(changes, count, time), 0);
    assert_int_equal(kinds_of(changes, count, same), 0);
    assert_int_equal(kinds_of(changes, count, hidden), 0);
    registry_close(registry);
}

static pthread_barrier_t about_to_sleep;

static void *change_below(void *unused)
{
    pthread_barrier_wait(&about_to_sleep);
    lower_becomes("[A]\n\"v\"=dword:2\n");
    return unused;
}

/* Nobody but the sleeper looks at the registry. */
static void a_sleeping_watcher_wakes(void **state)
{
    struct registry_change changes[64];
    registry_t *registry;
    uint64_t generation, seen, key;
    pthread_t thread;
    int count;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n");
    registry = open_layers();
    key = lookup(registry, ROOT, "Machine\\A");
    seen = generation = registry_generation(registry);
    pthread_barrier_init(&about_to_sleep, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, change_below, NULL), 0);
    pthread_barrier_wait(&about_to_sleep);
    for (int tries = 0; tries < 100 && registry_generation(registry) == generation; tries++)
        registry_wait_change(registry, generation, 60000);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&about_to_sleep);
    count = registry_read_changes(registry, &seen, changes, 64);
    assert_int_equal(count, 1);
    assert_int_equal(kinds_of(changes, count, key), REGISTRY_CHANGED_VALUES);
    registry_close(registry);
}

/* ---- many keys, many values ---- */

enum { KEYS = 20000, VALUES = 100000 };

static void fill_keys(int skipped, int changed)
{
    char *text = malloc(KEYS * 64), *at = text;

    assert_non_null(text);
    for (int i = 0; i < KEYS; i++)
        if (i != skipped)
            at += sprintf(at, "[Group%d\\\\Key%d] 5\n\"v\"=dword:%x\n\n", i / 100, i,
                          i == changed ? 0xffff : i);
    *at = 0;
    lower_becomes(text);
    free(text);
}

static void a_large_prefix_with_few_changes(void **state)
{
    struct registry_change changes[64];
    registry_t *registry;
    uint64_t key, generation;

    (void)state;
    fill_keys(-1, -1);
    registry = open_layers();
    put(registry, "Group7\\Key777", "mine", 1);
    key = lookup(registry, ROOT, "Machine\\Group199\\Key19999");
    generation = registry_generation(registry);
    fill_keys(500, 12345);
    assert_int_equal(number(registry, "Group123\\Key12345", "v"), 0xffff);
    assert_false(has_key(registry, "Group5\\Key500"));
    assert_int_equal(number(registry, "Group7\\Key777", "mine"), 1);
    check_value(registry, key, "v", 4, "\x1f\x4e\0\0", 4);
    assert_in_range(registry_read_changes(registry, &generation, changes, 64), 3, 6);
    registry_close(registry);
}

static void fill_values(int skipped)
{
    char *text = malloc(VALUES * 32), *at = text;

    assert_non_null(text);
    at += sprintf(at, "[Many]\n");
    for (int i = 0; i < VALUES; i++)
        if (i != skipped)
            at += sprintf(at, "\"value%d\"=dword:%x\n", (i * 7919) % VALUES, i);
    lower_becomes(text);
    free(text);
}

/* Would take minutes if each value were looked for among all others. */
static void a_key_with_very_many_values(void **state)
{
    registry_t *registry;
    char name[32];

    (void)state;
    fill_values(-1);
    registry = open_layers();
    put(registry, "Many", "mine", 1);
    fill_values(777);
    snprintf(name, sizeof name, "value%d", (777 * 7919) % VALUES);
    assert_int_equal(number(registry, "Many", name), NO_VALUE);
    snprintf(name, sizeof name, "value%d", (778 * 7919) % VALUES);
    assert_int_equal(number(registry, "Many", name), 778);
    assert_int_equal(number(registry, "Many", "mine"), 1);
    assert_int_equal(key_info(registry, lookup(registry, ROOT, "Machine\\Many")).values, VALUES);
    registry_close(registry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_layers, remove_layers)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(what_changes_below_shows),
        TEST(keys_between_come_and_go),
        TEST(class_and_link_follow),
        TEST(what_the_kernel_wrote_stays_over_it),
        TEST(keys_with_something_of_the_kernel_outlive_the_lower_ones),
        TEST(security_on_a_lower_key_stays),
        TEST(the_last_write_is_the_newest),
        TEST(enumeration_is_merged_and_keeps_its_order),
        TEST(open_keys_stay_open),
        TEST(another_spelling_is_a_new_key),
        TEST(a_value_that_stands_there_twice),
        TEST(escaped_names),
        TEST(changes_are_told),
        TEST(a_sleeping_watcher_wakes),
        TEST(a_large_prefix_with_few_changes),
        TEST(a_key_with_very_many_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
