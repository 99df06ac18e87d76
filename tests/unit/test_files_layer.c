/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_files_layer.c - what a kernel's layer of files says that its programs did: forms that
 * overlayfs itself makes, forms made by hand, and content that wants to deceive.
 */
#include "tests/unit/files_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/view_mounts.h"

static void expect_changes(const char *expected)
{
    struct files_layer layer;
    char *text;

    read_layer(&layer);
    text = changes(&layer);
    assert_string_equal(expected, text);
    free(text);
    files_layer_close(&layer);
}

/* ---- what overlayfs makes ---- */

static void fill_prefix(void)
{
    put(prefix, "same", "same");
    put(prefix, "touched", "touched");
    put(prefix, "mode", "mode");
    put(prefix, "written", "old");
    put(prefix, "gone", "gone");
    put(prefix, "hidden", "hidden");
    put_link(prefix, "link", "same");
    put_folder(prefix, "gone-folder");
    put_folder(prefix, "gone-folder/sub");
    put(prefix, "gone-folder/sub/file", "x");
    put_folder(prefix, "anew");
    put(prefix, "anew/old", "old");
    put(prefix, "anew/both", "both");
    put_folder(prefix, "to-file");
    put(prefix, "to-file/in", "in");
    put(prefix, "to-folder", "file");
    put_folder(prefix, "to-link");
}

static void change_view(const char *view, void *context)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    (void)context;
    /* Opened for writing and nothing written: copied up, as it was. */
    close(open(at(view, "same"), O_RDWR));
    utimensat(AT_FDCWD, at(view, "touched"), times, 0);
    chmod(at(view, "mode"), 0600);
    put(view, "written", "new");
    put_attribute(view, "hidden", "user.DOSATTRIB", "0x2");
    unlink(at(view, "gone"));
    unlink(at(view, "link"));
    put_link(view, "link", "nowhere");
    take_away(view, "gone-folder");
    take_away(view, "anew");
    put_folder(view, "anew");
    put(view, "anew/new", "new");
    take_away(view, "to-file");
    put(view, "to-file", "now a file");
    take_away(view, "to-folder");
    put_folder(view, "to-folder");
    put(view, "to-folder/in", "in");
    take_away(view, "to-link");
    put_link(view, "to-link", "..");
    put_folder(view, "new-folder");
    put(view, "new-folder/file", "file");
    put(view, "brief", "brief");
    unlink(at(view, "brief"));
}

static void overlayfs_changes(void **state)
{
    static const char expected[] = "D anew/both\n"
                                   "A anew/new\n"
                                   "D anew/old\n"
                                   "D gone\n"
                                   "D gone-folder\n"
                                   "D gone-folder/sub\n"
                                   "D gone-folder/sub/file\n"
                                   "M hidden attributes\n"
                                   "M link content\n"
                                   "M mode mode\n"
                                   "A new-folder\n"
                                   "A new-folder/file\n"
                                   "M to-file kind\n"
                                   "D to-file/in\n"
                                   "M to-folder kind\n"
                                   "A to-folder/in\n"
                                   "M to-link kind\n"
                                   "M touched times\n"
                                   "M written content\n";
    (void)state;
    fill_prefix();
    in_view(change_view, NULL, NULL);
    expect_changes(expected);
}

/* ---- forms made by hand ---- */

static void whiteouts_of_both_forms(void **state)
{
    (void)state;
    put_folder(prefix, "folder");
    put(prefix, "folder/in", "in");
    put(prefix, "by-attribute", "x");
    put(prefix, "by-device", "x");
    put(prefix, "truly-empty", "x");
    put(upper, "folder", "");
    put_attribute(upper, "folder", "user.overlay.whiteout", "");
    put(upper, "by-attribute", "");
    put_attribute(upper, "by-attribute", "user.overlay.whiteout", "y");
    put(upper, "truly-empty", "");
    /* Over nothing: what it hid went meanwhile. */
    put(upper, "nothing", "");
    put_attribute(upper, "nothing", "user.overlay.whiteout", "");
    if (mknod(at(upper, "by-device"), S_IFCHR, makedev(0, 0)) < 0)
        take_away(prefix, "by-device");
    expect_changes(
        access(at(prefix, "by-device"), F_OK) == 0
            ? "D by-attribute\nD by-device\nD folder\nD folder/in\nM truly-empty content\n"
            : "D by-attribute\nD folder\nD folder/in\nM truly-empty content\n");
}

