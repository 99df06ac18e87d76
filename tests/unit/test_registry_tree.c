/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_tree.c - what is told of the difference between two registries.
 *
 * Trees are written as text: keys and values one a line, `path`, `path!` (a link) or
 * `path:name=data`; differences come out in the same way, with a sign in front.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/registry_tree.h"

/* ASCII as UTF-16; lives until the next call but one. */
static const uint16_t *wide(const char *text, size_t length)
{
    static uint16_t units[2][REGISTRY_TREE_PATH + 8];
    static int turn;

    turn = !turn;
    assert_true(length <= REGISTRY_TREE_PATH + 8);
    for (size_t i = 0; i < length; i++)
        units[turn][i] = (unsigned char)text[i];
    return units[turn];
}

static void add_line(struct registry_tree *tree, const char *line, size_t length)
{
    size_t path = strcspn(line, ":!\n");
    size_t name = strcspn(line, "=\n");
    struct registry_tree_value value = {.type = 1};
    struct registry_tree_key *key;

    assert_int_equal(registry_tree_add_key(tree, wide(line, path), path, line[path] == '!', &key),
                     0);
    if (line[path] != ':')
        return;
    value.name = wide(line + path + 1, name - path - 1);
    value.units = name - path - 1;
    value.data = line + name + 1;
    value.size = length - name - 1;
    assert_int_equal(registry_tree_add_value(tree, key, &value), 0);
}

static struct registry_tree *tree_of(const char *text)
{
    struct registry_tree *tree = registry_tree_create();

    assert_non_null(tree);
    while (*text) {
        size_t length = strcspn(text, "\n");

        add_line(tree, text, length);
        text += length + (text[length] == '\n');
    }
    return tree;
}

static void put_units(FILE *stream, const uint16_t *units, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fputc(units[i], stream);
}

static int tell(void *context, const struct registry_tree_difference *difference)
{
    const struct registry_tree_value *before = difference->old_value,
                                     *after = difference->new_value;
    FILE *stream = context;

    if (difference->key)
        fputc(difference->after ? '+' : '-', stream);
    else
        fputc(!before ? '+' : !after ? '-' : '~', stream);
    put_units(stream, difference->path, difference->units);
    if (!difference->key) {
        const struct registry_tree_value *value = after ? after : before;

        fputc(':', stream);
        put_units(stream, value->name, value->units);
        fprintf(stream, "=%.*s", (int)value->size, (const char *)value->data);
    } else if (difference->link) {
        fputc('!', stream);
    }
    fputc('\n', stream);
    return 0;
}

static void differ(const char *before, const char *after, const char *told)
{
    struct registry_tree *trees[] = {tree_of(before), tree_of(after)};
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    assert_int_equal(registry_tree_compare(trees[0], trees[1], tell, stream), 0);
    fclose(stream);
    assert_string_equal(text, told);
    free(text);
    registry_tree_destroy(trees[0]);
    registry_tree_destroy(trees[1]);
}

static void equal_trees(void **state)
{
    (void)state;
    differ("", "", "");
    differ("A\\B:x=1\nA:y=2", "A:y=2\nA\\B\nA\\B:x=1", "");
    differ("Key\\Sub:Name=1", "KEY\\sub:nAME=1", "");
    differ("A\\\\B\\", "\\A\\B", "");
    differ("A!\nA:SymbolicLinkValue=x", "A!\nA:SymbolicLinkValue=x", "");
}

static void keys(void **state)
{
    (void)state;
    differ("", "B\\C\nA", "+A\n+B\n+B\\C\n");
    differ("A\nB\\C:x=1\nB:y=1", "A", "-B\n");
    differ("A\\B\nD", "A\\C\nD", "-A\\B\n+A\\C\n");
    differ("a\nC", "B", "-a\n+B\n-C\n");
    differ("", "A:b=1\nA:a=2\nA\\K:c=", "+A\n+A:a=2\n+A:b=1\n+A\\K\n+A\\K:c=\n");
    differ("AB\nA\\C", "A\\C\nAB\nA-B", "+A-B\n");
}

