/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_transaction_model.c - thousands of random changes, made inside transactions below
 * one key and outside every transaction below another: both must answer the same and look the same,
 * before the commit and after it.
 */
#include "tests/unit/transaction_fixture.h"

static unsigned random_state;

static unsigned pick(unsigned count)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % count;
}

/* Path of up to three components below `top`, from few names in two spellings. */
static const char *pick_path(char *path)
{
    static const char *const names[] = {"a", "B", "c", "A", "b", "long name"};
    unsigned depth = 1 + pick(3);

    path[0] = 0;
    for (unsigned i = 0; i < depth; i++)
        sprintf(path + strlen(path), "%s%s", i ? "\\" : "", names[pick(6)]);
    return path;
}

/* One change below `top`, chosen by `seed`; what it answered. */
static int change_somewhere(uint64_t top, unsigned seed)
{
    static const char *const names[] = {"v", "W", "V", "x"};
    char path[64], name[8], text[16];
    uint64_t key;
    int result;

    random_state = seed;
    result = try_lookup(registry, top, pick_path(path), 0, &key);
    snprintf(text, sizeof(text), "%u", seed);
    snprintf(name, sizeof(name), "r%u", pick(4));
    switch (pick(8)) {
    case 0:
    case 1:
    case 2:
        return try_create(registry, top, path, 0, &key);
    case 3:
        return result ? result : registry_delete(registry, key);
    case 4:
        return result ? result : rename_to(registry, key, name);
    case 5:
        return result ? result : delete_named(registry, key, names[pick(4)]);
    default:
        return result ? result : try_set(registry, key, names[pick(4)], REG_SZ, text, 5);
    }
}

/* Everything below a key as text: names in order, values in order with their data. */
static void describe(uint64_t key, char *text, size_t size)
{
    char data[32], name[64];
    struct registry_buffer name_buffer = {name, sizeof(name)}, buffer = {data, sizeof(data)};
    struct registry_value_info value;
    struct registry_key_info info = key_info(registry, key);
    uint64_t subkey;
    size_t used;

    sprintf(text + strlen(text), "%u/%u/%u/%u/%u{", info.subkeys, info.values,
            info.max_subkey_name, info.max_value_name, info.max_value_data);
    for (uint32_t i = 0;
         registry_enumerate_value(registry, key, i, &value, &name_buffer, &buffer) == 0; i++)
        sprintf(text + strlen(text), "%c=%.*s,", name[0], (int)value.data_bytes, data);
    for (uint32_t i = 0; registry_enumerate_key(registry, key, i, &subkey) == 0; i++) {
        assert_int_equal(registry_query_key(registry, subkey, false, &info, &name_buffer, NULL), 0);
        used = strlen(text);
        assert_true(used + 256 < size);
        for (uint32_t unit = 0; unit < info.name_bytes; unit += 2)
            text[used++] = name[unit];
        text[used] = 0;
        describe(subkey, text, size);
    }
    strcat(text, "}");
}

static void compare(uint64_t first, uint64_t second, unsigned seed)
{
    static char texts[2][1 << 18];

    texts[0][0] = texts[1][0] = 0;
    describe(first, texts[0], sizeof(texts[0]));
    describe(second, texts[1], sizeof(texts[1]));
    if (strcmp(texts[0], texts[1]) != 0)
        fail_msg("after %u:\n%s\n%s", seed, texts[0], texts[1]);
}

static void a_transaction_does_what_is_done_outside(void **state)
{
    uint64_t first = create(registry, REGISTRY_ROOT_KEY, "First");
    uint64_t second = create(registry, REGISTRY_ROOT_KEY, "Second");
    unsigned seed = 1, changed = 0;

    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        uint64_t transaction = begin(registry);

        for (unsigned i = 0; i < 100; i++, seed++) {
            int outside = change_somewhere(second, seed * 7919);
            int within = change_somewhere(inside(first, transaction), seed * 7919);

            if (outside != within)
                fail_msg("change %u: %d outside, %d inside", seed, outside, within);
            changed += outside == 0;
            if (i % 5 == 0)
                compare(inside(first, transaction), second, seed);
        }
        assert_int_equal(registry_transaction_commit(registry, transaction), 0);
        registry_transaction_close(registry, transaction);
        compare(first, second, seed);
    }
    assert_true(changed > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_transaction_does_what_is_done_outside, open_registry, close_registry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
