/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regf_fixture.c - see regf_fixture.h.
 */
#include "tests/unit/regf_fixture.h"

#include "registry/upcase.h"

static void *copy_of(const void *bytes, size_t size)
{
    void *copy;

    if (!size)
        return NULL;
    copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    return copy;
}

static void *grown(void *items, size_t count, size_t size)
{
    if (count & (count - 1)) /* there is room up to the next power of two */
        return items;
    items = realloc(items, (count ? count * 2 : 1) * size);
    assert_non_null(items);
    return items;
}

static void let_go(struct tree *tree)
{
    for (size_t i = 0; i < COUNT(tree->handed); i++) {
        free(tree->handed[i]);
        tree->handed[i] = NULL;
    }
}

void tree_finish(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        struct branch *branch = &tree->branches[i];

        for (size_t j = 0; j < branch->value_count; j++) {
            free((void *)branch->values[j].name);
            free((void *)branch->values[j].data);
        }
        free(branch->values);
        free(branch->subkeys);
        free((void *)branch->key.name);
        free((void *)branch->key.class_name);
        free((void *)branch->key.security);
    }
    free(tree->branches);
    let_go(tree);
    memset(tree, 0, sizeof(*tree));
}

size_t tree_add(struct tree *tree, size_t parent, const struct regf_key *key)
{
    struct branch *branch;

    tree->branches = grown(tree->branches, tree->count, sizeof(*tree->branches));
    branch = &tree->branches[tree->count];
    memset(branch, 0, sizeof(*branch));
    branch->parent = parent;
    branch->key = *key;
    branch->key.name = copy_of(key->name, key->name_units * sizeof(*key->name));
    branch->key.class_name = copy_of(key->class_name, key->class_units * sizeof(*key->name));
    branch->key.security = copy_of(key->security, key->security_size);
    if (tree->count) {
        struct branch *above = &tree->branches[parent];

        above->subkeys = grown(above->subkeys, above->subkey_count, sizeof(*above->subkeys));
        above->subkeys[above->subkey_count++] = tree->count;
    }
    return tree->count++;
}

void tree_set(struct tree *tree, size_t index, const struct regf_value *value)
{
    struct branch *branch = &tree->branches[index];
    struct regf_value *copy;

    branch->values = grown(branch->values, branch->value_count, sizeof(*branch->values));
    copy = &branch->values[branch->value_count++];
    *copy = *value;
    copy->name = copy_of(value->name, value->name_units * sizeof(*value->name));
    copy->data = copy_of(value->data, value->size);
}

/* ---- a source, which takes back what it handed out before ---- */

static bool stopped(struct tree *tree)
{
    return ++tree->calls == tree->stop_at_call;
}

static int source_key(void *context, uint64_t key, struct regf_key *out)
{
    struct tree *tree = context;

    let_go(tree);
    if (stopped(tree))
        return tree->answer;
    *out = tree->branches[key].key;
    out->name = tree->handed[0] = copy_of(out->name, out->name_units * sizeof(*out->name));
    out->class_name = tree->handed[1] =
        copy_of(out->class_name, out->class_units * sizeof(*out->name));
    out->security = tree->handed[2] = copy_of(out->security, out->security_size);
    return 0;
}

static int source_value(void *context, uint64_t key, size_t index, struct regf_value *out)
{
    struct tree *tree = context;

    let_go(tree);
    if (stopped(tree))
        return tree->answer;
    if (index >= tree->branches[key].value_count)
        return -ENODATA;
    *out = tree->branches[key].values[index];
    out->name = tree->handed[0] = copy_of(out->name, out->name_units * sizeof(*out->name));
    out->data = tree->handed[1] = copy_of(out->data, out->size);
    return 0;
}

static int source_subkey(void *context, uint64_t key, size_t index, uint64_t *subkey)
{
    struct tree *tree = context;

    let_go(tree);
    if (stopped(tree))
        return tree->answer;
    if (index >= tree->branches[key].subkey_count)
        return -ENODATA;
    *subkey = tree->branches[key].subkeys[index];
    return 0;
}

