/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_files_commit.c - commit and discard of a kernel's layer of files. Over layers that random
 * work through overlayfs makes: what the kernel sees is the same before and after a commit, of all
 * or of a part, and after one of all it is what the prefix has; after a discard of all it is what
 * the prefix had. Over layers made by hand: nothing gets outside.
 *
 *   PWK_TEST_SEED=N   where the random work begins
 */
#include "tests/unit/files_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/files_work.h"

/* ---- random work through overlayfs ---- */

static void expect_prefix(const char *expected)
{
    char *text = snapshot(prefix);

    assert_string_equal(expected, text);
    free(text);
}

static void expect_view(const char *expected)
{
    char *text;

    in_view(NULL, NULL, &text);
    assert_string_equal(expected, text);
    free(text);
}

static void whole_layers(void **state)
{
    for (unsigned seed = files_work_seed(); seed < files_work_seed() + 40; seed++) {
        struct files_layer layer;
        char *view;

        files_work_fill(prefix, seed);
        in_view(files_work_do, &seed, &view);
        assert_int_equal(0, commit(NULL, &layer));
        files_layer_close(&layer);
        expect_prefix(view);
        assert_true(layer_is_empty());
        free(view);
        files_fixture_remove(state);
        assert_int_equal(0, files_fixture_make(state));
    }
}

/* Each change by itself, in any order; those that cannot be had alone are told. */
static void layers_in_parts(void **state)
{
    (void)state;
    for (unsigned seed = files_work_seed(); seed < files_work_seed() + 6; seed++) {
        struct files_layer layer, all;
        char *view;
        size_t count;

        files_work_fill(prefix, seed);
        in_view(files_work_do, &seed, &view);
        read_layer(&all);
        count = all.count;
        for (size_t i = 0; i < count; i++) {
            struct files_entry *entry = all.entries[(i * 7 + seed) % count];

            read_layer(&layer);
            bool there = entry_at(&layer, entry->path) != NULL;
            files_layer_close(&layer);
            if (!there)
                continue;
            assert_int_equal(0, commit(entry->path, &layer));
            for (size_t j = 0; j < layer.count; j++)
                if (layer.entries[j]->selected && layer.entries[j]->change != FILES_SAME)
                    assert_true(layer.entries[j]->done != (layer.entries[j]->hindrance != NULL));
            files_layer_close(&layer);
            expect_view(view);
        }
        assert_int_equal(0, commit(NULL, &layer));
        files_layer_close(&layer);
        expect_prefix(view);
        assert_true(layer_is_empty());
        free(view);
        files_layer_close(&all);
        files_fixture_remove(state);
        assert_int_equal(0, files_fixture_make(state));
    }
}

static void all_thrown_away(void **state)
{
    unsigned seed = files_work_seed();
    char *before;

    (void)state;
    files_work_fill(prefix, seed);
    before = snapshot(prefix);
    in_view(files_work_do, &seed, NULL);
    assert_int_equal(0, discard(NULL));
    assert_true(layer_is_empty());
    expect_prefix(before);
    expect_view(before);
    free(before);
}

static void parts_thrown_away(void **state)
{
    (void)state;
    put_folder(prefix, "folder");
    put(prefix, "folder/a", "a");
    put_folder(upper, "folder");
    put(upper, "folder/a", "changed");
    put(upper, "folder/b", "b");
    put_folder(upper, "new");
    put(upper, "new/c", "c");
    assert_int_equal(-ENOENT, discard("folder/nothing"));
    assert_int_equal(0, discard("folder/a"));
    assert_int_equal(0, access(at(upper, "folder/b"), F_OK));
    assert_int_equal(0, discard("folder/b"));
    assert_int_equal(-1, access(at(upper, "folder"), F_OK));
    assert_int_equal(0, discard("new"));
    assert_true(layer_is_empty());
    put_folder(upper, "folder");
    put_attribute(upper, "folder", "user.overlay.opaque", "y");
    put(upper, "folder/b", "b");
    assert_int_equal(-EINVAL, discard("folder/b"));
    assert_int_equal(0, access(at(upper, "folder/b"), F_OK));
    assert_int_equal(0, discard("folder"));
    assert_true(layer_is_empty());
}

