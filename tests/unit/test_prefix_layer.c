/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_prefix_layer.c - what is published of the prefix's registry: whole states and nothing else,
 * whoever publishes at the same moment, is killed, finds the page damaged or has no room.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/prefix_files.h"
#include "kernel/prefix_layer.h"
#include "kernel/remove_tree.h"

#define PUBLISHERS 4
#define ROUNDS 60
#define KILLS 20
#define TEXT_SIZE 300000 /* long enough for a publisher to be killed within */

static const char *const names[PWK_PREFIX_TEXTS] = {"system.reg", "user.reg", "userdef.reg"};
static char folder[64], prefix[96];
static char *text; /* TEXT_SIZE + 1 */

/* A text says its number in each of its lines. */
static void write_files(unsigned number)
{
    size_t size = 0;
    char path[128], made[128];

    while (size + 12 <= TEXT_SIZE)
        size += (size_t)sprintf(text + size, "%010u\n", number);
    for (size_t i = 0; i < PWK_PREFIX_TEXTS; i++) {
        int fd;

        snprintf(path, sizeof(path), "%s/%s", prefix, names[i]);
        snprintf(made, sizeof(made), "%s/%d.tmp", prefix, (int)getpid());
        fd = open(made, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0 || write(fd, text, size) != (ssize_t)size || rename(made, path) < 0)
            _exit(100);
        close(fd);
    }
}

/* The number of a text; -1 where it is not whole. */
static long number_of(int fd)
{
    char *read = malloc(TEXT_SIZE + 1);
    ssize_t size = pread(fd, read, TEXT_SIZE, 0);
    long number;

    assert_true(size >= 0);
    read[size] = '\0';
    number = size > 11 ? strtol(read, NULL, 10) : -1;
    if (size + 11 < TEXT_SIZE - 1)
        number = -1;
    for (ssize_t at = 0; number >= 0 && at + 11 <= size; at += 11)
        if (memcmp(read + at, read, 11) != 0)
            number = -1;
    free(read);
    return number;
}

/* The number that all texts of the newest state have. */
static long published_number(struct pwk_prefix_layer *layer, struct registry_lower_state *state)
{
    int fds[REGISTRY_LOWER_TEXTS];
    size_t count;
    long number;

    assert_int_equal(pwk_prefix_layer_texts(layer, state, fds, &count), 0);
    assert_int_equal(count, PWK_PREFIX_TEXTS);
    number = number_of(fds[0]);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(number_of(fds[i]), number);
        close(fds[i]);
    }
    assert_true(number >= 0);
    return number;
}

static int publish(struct pwk_prefix_layer *layer)
{
    int lock = pwk_prefix_layer_lock(layer), result;

    if (lock < 0)
        return lock;
    result = pwk_prefix_files_publish(layer);
    close(lock);
    return result;
}

static size_t count_files(const struct pwk_prefix_layer *layer)
{
    DIR *listed = opendir(layer->shown);
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(listed);
    while ((entry = readdir(listed)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(listed);
    return count;
}

static void open_layer(struct pwk_prefix_layer *layer)
{
    struct pwk_error error;

    if (pwk_prefix_layer_open(layer, &error) != 0)
        fail_msg("%s", error.text);
}

static int make_prefix(void **state)
{
    (void)state;
    text = malloc(TEXT_SIZE + 1);
    strcpy(folder, "/tmp/prefix_layer.XXXXXX");
    if (!text || !mkdtemp(folder))
        return -1;
    snprintf(prefix, sizeof(prefix), "%s/prefix", folder);
    setenv("WINEPREFIX", prefix, 1);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    return mkdir(prefix, 0700);
}

static int remove_prefix(void **state)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY);

    (void)state;
    free(text);
    if (fd < 0 || pwk_remove_below(fd) != 0)
        return -1;
    close(fd);
    return rmdir(folder);
}

/* ---- the files ---- */

static void files_are_published_once(void **unused)
{
    struct registry_lower_state first, second;
    struct pwk_prefix_layer layer, shown;
    struct pwk_prefix_files files;

    (void)unused;
    open_layer(&layer);
    assert_int_equal(pwk_prefix_layer_look(&layer, &first), -ENOENT);
    assert_int_equal(publish(&layer), -ENOENT);
    write_files(1);
    assert_int_equal(publish(&layer), 0);
    assert_int_equal(published_number(&layer, &first), 1);
    assert_int_equal(pwk_prefix_files_look(&files), 0);
    assert_true(first.instance == files.signature);
    assert_true(pwk_prefix_files_are_published(&layer, &files));
    assert_int_equal(publish(&layer), 0);
    assert_int_equal(pwk_prefix_layer_look(&layer, &second), 0);
    assert_true(second.generation == first.generation);
    /* Who can only see it sees the same, before and after. */
    assert_int_equal(pwk_prefix_layer_open_shown(&shown, layer.shown, NULL), 0);
    assert_int_equal(published_number(&shown, &second), 1);
    write_files(2);
    assert_int_equal(pwk_prefix_files_look(&files), 0);
    assert_false(pwk_prefix_files_are_published(&layer, &files));
    assert_int_equal(publish(&layer), 0);
    assert_int_equal(published_number(&shown, &second), 2);
    assert_true(second.generation > first.generation && second.instance != first.instance);
    assert_int_equal(count_files(&layer), 1 + PWK_PREFIX_TEXTS);
}

