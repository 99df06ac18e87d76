/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_regf_tools.c - what others make of our hives and we of theirs: hivexml, hivexget and
 * hivexsh (libhivex-bin), reglookup. Skipped where they are not installed.
 */
#include "tests/unit/regf_fixture.h"

#include <unistd.h>

#define SUBKEYS 1200u /* more than two lists */
#define BIG_SIZE 50000u

static char folder[] = "/tmp/pwk-test.XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder + sizeof(folder) - 7, "XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* The name of the hive, which is all that the folder holds. */
static const char *hive(void)
{
    static char path[sizeof(folder) + 8];

    snprintf(path, sizeof(path), "%s/hive", folder);
    return path;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(hive());
    return rmdir(folder);
}

static void need(const char *tool)
{
    char command[100];

    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", tool);
    if (system(command) != 0) {
        print_message("skipped: there is no %s\n", tool);
        skip();
    }
}

/* What a command that ends with the hive's name prints, to be freed. */
static char *output_of(const char *command, const char *behind, size_t *size)
{
    char line[400], part[4096], *text = NULL;
    FILE *out, *pipe;
    size_t got;

    snprintf(line, sizeof(line), "LC_ALL=C.UTF-8 %s %s %s", command, hive(), behind);
    out = open_memstream(&text, size);
    pipe = popen(line, "r");
    assert_true(out && pipe);
    while ((got = fread(part, 1, sizeof(part), pipe)))
        fwrite(part, 1, got, out);
    assert_int_equal(pclose(pipe), 0);
    fclose(out);
    return text;
}

static size_t occurrences(const char *text, const char *what)
{
    size_t count = 0;

    while ((text = strstr(text, what))) {
        count++;
        text += strlen(what);
    }
    return count;
}

/* Without what the tools cannot say: lone surrogates, predefined handles. */
static void plant(struct tree *tree)
{
    static unsigned char big[BIG_SIZE];
    size_t key;

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (unsigned char)(i * 7 + i / 251);
    tree_add(tree, 0, &(struct regf_key){NAME(u"Root"), .last_write = 133500000000000000});
    key = tree_add(tree, 0,
                   &(struct regf_key){NAME(u"Software"), .class_name = u"cl", .class_units = 2});
    tree_set(tree, key, &(struct regf_value){.type = 1, .data = u"default", .size = 16});
    tree_set(tree, key, &(struct regf_value){NAME(u"Text"), 1, u"some text", 20});
    tree_set(tree, key, &(struct regf_value){NAME(u"\xe4\x20ac"), 1, u"wide", 10});
    tree_set(tree, key, &(struct regf_value){NAME(u"Number"), 4, "\x39\x30\0\0", 4});
    tree_set(tree, key, &(struct regf_value){NAME(u"Big"), 3, big, sizeof(big)});
    for (unsigned i = 0; i < SUBKEYS; i++) {
        uint16_t name[] = {(uint16_t)('a' + i % 26), (uint16_t)('a' + i / 26 % 26),
                           (uint16_t)('a' + i / 676)};

        tree_add(tree, key, &(struct regf_key){.name = name, .name_units = 3});
    }
}

static void write_hive(const void *image, size_t size)
{
    FILE *file = fopen(hive(), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(image, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void plant_hive(struct tree *tree)
{
    size_t size;
    void *image;

    plant(tree);
    image = write_tree(tree, &size);
    write_hive(image, size);
    free(image);
}

static void read_hive(struct tree *tree)
{
    size_t size;
    char *image = output_of("cat", "", &size);

    read_tree(tree, image, size);
    free(image);
}

static void assert_prints(const char *command, const char *behind, const char *expected)
{
    size_t size;
    char *text = output_of(command, behind, &size);

    assert_string_equal(text, expected);
    free(text);
}

static void hivex_reads_our_hives(void **state)
{
    struct tree tree = {0};
    size_t size;
    char *text;

    (void)state;
    need("hivexml");
    plant_hive(&tree);
    text = output_of("hivexml", "", &size);
    assert_int_equal(occurrences(text, "<node "), tree.count);
    assert_int_equal(occurrences(text, "<value "), 5);
    assert_non_null(strstr(text, "root=\"1\"><mtime>2024-01-17T21:20:00Z</mtime>"));
    free(text);
    assert_prints("hivexget", "'\\software' TEXT", "some text\n");
    assert_prints("hivexget", "'\\Software' 'ä€'", "wide\n");
    assert_prints("hivexget", "'\\Software' @", "default\n");
    assert_prints("hivexget", "'\\Software' Number", "12345\n");
    text = output_of("hivexget", "'\\Software' Big", &size);
    assert_int_equal(size, BIG_SIZE);
    assert_memory_equal(text, tree.branches[1].values[4].data, BIG_SIZE);
    free(text);
    tree_finish(&tree);
}

static void reglookup_reads_our_hives(void **state)
{
    struct tree tree = {0};
    size_t size;
    char *text;

    (void)state;
    need("reglookup");
    plant_hive(&tree);
    text = output_of("reglookup -s", "2>&1", &size);
    assert_int_equal(occurrences(text, ",KEY,"), tree.count);
    assert_non_null(strstr(text, "/Software/Text,SZ,some text,"));
    assert_non_null(strstr(text, "/Software/Number,DWORD,0x00003039,"));
    assert_non_null(strstr(text, "2024-01-17 21:20:00,S-1-5-32-544,S-1-5-18,"));
    assert_int_equal(occurrences(text, "WARN"), 1); /* it writes no euro sign */
    free(text);
    tree_finish(&tree);
}

/* hivex changes our hive: new keys and values, in cells that it divides as it likes. */
static void what_hivex_changes_is_read(void **state)
{
    static const char script[] = "<<'END' >/dev/null\n"
                                 "cd \\Software\nadd Zebra\ncd Zebra\nsetval 2\n"
                                 "@\nstring:by hivex\nnumber\ndword:7\n"
                                 "cd \\Software\\aaa\ndel\n"
                                 "cd \\Software\\baa\nadd under\n"
                                 "commit\nEND";
    struct tree tree = {0}, read = {0};
    size_t size, key;

    (void)state;
    need("hivexsh");
    plant_hive(&tree);
    free(output_of("hivexsh -w", script, &size));
    read_hive(&read);
    key = tree_add(&tree, 1, &(struct regf_key){NAME(u"Zebra")});
    tree_set(&tree, key, &(struct regf_value){.type = 1, .data = u"by hivex", .size = 18});
    tree_set(&tree, key, &(struct regf_value){NAME(u"number"), 4, "\7\0\0\0", 4});
    tree.branches[1].subkeys[0] = tree.branches[1].subkeys[--tree.branches[1].subkey_count];
    tree_add(&tree, 3, &(struct regf_key){NAME(u"under")});
    for (size_t i = 0; i < read.count; i++)
        if (read.branches[i].key.last_write > 133500000000000000)
            read.branches[i].key.last_write = 0;
    tree.branches[0].key.last_write = read.branches[0].key.last_write;
    tree.count--; /* aaa is still there, but nothing leads to it */
    assert_same_tree(&tree, &read);
    tree.count++;
    tree_finish(&tree);
    tree_finish(&read);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hivex_reads_our_hives, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(reglookup_reads_our_hives, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_hivex_changes_is_read, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
