/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_regf_foreign.c - reading hives that pwk did not write: records of older versions and of
 * other programs, and every kind of damage. Hives are put together here byte by byte.
 */
#include "tests/unit/regf_fixture.h"

#include "registry/regf_format.h"

#define BINS (6 * REGF_BLOCK)
#define LARGE 17000u /* in one cell, as before 1.4 */
#define SEGMENTED 16400u

/* A hive with one bin, and where its records are: offsets of cells. */
struct hand {
    unsigned char image[REGF_BLOCK + BINS];
    uint32_t at;
    uint32_t root, ri, li, lf, first, last, values, small, stored, large, inside, security;
    uint32_t class_name, db, segments, segment;
};

static void *record(struct hand *hand, uint32_t offset)
{
    return hand->image + REGF_BLOCK + offset + sizeof(uint32_t);
}

/* A cell in use, with one that is not behind it. */
static uint32_t put(struct hand *hand, const void *bytes, size_t size)
{
    uint32_t offset = hand->at, used = ((uint32_t)size + 4 + 7) / 8 * 8;
    uint32_t negative = 0u - used, unused = 16;

    memcpy(hand->image + REGF_BLOCK + offset, &negative, sizeof(negative));
    memcpy(record(hand, offset), bytes, size);
    memcpy(hand->image + REGF_BLOCK + offset + used, &unused, sizeof(unused));
    hand->at += used + unused;
    assert_true(hand->at < BINS);
    return offset;
}

static uint32_t put_named(struct hand *hand, const void *record_bytes, size_t size,
                          const void *name, size_t name_size)
{
    unsigned char bytes[200];

    memcpy(bytes, record_bytes, size);
    memcpy(bytes + size, name, name_size);
    return put(hand, bytes, size + name_size);
}

static uint32_t put_list(struct hand *hand, const char *kind, size_t count, size_t step,
                         const uint32_t *keys)
{
    unsigned char bytes[64] = {(unsigned char)kind[0], (unsigned char)kind[1],
                               (unsigned char)count};

    for (size_t i = 0; i < count; i++)
        memcpy(bytes + 4 + i * step, &keys[i], sizeof(keys[i]));
    return put(hand, bytes, 4 + count * step);
}

static uint32_t put_key(struct hand *hand, const char *name)
{
    struct regf_nk nk = {.signature = {'n', 'k'},
                         .flags = REGF_KEY_LATIN1,
                         .last_write = 9,
                         .volatile_count = 7,
                         .volatile_subkeys = 0x80000020,
                         .subkeys = 3,
                         .values = 5,
                         .security = hand->security,
                         .class_name = 77,
                         .name_size = (uint16_t)strlen(name)};

    return put_named(hand, &nk, sizeof(nk), name, strlen(name));
}

static uint32_t put_value(struct hand *hand, const char *name, uint32_t size, uint32_t data)
{
    struct regf_vk vk = {.signature = {'v', 'k'},
                         .name_size = (uint16_t)strlen(name),
                         .size = size,
                         .data = data,
                         .type = 3,
                         .flags = REGF_VALUE_LATIN1};

    return put_named(hand, &vk, sizeof(vk), name, strlen(name));
}

static void put_values(struct hand *hand)
{
    unsigned char data[LARGE];
    uint32_t segments[2], values[4];
    struct regf_db db = {.signature = {'d', 'b'}, .count = 2};

    memset(data, 'L', sizeof(data));
    hand->stored = put(hand, "ab", 2);
    hand->small = put_value(hand, "small", 2, hand->stored);
    hand->large = put_value(hand, "large", LARGE, put(hand, data, LARGE));
    hand->inside = put_value(hand, "inside", REGF_INLINE | 3, 'x' | 'y' << 8 | 'z' << 16);
    values[0] = hand->small;
    values[1] = hand->large;
    values[2] = hand->inside;
    values[3] = put_value(hand, "", 0, 0xdeadbee0);
    hand->values = put(hand, values, sizeof(values));
    /* Not referred to until a test makes it the data of "large". */
    hand->segment = segments[0] = put(hand, data, 64);
    segments[1] = put(hand, data, SEGMENTED - REGF_SEGMENT);
    hand->segments = db.segments = put(hand, segments, sizeof(segments));
    hand->db = put(hand, &db, sizeof(db));
}