static void what_is_shown_cannot_be_written(void **unused)
{
    struct pwk_prefix_layer layer, shown;
    int status;
    pid_t child;

    (void)unused;
    open_layer(&layer);
    assert_int_equal(pwk_prefix_layer_open_shown(&shown, layer.shown, NULL), 0);
    child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        __atomic_store_n(&shown.page->generation, 7, __ATOMIC_SEQ_CST);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- several ---- */

/* Changes the files and publishes them, and never stops. */
static void publish_for_ever(unsigned seed)
{
    struct pwk_prefix_layer layer;

    if (pwk_prefix_layer_open(&layer, NULL) != 0)
        _exit(101);
    for (unsigned i = 0;; i++) {
        int lock = pwk_prefix_layer_lock(&layer);

        if (lock < 0)
            _exit(102);
        write_files(seed * 1000000 + i);
        if (pwk_prefix_files_publish(&layer) != 0)
            _exit(103);
        close(lock);
    }
}

static pid_t start_publisher(unsigned seed)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        publish_for_ever(seed);
    return child;
}

static void kill_publisher(pid_t child)
{
    int status;

    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status))
        fail_msg("a publisher ended by itself: %d", WEXITSTATUS(status));
}

static void many_publish_whole_states(void **unused)
{
    struct registry_lower_state before = {0}, now;
    struct pwk_prefix_layer layer;
    pid_t children[PUBLISHERS];

    (void)unused;
    open_layer(&layer);
    write_files(0);
    assert_int_equal(publish(&layer), 0);
    for (unsigned i = 0; i < PUBLISHERS; i++)
        children[i] = start_publisher(i + 1);
    for (int seen = 0; seen < ROUNDS;) {
        published_number(&layer, &now);
        assert_true(now.generation >= before.generation);
        seen += now.generation > before.generation;
        before = now;
    }
    for (unsigned i = 0; i < PUBLISHERS; i++)
        kill_publisher(children[i]);
}

static void who_is_killed_leaves_a_whole_state(void **unused)
{
    struct registry_lower_state state;
    struct pwk_prefix_layer layer;
    size_t left = 0;

    (void)unused;
    open_layer(&layer);
    write_files(0);
    assert_int_equal(publish(&layer), 0);
    srandom((unsigned)getpid());
    for (unsigned i = 0; left < KILLS; i++) {
        const struct timespec moment = {.tv_nsec = random() % 400000};
        pid_t child = start_publisher(i + 1);

        while (count_files(&layer) == 1 + PWK_PREFIX_TEXTS)
            sched_yield();
        nanosleep(&moment, NULL);
        kill_publisher(child);
        published_number(&layer, &state);
        /* Some are done before they are killed. */
        left += count_files(&layer) > 1 + PWK_PREFIX_TEXTS;
        write_files(i); /* it may have been killed between two of them */
        assert_int_equal(publish(&layer), 0);
        pwk_prefix_layer_sweep(&layer);
    }
    write_files(7);
    assert_int_equal(publish(&layer), 0);
    assert_int_equal(published_number(&layer, &state), 7);
    assert_int_equal(count_files(&layer), 1 + PWK_PREFIX_TEXTS);
}

static void a_watcher_waits_for_who_publishes(void **unused)
{
    struct pwk_prefix_layer layer;
    int lock, status;
    pid_t child;

    (void)unused;
    open_layer(&layer);
    lock = pwk_prefix_layer_lock(&layer);
    assert_true(lock >= 0);
    child = fork();
    if (child == 0) {
        close(lock);
        _exit(pwk_prefix_layer_take_watch(&layer) == 0 ? 0 : 1);
    }
    /* It is known from its first moment on: nobody begins to publish after that. */
    while (pwk_prefix_layer_watcher(&layer) != child)
        sched_yield();
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    close(lock);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(pwk_prefix_layer_watched(&layer));
}

/* ---- damage ---- */