struct regf_source tree_source(struct tree *tree)
{
    return (struct regf_source){tree, source_key, source_value, source_subkey};
}

void *write_tree(struct tree *tree, size_t *size)
{
    struct regf_source source = tree_source(tree);
    struct regf_error error;
    void *image;
    int result = regf_write(&source, 0, &image, size, &error);

    if (result)
        fail_msg("regf_write answers %d: %s", result, error.text);
    assert_string_equal(error.text, "");
    return image;
}

/* ---- a sink ---- */

static int sink_hive(void *context, const struct regf_hive *hive)
{
    struct tree *tree = context;

    assert_int_equal(tree->count, 0);
    tree->hive = *hive;
    return stopped(tree) ? tree->answer : 0;
}

static int sink_enter(void *context, const struct regf_key *key)
{
    struct tree *tree = context;

    assert_true(tree->depth ? tree->count : !tree->count);
    tree->open = tree_add(tree, tree->open, key);
    tree->depth++;
    return stopped(tree) ? tree->answer : 0;
}

static int sink_value(void *context, const struct regf_value *value)
{
    struct tree *tree = context;

    assert_true(tree->depth);
    assert_int_equal(tree->branches[tree->open].subkey_count, 0);
    tree_set(tree, tree->open, value);
    return stopped(tree) ? tree->answer : 0;
}

static int sink_leave(void *context)
{
    struct tree *tree = context;

    assert_true(tree->depth);
    tree->open = tree->branches[tree->open].parent;
    tree->depth--;
    return stopped(tree) ? tree->answer : 0;
}

struct regf_sink tree_sink(struct tree *tree)
{
    return (struct regf_sink){tree, sink_hive, sink_enter, sink_value, sink_leave};
}

int parse_into(struct tree *tree, const void *image, size_t size, struct regf_error *error)
{
    struct regf_sink sink = tree_sink(tree);
    void *block = malloc(size ? size : 1);
    int result;

    assert_non_null(block);
    memcpy(block, image, size);
    result = regf_parse(block, size, &sink, error);
    free(block);
    return result;
}

void read_tree(struct tree *tree, const void *image, size_t size)
{
    struct regf_error error;
    int result = parse_into(tree, image, size, &error);

    if (result)
        fail_msg("regf_parse answers %d: at %llu, %s", result, (unsigned long long)error.offset,
                 error.text);
    assert_string_equal(error.text, "");
    assert_int_equal(tree->depth, 0);
}

/* ---- comparing ---- */

static void assert_same_bytes(const void *expected, size_t expected_size, const void *bytes,
                              size_t size)
{
    assert_int_equal(expected_size, size);
    if (size)
        assert_memory_equal(expected, bytes, size);
}

static void assert_same_key(const struct regf_key *expected, const struct regf_key *key)
{
    assert_same_bytes(expected->name, expected->name_units * 2, key->name, key->name_units * 2);
    assert_same_bytes(expected->class_name, expected->class_units * 2, key->class_name,
                      key->class_units * 2);
    assert_int_equal(expected->last_write, key->last_write);
    assert_int_equal(expected->link, key->link);
    assert_int_equal(expected->predefined_handle, key->predefined_handle);
    if (expected->security_size)
        assert_same_bytes(expected->security, expected->security_size, key->security,
                          key->security_size);
    else
        assert_true(key->security_size > 0);
}

static int compare_branches(const void *a, const void *b, void *context)
{
    const struct tree *tree = context;
    const struct regf_key *one = &tree->branches[*(const size_t *)a].key;
    const struct regf_key *other = &tree->branches[*(const size_t *)b].key;

    return registry_name_compare(one->name, one->name_units, other->name, other->name_units);
}

