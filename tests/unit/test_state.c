/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_state.c - names, folders and their removal, on a real file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
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

#include "kernel/boot_record.h"
#include "kernel/state.h"

static char prefix[PATH_MAX];

static int make_prefix(void **state)
{
    (void)state;
    strcpy(prefix, "/tmp/test_state.XXXXXX");
    return mkdtemp(prefix) != NULL ? 0 : -1;
}

static int remove_prefix(void **state)
{
    (void)state;
    return pwk_state_remove(prefix, NULL);
}

/* `name` below the prefix, in a buffer that the next call but three reuses. */
static const char *below(const char *name)
{
    static char paths[4][2 * PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", prefix, name);
    return path;
}

static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    close(fd);
}

static void kernel_names(void **state)
{
    static const char *const good[] = {"a", "default", "Games_2.1-x", "0"};
    static const char *const bad[] = {"", ".", "..", ".a", "-a", "a/b", "a b", "\xc3\xa4", "a\n"};
    char name[PWK_KERNEL_NAME_MAX + 2];
    struct pwk_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(pwk_kernel_name_check(good[i], &error), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(pwk_kernel_name_check(bad[i], &error), -EINVAL);
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(pwk_kernel_name_check(name, &error), -EINVAL);
    name[sizeof(name) - 2] = '\0';
    assert_int_equal(pwk_kernel_name_check(name, &error), 0);
}

static void prefix_paths(void **state)
{
    struct pwk_error error;
    char path[PATH_MAX];
    char too_long[PATH_MAX + 2];
    const struct passwd *user;

    (void)state;
    setenv("WINEPREFIX", "/a/b//", 1);
    assert_int_equal(pwk_prefix_path(path, &error), 0);
    assert_string_equal(path, "/a/b");
    setenv("WINEPREFIX", "/", 1);
    assert_int_equal(pwk_prefix_path(path, &error), 0);
    assert_string_equal(path, "/");
    setenv("WINEPREFIX", "a", 1);
    assert_int_equal(pwk_prefix_path(path, &error), -EINVAL);
    assert_non_null(strstr(error.text, "WINEPREFIX"));
    setenv("WINEPREFIX", "", 1);
    assert_int_equal(pwk_prefix_path(path, &error), -EINVAL);
    memset(too_long, 'a', sizeof(too_long) - 1);
    too_long[0] = '/';
    too_long[sizeof(too_long) - 1] = '\0';
    setenv("WINEPREFIX", too_long, 1);
    assert_int_equal(pwk_prefix_path(path, &error), -ENAMETOOLONG);
    unsetenv("WINEPREFIX");
    setenv("HOME", "/home/somebody", 1);
    assert_int_equal(pwk_prefix_path(path, &error), 0);
    assert_string_equal(path, "/home/somebody/.wine");
    user = getpwuid(getuid());
    setenv("HOME", "somebody", 1);
    assert_int_equal(pwk_prefix_path(path, &error), -EINVAL);
    unsetenv("HOME");
    if (user != NULL && strcmp(user->pw_dir, "/") != 0) {
        assert_int_equal(pwk_prefix_path(path, &error), 0);
        assert_memory_equal(path, user->pw_dir, strlen(user->pw_dir));
        assert_string_equal(path + strlen(user->pw_dir), "/.wine");
    }
}

static void states_are_made_and_listed(void **state)
{
    struct pwk_error error;
    char path[PATH_MAX];
    struct stat st;
    char **names;

    (void)state;
    assert_int_equal(pwk_state_list(prefix, &names, &error), 0);
    assert_null(names[0]);
    pwk_state_list_free(names);

    assert_int_equal(pwk_state_path(prefix, "b", false, path, &error), 0);
    assert_string_equal(path, below("pwk/kernels/b"));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(pwk_state_path(prefix, "b", true, path, &error), 0);
    assert_int_equal(pwk_state_path(prefix, "b", true, path, &error), 0);
    assert_int_equal(pwk_state_path(prefix, "a", true, path, &error), 0);
    assert_int_equal(stat(below("pwk/kernels/a/store"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(pwk_state_path(prefix, "..", true, path, &error), -EINVAL);
    assert_int_equal(pwk_state_path(below("none"), "a", true, path, &error), -ENOENT);

    touch(below("pwk/kernels/file"));
    assert_int_equal(mkdir(below("pwk/kernels/.hidden"), 0700), 0);
    assert_int_equal(symlink("a", below("pwk/kernels/link")), 0);
    assert_int_equal(pwk_state_list(prefix, &names, &error), 0);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_null(names[2]);
    pwk_state_list_free(names);
    pwk_state_list_free(NULL);
}

static void links_are_not_followed(void **state)
{
    struct pwk_error error;
    char path[PATH_MAX];

    (void)state;
    assert_int_equal(mkdir(below("elsewhere"), 0700), 0);
    assert_int_equal(mkdir(below("pwk"), 0700), 0);
    assert_int_equal(symlink("../elsewhere", below("pwk/kernels")), 0);
    assert_true(pwk_state_path(prefix, "a", true, path, &error) < 0);
    assert_int_equal(access(below("elsewhere/a"), F_OK), -1);
    assert_int_equal(unlink(below("pwk/kernels")), 0);
    assert_int_equal(mkdir(below("pwk/kernels"), 0700), 0);
    assert_int_equal(symlink("../../elsewhere", below("pwk/kernels/a")), 0);
    assert_true(pwk_state_path(prefix, "a", true, path, &error) < 0);
    assert_int_equal(access(below("elsewhere/store"), F_OK), -1);
    assert_true(pwk_state_remove(below("pwk/kernels/a"), &error) < 0);
    assert_int_equal(access(below("elsewhere"), F_OK), 0);
}

static void removal_stays_inside(void **state)
{
    struct pwk_error error;
    char path[PATH_MAX];

    (void)state;
    assert_int_equal(mkdir(below("kept"), 0700), 0);
    touch(below("kept/file"));
    assert_int_equal(pwk_state_path(prefix, "a", true, path, &error), 0);
    touch(below("pwk/kernels/a/store/registry.db"));
    assert_int_equal(symlink("../../../../kept", below("pwk/kernels/a/store/link")), 0);
    assert_int_equal(symlink("../../../kept", below("pwk/kernels/a/link")), 0);
    assert_int_equal(symlink("nowhere", below("pwk/kernels/a/dangling")), 0);
    assert_int_equal(mkfifo(below("pwk/kernels/a/fifo"), 0600), 0);
    assert_int_equal(pwk_state_remove(path, &error), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(below("kept/file"), F_OK), 0);
    assert_int_equal(pwk_state_remove(path, &error), -ENOENT);
}

/* Deeper than a path may be long and than descriptors reach, and wider than one folder's read. */
static void deep_and_wide_trees_are_removed(void **state)
{
    const int depth = 3000;
    struct pwk_error error;
    char path[PATH_MAX];
    int fd;

    (void)state;
    assert_int_equal(pwk_state_path(prefix, "a", true, path, &error), 0);
    fd = open(path, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < depth; i++) {
        int next;

        assert_int_equal(mkdirat(fd, "dd", 0700), 0);
        assert_int_equal(mkdirat(fd, ".removed-1", 0700), 0);
        next = openat(fd, "dd", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        close(fd);
        fd = next;
    }
    for (int i = 0; i < 2000; i++) {
        char name[16];

        snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(mknodat(fd, name, S_IFREG | 0600, 0), 0);
    }
    close(fd);
    assert_int_equal(pwk_state_remove(path, &error), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void run_time_folder(void **state)
{
    struct pwk_error error;
    char path[PATH_MAX];
    char fallback[64];
    struct stat st;

    (void)state;
    setenv("XDG_RUNTIME_DIR", prefix, 1);
    assert_int_equal(pwk_runtime_path(path, &error), 0);
    assert_string_equal(path, below("pwk"));
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(pwk_runtime_path(path, &error), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkdir(below("elsewhere"), 0755), 0);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_true(pwk_runtime_path(path, &error) < 0);
    assert_int_equal(stat(below("elsewhere"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);

    setenv("XDG_RUNTIME_DIR", below("none"), 1);
    snprintf(fallback, sizeof(fallback), "/tmp/pwk-%u", (unsigned)geteuid());
    assert_int_equal(pwk_runtime_path(path, &error), 0);
    assert_string_equal(path, fallback);
    if (geteuid() == 0) {
        assert_int_equal(mkdir(below("others"), 0700), 0);
        assert_int_equal(mkdir(below("others/pwk"), 0700), 0);
        assert_int_equal(chown(below("others/pwk"), 65534, 65534), 0);
        setenv("XDG_RUNTIME_DIR", below("others"), 1);
        assert_int_equal(pwk_runtime_path(path, &error), -EPERM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_names),
        cmocka_unit_test(prefix_paths),
        cmocka_unit_test_setup_teardown(states_are_made_and_listed, make_prefix, remove_prefix),
        cmocka_unit_test_setup_teardown(links_are_not_followed, make_prefix, remove_prefix),
        cmocka_unit_test_setup_teardown(removal_stays_inside, make_prefix, remove_prefix),
        cmocka_unit_test_setup_teardown(deep_and_wide_trees_are_removed, make_prefix,
                                        remove_prefix),
        cmocka_unit_test_setup_teardown(run_time_folder, make_prefix, remove_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
