/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_handle_bequest.c - tables of key handles between processes: opened by others, left to
 * children, and written to by a hostile process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nt/handle_table.h"

static int own_fd;

static nt_handle open_handle(uint64_t key, bool inherit)
{
    struct key_handle content = {.key = key, .access = (uint32_t)key + 1, .inherit = inherit};
    nt_handle handle = key_handle_open(&content);

    assert_true(is_key_handle(handle));
    return handle;
}

/* As another process opens it: anew, with a mapping of its own. */
static struct key_table *view_of_own(void)
{
    struct key_table *view = key_table_open(fcntl(own_fd, F_DUPFD_CLOEXEC, 0));

    assert_non_null(view);
    assert_ptr_not_equal(view, key_table_own());
    return view;
}

static void another_process_sees_and_changes_the_table(void **state)
{
    struct key_table *view = view_of_own();
    nt_handle mine = open_handle(7, true), theirs;
    struct key_handle content = {.key = 9, .access = 3, .protect_from_close = 1}, found;

    (void)state;
    assert_true(key_table_get(view, mine, &found));
    assert_true(found.key == 7 && found.access == 8 && found.inherit);
    theirs = key_table_insert(view, &content);
    assert_true(theirs && theirs != mine);
    assert_true(key_handle_get(theirs, &found));
    assert_true(found.key == 9 && found.access == 3 && !found.inherit && found.protect_from_close);
    assert_true(key_table_remove(view, mine));
    assert_false(key_table_remove(view, mine));
    assert_false(key_handle_get(mine, &found));
    assert_true(key_handle_close(theirs));
    assert_false(key_table_get(view, theirs, &found));
    key_table_close(view);
    key_table_close(NULL);
    key_table_close(key_table_own());
}

