/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_regf.c - hives that are written and read again: what comes back, how it lies in the file,
 * and what cannot be written.
 */
#include "tests/unit/regf_fixture.h"

#include "registry/regf_format.h"

/* Writes, reads and compares; the image, to be freed. */
static unsigned char *round_trip(struct tree *tree, size_t *size)
{
    struct tree read = {0};
    unsigned char *image = write_tree(tree, size);

    read_tree(&read, image, *size);
    assert_same_tree(tree, &read);
    assert_int_equal(read.hive.minor, 5);
    assert_false(read.hive.dirty);
    assert_int_equal(read.hive.last_written, tree->branches[0].key.last_write);
    tree_finish(&read);
    return image;
}

static void what_is_written_comes_back(void **state)
{
    struct tree tree = {0}, again = {0};
    unsigned char *image, *second;
    size_t size, second_size;

    (void)state;
    plant_rich_tree(&tree);
    image = round_trip(&tree, &size);
    assert_int_equal(size % REGF_BLOCK, 0);
    read_tree(&again, image, size);
    second = write_tree(&again, &second_size);
    assert_int_equal(second_size, size);
    free(second);
    second = write_tree(&tree, &second_size);
    assert_memory_equal(image, second, size);
    free(image);
    free(second);
    tree_finish(&tree);
    tree_finish(&again);
}

/* Version 1.3: no segments, lf lists with the start of each name. */
static void the_oldest_version_comes_back(void **state)
{
    static unsigned char large[3 * REGF_SEGMENT];
    struct tree tree = {0}, read = {0};
    struct regf_source source = tree_source(&tree);
    size_t size, key;
    void *image;

    (void)state;
    memset(large, 'L', sizeof large);
    plant_rich_tree(&tree);
    key = tree_add(&tree, 0, &(struct regf_key){NAME(u"large")});
    tree_set(&tree, key, &(struct regf_value){.data = large, .size = sizeof large, .type = 3});
    assert_int_equal(regf_write_version(&source, 0, 3, &image, &size, NULL), 0);
    assert_null(memmem(image, size, "lh", 2));
    assert_null(memmem(image, size, "db\3", 3));
    assert_non_null(memmem(image, size, large, sizeof large));
    read_tree(&read, image, size);
    assert_same_tree(&tree, &read);
    assert_int_equal(read.hive.minor, 3);
    free(image);
    tree_finish(&tree);
    tree_finish(&read);
}

static void an_empty_root_gets_a_name(void **state)
{
    struct tree tree = {0}, read = {0};
    unsigned char *image;
    size_t size;

    (void)state;
    tree_add(&tree, 0, &(struct regf_key){0});
    image = write_tree(&tree, &size);
    assert_int_equal(size, 2 * REGF_BLOCK);
    read_tree(&read, image, size);
    assert_int_equal(read.branches[0].key.name_units, 4);
    assert_memory_equal(read.branches[0].key.name, u"Root", 8);
    free(image);
    tree_finish(&tree);
    tree_finish(&read);
}

/* Counts around the size of one list, added in an order that is not theirs. */
static void any_number_of_subkeys_is_sorted(void **state)
{
    static const size_t counts[] = {1, 2, 505, 506, 507, 1012, 1013, 3000};

    (void)state;
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct tree tree = {0};
        unsigned char *image;
        size_t size;

        tree_add(&tree, 0, &(struct regf_key){NAME(u"r")});
        for (size_t j = 0; j < counts[i]; j++) {
            size_t number = j * 7919 % counts[i];
            uint16_t name[5] = {(uint16_t)(number % 2 ? 'k' : 'K')};

            for (size_t digit = 4; digit > 0; digit--, number /= 10)
                name[digit] = (uint16_t)('0' + number % 10);
            tree_add(&tree, 0, &(struct regf_key){.name = name, .name_units = 5});
        }
        image = round_trip(&tree, &size);
        assert_int_equal(memmem(image, size, "ri", 2) != NULL, counts[i] > 506);
        free(image);
        tree_finish(&tree);
    }
}

