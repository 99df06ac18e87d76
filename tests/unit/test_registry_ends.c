/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_ends.c - processes that end without closing the store: what was acknowledged
 * survives kill -9 at any point, and nobody else is held up. Children answer by their exit status,
 * since a failed assertion would go on in the test's code.
 */
#include "tests/unit/registry_fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "registry/coherence.h"
#include "registry/hive_store.h"
#include "registry/journal.h"

#define ROOT REGISTRY_ROOT_KEY

static void finish_killed(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("a process ended by itself with wait status %#x", status);
}

static int abandon(int number)
{
    registry_t *registry;
    uint64_t key;

    (void)number;
    if (registry_open(store_folder, &may_create, &registry, NULL) ||
        try_create(registry, ROOT, "volatile", REGISTRY_VOLATILE, &key) ||
        try_create(registry, ROOT, "key", 0, &key) ||
        try_set(registry, key, "value", REG_BINARY, "kept", 4))
        return 1;
    registry_abandon(registry);
    return 0;
}

static void an_abandoned_store_is_whole(void **state)
{
    registry_t *registry;
    uint64_t key;

    (void)state;
    for (int round = 0; round < 2; round++) {
        finish_process(start_process(abandon, 0));
        registry = open_store();
        check_text(registry, lookup(registry, ROOT, "key"), "value", "kept");
        assert_int_equal(try_lookup(registry, ROOT, "volatile", 0, &key), -ENOENT);
        registry_close(registry);
    }
}

static uint64_t shared_key;

/* Writes by the parts of the registry, and is killed between two steps of a write: with the lock
 * (0), with the change announced (1), committed and not published (2), put into the journal and
 * not published (3). */
static int die_while_writing(int step)
{
    struct coherence_finding finding;
    struct registry_path name = wide("value");
    struct hive_value value = {name.text, name.units, REG_BINARY, "new", 3};
    coherence_t *coherence;
    hive_store_t *store;
    char path[PATH_MAX + 300];

    snprintf(path, sizeof(path), "%s/registry.coherence", store_folder);
    if (coherence_open(path, &coherence, &finding, NULL) || finding.first)
        return 1;
    if (step == 3) {
        if (coherence_lock(coherence))
            return 4;
        coherence_announce(coherence);
        return journal_append(coherence_journal(coherence), shared_key, 1, &value) ? raise(SIGKILL)
                                                                                   : 5;
    }
    if (hive_store_open(in_folder("registry.db"), false, &store, NULL) ||
        coherence_lock(coherence) || hive_store_begin(store) ||
        hive_store_put_value(store, shared_key, &value, 1))
        return 2;
    if (step > 0)
        coherence_announce(coherence);
    if (step > 1 && hive_store_commit(store))
        return 3;
    return raise(SIGKILL);
}

static void a_writer_dies_with_the_lock(void **state)
{
    (void)state;
    for (int step = 0; step < 4; step++) {
        registry_t *registry = open_store();
        const char *expected = step < 2 ? "old" : "new";

        shared_key = create(registry, ROOT, "key");
        set(registry, shared_key, "value", "old");
        check_text(registry, shared_key, "value", "old");
        assert_int_equal(registry_flush(registry), 0); /* out of the journal: writers do so first */
        finish_killed(start_process(die_while_writing, step));
        check_text(registry, shared_key, "value", expected);
        set(registry, shared_key, "other", "written");
        check_text(registry, shared_key, "other", "written");
        check_text(registry, shared_key, "value", expected);
        registry_close(registry);
    }
}

static int set_and_die(int number)
{
    registry_t *registry;
    uint64_t key;

    (void)number;
    if (registry_open(store_folder, &may_create, &registry, NULL) ||
        try_create(registry, ROOT, "key", 0, &key) ||
        try_set(registry, key, "value", REG_BINARY, "first", 5) ||
        try_set(registry, key, "value", REG_BINARY, "second", 6))
        return 1;
    return raise(SIGKILL);
}

/* Who may only read sees what was acknowledged too, whether or not a writer is still there. */
static void a_reader_after_a_kill(void **state)
{
    const struct registry_options options = {.read_only = true};
    registry_t *registry, *writer;
    uint64_t key;

    (void)state;
    finish_killed(start_process(set_and_die, 0));
    assert_int_equal(registry_open(store_folder, &options, &registry, NULL), 0);
    key = lookup(registry, ROOT, "key");
    check_text(registry, key, "value", "second");
    writer = open_store();
    set(writer, key, "value", "third");
    set(writer, key, "other", "new");
    check_text(registry, key, "value", "third");
    check_text(registry, key, "other", "new");
    assert_int_equal(key_info(registry, key).values, 2);
    registry_close(writer);
    registry_close(registry);
}

/* ---- between two writes to the store's files ---- */

static int writes_left;

static ssize_t write_and_die(int fd, const void *data, size_t size, off64_t at)
{
    ssize_t written = pwrite64(fd, data, size, at);

    if (--writes_left == 0)
        raise(SIGKILL);
    return written;
}

/* Deletes a key and dies after the `last`th write of the deletion; status 0 where there are fewer.
 */