static void a_table_grows_under_its_other_viewers(void **state)
{
    enum { COUNT = 10000 };
    static nt_handle handles[COUNT];
    struct key_table *early = view_of_own();
    struct key_handle found;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        struct key_handle content = {.key = i + 1};
        handles[i] = i % 2 ? key_table_insert(early, &content) : key_handle_open(&content);
        assert_true(handles[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(key_handle_get(handles[i], &found) && found.key == i + 1);
        assert_true(key_table_get(early, handles[i], &found) && found.key == i + 1);
        assert_true(i % 3 ? key_handle_close(handles[i]) : key_table_remove(early, handles[i]));
    }
    key_table_close(early);
}

static void a_handle_of_the_same_value_is_another_one(void **state)
{
    nt_handle first = open_handle(1, false), second;
    struct key_handle before, after;

    (void)state;
    assert_true(key_handle_get(first, &before));
    assert_true(key_handle_set_flags(first, true, false));
    assert_true(key_handle_get(first, &after));
    assert_int_equal(before.serial, after.serial);
    assert_true(key_handle_close(first));
    second = open_handle(1, false);
    assert_true(second == first);
    assert_true(key_handle_get(second, &after));
    assert_int_not_equal(before.serial, after.serial);
    assert_true(key_handle_close(second));
}

/* ---- inheritance ---- */

static void inheritable_handles_are_left_to_a_child(void **state)
{
    nt_handle kept = open_handle(1, false), first = open_handle(2, true);
    nt_handle second = open_handle(3, true);
    struct key_handle found;
    struct key_table *heir;
    int fd;

    (void)state;
    assert_true(key_handle_set_flags(second, true, true));
    fd = key_table_bequeath(key_table_own(), NULL, 0);
    assert_true(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(key_handle_close(first));
    heir = key_table_open(fd);
    assert_non_null(heir);
    assert_true(key_table_get(heir, first, &found));
    assert_true(found.key == 2 && found.access == 3 && found.inherit && !found.protect_from_close);
    assert_true(key_table_get(heir, second, &found));
    assert_true(found.key == 3 && found.inherit && found.protect_from_close);
    assert_false(key_table_get(heir, kept, &found));
    assert_true(key_table_remove(heir, second));
    assert_true(key_handle_get(second, &found));
    assert_true(key_handle_close(second));
    assert_true(key_handle_close(kept));
    key_table_close(heir);
}

static void a_list_narrows_the_inheritance(void **state)
{
    nt_handle listed = open_handle(1, true), other = open_handle(2, true);
    nt_handle plain = open_handle(3, false);
    const nt_handle list[] = {0x40, plain, listed, listed, 0x43fffffc, (nt_handle)-1};
    struct key_handle found;
    struct key_table *heir = key_table_open(key_table_bequeath(key_table_own(), list, 6));

    (void)state;
    assert_non_null(heir);
    assert_true(key_table_get(heir, listed, &found) && found.key == 1);
    assert_false(key_table_get(heir, other, &found));
    assert_false(key_table_get(heir, plain, &found));
    assert_int_equal(key_table_bequeath(key_table_own(), list, 2), -ENOENT);
    assert_int_equal(key_table_bequeath(key_table_own(), list, 0), -ENOENT);
    key_table_close(heir);
    assert_true(key_handle_close(listed) && key_handle_close(other) && key_handle_close(plain));
    assert_int_equal(key_table_bequeath(key_table_own(), NULL, 0), -ENOENT);
}

/* What was inherited is never given out a second time, nor twice when it was closed. */
static void an_heir_opens_handles_around_what_it_inherited(void **state)
{
    enum { COUNT = 3000, STEP = 7 };
    static nt_handle handles[COUNT], opened[COUNT * 2];
    static bool taken[COUNT * 3];
    struct key_handle content = {.key = 99}, found;
    struct key_table *heir, *grandchild;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        handles[i] = open_handle(i + 1, i % STEP == 0);
    heir = key_table_open(key_table_bequeath(key_table_own(), NULL, 0));
    assert_non_null(heir);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(key_handle_close(handles[i]));
        assert_int_equal(key_table_get(heir, handles[i], &found), i % STEP == 0);
        /* Some are closed before others are opened around them. */
        if (i % STEP == 0 && i % 2)
            assert_true(key_table_remove(heir, handles[i]));
    }
    for (unsigned i = 0; i < COUNT * 2; i++) {
        opened[i] = key_table_insert(heir, &content);
        unsigned index = (unsigned)(opened[i] - KEY_HANDLE_FIRST) / 4;
        assert_true(opened[i] && index < COUNT * 3 && !taken[index]);
        taken[index] = true;
    }
    for (unsigned i = 0; i < COUNT; i += STEP)
        if (i % 2 == 0)
            assert_true(key_table_get(heir, handles[i], &found) && found.key == i + 1);
    grandchild = key_table_open(key_table_bequeath(heir, NULL, 0));
    assert_non_null(grandchild);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(key_table_get(grandchild, handles[i], &found),
                         i % STEP == 0 && i % 2 == 0);
    key_table_close(grandchild);
    key_table_close(heir);
}

/* ---- what others may do ---- */

static void what_is_no_table_is_refused(void **state)
{
    int pipes[2], unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int empty = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)state;
    assert_null(key_table_open(-1));
    assert_null(key_table_open(open("/dev/null", O_RDWR)));
    assert_null(key_table_open(open("/proc/self/exe", O_RDONLY)));
    assert_int_equal(pipe(pipes), 0);
    assert_null(key_table_open(pipes[0]));
    assert_int_equal(fcntl(pipes[0], F_GETFD), -1);
    close(pipes[1]);
    assert_int_equal(ftruncate(unsealed, 1 << 20), 0);
    assert_null(key_table_open(unsealed));
    assert_int_equal(fcntl(empty, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL), 0);
    assert_int_equal(ftruncate(empty, 64), 0);
    assert_null(key_table_open(fcntl(empty, F_DUPFD_CLOEXEC, 0)));
    assert_int_equal(ftruncate(empty, 1 << 20), 0);
    assert_null(key_table_open(empty));
}

static void a_table_cannot_be_cut_short(void **state)
{
    nt_handle handle = open_handle(5, false);
    struct key_handle found;

    (void)state;
    assert_int_equal(ftruncate(own_fd, 0), -1);
    assert_int_equal(fcntl(own_fd, F_ADD_SEALS, F_SEAL_GROW), -1);
    assert_true(key_handle_get(handle, &found) && found.key == 5);
    assert_true(key_handle_close(handle));
}