static void seal(struct hand *hand)
{
    struct regf_base base;

    memcpy(&base, hand->image, sizeof(base));
    base.checksum = regf_checksum(&base);
    memcpy(hand->image, &base, sizeof(base));
}

/* A hive as an NT 4 would have written it, but with lists as they never stand together. */
static void build(struct hand *hand)
{
    struct regf_bin bin = {.signature = {'h', 'b', 'i', 'n'}, .size = BINS};
    struct regf_base base = {.signature = {'r', 'e', 'g', 'f'},
                             .primary_sequence = 8,
                             .secondary_sequence = 8,
                             .last_written = 4711,
                             .major = 1,
                             .minor = 3,
                             .format = 1,
                             .bins_size = BINS,
                             .clustering = 1};
    struct regf_sk sk = {.signature = {'s', 'k'}, .references = 4, .size = 6};
    struct regf_nk root = {.signature = {'n', 'k'},
                           .flags = REGF_KEY_ROOT,
                           .parent = 12345,
                           .subkey_count = 3,
                           .value_count = 4,
                           .name_size = 6,
                           .class_size = 4};
    uint32_t keys[3], rest;

    memset(hand, 0, sizeof(*hand));
    hand->at = sizeof(bin);
    memcpy(hand->image + REGF_BLOCK, &bin, sizeof(bin));
    root.security = hand->security = put_named(hand, &sk, sizeof(sk), "secret", 6);
    root.class_name = hand->class_name = put(hand, u"cl", 4);
    put_values(hand);
    root.values = hand->values;
    hand->first = keys[0] = put_key(hand, "Zz");
    keys[1] = put_key(hand, "\xe4");
    hand->last = keys[2] = put_key(hand, "");
    hand->li = put_list(hand, "li", 1, 4, keys);
    hand->lf = put_list(hand, "lf", 2, 8, keys + 1);
    root.subkeys = hand->ri = put_list(hand, "ri", 2, 4, (uint32_t[]){hand->li, hand->lf});
    base.root = hand->root = put_named(hand, &root, sizeof(root), u"R\x20ac\xd800", 6);
    rest = BINS - hand->at;
    memcpy(hand->image + REGF_BLOCK + hand->at, &rest, sizeof(rest));
    memcpy(hand->image, &base, sizeof(base));
    seal(hand);
}

static void old_records_are_read(void **state)
{
    static const uint16_t root_name[] = {'R', 0x20ac, 0xd800};
    static struct hand hand;
    struct tree tree = {0};
    const struct branch *root;

    (void)state;
    build(&hand);
    read_tree(&tree, hand.image, sizeof(hand.image));
    root = tree.branches;
    assert_int_equal(tree.count, 4);
    assert_int_equal(tree.hive.minor, 3);
    assert_int_equal(tree.hive.last_written, 4711);
    assert_int_equal(root->key.name_units, 3);
    assert_memory_equal(root->key.name, root_name, sizeof(root_name));
    assert_int_equal(root->key.class_units, 2);
    assert_memory_equal(root->key.class_name, u"cl", 4);
    assert_int_equal(root->key.security_size, 6);
    assert_memory_equal(root->key.security, "secret", 6);
    assert_int_equal(root->value_count, 4);
    assert_memory_equal(root->values[0].data, "ab", 2);
    assert_int_equal(root->values[1].size, LARGE);
    assert_memory_equal(root->values[2].data, "xyz", 3);
    assert_int_equal(root->values[3].size, 0);
    assert_int_equal(root->subkey_count, 3);
    assert_memory_equal(tree.branches[1].key.name, u"Zz", 4);
    assert_int_equal(tree.branches[2].key.name[0], 0xe4);
    assert_int_equal(tree.branches[3].key.name_units, 0);
    assert_int_equal(tree.branches[3].key.last_write, 9);
    tree_finish(&tree);
}

