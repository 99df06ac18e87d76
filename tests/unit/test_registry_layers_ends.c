/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_layers_ends.c - what goes wrong while a store follows the layer below it, and who
 * else does: several processes, a kill at any moment, kept and lower texts that are lost or
 * damaged, a full disk. Nothing that the kernel wrote may be lost, and the next state is followed.
 */
#include "tests/unit/lower_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOT REGISTRY_ROOT_KEY
#define HEAD "WINE REGISTRY Version 2\n"
#define BASE ";; All keys relative to REGISTRY\\\\Machine\n\n"

/* ---- several processes ---- */

enum { FOLLOWERS = 3, ROUNDS = 40 };
static int to_child[FOLLOWERS][2], to_parent[FOLLOWERS][2];

static void round_becomes(int round)
{
    char text[256];

    snprintf(text, sizeof text, "[A]\n\"round\"=dword:%x\n[Round%d]\n\"v\"=dword:%x\n[Z]\n", round,
             round, round);
    lower_becomes(text);
}

static bool sees_round(registry_t *registry, int round)
{
    char now[32], before[32];

    snprintf(now, sizeof now, "Round%d", round);
    snprintf(before, sizeof before, "Round%d", round - 1);
    return number(registry, "A", "round") == round && number(registry, now, "v") == round &&
           !has_key(registry, before);
}

static int follow_rounds(int me)
{
    struct registry_error error;
    registry_t *registry;
    char mine[32], turn;

    snprintf(mine, sizeof mine, "mine%d", me);
    if (try_open_layers(&registry, &error))
        return 1;
    for (int round = 1; round <= ROUNDS; round++) {
        if (read(to_child[me][0], &turn, 1) != 1 || !sees_round(registry, round))
            return 2;
        if (try_put(registry, "A", mine, (uint32_t)round) || !sees_round(registry, round))
            return 3;
        if (write(to_parent[me][1], "t", 1) != 1)
            return 4;
    }
    registry_close(registry);
    return 0;
}

static void many_processes_follow_one_layer(void **state)
{
    pid_t children[FOLLOWERS];
    registry_t *registry;
    char mine[32], turn;

    (void)state;
    round_becomes(0);
    for (int i = 0; i < FOLLOWERS; i++) {
        assert_int_equal(pipe(to_child[i]), 0);
        assert_int_equal(pipe(to_parent[i]), 0);
        children[i] = start_process(follow_rounds, i);
        close(to_child[i][0]);
        close(to_parent[i][1]);
    }
    registry = open_layers();
    for (int round = 1; round <= ROUNDS; round++) {
        round_becomes(round);
        for (int i = 0; i < FOLLOWERS; i++)
            assert_int_equal(write(to_child[i][1], "t", 1), 1);
        for (int i = 0; i < FOLLOWERS; i++)
            assert_int_equal(read(to_parent[i][0], &turn, 1), 1);
        assert_true(sees_round(registry, round));
        for (int i = 0; i < FOLLOWERS; i++) {
            snprintf(mine, sizeof mine, "mine%d", i);
            assert_int_equal(number(registry, "A", mine), round);
        }
    }
    for (int i = 0; i < FOLLOWERS; i++) {
        finish_process(children[i]);
        close(to_child[i][1]);
        close(to_parent[i][0]);
    }
    registry_close(registry);
    assert_int_equal(count_files("registry.lower-"), 1);
}

static registry_t *faster;
static uint64_t overtaken_at;

static void be_overtaken(void)
{
    lower_becomes("[A]\n\"v\"=dword:3\n[New]\n[Z]\n");
    assert_int_equal(number(faster, "A", "v"), 3);
    overtaken_at = registry_generation(faster);
}

/* Who has opened a state and comes late with it does not bring the store back to it. */
static void a_newer_state_is_not_overwritten(void **state)
{
    registry_t *slower;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[Z]\n");
    slower = open_layers();
    faster = open_layers();
    lower_becomes("[A]\n\"v\"=dword:2\n[Z]\n");
    lower_opened = be_overtaken;
    number(slower, "A", "v");
    assert_null(lower_opened);
    assert_int_equal(number(faster, "A", "v"), 3);
    assert_true(has_key(faster, "New"));
    assert_int_equal(number(slower, "A", "v"), 3);
    assert_true(has_key(slower, "New"));
    /* Nor was it there for a moment. */
    assert_true(registry_generation(faster) == overtaken_at);
    registry_close(slower);
    registry_close(faster);
}