static void data_of_any_size_come_back(void **state)
{
    static const size_t sizes[] = {0,      1,      2,     3,         4,
                                   5,      8,      4060,  4064,      4096,
                                   16343,  16344,  16345, 2 * 16344, 2 * 16344 + 1,
                                   100000, 3000000};
    unsigned char *data = malloc(3000000);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < 3000000; i++)
        data[i] = (unsigned char)(i ^ i >> 8 ^ i >> 16);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t segments = (sizes[i] + REGF_SEGMENT - 1) / REGF_SEGMENT, size;
        const char big_data[] = {'d', 'b', (char)segments, 0};
        struct tree tree = {0};
        unsigned char *image;

        tree_add(&tree, 0, &(struct regf_key){NAME(u"r")});
        tree_set(&tree, 0, &(struct regf_value){NAME(u"before"), 3, data, 600});
        tree_set(&tree, 0, &(struct regf_value){NAME(u"v"), 3, data, sizes[i]});
        tree_set(&tree, 0, &(struct regf_value){NAME(u"after"), 3, data, 70});
        image = round_trip(&tree, &size);
        assert_true(size < sizes[i] + sizes[i] / 100 + 5 * REGF_BLOCK);
        assert_int_equal(memmem(image, size, big_data, sizeof(big_data)) != NULL, segments > 1);
        free(image);
        tree_finish(&tree);
    }
    free(data);
}

static void names_of_any_unit_come_back(void **state)
{
    static uint16_t name[16383];
    struct tree tree = {0};
    size_t size, key;

    (void)state;
    tree_add(&tree, 0, &(struct regf_key){NAME(u"r")});
    for (size_t block = 0; block < 0x100; block++) {
        for (size_t i = 0; i < 0x100; i++)
            name[i] = (uint16_t)(block << 8 | i);
        key = tree_add(&tree, 0, &(struct regf_key){.name = name, .name_units = 0x100});
        tree_set(&tree, key, &(struct regf_value){.name = name, .name_units = 0x100});
    }
    tree_set(&tree, 0, &(struct regf_value){.name = name, .name_units = COUNT(name)});
    free(round_trip(&tree, &size));
    tree_finish(&tree);
}

/* ---- how it lies in the file ---- */

static const void *record_at(const unsigned char *image, uint32_t offset)
{
    return image + REGF_BLOCK + offset + sizeof(uint32_t);
}

static void equal_descriptors_share_a_record(void **state)
{
    struct tree tree = {0};
    unsigned char *image;
    struct regf_base base;
    struct regf_nk root;
    const struct regf_sk *sk;
    uint32_t references = 0, offset;
    size_t size, records = 0;

    (void)state;
    tree_add(&tree, 0, &(struct regf_key){NAME(u"r")});
    for (unsigned i = 0; i < 900; i++) {
        uint16_t name[2] = {(uint16_t)('a' + i / 26 % 26), (uint16_t)(0x3041 + i)};
        unsigned char security[12] = {(unsigned char)(i % 150), 2, 3};

        tree_add(&tree, 0,
                 &(struct regf_key){.name = name,
                                    .name_units = 2,
                                    .security = security,
                                    .security_size = sizeof(security)});
    }
    image = round_trip(&tree, &size);
    memcpy(&base, image, sizeof(base));
    memcpy(&root, record_at(image, base.root), sizeof(root));
    offset = root.security;
    do {
        sk = record_at(image, offset);
        assert_memory_equal(sk->signature, "sk", 2);
        assert_int_equal(((const struct regf_sk *)record_at(image, sk->next))->previous, offset);
        references += sk->references;
        records++;
        offset = sk->next;
    } while (offset != root.security && records < 1000);
    assert_int_equal(records, 151); /* and the default one */
    assert_int_equal(references, 901);
    free(image);
    tree_finish(&tree);
}

static void the_root_record_is_complete(void **state)
{
    struct tree tree = {0};
    unsigned char *image;
    struct regf_base base;
    struct regf_list list;
    struct regf_list_entry entry;
    struct regf_nk root;
    size_t size, key;

    (void)state;
    key = tree_add(&tree, 0, &(struct regf_key){NAME(u"r"), .last_write = 77});
    tree_add(&tree, 0, &(struct regf_key){NAME(u"Ab"), .class_name = u"class", .class_units = 5});
    tree_set(&tree, key, &(struct regf_value){NAME(u"four"), 3, "123456", 6});
    image = round_trip(&tree, &size);
    memcpy(&base, image, sizeof(base));
    assert_int_equal(base.checksum, regf_checksum(&base));
    assert_int_equal(base.bins_size, size - REGF_BLOCK);
    memcpy(&root, record_at(image, base.root), sizeof(root));
    assert_int_equal(root.flags, REGF_KEY_ROOT | REGF_KEY_NO_DELETE | REGF_KEY_LATIN1);
    assert_int_equal(root.parent, REGF_NONE);
    assert_int_equal(root.max_subkey_name, 4);
    assert_int_equal(root.max_subkey_class, 10);
    assert_int_equal(root.max_value_name, 8);
    assert_int_equal(root.max_value_data, 6);
    memcpy(&list, record_at(image, root.subkeys), sizeof(list));
    assert_memory_equal(list.signature, "lh", 2);
    memcpy(&entry, (const char *)record_at(image, root.subkeys) + sizeof(list), sizeof(entry));
    assert_int_equal(entry.hash, 'A' * 37 + 'B');
    free(image);
    tree_finish(&tree);
}