/* Folders that nobody may enter, as overlayfs' own. */
static void locked_folders_thrown_away(void **state)
{
    (void)state;
    put_folder(upper, "locked");
    put_folder(upper, "locked/sub");
    put(upper, "locked/sub/file", "x");
    assert_int_equal(0, chmod(at(upper, "locked/sub"), 0));
    assert_int_equal(0, chmod(at(upper, "locked"), 0));
    assert_int_equal(0, discard("locked"));
    assert_true(layer_is_empty());
    put_folder(files, "work/work");
    assert_int_equal(0, chmod(at(files, "work/work"), 0));
    assert_int_equal(0, discard(NULL));
    assert_int_equal(-1, access(at(files, "work/work"), F_OK));
}

/* ---- what is kept of a file, and what is not ---- */

static void what_a_file_keeps(void **state)
{
    const struct timespec times[2] = {{.tv_sec = 1234}, {.tv_sec = 5678, .tv_nsec = 9}};
    struct files_layer layer;
    struct stat st;
    char value[16];

    (void)state;
    put(upper, "file", "content");
    assert_int_equal(0, truncate(at(upper, "file"), 64 * 1024 * 1024));
    put_attribute(upper, "file", "user.DOSATTRIB", "0x22");
    put_attribute(upper, "file", "user.overlay.origin", "x");
    if (geteuid() == 0)
        put_attribute(upper, "file", "trusted.hostile", "x");
    assert_int_equal(0, chmod(at(upper, "file"), 06754));
    assert_int_equal(0, utimensat(AT_FDCWD, at(upper, "file"), times, 0));
    assert_int_equal(0, commit(NULL, &layer));
    files_layer_close(&layer);
    assert_int_equal(0, lstat(at(prefix, "file"), &st));
    assert_int_equal(0754, st.st_mode & 07777);
    assert_int_equal(5678, st.st_mtim.tv_sec);
    assert_int_equal(9, st.st_mtim.tv_nsec);
    assert_int_equal(64 * 1024 * 1024, st.st_size);
    assert_in_range(st.st_blocks, 0, 2048);
    assert_int_equal(4, getxattr(at(prefix, "file"), "user.DOSATTRIB", value, sizeof(value)));
    assert_int_equal(-1, getxattr(at(prefix, "file"), "user.overlay.origin", value, sizeof(value)));
    assert_int_equal(-1, getxattr(at(prefix, "file"), "trusted.hostile", value, sizeof(value)));
    assert_true(layer_is_empty());
}

/* A copy, never the layer's own file, which somebody may still have open. */
static void copies_are_new_files(void **state)
{
    struct files_layer layer;
    int fd;

    (void)state;
    put(prefix, "file", "old");
    put(upper, "file", "new");
    fd = open(at(upper, "file"), O_WRONLY);
    assert_int_equal(0, commit(NULL, &layer));
    files_layer_close(&layer);
    assert_int_equal(4, pwrite(fd, "evil", 4, 0));
    close(fd);
    fd = open(at(prefix, "file"), O_RDONLY);
    char text[8] = "";
    assert_int_equal(3, read(fd, text, sizeof(text)));
    close(fd);
    assert_string_equal("new", text);
}

static void noise_stays(void **state)
{
    struct files_layer layer;

    (void)state;
    put(prefix, "system.reg", "prefix");
    put(upper, "system.reg", "session");
    put_folder(upper, "pwk");
    put(upper, "pwk/profile", "evil");
    put(upper, "file", "x");
    assert_int_equal(0, commit(NULL, &layer));
    assert_false(entry_at(&layer, "system.reg")->done);
    files_layer_close(&layer);
    assert_int_equal(0, access(at(prefix, "file"), F_OK));
    assert_int_equal(-1, access(at(prefix, "pwk"), F_OK));
    assert_int_equal(0, access(at(upper, "system.reg"), F_OK));
}

/* ---- layers that want out ---- */

