/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_import.c - taking in Wine's registry text: all or nothing, and once. The text
 * itself is test_wine_text.c's.
 */
#include "tests/unit/registry_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#define ROOT REGISTRY_ROOT_KEY
#define HEAD "WINE REGISTRY Version 2\n"
#define MACHINE_TEXT HEAD ";; All keys relative to REGISTRY\\\\Machine\n\n#arch=win64\n\n"
#define USER_TEXT HEAD ";; All keys relative to \\\\User\\\\S-1-5\n\n"

static int text_file(const char *name, const char *text)
{
    int fd;

    write_file(in_folder(name), text, strlen(text));
    fd = open(in_folder(name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int import(registry_t *registry, const char *const *texts, size_t count,
                  registry_progress progress, void *context, struct registry_error *error)
{
    static const char *const files[] = {"text1", "text2"};
    int fds[2] = {-1, -1};
    int code;

    for (size_t i = 0; i < count; i++)
        fds[i] = text_file(files[i], texts[i]);
    code = registry_import_wine_text(registry, fds, count, progress, context, error);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    return code;
}

static void import_whole(registry_t *registry, const char *const *texts, size_t count)
{
    struct registry_error error = {""};
    int code = import(registry, texts, count, NULL, NULL, &error);

    if (code)
        fail_msg("the import answers %d: %s", code, error.text);
}

/* Every kind of content that keys may have, from two texts. */
static void what_is_read_is_in_the_store(void **state)
{
    static const char machine[] = MACHINE_TEXT "[Software\\\\Wine] 1700000000\n"
                                               "#time=1d9c0a0b0c0d0e0\n"
                                               "#class=\"Some class\"\n"
                                               "@=\"default\"\n"
                                               "\"Number\"=dword:0000002a\n"
                                               "\"Bytes\"=hex:01,02,\\\n  03\n"
                                               "\"Other\"=hex(8):ff\n"
                                               "\n"
                                               "[Software\\\\Wine\\\\Deep\\\\Er]\n"
                                               "\n"
                                               "[Software\\\\WineX]\n\"v\"=dword:1\n"
                                               "[System\\\\Link]\n#link\n"
                                               "\"SymbolicLinkValue\"=hex(6):5c,00,52,00,65,00,67,"
                                               "00,69,00,73,00,74,00,72,00,79,00\n";
    static const char user[] = USER_TEXT "[]\n@=hex:\n[Environment]\n\"T\"=str(2):\"%x\"\n";
    static const char *const texts[] = {machine, user};
    registry_t *registry = open_store();
    struct registry_key_info info;
    uint64_t key;

    (void)state;
    import_whole(registry, texts, 2);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_false(registry_is_empty(registry));
        key = lookup(registry, ROOT, "Machine\\Software\\Wine");
        check_value(registry, key, "", REG_SZ, u"default", sizeof(u"default"));
        check_value(registry, key, "number", 4, "\x2a\0\0\0", 4);
        check_value(registry, key, "bytes", REG_BINARY, "\1\2\3", 3);
        check_value(registry, key, "other", 8, "\xff", 1);
        info = key_info(registry, key);
        assert_int_equal(info.values, 4);
        assert_int_equal(info.subkeys, 1);
        assert_int_equal(info.class_bytes, 20);
        assert_true(info.last_write == 0x1d9c0a0b0c0d0e0);
        lookup(registry, key, "Deep\\Er");
        check_value(registry, lookup(registry, ROOT, "Machine\\Software\\WineX"), "v", 4,
                    "\1\0\0\0", 4);
        assert_true(lookup(registry, ROOT, "Machine\\System\\Link") == ROOT);
        check_value(registry, lookup(registry, ROOT, "User\\S-1-5"), "", REG_BINARY, NULL, 0);
        check_value(registry, lookup(registry, ROOT, "User\\S-1-5\\Environment"), "T", 2, u"%x", 6);
        assert_int_equal(key_info(registry, lookup(registry, ROOT, "Machine")).subkeys, 2);
        registry_close(registry);
        registry = open_store();
    }
    registry_close(registry);
}

static void a_prefix_has_its_top_keys(void **state)
{
    static const char *const passthrough[] = {"\\Registry\\Machine\\Hardware",
                                              "\\Registry\\Machine\\No\\Such"};
    static const char *const texts[] = {USER_TEXT};
    registry_t *registry = open_store_with(0, passthrough, 2);
    uint64_t key, machine;

    (void)state;
    import_whole(registry, texts, 1);
    machine = lookup(registry, ROOT, "Machine");
    lookup(registry, ROOT, "User\\S-1-5");
    assert_int_equal(key_info(registry, machine).subkeys, 1);
    assert_int_equal(registry_enumerate_key(registry, machine, 0, &key), 0);
    assert_int_equal(try_lookup(registry, machine, "Hardware", 0, &key), -EXDEV);
    registry_close(registry);
}

static void a_store_is_imported_once(void **state)
{
    static const char *const first[] = {MACHINE_TEXT "[A]\n"};
    static const char *const second[] = {MACHINE_TEXT "[B]\n"};
    static const char *const bad[] = {"nonsense"};
    registry_t *registry = open_store();
    registry_t *other = open_store();
    uint64_t key;

    (void)state;
    assert_true(registry_is_empty(other));
    assert_int_equal(try_lookup(other, ROOT, "Machine\\A", 0, &key), -ENOTDIR);
    import_whole(registry, first, 1);
    assert_false(registry_is_empty(other));
    lookup(other, ROOT, "Machine\\A");
    import_whole(registry, second, 1);
    import_whole(other, second, 1);
    import_whole(other, bad, 1);
    assert_int_equal(try_lookup(registry, ROOT, "Machine\\B", 0, &key), -ENOENT);
    registry_close(registry);
    registry_close(other);
}

static void an_error_leaves_the_store_empty(void **state)
{
    static const struct {
        const char *text;
        const char *told;
    } bad[] = {
        {"", "text2 is empty"},
        {"REGEDIT4\n", "line 1"},
        {USER_TEXT "[A]\n\"v\"=what\n", "line 5"},
        {USER_TEXT "[A]\n\"v\"=hex:01,\\\n", "line 5"},
        {USER_TEXT "[A]", "line 4"},
    };
    registry_t *registry = open_store();
    struct registry_error error;
    uint64_t key;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *const texts[] = {MACHINE_TEXT "[A]\n\"v\"=\"x\"\n", bad[i].text};

        error.text[0] = '\0';
        assert_int_equal(import(registry, texts, 2, NULL, NULL, &error), -EINVAL);
        if (!strstr(error.text, bad[i].told) || !strstr(error.text, "text2"))
            fail_msg("'%s' does not say '%s'", error.text, bad[i].told);
        assert_true(registry_is_empty(registry));
        assert_int_equal(key_info(registry, ROOT).subkeys, 0);
        assert_int_equal(try_lookup(registry, ROOT, "Machine", 0, &key), -ENOENT);
    }
    const char *const good[] = {MACHINE_TEXT "[A]\n\"v\"=\"x\"\n"};

    import_whole(registry, good, 1);
    lookup(registry, ROOT, "Machine\\A");
    registry_close(registry);
}

static void names_that_are_too_long(void **state)
{
    registry_t *registry = open_store();
    struct registry_error error = {""};
    char text[600] = MACHINE_TEXT "[A\\\\";
    const char *const texts[] = {text};
    size_t length = strlen(text);

    (void)state;
    memset(text + length, 'x', REGISTRY_MAX_KEY_NAME + 1);
    strcpy(text + length + REGISTRY_MAX_KEY_NAME + 1, "]\n\n");
    assert_int_equal(import(registry, texts, 1, NULL, NULL, &error), -EINVAL);
    assert_non_null(strstr(error.text, "too long"));
    assert_true(registry_is_empty(registry));
    strcpy(text + length + REGISTRY_MAX_KEY_NAME, "]\n\n");
    import_whole(registry, texts, 1);
    registry_close(registry);
}

static void files_that_cannot_be_read(void **state)
{
    registry_t *registry = open_store();
    struct registry_error error = {""};
    int folder = open(store_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_true(registry_import_wine_text(registry, &folder, 1, NULL, NULL, &error) < 0);
    assert_true(error.text[0] != '\0');
    close(folder);
    error.text[0] = '\0';
    assert_int_equal(registry_import_wine_text(registry, &folder, 1, NULL, NULL, &error), -EBADF);
    assert_true(error.text[0] != '\0');
    assert_true(registry_is_empty(registry));
    registry_close(registry);
}

struct seen {
    double last;
    int calls;
    int wrong;
};

static void see_progress(void *context, double share)
{
    struct seen *seen = context;

    seen->wrong += share < seen->last || share < 0 || share > 1;
    seen->last = share;
    seen->calls++;
}

static void progress_goes_from_nought_to_one(void **state)
{
    enum { KEYS = 3000 };
    registry_t *registry = open_store();
    struct registry_error error = {""};
    struct seen seen = {0};
    char *text = malloc(KEYS * 64 + sizeof(MACHINE_TEXT));
    const char *const texts[] = {text};
    size_t length;
    char name[32];

    (void)state;
    assert_non_null(text);
    strcpy(text, MACHINE_TEXT);
    length = strlen(text);
    for (int i = 0; i < KEYS; i++)
        length += (size_t)sprintf(text + length, "[Key\\\\Sub%d]\n\"v\"=\"%d\"\n", i, i);
    assert_int_equal(import(registry, texts, 1, see_progress, &seen, &error), 0);
    assert_true(seen.calls > 5);
    assert_int_equal(seen.wrong, 0);
    assert_true(seen.last > 0.5);
    assert_int_equal(key_info(registry, lookup(registry, ROOT, "Machine\\Key")).subkeys, KEYS);
    snprintf(name, sizeof(name), "Machine\\Key\\Sub%d", KEYS - 1);
    lookup(registry, ROOT, name);
    free(text);
    registry_close(registry);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(what_is_read_is_in_the_store),     TEST(a_prefix_has_its_top_keys),
        TEST(a_store_is_imported_once),         TEST(an_error_leaves_the_store_empty),
        TEST(names_that_are_too_long),          TEST(files_that_cannot_be_read),
        TEST(progress_goes_from_nought_to_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
