/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_program.c - finding programs and telling what they are, in a small prefix on a real file
 * system.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/state.h"
#include "launcher/program.h"

static char top[PATH_MAX]; /* holds prefix, libdir and work, the current folder */
static struct pwk_program program;
static struct pwk_error error;

static const char *below(const char *name)
{
    static char paths[4][2 * PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", top, name);
    return path;
}

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *stream = fopen(below(name), "w");

    assert_non_null(stream);
    assert_int_equal(fwrite(data, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

/* The headers of a PE file. */
struct image {
    unsigned char bytes[512];
};

static struct image make_image(unsigned machine, unsigned characteristics, unsigned subsystem)
{
    struct image image = {{'M', 'Z'}};
    unsigned char *pe = image.bytes + 128;

    image.bytes[60] = 128;
    memcpy(pe, "PE\0", 4);
    pe[4] = (unsigned char)machine;
    pe[5] = (unsigned char)(machine >> 8);
    pe[22] = (unsigned char)characteristics;
    pe[23] = (unsigned char)(characteristics >> 8);
    pe[92] = (unsigned char)subsystem;
    return image;
}

static void write_image(const char *name, unsigned machine, unsigned characteristics,
                        unsigned subsystem)
{
    struct image image = make_image(machine, characteristics, subsystem);

    write_file(name, &image, sizeof(image));
}

static void write_program(const char *name)
{
    write_image(name, 0x8664, 0x22, 3);
}

static int make_world(void **state)
{
    static const char *const folders[] = {"prefix",
                                          "prefix/dosdevices",
                                          "prefix/drive_c",
                                          "prefix/drive_c/windows",
                                          "prefix/drive_c/windows/system32",
                                          "prefix/drive_c/Program Files",
                                          "libdir",
                                          "libdir/x86_64-windows",
                                          "work",
                                          "work/folder",
                                          "work/reg"};

    (void)state;
    strcpy(top, "/tmp/test_program.XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (mkdir(below(folders[i]), 0700) != 0)
            return -1;
    if (symlink("../drive_c", below("prefix/dosdevices/c:")) != 0 ||
        symlink("/", below("prefix/dosdevices/z:")) != 0 || chdir(below("work")) != 0)
        return -1;
    write_program("prefix/drive_c/windows/system32/reg.exe");
    write_program("prefix/drive_c/windows/notepad.exe");
    write_program("prefix/drive_c/Program Files/My App.exe");
    write_program("libdir/x86_64-windows/winver.exe");
    write_program("work/here.exe");
    write_program("work/folder/inner.exe");
    return 0;
}

static int remove_world(void **state)
{
    (void)state;
    return chdir("/") != 0 || pwk_state_remove(top, NULL) != 0;
}

static int find(const char *word)
{
    error.text[0] = '\0';
    return pwk_program_find(&program, word, below("prefix"), below("libdir"), &error);
}

/* `word` is found in file `path` below the top, and handed to Wine as `name`. */
static void expect(const char *word, const char *path, const char *name)
{
    char found[PATH_MAX];
    char expected[PATH_MAX];

    if (find(word) != 0)
        fail_msg("%s: %s", word, error.text);
    assert_non_null(realpath(program.path, found));
    assert_non_null(realpath(below(path), expected));
    assert_string_equal(found, expected);
    assert_string_equal(program.name, name);
}

static void unix_paths(void **state)
{
    (void)state;
    expect("./here.exe", "work/here.exe", "./here.exe");
    expect(below("work/here.exe"), "work/here.exe", below("work/here.exe"));
    expect("folder/inner.exe", "work/folder/inner.exe", "folder/inner.exe");
    assert_int_equal(find("./HERE.exe"), -ENOENT);
    assert_int_equal(find("./none.exe"), -ENOENT);
    assert_int_equal(find("/here.exe/x"), -ENOENT);
    assert_int_equal(find("./here"), 0);
    assert_string_equal(program.name, below("work/here.exe"));
}

static void dos_paths(void **state)
{
    char word[PATH_MAX + 2];

    (void)state;
    expect("C:\\windows\\system32\\reg.exe", "prefix/drive_c/windows/system32/reg.exe",
           "C:\\windows\\system32\\reg.exe");
    expect("c:/WINDOWS\\System32\\REG.EXE", "prefix/drive_c/windows/system32/reg.exe",
           "c:/WINDOWS\\System32\\REG.EXE");
    expect("C:\\\\program files\\.\\my app.EXE", "prefix/drive_c/Program Files/My App.exe",
           "C:\\\\program files\\.\\my app.EXE");
    snprintf(word, sizeof(word), "Z:%s", below("work/here.exe"));
    expect(word, "work/here.exe", word);
    expect("folder\\INNER.exe", "work/folder/inner.exe", "folder\\INNER.exe");
    assert_int_equal(find("C:\\none.exe"), -ENOENT);
    assert_int_equal(find("Q:\\reg.exe"), -ENOENT);
    assert_int_equal(find("C:"), -EISDIR);
    assert_int_equal(find("\\\\server\\share\\x.exe"), -ENOENT);
}

static void bare_names(void **state)
{
    char word[PATH_MAX];

    (void)state;
    expect("here.exe", "work/here.exe", "here.exe");
    /* A folder of that name in the current folder is not the program. */
    expect("reg", "prefix/drive_c/windows/system32/reg.exe",
           below("prefix/drive_c/windows/system32/reg.exe"));
    expect("NOTEPAD", "prefix/drive_c/windows/notepad.exe",
           below("prefix/drive_c/windows/notepad.exe"));
    expect("winver", "libdir/x86_64-windows/winver.exe", "C:\\windows\\system32\\winver.exe");
    assert_int_equal(find("none"), -ENOENT);
    assert_int_equal(find(""), -ENOENT);
    assert_int_equal(find("folder"), -EISDIR);

    snprintf(word, sizeof(word), "Q:\\none;Z:%s;C:\\", below("work/folder"));
    setenv("WINEPATH", word, 1);
    expect("inner", "work/folder/inner.exe", below("work/folder/inner.exe"));
    unsetenv("WINEPATH");
    assert_int_equal(find("inner"), -ENOENT);
}

static void too_long_names(void **state)
{
    char word[3 * PATH_MAX];

    (void)state;
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_int_equal(find(word), -ENOENT);
    word[0] = '/';
    assert_int_equal(find(word), -ENOENT);
    memcpy(word, "C:\\", 3);
    assert_int_equal(find(word), -ENOENT);
    memset(word, '\\', sizeof(word) - 1);
    assert_int_equal(find(word), -ENOENT);
}

static void expect_refused(const char *name, const char *why)
{
    assert_true(pwk_program_check(below(name), &error) < 0);
    if (strstr(error.text, why) == NULL || strstr(error.text, name) == NULL)
        fail_msg("'%s' is said of %s", error.text, name);
}

static void what_cannot_run(void **state)
{
    static const unsigned char elf[] = "\177ELF\2\1\1";
    struct image image = make_image(0x8664, 0x22, 3);

    (void)state;
    write_image("work/32.exe", 0x14c, 0x102, 3);
    expect_refused("work/32.exe", "32-bit");
    write_image("work/arm.exe", 0xaa64, 0x22, 3);
    expect_refused("work/arm.exe", "another processor");
    write_image("work/lib.dll", 0x8664, 0x2022, 3);
    expect_refused("work/lib.dll", "is a DLL");
    write_image("work/driver.sys", 0x8664, 0x22, 1);
    expect_refused("work/driver.sys", "is a driver");
    write_file("work/linux", elf, sizeof(elf));
    expect_refused("work/linux", "is a Linux program");
    write_file("work/empty.exe", "", 0);
    expect_refused("work/empty.exe", "is empty");
    write_file("work/empty.bat", "", 0);
    expect_refused("work/empty.bat", "is empty");
    write_file("work/text.exe", "hello", 5);
    expect_refused("work/text.exe", "is not a Windows program");
    write_file("work/cut.exe", &image, 128 + 40);
    expect_refused("work/cut.exe", "cut short");
    memset(image.bytes + 60, 0xff, 4);
    write_file("work/wild.exe", &image, sizeof(image));
    expect_refused("work/wild.exe", "cut short");
    image.bytes[60] = 128;
    memset(image.bytes + 61, 0, 3);
    memcpy(image.bytes + 128, "NE\0", 4);
    write_file("work/old.exe", &image, sizeof(image));
    expect_refused("work/old.exe", "16-bit");
    expect_refused("work/folder", "is a folder");
    expect_refused("work/none.exe", "cannot be read");
    assert_int_equal(mkfifo(below("work/pipe.exe"), 0600), 0);
    expect_refused("work/pipe.exe", "device or pipe");
    assert_int_equal(find("./32.exe"), -ENOEXEC);
    if (geteuid() != 0) {
        write_program("work/secret.exe");
        assert_int_equal(chmod(below("work/secret.exe"), 0), 0);
        expect_refused("work/secret.exe", "cannot be read");
    }
}

static void scripts_pass(void **state)
{
    static const char *const names[] = {"work/a.bat", "work/a.CMD", "work/a.msi", "work/a.Lnk"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        write_file(names[i], "x", 1);
        assert_int_equal(pwk_program_check(below(names[i]), &error), 0);
    }
    expect("a.bat", "work/a.bat", "a.bat");
}

static void names_like_options_are_made_paths(void **state)
{
    (void)state;
    write_program("work/--help.exe");
    expect("--help.exe", "work/--help.exe", below("work/--help.exe"));
}

static int find_in_layer(const char *word)
{
    return pwk_program_find_in_layer(&program, word, below("prefix"), below("upper"), &error);
}

static void programs_of_a_layer(void **state)
{
    static const char *const folders[] = {"upper", "upper/drive_c", "upper/drive_c/New App"};
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof(path), "%s", below("prefix/drive_c/New App/App.exe"));
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        assert_int_equal(0, mkdir(below(folders[i]), 0700));
    write_program("upper/drive_c/New App/App.exe");
    write_file("upper/drive_c/New App/text.exe", "text", 4);
    assert_int_equal(0, symlink("App.exe", below("upper/drive_c/New App/link.exe")));
    assert_int_equal(0, find_in_layer("c:\\new app\\APP"));
    assert_string_equal(path, program.path);
    assert_string_equal("c:\\new app\\APP.exe", program.name);
    assert_int_equal(0, find_in_layer(path));
    assert_string_equal(path, program.path);
    assert_string_equal(path, program.name);
    assert_int_equal(-ENOEXEC, find_in_layer("C:\\New App\\text.exe"));
    assert_int_equal(-ENOENT, find_in_layer("C:\\New App\\link.exe"));
    assert_int_equal(-ENOENT, find_in_layer("C:\\New App\\none.exe"));
    assert_int_equal(-ENOENT, find_in_layer("C:\\New App"));
    assert_int_equal(-ENOENT, find_in_layer("D:\\New App\\App.exe"));
    assert_int_equal(-ENOENT, find_in_layer("App.exe"));
    assert_int_equal(-ENOENT, find_in_layer("/drive_c/New App/App.exe"));
}

/* What a session is to show: no link is followed but a drive's. */
static void expect_place(const char *path, const char *folder, const char *expected)
{
    char place[PATH_MAX];

    pwk_program_place(place, path, folder, below("prefix"));
    assert_string_equal(place, expected);
}

static void places_of_programs(void **state)
{
    char path[PATH_MAX], place[PATH_MAX];

    (void)state;
    expect_place("/tmp/a/x.exe", "/", "/tmp/a/x.exe");
    expect_place("x.exe", "/tmp/a", "/tmp/a/x.exe");
    expect_place("./sub/x.exe", "/tmp/a", "/tmp/a/sub/x.exe");
    expect_place(".//x.exe", "/tmp/a", "/tmp/a/x.exe");
    expect_place("../b/x.exe", "/tmp/a", "/tmp/b/x.exe");
    expect_place("../../x.exe", "/tmp/a", "/x.exe");
    expect_place("../../../x.exe", "/tmp/a", "/x.exe");
    expect_place("..x/y.exe", "/tmp/a", "/tmp/a/..x/y.exe");
    expect_place("x.exe", "/", "/x.exe");
    /* Without a current folder it cannot be told. */
    expect_place("x.exe", "", "x.exe");
    /* What stands behind a folder's name may be a link's "..". */
    expect_place("sub/../x.exe", "/tmp/a", "/tmp/a/sub/../x.exe");
    assert_int_equal(0, symlink("/tmp/shown//", below("prefix/dosdevices/y:")));
    assert_int_equal(0, symlink("/tmp/a", below("prefix/link")));
    snprintf(path, sizeof(path), "%s", below("prefix/dosdevices/z:/tmp/b/x.exe"));
    expect_place(path, "/", "/tmp/b/x.exe");
    pwk_program_place(place, path, "/", "");
    assert_string_equal(place, path);
    expect_place(below("prefix/dosdevices/y:/x.exe"), "/", "/tmp/shown/x.exe");
    /* C: leads into the prefix; D: is not there; a link is none of ours. */
    for (const char *const *other =
             (const char *const[]){"prefix/dosdevices/c:/x.exe", "prefix/dosdevices/d:/x.exe",
                                   "prefix/link/x.exe", NULL};
         *other; other++)
        expect_place(below(*other), "/", below(*other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unix_paths),
        cmocka_unit_test(dos_paths),
        cmocka_unit_test(bare_names),
        cmocka_unit_test(too_long_names),
        cmocka_unit_test(what_cannot_run),
        cmocka_unit_test(scripts_pass),
        cmocka_unit_test(names_like_options_are_made_paths),
        cmocka_unit_test(programs_of_a_layer),
        cmocka_unit_test(places_of_programs),
    };

    return cmocka_run_group_tests(tests, make_world, remove_world);
}