static void hostile_entries_are_left(void **state)
{
    struct files_layer layer;

    (void)state;
    assert_int_equal(0, link(at(outside, "kept"), at(upper, "stolen")));
    assert_int_equal(0, mkfifo(at(upper, "fifo"), 0600));
    put_link(upper, "way-out", outside);
    put_link(prefix, "prefix-way-out", outside);
    put_folder(upper, "prefix-way-out");
    put(upper, "prefix-way-out/kept", "other");
    assert_int_equal(0, commit(NULL, &layer));
    assert_false(entry_at(&layer, "stolen")->done);
    assert_false(entry_at(&layer, "fifo")->done);
    files_layer_close(&layer);
    assert_int_equal(-1, access(at(prefix, "stolen"), F_OK));
    assert_int_equal(-1, access(at(prefix, "fifo"), F_OK));
    assert_int_equal(0, access(at(upper, "stolen"), F_OK));
    outside_is_untouched();
    assert_int_equal(0, discard(NULL));
    outside_is_untouched();
}

static off_t file_size(const char *path)
{
    struct stat st;

    assert_int_equal(0, lstat(path, &st));
    return st.st_size;
}

/* Between the reading and the commit a folder becomes a link to elsewhere, here and there. */
static void swapped_folders_lead_nowhere(void **state)
{
    static const char *const folders[] = {"deleted", "written", "inside"};
    struct pwk_error error;
    struct files_layer layer;
    int fd = open(files, O_RDONLY | O_DIRECTORY);

    (void)state;
    put_folder(outside, "deep");
    put(outside, "deep/kept", "kept");
    put_folder(prefix, "aside");
    put_folder(prefix, "aside/deep");
    put(prefix, "aside/deep/kept", "aside");
    for (size_t i = 0; i < 3; i++) {
        char path[64];

        put_folder(prefix, folders[i]);
        put_folder(upper, folders[i]);
        snprintf(path, sizeof(path), "%s/deep", folders[i]);
        put_folder(prefix, path);
        put_folder(upper, path);
        strcat(path, "/kept");
        put(prefix, path, "x");
        put(upper, path, i == 0 ? "" : "evil!!");
        if (i == 0)
            put_attribute(upper, path, "user.overlay.whiteout", "");
    }
    put_folder(upper, "source");
    put_folder(upper, "source/deep");
    put(upper, "source/deep/kept", "fine");
    read_layer(&layer);
    assert_int_equal(-1, files_select(&layer, NULL, 0));
    for (size_t i = 0; i < 3; i++) {
        take_away(prefix, folders[i]);
        put_link(prefix, folders[i], i == 2 ? "aside" : outside);
    }
    take_away(upper, "source");
    put_link(upper, "source", outside);
    assert_int_equal(0, files_commit(&layer, fd, &error));
    close(fd);
    assert_false(entry_at(&layer, "deleted/deep/kept")->done);
    assert_false(entry_at(&layer, "written/deep/kept")->done);
    assert_false(entry_at(&layer, "inside/deep/kept")->done);
    assert_false(entry_at(&layer, "source/deep/kept")->done);
    assert_int_equal(0, access(at(upper, "inside/deep/kept"), F_OK));
    assert_int_equal(-1, access(at(prefix, "source/deep/kept"), F_OK));
    assert_int_equal(5, file_size(at(prefix, "aside/deep/kept")));
    assert_int_equal(4, file_size(at(outside, "deep/kept")));
    files_layer_close(&layer);
    take_away(outside, "deep");
    outside_is_untouched();
}

/* ---- folders that hide the prefix's as a whole ---- */

static void make_anew(const char *view, void *context)
{
    (void)context;
    take_away(view, "folder");
    put_folder(view, "folder");
    put(view, "folder/new", "new");
    assert_int_equal(0, mkfifo(at(view, "folder/fifo"), 0600));
}