static void opaque_folders(void **state)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    (void)state;
    put_folder(prefix, "opaque");
    put_folder(prefix, "opaque/sub");
    put(prefix, "opaque/sub/file", "x");
    put(prefix, "opaque/same", "same");
    put_folder(upper, "opaque");
    put_attribute(upper, "opaque", "user.overlay.opaque", "y");
    put(upper, "opaque/same", "same");
    assert_int_equal(0, utimensat(AT_FDCWD, at(upper, "opaque/same"), times, 0));
    expect_changes("M opaque/same times\nD opaque/sub\nD opaque/sub/file\n");
    put_folder(prefix, "merged");
    put(prefix, "merged/file", "x");
    put_folder(upper, "merged");
    put_attribute(upper, "merged", "user.overlay.opaque", "x");
    expect_changes("M opaque/same times\nD opaque/sub\nD opaque/sub/file\n");
}

static void forms_that_are_not_understood(void **state)
{
    struct files_layer layer;

    (void)state;
    put(upper, "metacopy", "");
    put_attribute(upper, "metacopy", "user.overlay.metacopy", "");
    put_folder(upper, "redirect");
    put_attribute(upper, "redirect", "user.overlay.redirect", "/elsewhere");
    read_layer(&layer);
    assert_non_null(entry_at(&layer, "metacopy")->hindrance);
    assert_non_null(entry_at(&layer, "redirect")->hindrance);
    files_layer_close(&layer);
}

/* Places for mounts, which the session's first process makes and marks; and what programs do with
 * the mark. */
static void mark(const char *path)
{
    put_attribute(upper, path, PWK_VIEW_PLACE_MARK, "");
}

static void places_are_passed_over(void **state)
{
    struct files_layer committed;

    (void)state;
    put_folder(prefix, "shown");
    put(prefix, "emptied", "full");
    put_folder(upper, "home");
    put_folder(upper, "home/place");
    put_folder(upper, "home/place/deep");
    put(upper, "home/place/program.exe", "");
    mark("home");
    mark("home/place");
    mark("home/place/deep");
    mark("home/place/program.exe");
    put_folder(upper, "shown");
    put_folder(upper, "shown/place");
    mark("shown/place");
    expect_changes("");
    put(upper, "home/place/deep/saved", "");
    expect_changes("A home\n"
                   "A home/place\n"
                   "A home/place/deep\n"
                   "A home/place/deep/saved\n");
    mark("home/place/deep/saved");
    put(upper, "home/place/deep/saved", "text");
    put(upper, "emptied", "");
    mark("emptied");
    put_link(upper, "shown/place/link", "nowhere");
    expect_changes("M emptied content\n"
                   "A home\n"
                   "A home/place\n"
                   "A home/place/deep\n"
                   "A home/place/deep/saved\n"
                   "A shown/place\n"
                   "A shown/place/link\n");
    assert_int_equal(commit(NULL, &committed), 0);
    files_layer_close(&committed);
    assert_int_equal(getxattr(at(prefix, "home"), PWK_VIEW_PLACE_MARK, NULL, 0), -1);
    assert_int_equal(access(at(prefix, "home/place/deep/saved"), F_OK), 0);
    assert_int_equal(access(at(prefix, "home/place/program.exe"), F_OK), -1);
    expect_changes("");
}

static void noise_is_told_apart(void **state)
{
    static const char *const noise[] = {"pwk",
                                        "pwk/kernels/a",
                                        "system.reg",
                                        "user.reg",
                                        "userdef.reg",
                                        "reg1f0001.tmp",
                                        "wineserver",
                                        ".update-timestamp",
                                        "dosdevices/com1",
                                        "dosdevices/lpt12"};
    static const char *const own[] = {"pwk2",
                                      "drive_c/system.reg",
                                      "dosdevices",
                                      "dosdevices/c:",
                                      "drive_c/dosdevices/com1",
                                      "a.reg",
                                      "dosdevices/com1/in",
                                      "dosdevices/company"};
    (void)state;
    for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
        assert_true(files_is_noise(noise[i]));
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        assert_false(files_is_noise(own[i]));
}