static int delete_and_die(int last)
{
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    registry_t *registry;
    uint64_t key;

    if (registry_open(store_folder, &may_create, &registry, NULL) ||
        try_lookup(registry, ROOT, "key\\passing", 0, &key) ||
        registry_set_last_write(registry, key, 1))
        return 1;
    writes_left = last;
    if (system->xSetSystemCall(system, "pwrite64", (sqlite3_syscall_ptr)write_and_die) ||
        registry_delete(registry, key))
        return 2;
    _exit(0);
}

/* A writer may leave a whole transaction in the log that nobody is shown. Then it must not be there
 * at the next start either: what others were told meanwhile builds on its not being there. */
static void what_was_seen_stays(void **state)
{
    int status = SIGKILL;

    (void)state;
    for (int last = 1; WIFSIGNALED(status); last++) {
        registry_t *registry = open_store();
        uint64_t key = create(registry, ROOT, "key"), passing = create(registry, key, "passing");
        pid_t child = start_process(delete_and_die, last);
        int seen;

        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status))
            assert_int_equal(status, 0);
        seen = try_lookup(registry, key, "passing", 0, &passing);
        registry_close(registry);
        registry = open_store();
        assert_int_equal(try_lookup(registry, ROOT, "key\\passing", 0, &passing), seen);
        registry_close(registry);
    }
}

/* ---- kill -9 at any point ---- */

enum { KILL_ROUNDS = 100, WRITERS = 2 };
static int acknowledged[WRITERS][2];

/* Counts up in a value of its own, and tells each number after the write has returned. */
static int count_up(int number)
{
    uint64_t data[64] = {0}, key;
    struct registry_value_info info;
    registry_t *registry;
    char name[32];

    snprintf(name, sizeof(name), "writer %d", number);
    struct registry_error error;
    int code = registry_open(store_folder, &may_create, &registry, &error);

    if (code) {
        fprintf(stderr, "writer %d: %d: %s\n", number, code, error.text);
        return 1;
    }
    code = try_create(registry, ROOT, "key", 0, &key);
    if (code) {
        fprintf(stderr, "writer %d: creating: %d\n", number, code);
        return 1;
    }
    try_query(registry, key, name, &info, data, sizeof(data));
    for (;;) {
        uint64_t count = data[0] + 1;

        for (size_t i = 0; i < 64; i++)
            data[i] = count;
        code = try_set(registry, key, name, REG_BINARY, data, sizeof(data));
        if (code) {
            fprintf(stderr, "writer %d: setting: %d\n", number, code);
            return 2;
        }
        if (write(acknowledged[number][1], &count, sizeof(count)) != sizeof(count))
            return 3;
    }
}

/* The value must be what was told last, or what was being written then; answers which. */
static uint64_t check_count(registry_t *registry, int number, uint64_t told)
{
    struct registry_value_info info = {0};
    uint64_t data[64] = {0}, key;
    char name[32];

    snprintf(name, sizeof(name), "writer %d", number);
    if (!told && try_lookup(registry, ROOT, "key", 0, &key) == -ENOENT)
        return 0;
    key = lookup(registry, ROOT, "key");
    if (!told && try_query(registry, key, name, &info, data, sizeof(data)) == -ENOENT)
        return 0;
    assert_int_equal(try_query(registry, key, name, &info, data, sizeof(data)), 0);
    assert_int_equal(info.data_bytes, sizeof(data));
    assert_in_range(data[0], told, told + 1);
    for (size_t i = 1; i < 64; i++)
        assert_true(data[i] == data[0]);
    return data[0];
}

/* In every other round nobody else has the store open: the next opening finds it as it is. */
static void what_was_acknowledged_survives_kill(void **state)
{
    uint64_t told[WRITERS] = {0}, count;
    unsigned random = 1;

    (void)state;
    for (int round = 0; round < KILL_ROUNDS; round++) {
        registry_t *registry = round % 2 ? open_store() : NULL;
        struct timespec pause = {0};
        pid_t children[WRITERS];

        for (int i = 0; i < WRITERS; i++) {
            assert_int_equal(pipe(acknowledged[i]), 0);
            children[i] = start_process(count_up, i);
            close(acknowledged[i][1]);
        }
        random = random * 1103515245u + 12345u;
        pause.tv_nsec = (random >> 8) % 30000000;
        nanosleep(&pause, NULL);
        for (int i = 0; i < WRITERS; i++)
            kill(children[i], SIGKILL);
        for (int i = 0; i < WRITERS; i++) {
            finish_killed(children[i]);
            while (read(acknowledged[i][0], &count, sizeof(count)) == sizeof(count))
                told[i] = count;
            close(acknowledged[i][0]);
        }
        if (!registry)
            registry = open_store();
        for (int i = 0; i < WRITERS; i++)
            told[i] = check_count(registry, i, told[i]);
        registry_close(registry);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_true(told[i] > KILL_ROUNDS);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(an_abandoned_store_is_whole),
        TEST(a_writer_dies_with_the_lock),
        TEST(a_reader_after_a_kill),
        TEST(what_was_seen_stays),
        TEST(what_was_acknowledged_survives_kill),
    };

    alarm(300); /* a hang is a failure, not a wait for good */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