static void must_not_open(void)
{
    fail_msg("a state is opened that the store is in step with");
}

static void a_state_is_taken_in_once(void **state)
{
    registry_t *registry, *second;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n");
    registry = open_layers();
    lower_becomes("[A]\n\"v\"=dword:2\n");
    assert_int_equal(number(registry, "A", "v"), 2);
    lower_opened = must_not_open;
    second = open_layers();
    assert_int_equal(number(second, "A", "v"), 2);
    registry_close(second);
    registry_close(registry);
    registry = open_layers();
    assert_int_equal(number(registry, "A", "v"), 2);
    registry_close(registry);
    lower_opened = NULL;
}

/* The file of the coherence knows nothing of a database that was put back from a copy. */
static void an_older_copy_of_the_store_comes_in_step(void **state)
{
    registry_t *registry;
    void *copy;
    size_t size;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[Gone]\n");
    registry = open_layers();
    put(registry, "A", "mine", 100);
    assert_int_equal(registry_flush(registry), 0);
    registry_close(registry);
    copy = read_file(in_folder("registry.db"), &size);
    lower_becomes("[A]\n\"v\"=dword:2\n");
    registry_close(open_layers());
    unlink(in_folder("registry.db-wal"));
    unlink(in_folder("registry.db-shm"));
    write_file(in_folder("registry.db"), copy, size);
    free(copy);
    registry = open_layers();
    assert_int_equal(number(registry, "A", "v"), 2);
    assert_int_equal(number(registry, "A", "mine"), 100);
    assert_false(has_key(registry, "Gone"));
    registry_close(registry);
}

/* ---- killed in the middle ---- */

enum { KILLS = 40, KEYS = 400 };

static void version_becomes(int version)
{
    char *text = malloc(KEYS * 80), *at = text;

    assert_non_null(text);
    for (int i = 0; i < KEYS; i++)
        if ((i + version) % 7)
            at += sprintf(at, "[Key%d]\n\"v\"=dword:%x\n\"w%d\"=dword:1\n", i, version, version);
    lower_becomes(text);
    free(text);
}

static void check_version(registry_t *registry, int version)
{
    char name[32], value[32];

    snprintf(value, sizeof value, "w%d", version);
    for (int i = 0; i < KEYS; i++) {
        long expected = (i + version) % 7 ? version : i == 5 ? NO_VALUE : NO_KEY;
        snprintf(name, sizeof name, "Key%d", i);
        if (i == 3) /* hidden by the kernel */
            expected = NO_KEY;
        if (number(registry, name, "v") != expected)
            fail_msg("version %d: %s is %ld", version, name, number(registry, name, "v"));
        if (expected >= 0)
            assert_int_equal(number(registry, name, value), 1);
    }
}

static int acknowledge_fd;

static int follow_until_killed(int version)
{
    struct registry_error error;
    registry_t *registry;

    (void)version;
    if (try_open_layers(&registry, &error) ||
        try_put(registry, "Key5", "mine", (uint32_t)version) ||
        write(acknowledge_fd, &version, sizeof version) != sizeof version)
        return 1;
    pause();
    return 0;
}

/* The child is killed at another moment each time, mostly while it follows. What it had
 * acknowledged is there. */
static void killed_while_it_follows(void **state)
{
    registry_t *registry;
    int pipe_fds[2], acknowledged = 0;

    (void)state;
    version_becomes(0);
    registry = open_layers();
    remove_key(registry, "Key3");
    put(registry, "Key5", "mine", 0);
    registry_close(registry);
    assert_int_equal(pipe(pipe_fds), 0);
    acknowledge_fd = pipe_fds[1];
    for (int version = 1; version <= KILLS; version++) {
        struct timespec pause = {.tv_nsec = 1000000L + version * 300000L};
        pid_t child;
        int status;

        version_becomes(version);
        child = start_process(follow_until_killed, version);
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(write(pipe_fds[1], &(int){0}, sizeof(int)), sizeof(int));
        for (int told = 1; told;) {
            assert_int_equal(read(pipe_fds[0], &told, sizeof told), sizeof told);
            acknowledged = told ? told : acknowledged;
        }
        registry = open_layers();
        check_version(registry, version);
        assert_true(number(registry, "Key5", "mine") >= acknowledged);
        registry_close(registry);
    }
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    version_becomes(KILLS + 1);
    registry_close(open_layers());
    assert_int_equal(count_files("registry.lower-"), 1);
}

