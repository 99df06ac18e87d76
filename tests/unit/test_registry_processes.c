/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_processes.c - one store, several processes: what one wrote the next read of
 * another sees. Each process opens the store itself; children answer by their exit status, since
 * a failed assertion would go on in the test's code. Ends by kill are in test_registry_ends.c.
 */
#include "tests/unit/registry_fixture.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/coherence.h"

#define ROOT REGISTRY_ROOT_KEY
#define PROCESSES 4

/* ---- what is seen ---- */

enum { ROUNDS = 150 };
static int to_child[2], to_parent[2];

static bool pass_turn(int fd)
{
    return write(fd, "t", 1) == 1;
}

static bool take_turn(int fd)
{
    char turn;

    return read(fd, &turn, 1) == 1;
}

/* One change each round: a value, a subkey that comes and goes. */
static int change(registry_t *registry, uint64_t key, int round)
{
    struct registry_path name = wide("sub");
    uint64_t sub;
    bool created;
    int code = try_set(registry, key, "value", REG_BINARY, &round, sizeof(round));

    if (code == 0 && round % 2)
        code = registry_create(registry, key, name.text, name.units, 0, 0, NULL, 0, &sub, &created,
                               NULL);
    else if (code == 0 && round && (code = try_lookup(registry, key, "SUB", 0, &sub)) == 0)
        code = registry_delete(registry, sub);
    return code;
}

/* What one must see after the change of that round; asked twice, so that it is cached. */
static bool sees(registry_t *registry, uint64_t key, int round)
{
    for (int again = 0; again < 2; again++) {
        struct registry_key_info about = {0};
        struct registry_value_info info;
        uint64_t sub, listed;
        int found = -1;

        if (try_query(registry, key, "VALUE", &info, &found, sizeof(found)) || found != round ||
            registry_query_key(registry, key, true, &about, NULL, NULL) ||
            about.subkeys != (uint32_t)round % 2 ||
            try_lookup(registry, key, "Sub", 0, &sub) != (round % 2 ? 0 : -ENOENT) ||
            registry_enumerate_key(registry, key, 0, &listed) != (round % 2 ? 0 : -ENODATA) ||
            (round % 2 && listed != sub))
            return false;
    }
    return true;
}

static int answer_rounds(int number)
{
    registry_t *registry;
    uint64_t key;

    (void)number;
    close(to_child[1]);
    close(to_parent[0]);
    if (registry_open(store_folder, &may_create, &registry, NULL) ||
        try_create(registry, ROOT, "key", 0, &key))
        return 1;
    for (int round = 0; round < ROUNDS; round += 2) {
        if (!take_turn(to_child[0]) || !sees(registry, key, round))
            return 2;
        if (change(registry, key, round + 1) || !sees(registry, key, round + 1) ||
            !pass_turn(to_parent[1]))
            return 3;
    }
    registry_close(registry);
    return 0;
}

static void a_write_is_seen_by_the_next_read(void **state)
{
    registry_t *registry;
    uint64_t key;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(to_parent), 0);
    child = start_process(answer_rounds, 0);
    registry = open_store();
    key = create(registry, ROOT, "key");
    close(to_child[0]);
    close(to_parent[1]);
    for (int round = 0; round < ROUNDS; round += 2) {
        assert_int_equal(change(registry, key, round), 0);
        assert_true(sees(registry, key, round));
        assert_true(pass_turn(to_child[1]));
        assert_true(take_turn(to_parent[0]));
        assert_true(sees(registry, key, round + 1));
    }
    finish_process(child);
    registry_close(registry);
    close(to_child[1]);
    close(to_parent[0]);
}

/* ---- a model ---- */

enum { OPERATIONS = 500, NAMES = 24 };

/* What one process has put under its names; 0: nothing. */
struct model {
    unsigned random;
    unsigned versions[NAMES];
    unsigned keys[NAMES];
};

static unsigned next_random(struct model *model)
{
    model->random = model->random * 1103515245u + 12345u;
    return model->random >> 16;
}

static void name_of(char name[32], int process, unsigned number)
{
    snprintf(name, 32, "process %d, %u", process, number);
}

static size_t data_of(unsigned char data[256], unsigned version)
{
    memset(data, (int)(version * 31 & 0xff), 256);
    return version * 7 % 256;
}

static bool value_is(registry_t *registry, uint64_t key, const char *name, unsigned version)
{
    unsigned char expected[256], found[256] = {0};
    struct registry_value_info info;
    int code = try_query(registry, key, name, &info, found, sizeof(found));
    size_t size = data_of(expected, version);

    if (!version)
        return code == -ENOENT;
    return code == 0 && info.data_bytes == size && memcmp(found, expected, size) == 0;
}

