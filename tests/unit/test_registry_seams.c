/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_seams.c - where parts of the registry meet: the journal and the caches of other
 * processes, a killed writer and those who take its lock for other reasons than to write, and a
 * watcher of the layer below that takes another's place.
 */
#include "tests/unit/lower_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/coherence.h"
#include "registry/repair.h"

#define ROOT REGISTRY_ROOT_KEY

/* ---- the journal and a cache that is filled meanwhile ---- */

enum { BURSTS = 2000, BURST = 3 };
static struct shared {
    _Atomic uint32_t wanted; /* the last value of the burst that is to be written */
    _Atomic uint32_t acknowledged;
    _Atomic uint32_t failed;
} * shared;

/* Writes in bursts: a change that lands while another process fills its cache because of the last
 * one is followed by silence, in which nothing mends what was cached. */
static int write_bursts(int number)
{
    registry_t *registry;
    int result = registry_open(store_folder, &may_create, &registry, NULL);
    uint64_t key;

    (void)number;
    if (result == 0)
        result = try_create(registry, ROOT, "key", 0, &key);
    for (uint32_t i = 1; result == 0 && i <= BURSTS * BURST; i++) {
        while (atomic_load(&shared->wanted) < i)
            sched_yield();
        result = try_set(registry, key, "value", REG_BINARY, &i, sizeof i);
        atomic_store(&shared->acknowledged, i);
    }
    atomic_store(&shared->failed, result != 0);
    if (result == 0)
        registry_close(registry);
    return result != 0;
}

static void what_was_acknowledged_is_what_is_cached(void **state)
{
    struct registry_value_info info;
    registry_t *registry;
    uint64_t key;
    pid_t child;

    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    child = start_process(write_bursts, 0);
    registry = open_store();
    key = create(registry, ROOT, "key");
    for (uint32_t last = BURST; last <= BURSTS * BURST; last += BURST) {
        uint32_t found = 0;
        atomic_store(&shared->wanted, last);
        while (atomic_load(&shared->acknowledged) < last && !atomic_load(&shared->failed))
            try_query(registry, key, "value", &info, &found, sizeof found);
        assert_int_equal(try_query(registry, key, "value", &info, &found, sizeof found), 0);
        assert_int_equal(found, last);
    }
    finish_process(child);
    registry_close(registry);
    munmap(shared, sizeof *shared);
}

/* ---- a killed writer ---- */

static coherence_t *open_coherence(void)
{
    struct coherence_finding finding;
    coherence_t *coherence = NULL;

    if (coherence_open(in_folder("registry.coherence"), &coherence, &finding, NULL) ||
        finding.first)
        return NULL;
    return coherence;
}

static int die_with_the_lock(int number)
{
    coherence_t *coherence = open_coherence();

    (void)number;
    return !coherence || coherence_lock(coherence) ? 1 : raise(SIGKILL);
}