/* ---- content that wants to deceive ---- */

static const char *hindrance_at(const struct files_layer *layer, const char *path)
{
    const struct files_entry *entry = entry_at(layer, path);

    assert_non_null(entry);
    return entry->hindrance;
}

static void what_is_never_committed(void **state)
{
    struct files_layer layer;

    (void)state;
    assert_int_equal(0, link(at(outside, "kept"), at(upper, "stolen")));
    put(upper, "twin", "twin");
    assert_int_equal(0, link(at(upper, "twin"), at(upper, "other-twin")));
    assert_int_equal(0, mkfifo(at(upper, "fifo"), 0600));
    if (geteuid() == 0)
        assert_int_equal(0, mknod(at(upper, "device"), S_IFCHR | 0666, makedev(1, 3)));
    put(upper, "set-id", "x");
    assert_int_equal(0, chmod(at(upper, "set-id"), 04755));
    read_layer(&layer);
    assert_non_null(strstr(hindrance_at(&layer, "stolen"), "hard link"));
    assert_null(hindrance_at(&layer, "twin"));
    assert_null(hindrance_at(&layer, "other-twin"));
    assert_non_null(hindrance_at(&layer, "fifo"));
    if (geteuid() == 0)
        assert_non_null(hindrance_at(&layer, "device"));
    assert_true(entry_at(&layer, "set-id")->extra_bits);
    assert_int_equal(0755, entry_at(&layer, "set-id")->after.mode);
    files_layer_close(&layer);
}

/* Neither a link in the layer nor one in the prefix is a way to elsewhere. */
static void links_are_not_followed(void **state)
{
    (void)state;
    put_link(upper, "way-out", outside);
    put_link(prefix, "prefix-way-out", outside);
    put_folder(upper, "prefix-way-out");
    put(upper, "prefix-way-out/kept", "other");
    expect_changes("M prefix-way-out kind\nA prefix-way-out/kept\nA way-out\n");
}

static void odd_names(void **state)
{
    (void)state;
    put(upper, "new\nline", "x");
    put(upper, "\xff\xfe", "x");
    put(upper, "...", "x");
    put(upper, "a", "x");
    put_folder(upper, "b");
    put(upper, "b/c", "x");
    put(upper, "b c", "x");
    put(upper, "b\x01", "x");
    expect_changes("A ...\nA a\nA b\nA b/c\nA b\x01\nA b c\nA new\nline\nA \xff\xfe\n");
}

/* Deeper than any path can be: what lies beyond is told, not lost and not followed. */
static void trees_without_end(void **state)
{
    char name[201];
    struct files_layer layer;
    bool told = false;
    int folder = open(upper, O_RDONLY | O_DIRECTORY);

    (void)state;
    memset(name, 'd', 200);
    name[200] = '\0';
    for (int depth = 0; depth < 40; depth++) {
        int next;

        assert_int_equal(0, mkdirat(folder, name, 0755));
        next = openat(folder, name, O_RDONLY | O_DIRECTORY);
        close(folder);
        folder = next;
    }
    close(folder);
    read_layer(&layer);
    for (size_t i = 0; i < layer.count; i++)
        told |= layer.entries[i]->hindrance != NULL;
    assert_true(told);
    assert_true(layer.count > 15);
    files_layer_close(&layer);
    assert_int_equal(0, discard(name));
    assert_true(layer_is_empty());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, files_fixture_make, files_fixture_remove)
    const struct CMUnitTest tests[] = {
        TEST(overlayfs_changes),
        TEST(whiteouts_of_both_forms),
        TEST(opaque_folders),
        TEST(forms_that_are_not_understood),
        cmocka_unit_test(noise_is_told_apart),
        TEST(places_are_passed_over),
        TEST(what_is_never_committed),
        TEST(links_are_not_followed),
        TEST(odd_names),
        TEST(trees_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
