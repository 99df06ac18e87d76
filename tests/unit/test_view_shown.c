/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_view_shown.c - what a session shows for the sake of a program or of the current folder, at
 * its beginning and later: paths against a prefix, run-time folders and home folders that are made
 * up.
 */
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

#include "sandbox/view_shown.h"

static struct pwk_session_plan plan;

static int make_plan(void **state)
{
    (void)state;
    memset(&plan, 0, sizeof(plan));
    strcpy(plan.prefix, "/tmp/games/prefix");
    strcpy(plan.runtime, "/tmp/mine/run/pwk/session-1");
    setenv("XDG_RUNTIME_DIR", "/tmp/mine/run", 1);
    return 0;
}

/* `top` NULL: nothing is shown. */
static void expect(const char *path, bool later, const char *top)
{
    char found[PATH_MAX];
    bool shown = pwk_view_shown(&plan, path, later, found);

    assert_string_equal(shown ? found : "nothing", top ? top : "nothing");
}

static void both(const char *path, const char *top)
{
    expect(path, false, top);
    expect(path, true, top);
}

static void the_first_folder(void **state)
{
    (void)state;
    both("/tmp/a/b/c.exe", "/tmp/a");
    both("/tmp/a", "/tmp/a");
    both("/tmp/c.exe", "/tmp/c.exe");
    both("/var/tmp/a/b", "/var/tmp/a");
    both("/run/media/u/cd/setup.exe", "/run/media");
    both("/tmp", NULL);
    both("/tmpfolder/a", NULL);
    both("/home/u/a.exe", NULL);
    both("", NULL);
    both("tmp/a", NULL);
}

static void paths_that_lead_elsewhere(void **state)
{
    (void)state;
    both("/tmp/../etc/a", NULL);
    both("/tmp/a/..", NULL);
    both("/tmp/./a", NULL);
    both("/tmp//a", NULL);
    both("/tmp/", NULL);
    both("/tmp/..a/b", "/tmp/..a");
}

static void run_time_files_and_sockets(void **state)
{
    char path[64];

    (void)state;
    both("/tmp/mine/programs/a.exe", "/tmp/mine/programs");
    both("/tmp/mine/a.exe", "/tmp/mine/a.exe");
    both("/tmp/mine", NULL);
    both("/tmp/mine/run/a/b.exe", NULL);
    both("/tmp/mine/run/pwk", NULL);
    both("/tmp/mine/run/pwk/session-1", NULL);
    both("/tmp/mine/run/pwk/session-2/a.exe", NULL);
    both("/tmp/.X11-unix/a.exe", NULL);
    both("/tmp/.X11-unix.old/a.exe", "/tmp/.X11-unix.old");
    snprintf(path, sizeof(path), "/tmp/.wine-%u/server-1/a", (unsigned)geteuid());
    both(path, NULL);
    snprintf(path, sizeof(path), "/tmp/pwk-%u/a", (unsigned)geteuid());
    both(path, NULL);
    snprintf(path, sizeof(path), "/run/user/%u/bus/a", (unsigned)geteuid());
    both(path, NULL);
    both("/run/user/4294967294/a/b", "/run/user/4294967294");
    both("/run/user", NULL);
}

static void the_prefix(void **state)
{
    (void)state;
    both("/tmp/games/prefix/drive_c/a.exe", NULL);
    both("/tmp/games/prefix", NULL);
    both("/tmp/games/setup.exe", "/tmp/games");
    both("/tmp/games", "/tmp/games");
    both("/tmp/games/prefix2/a.exe", "/tmp/games");
}

static void a_hidden_home_folder(void **state)
{
    (void)state;
    strcpy(plan.homes[0], "/tmp/homes/u");
    strcpy(plan.homes[1], "/home/u");
    plan.shown[0] = "/tmp/homes/u/a.exe";
    expect("/tmp/homes/u/a.exe", true, NULL);
    expect("/tmp/homes/u", true, NULL);
    expect("/tmp/homes/other/a.exe", true, "/tmp/homes/other");
    assert_ptr_equal(pwk_view_lone_program(&plan), plan.shown[0]);
    plan.shown[0] = "/home/u/Games/a.exe";
    assert_ptr_equal(pwk_view_lone_program(&plan), plan.shown[0]);
    strcpy(plan.home_folder, "/home/u/Games");
    assert_null(pwk_view_lone_program(&plan));
    plan.shown[0] = "/home/u/opt/wine/a.exe";
    plan.installed[0] = "/home/u/opt/wine";
    assert_null(pwk_view_lone_program(&plan));
    plan.shown[0] = "/home/user/a.exe";
    assert_null(pwk_view_lone_program(&plan));
}

static const char *in(const char *folder, const char *name)
{
    static char path[2][PATH_MAX];
    static int next;

    next = !next;
    snprintf(path[next], sizeof(path[next]), "%s/%s", folder, name);
    return path[next];
}

/* By another name the run-time files are the same. */
static void links(void **state)
{
    char folder[] = "/tmp/pwk-view-shown-XXXXXX";

    (void)state;
    unsetenv("XDG_RUNTIME_DIR");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(in(folder, "real"), 0700), 0);
    assert_int_equal(mkdir(in(folder, "real/run"), 0700), 0);
    assert_int_equal(mkdir(in(folder, "other"), 0700), 0);
    assert_int_equal(symlink("real", in(folder, "link")), 0);
    snprintf(plan.runtime, sizeof(plan.runtime), "%s/link/run/session-1", folder);
    both(in(folder, "other/a.exe"), in(folder, "other"));
    both(in(folder, "real"), NULL);
    both(in(folder, "real/run/a.exe"), NULL);
    both(in(folder, "real/a.exe"), in(folder, "real/a.exe"));
    both(in(folder, "link/a.exe"), NULL);
    unlink(in(folder, "link"));
    rmdir(in(folder, "other"));
    rmdir(in(folder, "real/run"));
    rmdir(in(folder, "real"));
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, make_plan)
    const struct CMUnitTest tests[] = {
        TEST(the_first_folder), TEST(paths_that_lead_elsewhere), TEST(run_time_files_and_sockets),
        TEST(the_prefix),       TEST(a_hidden_home_folder),      TEST(links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