/* ---- what cannot be written, and sources and sinks that end it ---- */

static void refuse(struct tree *tree, int code, const char *reason)
{
    struct regf_source source = tree_source(tree);
    struct regf_error error;
    void *image;
    size_t size;

    assert_int_equal(regf_write(&source, 0, &image, &size, &error), code);
    if (!strstr(error.text, reason))
        fail_msg("'%s' is not in: %s", reason, error.text);
    assert_int_equal(regf_write(&source, 0, &image, &size, NULL), code);
    tree_finish(tree);
}

static void what_no_hive_holds_is_refused(void **state)
{
    static uint16_t long_name[32768];
    struct tree tree = {0};
    size_t key;

    (void)state;
    tree_add(&tree, 0, &(struct regf_key){NAME(u"r")});
    tree_add(&tree, 0, &(struct regf_key){0});
    refuse(&tree, -EINVAL, "without a name");

    tree_add(&tree, 0, &(struct regf_key){NAME(u"r")});
    tree_add(&tree, 0, &(struct regf_key){NAME(u"\xe4 Name")});
    tree_add(&tree, 0, &(struct regf_key){NAME(u"\xc4 NAME")});
    refuse(&tree, -EINVAL, "the name '? NAME'");

    tree_add(&tree, 0, &(struct regf_key){.name = long_name, .name_units = 257});
    refuse(&tree, -EINVAL, "257 units; 256");

    tree_add(&tree, 0,
             &(struct regf_key){NAME(u"r"), .class_name = long_name, .class_units = 32768});
    refuse(&tree, -EINVAL, "32768 units; 32767");

    tree_add(&tree, 0, &(struct regf_key){NAME(u"r")});
    tree_set(&tree, 0, &(struct regf_value){.name = long_name, .name_units = 16384});
    refuse(&tree, -EINVAL, "16384 units; 16383");

    for (key = 0; key < REGF_MAX_DEPTH; key++)
        tree_add(&tree, key ? key - 1 : 0, &(struct regf_key){NAME(u"k")});
    free(write_tree(&tree, &(size_t){0}));
    tree_add(&tree, key - 1, &(struct regf_key){NAME(u"k")});
    refuse(&tree, -EINVAL, "more than 512 deep");
}

static void a_source_ends_the_writing(void **state)
{
    (void)state;
    for (size_t call = 1;; call++) {
        struct tree tree = {.stop_at_call = call, .answer = -EIDRM};
        struct regf_source source = tree_source(&tree);
        struct regf_error error;
        void *image;
        size_t size;
        int result;

        plant_rich_tree(&tree);
        result = regf_write(&source, 0, &image, &size, &error);
        assert_string_equal(error.text, "");
        tree_finish(&tree);
        if (result == 0) {
            free(image);
            assert_true(call > 100);
            break;
        }
        assert_int_equal(result, -EIDRM);
    }
}

static void a_sink_ends_the_reading(void **state)
{
    struct tree tree = {0};
    struct regf_error error;
    unsigned char *image;
    size_t size;

    (void)state;
    plant_rich_tree(&tree);
    image = write_tree(&tree, &size);
    for (size_t call = 1;; call++) {
        struct tree read = {.stop_at_call = call, .answer = 42};
        int result = parse_into(&read, image, size, &error);
        size_t calls = read.calls;

        assert_string_equal(error.text, "");
        tree_finish(&read);
        if (result == 0) {
            assert_true(call > 100);
            break;
        }
        assert_int_equal(result, 42);
        assert_int_equal(calls, call);
    }
    free(image);
    tree_finish(&tree);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(the_oldest_version_comes_back),
        cmocka_unit_test(an_empty_root_gets_a_name),
        cmocka_unit_test(any_number_of_subkeys_is_sorted),
        cmocka_unit_test(data_of_any_size_come_back),
        cmocka_unit_test(names_of_any_unit_come_back),
        cmocka_unit_test(equal_descriptors_share_a_record),
        cmocka_unit_test(the_root_record_is_complete),
        cmocka_unit_test(what_no_hive_holds_is_refused),
        cmocka_unit_test(a_source_ends_the_writing),
        cmocka_unit_test(a_sink_ends_the_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