static void a_dirty_hive_is_noted(void **state)
{
    static struct hand hand;
    struct tree tree = {0};

    (void)state;
    build(&hand);
    hand.image[offsetof(struct regf_base, secondary_sequence)]--;
    seal(&hand);
    read_tree(&tree, hand.image, sizeof(hand.image));
    assert_true(tree.hive.dirty);
    tree_finish(&tree);
}

/* What stands behind the last bin is not looked at. */
static void padding_is_not_read(void **state)
{
    static unsigned char image[sizeof(((struct hand *)0)->image) + 1000];
    static struct hand hand;
    struct tree tree = {0};

    (void)state;
    build(&hand);
    memset(image, 0xff, sizeof(image));
    memcpy(image, hand.image, sizeof(hand.image));
    read_tree(&tree, image, sizeof(image));
    tree_finish(&tree);
}

/* ---- damage ---- */

static int parse(const struct hand *hand, size_t size, struct regf_error *error)
{
    struct tree tree = {0};
    int result = parse_into(&tree, hand->image, size, error);

    tree_finish(&tree);
    assert_int_equal(result != 0, error->text[0] != '\0');
    return result;
}

static void refuse(const struct hand *hand, uint64_t offset, const char *reason)
{
    struct regf_error error;

    assert_int_equal(parse(hand, sizeof(hand->image), &error), -EINVAL);
    if (!strstr(error.text, reason))
        fail_msg("'%s' is not in: %s", reason, error.text);
    assert_int_equal(error.offset, offset);
}

static void a_wrong_base_block_is_refused(void **state)
{
    static const struct {
        size_t at;
        unsigned char byte;
        uint64_t told;
        const char *reason;
    } wrong[] = {
        {0, 'R', 0, "does not begin with 'regf'"},
        {20, 2, 20, "version"},
        {24, 2, 20, "version"},
        {24, 7, 20, "version"},
        {28, 1, 28, "its log"},
        {28, 6, 28, "its log"},
        {32, 0, 28, "unknown format"},
        {40, 1, 40, "whole blocks"},
        {41, BINS / 256 + 16, REGF_BLOCK + BINS, "cut off"},
        {43, 0x80, 40, "whole blocks"},
    };
    static struct hand hand;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        build(&hand);
        hand.image[wrong[i].at] = wrong[i].byte;
        seal(&hand);
        refuse(&hand, wrong[i].told, wrong[i].reason);
    }
    build(&hand);
    hand.image[100] ^= 1;
    refuse(&hand, 508, "checksum");
}