static void assert_same_branch(const struct tree *expected, size_t at, const struct tree *tree,
                               size_t index)
{
    const struct branch *one = &expected->branches[at];
    const struct branch *other = &tree->branches[index];
    size_t *sorted = copy_of(one->subkeys, one->subkey_count * sizeof(*sorted));

    assert_same_key(&one->key, &other->key);
    assert_int_equal(one->value_count, other->value_count);
    for (size_t i = 0; i < one->value_count; i++) {
        const struct regf_value *value = &one->values[i];
        const struct regf_value *read = &other->values[i];

        assert_same_bytes(value->name, value->name_units * 2, read->name, read->name_units * 2);
        assert_int_equal(value->type, read->type);
        assert_same_bytes(value->data, value->size, read->data, read->size);
    }
    assert_int_equal(one->subkey_count, other->subkey_count);
    if (sorted)
        qsort_r(sorted, one->subkey_count, sizeof(*sorted), compare_branches, (void *)expected);
    for (size_t i = 0; i < one->subkey_count; i++)
        assert_same_branch(expected, sorted[i], tree, other->subkeys[i]);
    free(sorted);
}

void assert_same_tree(const struct tree *expected, const struct tree *tree)
{
    assert_int_equal(expected->count, tree->count);
    assert_same_branch(expected, 0, tree, 0);
}

/* ---- a tree with everything ---- */

#define BIG_SIZE 40000u

static void plant_values(struct tree *tree, size_t key)
{
    static const uint16_t text[] = u"C:\\Programs\0\xe4\x20ac";
    static const uint16_t odd_name[] = {'N', 0, 'U', 0xd800, 'L'};
    static unsigned char big[BIG_SIZE];

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (unsigned char)(i * 7 + i / 251);
    tree_set(tree, key, &(struct regf_value){.type = 1, .data = u"default", .size = 16});
    tree_set(tree, key, &(struct regf_value){NAME(u"Text"), 2, text, sizeof(text)});
    tree_set(tree, key, &(struct regf_value){NAME(u"Number"), 4, "\x2a\0\0\0", 4});
    tree_set(tree, key, &(struct regf_value){NAME(u"Long"), 11, "12345678", 8});
    tree_set(tree, key, &(struct regf_value){NAME(u"Empty"), 3, NULL, 0});
    tree_set(tree, key, &(struct regf_value){NAME(u"a\xff"), 0x80000123, "xyz", 3});
    tree_set(tree, key, &(struct regf_value){NAME(u"\x20ac"), 3, "12345", 5});
    tree_set(tree, key, &(struct regf_value){odd_name, COUNT(odd_name), 0, "1", 1});
    tree_set(tree, key, &(struct regf_value){NAME(u"Big"), 3, big, sizeof(big)});
}

void plant_rich_tree(struct tree *tree)
{
    static const uint16_t target[] = u"\\Registry\\Machine\\Software";
    static const char security[] = "a descriptor that nobody looks into";
    size_t key, deep;

    tree_add(tree, 0, &(struct regf_key){NAME(u"Root name"), .last_write = 0x1d9c0a0b0c0d0e0});
    key = tree_add(tree, 0, &(struct regf_key){NAME(u"values"), .last_write = 5});
    plant_values(tree, key);
    tree_add(
        tree, key,
        &(struct regf_key){NAME(u"Zeta"), .class_name = u"Some class\x20ac", .class_units = 11});
    tree_add(tree, key,
             &(struct regf_key){NAME(u"alpha"), .security = security,
                                .security_size = sizeof(security)});
    tree_add(tree, key,
             &(struct regf_key){NAME(u"\xe4lpha"), .security = security,
                                .security_size = sizeof(security)});
    tree_add(tree, key, &(struct regf_key){NAME(u"\x3b1lpha"), .last_write = UINT64_MAX});
    key = tree_add(tree, 0, &(struct regf_key){NAME(u"Link"), .link = true});
    tree_set(tree, key,
             &(struct regf_value){NAME(u"SymbolicLinkValue"), 6, target, sizeof(target) - 2});
    tree_add(tree, 0, &(struct regf_key){NAME(u"009"), .predefined_handle = 0x80000060});
    for (deep = 0, key = 0; deep < 40; deep++)
        key = tree_add(tree, key, &(struct regf_key){NAME(u"deeper")});
    tree_set(tree, key, &(struct regf_value){NAME(u"bottom"), 1, u"here", 10});
}