static void opaque_folders_open_up(void **state)
{
    struct pwk_error error;
    struct files_layer layer;
    char *view;
    int fd = open(files, O_RDONLY | O_DIRECTORY);

    (void)state;
    put_folder(prefix, "folder");
    put(prefix, "folder/old", "old");
    in_view(make_anew, NULL, &view);
    /* Not without its folder. */
    assert_int_equal(0, commit("folder/new", &layer));
    assert_non_null(entry_at(&layer, "folder/new")->hindrance);
    files_layer_close(&layer);
    assert_int_equal(-1, access(at(prefix, "folder/new"), F_OK));
    expect_view(view);
    /* What it hides cannot be deleted: all stays hidden, and the rest in the layer. */
    read_layer(&layer);
    assert_int_equal(-1, files_select(&layer, NULL, 0));
    entry_at(&layer, "folder/old")->hindrance = "the test wants it so";
    assert_int_equal(0, files_commit(&layer, fd, &error));
    close(fd);
    files_layer_close(&layer);
    expect_view(view);
    /* The FIFO stays, and with it the folder, through which the rest is to be seen. */
    assert_int_equal(0, commit(NULL, &layer));
    files_layer_close(&layer);
    assert_int_equal(0, access(at(upper, "folder/fifo"), F_OK));
    assert_int_equal(-1, access(at(upper, "folder/new"), F_OK));
    assert_int_equal(-1, access(at(prefix, "folder/old"), F_OK));
    expect_view(view);
    free(view);
}

/* ---- in a file system of its own ---- */

/* Has `act` done in a child, on an empty disk of that size in place of the test's folder. It
 * answers 0 where all is well. */
static void on_own_disk(const char *size, int (*act)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        if (!files_fixture_unshare() || mount("none", top, "tmpfs", 0, size) < 0)
            _exit(77);
        put_folder(top, "prefix");
        put_folder(top, "files");
        put_folder(top, "files/upper");
        _exit(act());
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(0, status);
}

static int commit_many(void)
{
    struct files_layer layer;
    char name[32], *expected;

    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "d%d", i / 100);
        if (i % 100 == 0)
            put_folder(upper, name);
        snprintf(name, sizeof(name), "d%d/f%d", i / 100, i);
        put(upper, name, name);
    }
    expected = snapshot(upper);
    if (commit(NULL, &layer) != 0 || layer.count != 10100)
        return 1;
    files_layer_close(&layer);
    expect_prefix(expected);
    free(expected);
    return layer_is_empty() ? 0 : 2;
}

static void many_files(void **state)
{
    (void)state;
    on_own_disk("size=256m", commit_many);
}

static void fill_the_disk(void)
{
    static char block[4096];
    int fd = open(at(top, "filler"), O_WRONLY | O_CREAT, 0600);

    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
}

static int run_out_of_space(void)
{
    static char big[128 * 1024];
    struct files_layer layer;
    char *before, *after;

    memset(big, 'x', sizeof(big) - 1);
    put(prefix, "old", "old");
    put(upper, "big", big);
    put(upper, "old", "new");
    fill_the_disk();
    before = snapshot(upper);
    if (commit(NULL, &layer) != -ENOSPC)
        return 1;
    files_layer_close(&layer);
    after = snapshot(upper);
    if (strcmp(before, after) != 0 || access(at(prefix, "big"), F_OK) == 0)
        return 2;
    free(after);
    unlink(at(top, "filler"));
    if (commit(NULL, &layer) != 0)
        return 3;
    files_layer_close(&layer);
    expect_prefix(before);
    free(before);
    return layer_is_empty() ? 0 : 4;
}

static void no_space_loses_nothing(void **state)
{
    (void)state;
    on_own_disk("size=1m", run_out_of_space);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, files_fixture_make, files_fixture_remove)
    const struct CMUnitTest tests[] = {
        TEST(whole_layers),
        TEST(layers_in_parts),
        TEST(all_thrown_away),
        TEST(parts_thrown_away),
        TEST(locked_folders_thrown_away),
        TEST(what_a_file_keeps),
        TEST(copies_are_new_files),
        TEST(noise_stays),
        TEST(hostile_entries_are_left),
        TEST(swapped_folders_lead_nowhere),
        TEST(opaque_folders_open_up),
        TEST(many_files),
        TEST(no_space_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