static _Atomic bool scribbling;

static void *scribble(void *context)
{
    uint32_t *words = context;
    unsigned random = 1;

    while (atomic_load(&scribbling)) {
        random = random * 1103515245u + 12345u;
        /* Behind the magic number: the heads of lists more often than slots. */
        ((volatile uint32_t *)words)[random & 0x10000 ? 2 + random % 4 : 2 + random % 40000] =
            random & 0x20000 ? random >> 8 : random;
    }
    return NULL;
}

static void a_hostile_process_scribbles(void **state)
{
    enum { HELD = 200, STEPS = 100000 };
    nt_handle inheritable = open_handle(1, true), handles[HELD] = {0};
    int fd = key_table_bequeath(key_table_own(), NULL, 0);
    uint32_t *words = mmap(NULL, 40960 * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct key_table *victim = key_table_open(fd);
    struct key_handle content = {.key = 3, .inherit = 1}, found;
    unsigned random = 7;
    pthread_t thread;

    (void)state;
    assert_true(key_handle_close(inheritable));
    assert_true(victim && words != MAP_FAILED);
    /* Longer than any table may be, so that every index is behind no end of the file. */
    assert_int_equal(ftruncate(fd, INT64_C(1) << 32), 0);
    atomic_store(&scribbling, true);
    assert_int_equal(pthread_create(&thread, NULL, scribble, words), 0);
    for (unsigned i = 0; i < STEPS; i++) {
        random = random * 1103515245u + 12345u;
        unsigned place = (random >> 16) % HELD;
        if (handles[place])
            key_table_remove(victim, handles[place]);
        handles[place] = i % 2 ? key_table_insert(victim, &content) : 0;
        assert_true(!handles[place] || is_key_handle(handles[place]));
        /* Seldom: each of these reads makes a page of its own. */
        if (i % 64 == 0)
            key_table_get(victim, KEY_HANDLE_FIRST + (random & 0x3fffffc), &found);
    }
    atomic_store(&scribbling, false);
    pthread_join(thread, NULL);
    munmap(words, 40960 * 4);
    key_table_close(victim);
}

/* Processes that open and close in one table, killed in the middle of it: what the others hold
 * stays right, and handles can still be had. */
static void processes_are_killed_at_work(void **state)
{
    enum { ROUNDS = 60, HELD = 100 };
    nt_handle mine[HELD];
    struct key_handle found;

    (void)state;
    for (unsigned i = 0; i < HELD; i++)
        mine[i] = open_handle(1000 + i, false);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        if (child == 0) {
            struct key_table *view = key_table_open(fcntl(own_fd, F_DUPFD_CLOEXEC, 0));
            struct key_handle content = {.key = 1};
            for (;;)
                key_table_remove(view, key_table_insert(view, &content));
        }
        for (unsigned i = 0; i < 2000; i++) {
            unsigned place = (i * 7 + round) % HELD;
            assert_true(key_handle_get(mine[place], &found) && found.key == 1000 + place);
            assert_true(key_handle_close(mine[place]));
            mine[place] = open_handle(1000 + place, false);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    for (unsigned i = 0; i < HELD; i++)
        assert_true(key_handle_close(mine[i]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_process_sees_and_changes_the_table),
        cmocka_unit_test(a_table_grows_under_its_other_viewers),
        cmocka_unit_test(a_handle_of_the_same_value_is_another_one),
        cmocka_unit_test(inheritable_handles_are_left_to_a_child),
        cmocka_unit_test(a_list_narrows_the_inheritance),
        cmocka_unit_test(an_heir_opens_handles_around_what_it_inherited),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(a_table_cannot_be_cut_short),
        cmocka_unit_test(a_hostile_process_scribbles),
        cmocka_unit_test(processes_are_killed_at_work),
    };

    alarm(300); /* a hang is a failure, not a wait for good */
    own_fd = key_table_start(-1);
    return own_fd < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