/* One operation on the model and, where there is one, on the registry; false where they differ. */
static bool operate(struct model *model, registry_t *registry, uint64_t key, int process,
                    unsigned version)
{
    unsigned choice = next_random(model) % 8, number = next_random(model) % NAMES;
    struct registry_path path;
    unsigned char data[256];
    uint64_t sub;
    char name[32];
    int code, expected = 0;

    name_of(name, process, number);
    if (choice < 3) {
        model->versions[number] = version;
        code =
            registry ? try_set(registry, key, name, REG_BINARY, data, data_of(data, version)) : 0;
    } else if (choice == 3) {
        path = wide(name);
        expected = model->versions[number] ? 0 : -ENOENT;
        model->versions[number] = 0;
        code = registry ? registry_delete_value(registry, key, path.text, path.units) : expected;
    } else if (choice == 4) {
        model->keys[number] = 1;
        code = registry ? try_create(registry, key, name, 0, &sub) : 0;
    } else if (choice == 5) {
        expected = model->keys[number] ? 0 : -ENOENT;
        code = registry ? try_lookup(registry, key, name, 0, &sub) : expected;
        if (registry && code == 0)
            code = registry_delete(registry, sub);
        model->keys[number] = 0;
    } else {
        return !registry || value_is(registry, key, name, model->versions[number]);
    }
    return code == expected;
}

static int operate_at_random(int process)
{
    struct model model = {.random = (unsigned)process + 1};
    registry_t *registry;
    uint64_t key;

    if (registry_open(store_folder, &may_create, &registry, NULL) ||
        try_create(registry, ROOT, "key", 0, &key))
        return 1;
    for (unsigned i = 1; i <= OPERATIONS; i++)
        if (!operate(&model, registry, key, process, i))
            return 2;
    registry_close(registry);
    return 0;
}

static void compare_with_models(registry_t *registry, uint64_t key)
{
    struct registry_key_info info;
    uint32_t values = 0, keys = 0;
    uint64_t sub;
    char name[32];

    for (int process = 0; process < PROCESSES; process++) {
        struct model model = {.random = (unsigned)process + 1};

        for (unsigned i = 1; i <= OPERATIONS; i++)
            operate(&model, NULL, 0, process, i);
        for (unsigned i = 0; i < NAMES; i++) {
            name_of(name, process, i);
            assert_true(value_is(registry, key, name, model.versions[i]));
            assert_int_equal(try_lookup(registry, key, name, 0, &sub), model.keys[i] ? 0 : -ENOENT);
            values += model.versions[i] != 0;
            keys += model.keys[i];
        }
    }
    info = key_info(registry, key);
    assert_int_equal(info.values, values);
    assert_int_equal(info.subkeys, keys);
}

/* Also the first opening of a new store, by all at once. */
static void many_processes_at_random(void **state)
{
    registry_t *registry, *before;
    pid_t children[PROCESSES];
    uint64_t key;

    (void)state;
    for (int i = 0; i < PROCESSES; i++)
        children[i] = start_process(operate_at_random, i);
    before = open_store();
    key = create(before, ROOT, "key");
    key_info(before, key);
    for (int i = 0; i < PROCESSES; i++)
        finish_process(children[i]);
    compare_with_models(before, key);
    registry_close(before);
    registry = open_store();
    compare_with_models(registry, key);
    registry_close(registry);
}

enum { CONTESTED = 60 };
static int results[2];

static int create_contested(int number)
{
    struct {
        uint64_t key;
        uint32_t index, created;
    } message;
    registry_t *registry;

    (void)number;
    if (registry_open(store_folder, &may_create, &registry, NULL))
        return 1;
    for (message.index = 0; message.index < CONTESTED; message.index++) {
        char name[32];
        struct registry_path path;
        bool created;

        snprintf(name, sizeof(name), "key %u", message.index);
        path = wide(name);
        if (registry_create(registry, ROOT, path.text, path.units, 0, 0, NULL, 0, &message.key,
                            &created, NULL))
            return 2;
        message.created = created;
        if (write(results[1], &message, sizeof(message)) != sizeof(message))
            return 3;
    }
    registry_close(registry);
    return 0;
}

static void a_key_is_created_by_one(void **state)
{
    uint64_t keys[CONTESTED] = {0};
    int created[CONTESTED] = {0}, seen = 0;
    pid_t children[PROCESSES];
    struct {
        uint64_t key;
        uint32_t index, created;
    } message;

    (void)state;
    assert_int_equal(pipe(results), 0);
    for (int i = 0; i < PROCESSES; i++)
        children[i] = start_process(create_contested, i);
    close(results[1]);
    while (read(results[0], &message, sizeof(message)) == sizeof(message)) {
        assert_true(message.index < CONTESTED);
        if (!keys[message.index])
            keys[message.index] = message.key;
        assert_true(keys[message.index] == message.key);
        created[message.index] += message.created;
        seen++;
    }
    close(results[0]);
    for (int i = 0; i < PROCESSES; i++)
        finish_process(children[i]);
    assert_int_equal(seen, PROCESSES * CONTESTED);
    for (int i = 0; i < CONTESTED; i++)
        assert_int_equal(created[i], 1);
}