static void values(void **state)
{
    (void)state;
    differ("A:x=1\nA:y=1\nA:z=1", "A:x=1\nA:Y=2\nA:w=1", "+A:w=1\n~A:Y=2\n-A:z=1\n");
    differ("A:x=1", "A:x=12", "~A:x=12\n");
    differ("A:x=1\nA:X=2\nA:x=3", "A:x=3", "");
    differ("A:=1", "A:=2\nA:a=", "~A:=2\n+A:a=\n");
    differ(":x=1", ":x=2", "~:x=2\n");
}

static void types(void **state)
{
    struct registry_tree *trees[] = {registry_tree_create(), registry_tree_create()};
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        const struct registry_tree_value value = {u"v", 1, i, "d", 1};
        struct registry_tree_key *key;

        assert_int_equal(registry_tree_add_key(trees[i], u"A", 1, false, &key), 0);
        assert_int_equal(registry_tree_add_value(trees[i], key, &value), 0);
    }
    assert_int_equal(registry_tree_compare(trees[0], trees[1], tell, stream), 0);
    fclose(stream);
    assert_string_equal(text, "~A:v=d\n");
    free(text);
    registry_tree_destroy(trees[0]);
    registry_tree_destroy(trees[1]);
}

static void links(void **state)
{
    (void)state;
    differ("A\nA\\B:x=1", "A!\nA:L=t", "-A\n+A!\n+A:L=t\n");
    differ("A!\nA:L=t", "A\\B", "-A!\n+A\n+A\\B\n");
    differ("A!\nA:L=t", "A!\nA:L=u", "~A:L=u\n");
}

static void limits(void **state)
{
    char path[REGISTRY_TREE_PATH + 1];
    struct registry_tree *tree = registry_tree_create();
    struct registry_tree *empty = registry_tree_create();
    struct registry_tree_key *key;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    memset(path, 'x', sizeof(path));
    assert_int_equal(
        registry_tree_add_key(tree, wide(path, sizeof(path)), sizeof(path), false, &key), -EINVAL);
    for (size_t i = 1; i < sizeof(path); i += 2)
        path[i] = '\\';
    assert_int_equal(
        registry_tree_add_key(tree, wide(path, sizeof(path) - 1), sizeof(path) - 1, false, &key),
        -EINVAL);
    assert_int_equal(registry_tree_add_key(empty, wide(path, 2 * REGISTRY_TREE_DEPTH),
                                           2 * REGISTRY_TREE_DEPTH, false, &key),
                     0);
    assert_int_equal(registry_tree_compare(empty, tree, tell, stream), 0);
    fclose(stream);
    free(text);
    registry_tree_destroy(tree);
    registry_tree_destroy(empty);
    registry_tree_destroy(NULL);
}

static int count_to_three(void *context, const struct registry_tree_difference *difference)
{
    int *count = context;

    (void)difference;
    return ++*count == 3 ? 9 : 0;
}

static void many_keys_and_an_early_end(void **state)
{
    struct registry_tree *few = registry_tree_create(), *many = registry_tree_create();
    struct registry_tree_key *key;
    int count = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[32];
        int length = snprintf(text, sizeof(text), "Key%d\\Sub", i % 10000);

        assert_int_equal(
            registry_tree_add_key(many, wide(text, (size_t)length), (size_t)length, false, &key),
            0);
    }
    assert_int_equal(registry_tree_compare(few, many, count_to_three, &count), 9);
    assert_int_equal(count, 3);
    count = 3;
    assert_int_equal(registry_tree_compare(many, few, count_to_three, &count), 0);
    assert_int_equal(count, 3 + 10000);
    registry_tree_destroy(few);
    registry_tree_destroy(many);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_trees),
        cmocka_unit_test(keys),
        cmocka_unit_test(values),
        cmocka_unit_test(types),
        cmocka_unit_test(links),
        cmocka_unit_test(limits),
        cmocka_unit_test(many_keys_and_an_early_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