static int open_page(const struct pwk_prefix_layer *layer)
{
    char path[PATH_MAX + 32];
    int fd;

    snprintf(path, sizeof(path), "%s/" PWK_PREFIX_PAGE, layer->shown);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

/* What starts anew on the damaged page publishes the files again. */
static void is_mended(unsigned number)
{
    struct registry_lower_state state;
    struct pwk_prefix_layer layer;
    struct pwk_prefix_files files;

    open_layer(&layer);
    assert_int_equal(pwk_prefix_files_look(&files), 0);
    assert_false(pwk_prefix_files_are_published(&layer, &files));
    assert_int_equal(publish(&layer), 0);
    assert_true(pwk_prefix_files_are_published(&layer, &files));
    assert_int_equal(published_number(&layer, &state), number);
    assert_int_equal(count_files(&layer), 1 + PWK_PREFIX_TEXTS);
}

static void a_damaged_page_is_written_anew(void **unused)
{
    unsigned char noise[sizeof(struct pwk_prefix_page)];
    struct pwk_prefix_layer layer, shown;
    struct pwk_prefix_published published;
    uint64_t generation;
    char path[PATH_MAX];
    int fd;

    (void)unused;
    write_files(11);
    open_layer(&layer);
    assert_int_equal(publish(&layer), 0);
    fd = open_page(&layer);
    srandom((unsigned)getpid());
    for (int i = 0; i < 20; i++) {
        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = (unsigned char)random();
        assert_int_equal(pwrite(fd, noise, sizeof(noise), 0), sizeof(noise));
        assert_int_equal(pwk_prefix_layer_open_shown(&shown, layer.shown, NULL), -EINVAL);
        is_mended(11);
    }
    /* All of it but the texts' numbers. */
    assert_int_equal(pwk_prefix_layer_published(&layer, &published, &generation), 0);
    layer.page->published[generation & 1].texts[1]++;
    is_mended(11);
    /* Who cleans folders up takes what is old. */
    assert_int_equal(pwk_prefix_layer_published(&layer, &published, &generation), 0);
    assert_int_equal(pwk_prefix_layer_text(&layer, 2, published.texts[2], path), 0);
    assert_int_equal(unlink(path), 0);
    is_mended(11);
    assert_int_equal(ftruncate(fd, 8), 0);
    assert_int_equal(pwk_prefix_layer_open_shown(&shown, layer.shown, NULL), -EINVAL);
    is_mended(11);
    assert_int_equal(pwk_prefix_layer_open_shown(&shown, layer.shown, NULL), 0);
    close(fd);
}

/* A text that is gone without another in its place is an error, not an endless search. */
static void a_lost_text_is_an_error(void **unused)
{
    struct pwk_prefix_published published;
    struct registry_lower_state state;
    int fds[REGISTRY_LOWER_TEXTS];
    struct pwk_prefix_layer layer;
    uint64_t generation;
    char path[PATH_MAX];
    size_t count;

    (void)unused;
    write_files(12);
    open_layer(&layer);
    assert_int_equal(publish(&layer), 0);
    assert_int_equal(pwk_prefix_layer_published(&layer, &published, &generation), 0);
    assert_int_equal(pwk_prefix_layer_text(&layer, 0, published.texts[0], path), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(pwk_prefix_layer_texts(&layer, &state, fds, &count), -ENOENT);
    assert_int_equal(count, 0);
}

/* In a child: a file system of its own for the run-time files, in which three texts have room once.
 * 77: there can be none here. */
static int publish_without_room(void)
{
    struct registry_lower_state before, after;
    struct pwk_prefix_layer layer;
    char options[64], small[96];

    snprintf(small, sizeof(small), "%s/small", folder);
    if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) < 0)
        return 77;
    snprintf(options, sizeof(options), "mode=0700,size=%d", 5 * TEXT_SIZE);
    write_files(20);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mkdir(small, 0700) < 0 ||
        mount("none", small, "tmpfs", 0, options) < 0)
        return 77;
    setenv("XDG_RUNTIME_DIR", small, 1);
    open_layer(&layer);
    assert_int_equal(publish(&layer), 0);
    assert_int_equal(published_number(&layer, &before), 20);
    write_files(21);
    assert_int_equal(publish(&layer), -ENOSPC);
    assert_int_equal(published_number(&layer, &after), 20);
    assert_true(before.generation == after.generation && before.instance == after.instance);
    assert_int_equal(count_files(&layer), 1 + PWK_PREFIX_TEXTS);
    return 0;
}

static void a_full_disk_leaves_the_state_before(void **unused)
{
    int status;
    pid_t child = fork();

    (void)unused;
    if (child == 0)
        _exit(publish_without_room());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_prefix, remove_prefix)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_published_once),          TEST(what_is_shown_cannot_be_written),
        TEST(many_publish_whole_states),         TEST(who_is_killed_leaves_a_whole_state),
        TEST(a_watcher_waits_for_who_publishes), TEST(a_damaged_page_is_written_anew),
        TEST(a_lost_text_is_an_error),           TEST(a_full_disk_leaves_the_state_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