/* ---- the kept text ---- */

/* The only file that is kept; its path lives until the next call of in_folder. */
static const char *kept_file(void)
{
    char name[40];

    for (int number = 0; number < 1000; number++) {
        snprintf(name, sizeof name, "registry.lower-%d", number);
        if (access(in_folder(name), F_OK) == 0)
            return in_folder(name);
    }
    fail_msg("no text is kept");
    return NULL;
}

static void lose(void)
{
    assert_int_equal(unlink(kept_file()), 0);
}

static void damage(void)
{
    size_t size;
    char *text = read_file(kept_file(), &size);

    text[size / 2] ^= 1;
    write_file(kept_file(), text, size);
    free(text);
}

static void empty(void)
{
    assert_int_equal(truncate(kept_file(), 0), 0);
}

/* Who opens one to read it waits for a writer. */
static void replace_by_a_fifo(void)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s", kept_file());
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void a_kept_text_that_is_no_longer_good(void **state)
{
    static void (*const harms[])(void) = {lose, damage, empty, replace_by_a_fifo};
    registry_t *registry;

    (void)state;
    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        lower_becomes(
            "[A]\n\"v\"=dword:1\n\"hidden\"=dword:1\n[B\\\\C]\n\"v\"=dword:1\n[Gone]\n[H]\n");
        registry = open_layers();
        put(registry, "A", "mine", 100);
        if (i == 0) {
            remove_value(registry, "A", "hidden");
            remove_key(registry, "H");
        }
        put(registry, "Gone\\Mine", "v", 101);
        registry_close(registry);
        harms[i]();
        lower_becomes("[A]\n\"v\"=dword:2\n\"hidden\"=dword:2\n[B]\n\"v\"=dword:3\n[H]\n");
        registry = open_layers();
        assert_int_equal(number(registry, "A", "v"), 2);
        assert_int_equal(number(registry, "A", "mine"), 100);
        assert_int_equal(number(registry, "A", "hidden"), NO_VALUE);
        assert_int_equal(number(registry, "B", "v"), 3);
        assert_false(has_key(registry, "B\\C"));
        assert_false(has_key(registry, "H"));
        assert_int_equal(number(registry, "Gone\\Mine", "v"), 101);
        /* What every registry has, whatever is below. */
        lookup(registry, ROOT, "User");
        registry_close(registry);
        assert_int_equal(count_files("registry.lower-"), 1);
    }
}

/* ---- the lower text ---- */

static const char *const damaged[] = {
    "",
    "\n",
    HEAD,
    HEAD BASE, /* not one key */
    "REGEDIT4\n\n[A]\n",
    HEAD "[A]\n\"v\"=dword:2\n",               /* relative to nothing */
    HEAD "[A]\n" BASE "[B]\n",                 /* said too late */
    HEAD BASE "[A]\n\"v\"=dword:2\n\"w\"=dwo", /* cut off */
    HEAD BASE "[A]\n\"v\"=dword:2\n[Half",
    HEAD BASE "[A]\n\"v\"=dword:2\n[Half\n",
    HEAD BASE "[A]\n\"v\"=dword:2\n[Half\\\n]\n",
    HEAD BASE "[A]\n\"v\"=nonsense\n",
    HEAD BASE "[A]\n\"v\"=hex:01,\\\n",
    HEAD ";; All keys relative to REGISTRY\\\\Ma]chine\n\n[A]\n\"v\"=dword:2\n",
    HEAD ";; All keys relative to REGISTRY\\\\Machine\\\n\n[A]\n\"v\"=dword:2\n",
    HEAD ";; All keys relative to REGISTRYX\n\n[A]\n\"v\"=dword:2\n",
};