/* ---- flushing ---- */

static int write_and_flush(int number)
{
    registry_t *registry;
    uint64_t key;

    if (registry_open(store_folder, &may_create, &registry, NULL) ||
        try_lookup(registry, ROOT, "key", 0, &key) ||
        try_set(registry, key, "value", REG_BINARY, &number, sizeof(number)))
        return 1;
    if (registry_flush(registry))
        return 2;
    registry_close(registry);
    return 0;
}

/* Each kind of reading, from the store and not from the cache, must leave nothing open behind. */
static void an_idle_reader_is_in_nobodys_way(void **state)
{
    static char large[SMALL_CACHE];
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t key = create(registry, ROOT, "key"), found;
    struct registry_value_info info;
    struct registry_path path;

    (void)state;
    assert_int_equal(try_set(registry, key, "large", REG_BINARY, large, sizeof(large)), 0);
    for (int kind = 0; kind < 6; kind++) {
        finish_process(start_process(write_and_flush, kind));
        if (kind == 0)
            check_value(registry, key, "value", REG_BINARY, &kind, sizeof(kind));
        else if (kind == 1)
            check_value(registry, key, "large", REG_BINARY, large, sizeof(large));
        else if (kind == 2)
            assert_int_equal(registry_enumerate_value(registry, key, 0, &info, NULL, NULL), 0);
        else if (kind == 3)
            assert_int_equal(registry_key_path(registry, key, &path), 0);
        else if (kind == 4)
            assert_int_equal(try_lookup(registry, key, "none", 0, &found), -ENOENT);
        else
            assert_false(!registry_is_empty(registry));
        finish_process(start_process(write_and_flush, kind));
    }
    registry_close(registry);
}

/* ---- one that always writes ---- */

enum { LONG_WRITES = 40, MOST = 30 };
struct turns {
    _Atomic int begun; /* long writes */
    _Atomic int between;
};
static struct turns *turns;

static coherence_t *open_coherence(void)
{
    struct coherence_finding finding;
    struct registry_error error;
    coherence_t *coherence;

    if (coherence_open(in_folder("registry.coherence"), &coherence, &finding, &error) ||
        (finding.first && coherence_start(coherence)))
        return NULL;
    return coherence;
}

/* Wants the writers' lock once during each long write. */
static int write_between(int number)
{
    coherence_t *coherence = open_coherence();

    (void)number;
    for (int i = 1; coherence && i <= LONG_WRITES; i++) {
        while (atomic_load(&turns->begun) < i)
            sched_yield();
        if (coherence_lock(coherence))
            return 1;
        atomic_store(&turns->between, i);
        coherence_unlock(coherence);
    }
    return !coherence;
}

/* Who writes for long and writes again at once lets in who waits: always, but where that one does
 * not come to run for as long as it is waited for. */
static void a_writer_comes_between_two_long_writes(void **state)
{
    coherence_t *coherence = open_coherence();
    int in_time = 0;
    pid_t child;

    (void)state;
    assert_non_null(coherence);
    turns = mmap(NULL, sizeof *turns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(turns != MAP_FAILED);
    child = start_process(write_between, 0);
    for (int i = 1; i <= LONG_WRITES; i++) {
        struct timespec since;

        assert_int_equal(coherence_lock(coherence), 0);
        clock_gettime(CLOCK_MONOTONIC, &since);
        atomic_store(&turns->begun, i);
        usleep(10000);
        coherence_unlock_long(coherence, &since);
        assert_int_equal(coherence_lock(coherence), 0);
        in_time += atomic_load(&turns->between) == i;
        coherence_unlock(coherence);
        while (atomic_load(&turns->between) < i)
            sched_yield();
    }
    finish_process(child);
    print_message("%d of %d came between\n", in_time, LONG_WRITES);
    assert_true(in_time >= MOST);
    munmap(turns, sizeof *turns);
    coherence_close(coherence, NULL, NULL);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(a_write_is_seen_by_the_next_read),
        TEST(many_processes_at_random),
        TEST(a_key_is_created_by_one),
        TEST(an_idle_reader_is_in_nobodys_way),
        TEST(a_writer_comes_between_two_long_writes),
    };

    alarm(300); /* a hang is a failure, not a wait for good */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
