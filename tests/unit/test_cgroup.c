/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_cgroup.c - control groups: which folder is chosen, in a tree that the test makes up; and
 * where this machine lends one, what a burner gets in it.
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
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/cgroup.h"
#include "sandbox/session_known.h"
#include "sandbox/session_limits.h"

static char root[] = "/tmp/pwk-cgroup-XXXXXX";
static struct pwk_cgroup group;

static const char *in_root(const char *path)
{
    static char text[4][PATH_MAX];
    static int next;

    next = (next + 1) % 4;
    snprintf(text[next], sizeof(text[next]), "%s/%s", root, path);
    return text[next];
}

static void write_to(const char *path, const char *text)
{
    FILE *file = fopen(in_root(path), "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void make_folder(const char *path)
{
    assert_int_equal(mkdir(in_root(path), 0700), 0);
}

static void make_group(const char *path, const char *controllers, const char *lent,
                       const char *processes)
{
    char file[256];

    make_folder(path);
    snprintf(file, sizeof(file), "%s/cgroup.controllers", path);
    write_to(file, controllers);
    snprintf(file, sizeof(file), "%s/cgroup.subtree_control", path);
    write_to(file, lent);
    snprintf(file, sizeof(file), "%s/cgroup.procs", path);
    write_to(file, processes);
}

/* As systemd has it: a scope in a slice, in the user's service, which is lent. */
static int set_up(void **state)
{
    struct stat st;
    char text[512], name[64];

    (void)state;
    strcpy(root + sizeof(root) - 7, "XXXXXX");
    assert_non_null(mkdtemp(root));
    make_folder("self");
    snprintf(text, sizeof(text),
             "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
             "30 24 0:26 / %s/tree rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
             root);
    write_to("self/mountinfo", text);
    write_to("self/cgroup", "1:name=x:/elsewhere\n0::/service/slice/scope\n");
    make_group("tree", "cpu io memory\n", "cpu io memory\n", "");
    make_group("tree/service", "cpu io memory\n", "memory cpu\n", "");
    make_group("tree/service/slice", "cpu memory\n", "memory\n", "");
    make_group("tree/service/slice/scope", "memory cpuset\n", "\n", "17\n");
    /* The disk, and the part of it that the root lies on. */
    assert_int_equal(stat(root, &st), 0);
    make_folder("blocks");
    make_folder("blocks/disk");
    make_folder("blocks/disk/part");
    write_to("blocks/disk/dev", "259:0\n");
    write_to("blocks/disk/part/dev", "259:2\n");
    write_to("blocks/disk/part/partition", "2\n");
    snprintf(name, sizeof(name), "blocks/%u:%u", major(st.st_dev), minor(st.st_dev));
    assert_int_equal(symlink("disk/part", in_root(name)), 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[PATH_MAX + 16];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void find(bool cpu, bool io)
{
    pwk_cgroup_find_in(&group, in_root("self"), in_root("blocks"), cpu, io, root);
}

static void the_nearest_that_has_all(void **state)
{
    (void)state;
    find(true, false);
    assert_string_equal(group.parent, in_root("tree/service/slice"));
    assert_true(group.cpu && !group.io);
    /* The slice has no io. */
    find(true, true);
    assert_string_equal(group.parent, in_root("tree/service"));
    assert_true(group.cpu && group.io);
    assert_int_equal(group.major, 259);
    assert_int_equal(group.minor, 0);
    /* While it has processes of its own, none can be limited in it. */
    write_to("tree/service/slice/cgroup.procs", "12\n");
    find(true, false);
    assert_string_equal(group.parent, in_root("tree/service"));
}

static void a_part_is_better_than_nothing(void **state)
{
    (void)state;
    write_to("tree/service/cgroup.controllers", "cpu memory\n");
    write_to("tree/cgroup.controllers", "memory\n");
    write_to("tree/cgroup.subtree_control", "memory\n");
    find(true, true);
    assert_string_equal(group.parent, in_root("tree/service/slice"));
    assert_true(group.cpu && !group.io);
}

static void nowhere(void **state)
{
    (void)state;
    find(false, false);
    assert_string_equal(group.parent, "");
    write_to("self/cgroup", "0::/../outside\n");
    find(true, false);
    assert_string_equal(group.parent, "");
    write_to("self/mountinfo", "30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
    find(true, true);
    assert_string_equal(group.parent, "");
    assert_false(group.cpu || group.io);
}

/* What is written where, as far as a made-up tree can show it. */
static void limits_are_written(void **state)
{
    (void)state;
    find(true, false);
    /* Linux makes these files with the folder; here there are none, which is an error. */
    assert_int_equal(pwk_cgroup_make(&group, "pwk-test", 150, 0), -ENOENT);
    assert_int_equal(access(in_root("tree/service/slice/pwk-test"), F_OK), -1);
    assert_int_equal(pwk_cgroup_enter(in_root("tree/service/slice/pwk-test")), -ENOENT);
}

static void text_is(const char *path, const char *expected)
{
    char text[128] = "";
    FILE *file = fopen(in_root(path), "r");

    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_string_equal(text, expected);
}

static void limits_that_were_taken_away_are_given_back(void **state)
{
    int parent;

    (void)state;
    find(true, true);
    parent = open(group.parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(parent >= 0);
    assert_int_equal(pwk_cgroup_keep(&group, parent, "pwk-test", 150, 1 << 20), -ENOENT);
    make_folder("tree/service/pwk-test");
    write_to("tree/service/pwk-test/cpu.max", "150000 100000\n");
    write_to("tree/service/pwk-test/io.max", "259:0 rbps=1048576 wbps=1048576 riops=max\n");
    assert_int_equal(pwk_cgroup_keep(&group, parent, "pwk-test", 150, 1 << 20), 0);
    text_is("tree/service/cgroup.subtree_control", "memory cpu\n"); /* nothing was missing */
    write_to("tree/service/pwk-test/cpu.max", "max 100000\n");
    assert_int_equal(pwk_cgroup_keep(&group, parent, "pwk-test", 150, 1 << 20), 0);
    text_is("tree/service/pwk-test/cpu.max", "150000 100000");
    write_to("tree/service/cgroup.subtree_control", "memory cpu\n");
    write_to("tree/service/pwk-test/io.max", "");
    assert_int_equal(pwk_cgroup_keep(&group, parent, "pwk-test", 150, 1 << 20), 0);
    text_is("tree/service/cgroup.subtree_control", "+ioory cpu\n"); /* a file; Linux adds it */
    text_is("tree/service/pwk-test/io.max", "259:0 rbps=1048576 wbps=1048576");
    assert_int_equal(unlink(in_root("tree/service/pwk-test/io.max")), 0);
    assert_int_equal(pwk_cgroup_keep(&group, parent, "pwk-test", 150, 1 << 20), -ENOENT);
    close(parent);
}

static double burn(double seconds)
{
    struct timespec begin, now;
    struct rusage usage;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9 <
           seconds);
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void withdraw(const char *place, const char *controller)
{
    char path[PATH_MAX + 32];
    FILE *file;

    snprintf(path, sizeof(path), "%s/cgroup.subtree_control", place);
    file = fopen(path, "w");
    if (file) {
        fputs(controller, file);
        fclose(file); /* refused while others below have lent it on */
    }
}

static void a_burner_in_a_real_group(void **state)
{
    static const char name[] = "pwk-test_cgroup";
    char folder[PATH_MAX + 32];
    int parent, status;
    pid_t child;

    (void)state;
    pwk_cgroup_find(&group, true, false, "/");
    if (!group.cpu) {
        print_message("no control group with the cpu controller is lent to us here\n");
        skip();
    }
    snprintf(folder, sizeof(folder), "%s/%s", group.parent, name);
    parent = pwk_cgroup_make(&group, name, 50, 0);
    assert_true(parent >= 0);
    /* As systemd does. */
    withdraw(group.parent, "-cpu");
    assert_int_equal(pwk_cgroup_keep(&group, parent, name, 50, 0), 0);
    child = fork();
    if (child == 0) {
        if (pwk_cgroup_enter(folder) < 0)
            _exit(255);
        _exit((int)(100 * burn(5) / 5));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    pwk_cgroup_remove(parent, name);
    assert_true(WIFEXITED(status));
    print_message("a burner at 50%%: %d%% of a processor\n", WEXITSTATUS(status));
    assert_true(WEXITSTATUS(status) < 80);
    assert_int_equal(access(folder, F_OK), -1);
}

/* ---- what a killed session has left ---- */

/* A pidfd of a process that has ended, or of this one. */
static int init_of(bool ended)
{
    pid_t child = ended ? fork() : getpid();
    int init;

    if (child == 0)
        _exit(0);
    init = (int)syscall(SYS_pidfd_open, child, 0);
    assert_true(init >= 0);
    if (ended)
        assert_int_equal(waitpid(child, NULL, 0), child);
    return init;
}

static int open_session_lock(void)
{
    int lock = open(in_root("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_SH), 0);
    return lock;
}

static void a_launcher_removes_the_group_of_a_killed_session(void **state)
{
    int lock = open_session_lock(), another = open_session_lock();
    int alive = init_of(false), ended = init_of(true);
    const char *folder = in_root("group");

    (void)state;
    make_folder("group");
    pwk_session_group_leave("", lock, ended, false);
    pwk_session_group_leave(folder, lock, alive, false);
    pwk_session_group_leave(folder, lock, ended, false); /* somebody else is there */
    assert_int_equal(access(folder, F_OK), 0);
    close(another);
    assert_int_equal(flock(lock, LOCK_SH), 0);
    pwk_session_group_leave(folder, lock, ended, false);
    assert_int_equal(access(folder, F_OK), -1);
    close(lock);
    close(alive);
    close(ended);
    unlink(in_root("lock"));
}

static void the_group_of_a_known_session_is_forgotten(void **state)
{
    char line[PATH_MAX + 64];

    (void)state;
    make_folder("group");
    pwk_session_group_forget(root); /* none is known */
    assert_int_equal(access(in_root("group"), F_OK), 0);
    snprintf(line, sizeof(line), "4711 1 1\t%s\tfiles overlay\n", in_root("group"));
    write_to(PWK_SESSION_INIT, line);
    pwk_session_group_forget(root);
    assert_int_equal(access(in_root("group"), F_OK), -1);
    unlink(in_root(PWK_SESSION_INIT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_nearest_that_has_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_part_is_better_than_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nowhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_are_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_that_were_taken_away_are_given_back, set_up,
                                        tear_down),
        cmocka_unit_test(a_burner_in_a_real_group),
        cmocka_unit_test_setup_teardown(a_launcher_removes_the_group_of_a_killed_session, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_group_of_a_known_session_is_forgotten, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