static void check_as_it_was(registry_t *registry)
{
    assert_int_equal(number(registry, "A", "v"), 1);
    assert_int_equal(number(registry, "A", "mine"), 100);
    assert_string_equal(subkeys(registry, ""), "A B ");
}

static void a_damaged_lower_text_is_refused(void **state)
{
    struct registry_error error;
    registry_t *registry, *second;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n[B]\n");
    registry = open_layers();
    put(registry, "A", "mine", 100);
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        print_message("text %zu\n", i);
        lower_becomes_raw(damaged[i], strlen(damaged[i]));
        check_as_it_was(registry);
        error.text[0] = 0;
        assert_true(try_open_layers(&second, &error) < 0);
        assert_non_null(strstr(error.text, "registry.db"));
        assert_null(strchr(error.text, '\n'));
    }
    /* One whose name no key may have. */
    {
        char text[600];
        int at = sprintf(text, "[A]\n\"v\"=dword:9\n[");
        memset(text + at, 'n', 257);
        strcpy(text + at + 257, "]\n");
        lower_becomes(text);
        check_as_it_was(registry);
    }
    assert_int_equal(count_files("registry.lower-"), 1);
    lower_becomes("[A]\n\"v\"=dword:5\n[C]\n");
    assert_int_equal(number(registry, "A", "v"), 5);
    assert_string_equal(subkeys(registry, ""), "A C ");
    registry_close(registry);
}

/* ---- a full disk ---- */

static void large_becomes(int version)
{
    enum { COUNT = 2000 };
    char *text = malloc(COUNT * 120), *at = text;

    assert_non_null(text);
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, "[Large%d]\n\"v\"=dword:%x\n\"text\"=\"%070d\"\n", i, version, version);
    lower_becomes(text);
    free(text);
}

/* For what would make a file larger than so many bytes the disk is full. */
static int follow_on_a_full_disk(int bytes)
{
    struct registry_error error;
    registry_t *registry;
    struct rlimit limit;

    if (try_open_layers(&registry, &error) || number(registry, "Large7", "v") != 1)
        return 1;
    signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){(rlim_t)bytes, (rlim_t)bytes};
    if (setrlimit(RLIMIT_FSIZE, &limit))
        return 2;
    kill(getppid(), SIGUSR1);
    for (int tries = 0; tries < 2000 && access(in_folder("go"), F_OK); tries++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    for (int again = 0; again < 3; again++)
        if (number(registry, "Large7", "v") != 1 || number(registry, "Large1999", "v") != 1 ||
            number(registry, "Mine", "v") != 100)
            return 3;
    registry_close(registry);
    return 0;
}

static void a_full_disk_loses_nothing(void **state)
{
    /* Too small for the text that is to be kept; large enough for that, not for the log. */
    static const int limits[] = {64 << 10, 320 << 10};
    struct stat status;
    registry_t *registry;
    sigset_t ready, before;
    pid_t child;
    int signal_number;

    (void)state;
    sigemptyset(&ready);
    sigaddset(&ready, SIGUSR1);
    sigprocmask(SIG_BLOCK, &ready, &before);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        large_becomes(1);
        registry = open_layers();
        put(registry, "Mine", "v", 100);
        registry_close(registry);
        assert_int_equal(stat(kept_file(), &status), 0);
        assert_int_equal(status.st_size > limits[i], i == 0);
        child = start_process(follow_on_a_full_disk, limits[i]);
        sigwait(&ready, &signal_number);
        large_becomes(2);
        write_file(in_folder("go"), "", 0);
        finish_process(child);
        unlink(in_folder("go"));
        registry = open_layers();
        assert_int_equal(number(registry, "Large7", "v"), 2);
        assert_int_equal(number(registry, "Mine", "v"), 100);
        registry_close(registry);
        assert_int_equal(count_files("registry.lower-"), 1);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_layers, remove_layers)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(many_processes_follow_one_layer), TEST(a_newer_state_is_not_overwritten),
        TEST(a_state_is_taken_in_once),        TEST(an_older_copy_of_the_store_comes_in_step),
        TEST(killed_while_it_follows),         TEST(a_kept_text_that_is_no_longer_good),
        TEST(a_damaged_lower_text_is_refused), TEST(a_full_disk_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