static void kill_a_writer(void)
{
    pid_t child = start_process(die_with_the_lock, 0);
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void say(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static int check_store(int number)
{
    struct registry_check check = {.say = say};
    struct registry_error error;

    (void)number;
    return registry_check(store_folder, &check, &error) != 0;
}

/* What the dead writer may have left in SQLite's log is written over by a writer; whoever takes the
 * lock only to look must leave that to the next. */
static void who_looks_leaves_a_death_to_the_next_writer(void **state)
{
    registry_t *registry = open_store();
    coherence_t *coherence;

    (void)state;
    create(registry, ROOT, "key");
    assert_int_equal(registry_flush(registry), 0);
    kill_a_writer();
    finish_process(start_process(check_store, 0));
    coherence = open_coherence();
    assert_non_null(coherence);
    assert_int_equal(coherence_lock(coherence), COHERENCE_HOLDER_DIED);
    coherence_unlock(coherence);
    create(registry, ROOT, "other");
    assert_int_equal(coherence_lock(coherence), 0);
    coherence_unlock(coherence);
    coherence_close(coherence, NULL, NULL);
    registry_close(registry);
}

static void who_begins_to_follow_after_a_death_gives_the_lock_back(void **state)
{
    struct registry_lower lower = the_lower();
    struct registry_error error;
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n");
    registry_close(open_layers());
    registry = open_store();
    kill_a_writer();
    assert_int_equal(registry_follow_lower(registry, &lower, &error), 0);
    finish_process(start_process(check_store, 0));
    put(registry, "A", "mine", 2);
    assert_int_equal(number(registry, "A", "mine"), 2);
    registry_close(registry);
}

/* ---- the beginning ---- */

static int look_for_a_moment(int told)
{
    int fd = open(in_folder("registry.coherence"), O_RDWR | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_SH) < 0 || write(told, "", 1) != 1)
        return 1;
    usleep(50000);
    return 0;
}

/* Who finds the file locked by another that has only just come, and ends, is the first. */
static void a_session_that_ended_is_not_joined(void **state)
{
    registry_t *registry = open_store();
    int told[2];
    uint64_t key;
    pid_t child;
    char byte;

    (void)state;
    assert_int_equal(try_create(registry, ROOT, "volatile", REGISTRY_VOLATILE, &key), 0);
    assert_int_equal(registry_flush(registry), 0); /* into the store */
    registry_close(registry);
    assert_int_equal(pipe(told), 0);
    child = start_process(look_for_a_moment, told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    registry = open_store();
    assert_int_equal(try_lookup(registry, ROOT, "volatile", 0, &key), -ENOENT);
    registry_close(registry);
    finish_process(child);
    close(told[0]);
    close(told[1]);
}

/* ---- the layer below ---- */

static registry_t *faster;

static void be_overtaken(void)
{
    lower_becomes("[A]\n\"v\"=dword:3\n");
    assert_int_equal(number(faster, "A", "v"), 3);
}

/* Whom a process has begun to follow may have ended, and another counts on from there. */
static void another_watcher_does_not_bring_an_older_state_back(void **state)
{
    registry_t *slower;
    uint64_t overtaken;

    (void)state;
    lower_instance = 7;
    lower_becomes("[A]\n\"v\"=dword:1\n");
    slower = open_layers();
    lower_instance = 8;
    lower_becomes("[A]\n\"v\"=dword:2\n");
    faster = open_layers();
    /* In step with the second state by way of `faster`, and late with the third. */
    assert_int_equal(number(slower, "A", "v"), 2);
    lower_becomes("[A]\n\"v\"=dword:2\n\"w\"=dword:1\n");
    lower_opened = be_overtaken;
    assert_true(registry_is_empty(slower) >= 0);
    assert_null(lower_opened);
    overtaken = registry_generation(faster);
    assert_int_equal(number(faster, "A", "v"), 3);
    assert_int_equal(number(slower, "A", "v"), 3);
    assert_true(registry_generation(faster) == overtaken);
    registry_close(slower);
    registry_close(faster);
}

/* What is published while the present state comes by other means is not taken for it. */
static void what_comes_meanwhile_is_followed(void **state)
{
    struct registry_lower lower = the_lower();
    struct registry_error error;
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n");
    registry_close(open_layers());
    registry = open_store();
    lower.later = true;
    lower.seen = *lower.generation;
    lower_becomes("[A]\n\"v\"=dword:2\n");
    assert_int_equal(registry_follow_lower(registry, &lower, &error), 0);
    assert_int_equal(number(registry, "A", "v"), 2);
    registry_close(registry);
}

/* ---- what others change, and a cache that is not concerned ---- */

static bool is_warm(registry_t *registry, uint64_t key)
{
    struct registry_value_info info;
    uint64_t name[1] = {'v'}, data[2];

    return registry_query_warm_value(registry, key, name, 1, &info, data, sizeof data);
}

/* However much others write, a key that they leave alone stays in the cache: while the changes are
 * not looked at, when they are, and when they are too many to be known one by one. */
static void only_what_changed_is_dropped(void **state)
{
    static const unsigned bursts[] = {1, 100, COHERENCE_RING};
    registry_t *reader = open_store(), *writer = open_store();
    uint64_t quiet = create(reader, ROOT, "Quiet"), busy = create(reader, ROOT, "Busy");
    char text[32] = "at first";

    (void)state;
    /* Keys may share a place. */
    while (coherence_place(quiet) == coherence_place(busy))
        busy = create(reader, busy, "Busy");
    set(reader, quiet, "v", "quiet");
    set(reader, busy, "v", text);
    check_text(reader, quiet, "v", "quiet");
    for (size_t i = 0; i < sizeof bursts / sizeof bursts[0]; i++) {
        check_text(reader, busy, "v", text);
        assert_true(is_warm(reader, quiet) && is_warm(reader, busy));
        for (unsigned j = 0; j < bursts[i]; j++) {
            snprintf(text, sizeof text, "%zu, %u", i, j);
            set(writer, busy, "v", text);
        }
        assert_true(is_warm(reader, quiet));
        assert_false(is_warm(reader, busy));
        check_text(reader, busy, "v", text);
        assert_true(is_warm(reader, quiet));
    }
    registry_close(writer);
    registry_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_layers, remove_layers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_acknowledged_is_what_is_cached),
        TEST(who_looks_leaves_a_death_to_the_next_writer),
        TEST(who_begins_to_follow_after_a_death_gives_the_lock_back),
        TEST(a_session_that_ended_is_not_joined),
        TEST(another_watcher_does_not_bring_an_older_state_back),
        TEST(what_comes_meanwhile_is_followed),
        TEST(only_what_changed_is_dropped),
    };

    return cmocka_run_group_tests_name("seams of the registry", tests, NULL, NULL);
}