static void wrong_records_are_refused(void **state)
{
    static struct hand hand;
    const struct {
        uint32_t *record; /* NULL: the bin */
        size_t at;        /* in the record; -4: the cell's size */
        uint32_t word;
        uint32_t *told; /* the record that is named; NULL: do not look */
        const char *reason;
    } wrong[] = {
        {NULL, 0, 0, NULL, "no bin"},
        {NULL, 4, 4096, NULL, "no bin"},
        {NULL, 8, 0, NULL, "size of a bin is 0"},
        {NULL, 8, BINS + 4096, NULL, "whole blocks"},
        {NULL, 8, BINS - 4096, NULL, "cell"},
        {&hand.li, (size_t)-4, 0, &hand.li, "size of a cell is 0"},
        {&hand.li, (size_t)-4, 0x80000000, &hand.li, "size of a cell is 2147483648"},
        {&hand.li, (size_t)-4, 12, &hand.li, "size of a cell is 12"},
        {&hand.li, (size_t)-4, 16, &hand.li, "list of subkeys should be here"},
        {&hand.root, 0, 'n' | 'K' << 8, &hand.root, "there is no 'nk'"},
        {&hand.root, 20, 2, &hand.root, "says that it has 2 subkeys, its lists have 3"},
        {&hand.root, 20, 4, &hand.root, "says that it has 4 subkeys, its lists have 3"},
        {&hand.root, 28, BINS, NULL, "list of subkeys"},
        {&hand.root, 28, 0xffffffff, NULL, "list of subkeys"},
        {&hand.root, 36, 0x40000000, &hand.values, "needed"},
        {&hand.root, 36, 0xffffffff, &hand.values, "needed"},
        {&hand.root, 40, 36, NULL, "list of a key's values should be here"},
        {&hand.root, 44, 100, NULL, "security descriptor should be here"},
        {&hand.root, 48, 0xffffffff, NULL, "class of a key should be here"},
        {&hand.root, 72, 6 | 3 << 16, &hand.class_name, "half a unit"},
        {&hand.root, 72, 6 | 200 << 16, &hand.class_name, "200 are needed"},
        {&hand.root, 72, 200 | 4 << 16, &hand.root, "name of 200 bytes does not fit"},
        {&hand.security, 16, 0xffffffff, &hand.security, "descriptor of 4294967295 bytes"},
        {&hand.ri, 0, 'r' | 'i' << 8 | 0xffffu << 16, &hand.ri, "65535 subkeys does not fit"},
        {&hand.ri, 8, 0, NULL, "should be here"},
        {&hand.li, 0, 'r' | 'i' << 8 | 1 << 16, &hand.li, "list of subkeys should be here"},
        {&hand.li, 0, 'l' | 'x' << 8 | 1 << 16, &hand.li, "list of subkeys should be here"},
        {&hand.lf, 0, 'l' | 'f' << 8 | 9 << 16, &hand.lf, "9 subkeys does not fit"},
        {&hand.small, 4, 13, &hand.stored, "data of 13 bytes do not fit"},
        {&hand.small, 4, 0x7fffffff, &hand.stored, "data of 2147483647 bytes do not fit"},
        {&hand.small, 8, 8, NULL, "data of a value should be here"},
        {&hand.small, 16, 3, &hand.small, "tombstone"},
        {&hand.inside, 4, REGF_INLINE | 5, &hand.inside, "data of 5 bytes cannot be"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        unsigned char *record_bytes;
        uint64_t told;
        struct regf_error error;

        build(&hand);
        record_bytes = wrong[i].record ? record(&hand, *wrong[i].record) : hand.image + REGF_BLOCK;
        memcpy(record_bytes + (ptrdiff_t)wrong[i].at, &wrong[i].word, sizeof(wrong[i].word));
        parse(&hand, sizeof(hand.image), &error);
        told = wrong[i].told ? REGF_BLOCK + *wrong[i].told : error.offset;
        refuse(&hand, told, wrong[i].reason);
    }
}

static void nothing_is_used_twice(void **state)
{
    static struct hand hand;
    const uint32_t *doubled[][2] = {
        {&hand.ri, &hand.lf},
        {&hand.ri, &hand.ri},
        {&hand.li, &hand.root},
        {&hand.li, &hand.last},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(doubled); i++) {
        build(&hand);
        memcpy((char *)record(&hand, *doubled[i][0]) + 4, doubled[i][1], sizeof(uint32_t));
        refuse(&hand, REGF_BLOCK + (i == 3 ? hand.last : *doubled[i][1]), "has been used");
    }
}

/* A hive of the writer's, as deep as can be, whose root is put below another key. */
static void too_deep_keys_are_refused(void **state)
{
    struct tree tree = {0}, read = {0};
    struct regf_error error;
    struct regf_base base;
    struct regf_nk *top, *other;
    unsigned char *image, *bins;
    uint32_t first_leaf[4];
    size_t key = 0, size;

    (void)state;
    tree_add(&tree, 0, &(struct regf_key){NAME(u"top")});
    for (size_t level = 1; level < REGF_MAX_DEPTH; level++)
        key = tree_add(&tree, key, &(struct regf_key){NAME(u"down")});
    key = tree_add(&tree, 0, &(struct regf_key){NAME(u"other")});
    tree_add(&tree, key, &(struct regf_key){NAME(u"child")});
    image = write_tree(&tree, &size);
    read_tree(&read, image, size);
    tree_finish(&read);

    memcpy(&base, image, sizeof(base));
    bins = image + REGF_BLOCK + sizeof(uint32_t);
    top = (struct regf_nk *)(void *)(bins + base.root);
    memcpy(first_leaf, bins + top->subkeys + sizeof(struct regf_list), sizeof(first_leaf));
    other = (struct regf_nk *)(void *)(bins + first_leaf[2]); /* the second entry's key */
    memcpy(bins + other->subkeys + sizeof(struct regf_list), &base.root, sizeof(base.root));
    base.root = first_leaf[2];
    base.checksum = regf_checksum(&base);
    memcpy(image, &base, sizeof(base));
    assert_int_equal(parse_into(&read, image, size, &error), -EINVAL);
    assert_non_null(strstr(error.text, "more than 512 deep"));
    free(image);
    tree_finish(&read);
    tree_finish(&tree);
}

/* Makes big data of "large" in a hive of a version that has them. */
static struct regf_db *use_segments(struct hand *hand)
{
    struct regf_vk *vk;

    build(hand);
    hand->image[offsetof(struct regf_base, minor)] = 4;
    seal(hand);
    vk = record(hand, hand->large);
    vk->size = SEGMENTED;
    vk->data = hand->db;
    return record(hand, hand->db);
}

static void wrong_big_data_are_refused(void **state)
{
    static struct hand hand;

    (void)state;
    use_segments(&hand);
    refuse(&hand, REGF_BLOCK + hand.segment, "16344 are needed");
    use_segments(&hand)->count = 3;
    refuse(&hand, REGF_BLOCK + hand.db, "3 segments for data of 16400 bytes");
    use_segments(&hand)->count = UINT16_MAX;
    ((struct regf_vk *)record(&hand, hand.large))->size = UINT16_MAX * REGF_SEGMENT;
    refuse(&hand, REGF_BLOCK + hand.db, "65535 segments for data of 1071104040 bytes");
    use_segments(&hand)->segments = 0;
    refuse(&hand, REGF_BLOCK, "list of a value's segments");
    use_segments(&hand)->signature[0] = 'x';
    refuse(&hand, REGF_BLOCK + hand.db, "do not fit");
    use_segments(&hand);
    hand.image[offsetof(struct regf_base, minor)] = 3;
    seal(&hand);
    refuse(&hand, REGF_BLOCK + hand.db, "do not fit");
}

static void layers_are_refused(void **state)
{
    static struct hand hand;
    struct regf_error error;

    (void)state;
    build(&hand);
    ((struct regf_nk *)record(&hand, hand.first))->access = 0x0100;
    assert_int_equal(parse(&hand, sizeof(hand.image), &error), 0);
    hand.image[offsetof(struct regf_base, minor)] = 6;
    seal(&hand);
    refuse(&hand, REGF_BLOCK + hand.first, "layer");
}

/* Every shorter file, and every bit of a whole one turned over: answers, no matter which, and
 * nothing outside is read (sanitizers tell). */
static void no_damage_does_harm(void **state)
{
    static struct hand hand;
    struct regf_error error;
    size_t errors = 0;

    (void)state;
    build(&hand);
    for (size_t size = 0; size < sizeof(hand.image); size += size < 600 ? 1 : 509)
        assert_int_equal(parse(&hand, size, &error), -EINVAL);
    for (size_t at = REGF_BLOCK; at < REGF_BLOCK + hand.at; at++) {
        if (hand.image[at] == 'L')
            continue;
        for (unsigned bit = 0; bit < 8; bit++) {
            hand.image[at] ^= (unsigned char)(1u << bit);
            errors += parse(&hand, sizeof(hand.image), &error) != 0;
            hand.image[at] ^= (unsigned char)(1u << bit);
        }
    }
    assert_true(errors > 1000);
    assert_int_equal(parse(&hand, sizeof(hand.image), &error), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_records_are_read),
        cmocka_unit_test(a_dirty_hive_is_noted),
        cmocka_unit_test(padding_is_not_read),
        cmocka_unit_test(a_wrong_base_block_is_refused),
        cmocka_unit_test(wrong_records_are_refused),
        cmocka_unit_test(nothing_is_used_twice),
        cmocka_unit_test(too_deep_keys_are_refused),
        cmocka_unit_test(wrong_big_data_are_refused),
        cmocka_unit_test(layers_are_refused),
        cmocka_unit_test(no_damage_does_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
