/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_threads.c - readers beside a writer in one process: what is read was written like
 * that, though readers take no lock and the cache turns over under them; and nobody waits for ever
 * for one who is always in.
 */
#include "tests/unit/registry_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "registry/registry_internal.h"

#define ROOT REGISTRY_ROOT_KEY

enum { READERS = 4, KEYS = 40, WRITES = 4000, LARGEST = 700 };

struct scene {
    registry_t *registry;
    uint64_t keys[KEYS];
    _Atomic bool ended;
    _Atomic unsigned wrong;
    _Atomic uint64_t reads;
};

static unsigned next_random(unsigned *random)
{
    *random = *random * 1103515245u + 12345u;
    return *random >> 16;
}

/* Every byte of a value is the low byte of its size. */
static bool is_whole(const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != (size & 0xff))
            return false;
    return size <= LARGEST;
}

/* The shortest way gives the same, or no answer. */
static bool read_warm(registry_t *registry, uint64_t key)
{
    static const uint16_t name[8] = u"VALUE";
    unsigned char data[LARGEST] = {0};
    struct registry_value_info info;
    uint64_t words[2];

    memcpy(words, name, sizeof words);
    return !registry_query_warm_value(registry, key, words, 5, &info, data, sizeof data) ||
           (info.type == REG_BINARY && is_whole(data, info.data_bytes));
}

static bool read_value(registry_t *registry, uint64_t key)
{
    unsigned char data[LARGEST] = {0};
    struct registry_value_info info = {0};
    int code = try_query(registry, key, "VALUE", &info, data, sizeof(data));

    return code == 0 && info.type == REG_BINARY && is_whole(data, info.data_bytes) &&
           read_warm(registry, key);
}

/* The first of two values: "steady" never changes, "value" does. */
static bool enumerate(registry_t *registry, uint64_t key)
{
    struct registry_value_info info = {0};
    unsigned char data[LARGEST] = {0};
    uint16_t name[16];
    struct registry_buffer name_out = {name, sizeof(name)}, data_out = {data, sizeof(data)};

    return registry_enumerate_value(registry, key, 0, &info, &name_out, &data_out) == 0 &&
           same_text(name, info.name_bytes / 2, "steady") && info.data_bytes == 6 &&
           memcmp(data, "steady", 6) == 0 &&
           registry_enumerate_value(registry, key, 1, &info, &name_out, &data_out) == 0 &&
           same_text(name, info.name_bytes / 2, "value") && is_whole(data, info.data_bytes);
}

/* A subkey comes and goes: it is there with its name, or not there. */
static bool look_up(registry_t *registry, uint64_t key)
{
    struct registry_key_info info = {0};
    uint16_t name[16] = {0};
    struct registry_buffer name_out = {name, sizeof(name)};
    uint64_t sub;
    int code = try_lookup(registry, key, "SUB", 0, &sub);

    if (code == -ENOENT)
        return true;
    if (code)
        return false;
    code = registry_query_key(registry, sub, true, &info, &name_out, NULL);
    return code == -EIDRM || (code == 0 && same_text(name, info.name_bytes / 2, "Sub"));
}

static void *read_all_the_time(void *context)
{
    struct scene *scene = context;
    unsigned random = (unsigned)gettid();

    while (!atomic_load(&scene->ended)) {
        uint64_t key = scene->keys[next_random(&random) % KEYS];
        struct registry_key_info info;
        bool right = read_value(scene->registry, key) && enumerate(scene->registry, key) &&
                     look_up(scene->registry, key) &&
                     registry_query_key(scene->registry, key, false, &info, NULL, NULL) == 0 &&
                     info.values == 2 && info.max_value_data <= LARGEST;

        if (!right)
            atomic_fetch_add(&scene->wrong, 1);
        atomic_fetch_add(&scene->reads, 1);
    }
    return NULL;
}

static int write_value(registry_t *registry, uint64_t key, size_t size)
{
    unsigned char data[LARGEST];

    memset(data, (int)(size & 0xff), sizeof(data));
    return try_set(registry, key, "value", REG_BINARY, data, size);
}

static void prepare(struct scene *scene)
{
    char name[16];

    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof(name), "key %d", i);
        scene->keys[i] = create(scene->registry, ROOT, name);
        set(scene->registry, scene->keys[i], "steady", "steady");
        assert_int_equal(write_value(scene->registry, scene->keys[i], (size_t)i), 0);
    }
}

static void write_beside_readers(size_t cache_bytes)
{
    struct scene scene = {.registry = open_store_with(cache_bytes, NULL, 0)};
    pthread_t readers[READERS];
    unsigned random = 7;
    uint64_t sub;

    prepare(&scene);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, &scene), 0);
    for (int i = 0; i < WRITES; i++) {
        uint64_t key = scene.keys[next_random(&random) % KEYS];
        int code = write_value(scene.registry, key, next_random(&random) % LARGEST);

        if (code == 0 && i % 5 == 0) {
            code = try_lookup(scene.registry, key, "Sub", 0, &sub);
            code = code == 0 ? registry_delete(scene.registry, sub)
                             : try_create(scene.registry, key, "Sub", 0, &sub);
        }
        if (code)
            atomic_fetch_add(&scene.wrong, 1);
    }
    atomic_store(&scene.ended, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&scene.wrong), 0);
    assert_true(atomic_load(&scene.reads) > 0);
    registry_close(scene.registry);
}

static void in_a_cache_that_holds_all(void **state)
{
    (void)state;
    write_beside_readers(0);
}

static void in_a_cache_that_turns_over(void **state)
{
    (void)state;
    write_beside_readers(SMALL_CACHE);
}

/* ---- many writers ---- */

static void *count_own_value(void *context)
{
    struct scene *scene = context;
    static _Atomic unsigned next_number;
    struct registry_value_info info;
    char name[16];

    snprintf(name, sizeof(name), "%u", atomic_fetch_add(&next_number, 1));
    for (uint32_t i = 1, found; i <= 500; i++)
        if (try_set(scene->registry, scene->keys[0], name, REG_BINARY, &i, sizeof(i)) ||
            try_query(scene->registry, scene->keys[0], name, &info, &found, sizeof(found)) ||
            found != i)
            atomic_fetch_add(&scene->wrong, 1);
    return NULL;
}

static void threads_that_write_one_key(void **state)
{
    struct scene scene = {.registry = open_store()};
    pthread_t writers[READERS];

    (void)state;
    scene.keys[0] = create(scene.registry, ROOT, "key");
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, count_own_value, &scene), 0);
    for (int i = 0; i < READERS; i++)
        pthread_join(writers[i], NULL);
    assert_int_equal(atomic_load(&scene.wrong), 0);
    assert_int_equal(key_info(scene.registry, scene.keys[0]).values, READERS);
    registry_close(scene.registry);
}

/* ---- one that always wants in ---- */

static void *write_once(void *context)
{
    struct scene *scene = context;
    uint64_t number = atomic_fetch_add(&scene->reads, 1);

    if (try_set(scene->registry, scene->keys[0], "value", REG_BINARY, &number, sizeof(number)))
        atomic_fetch_add(&scene->wrong, 1);
    return NULL;
}

static bool is_in_line(struct fair_mutex *mutex)
{
    if (pthread_mutex_trylock(&mutex->line))
        return true;
    pthread_mutex_unlock(&mutex->line);
    return false;
}

/* Who is in, as one that brings a long list into the cache, and wants in again as soon as it is
 * out, finds that another who has waited has been in. */
static void nobody_comes_in_past_one_who_has_waited(void **state)
{
    struct scene scene = {.registry = open_store()};

    (void)state;
    scene.keys[0] = create(scene.registry, ROOT, "key");
    write_once(&scene); /* the next ones come in once each */
    for (int i = 0; i < 50; i++) {
        struct registry_guard guard;
        uint64_t before, after;
        pthread_t other;

        assert_int_equal(registry_enter(scene.registry, &guard), 0);
        assert_int_equal(pthread_create(&other, NULL, write_once, &scene), 0);
        while (!is_in_line(&scene.registry->mutex))
            sched_yield();
        before = coherence_generation(scene.registry->coherence);
        registry_leave(scene.registry, &guard);
        assert_int_equal(registry_enter(scene.registry, &guard), 0);
        after = coherence_generation(scene.registry->coherence);
        registry_leave(scene.registry, &guard);
        pthread_join(other, NULL);
        assert_int_equal(after, before + 1);
    }
    assert_int_equal(atomic_load(&scene.wrong), 0);
    registry_close(scene.registry);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(in_a_cache_that_holds_all),
        TEST(in_a_cache_that_turns_over),
        TEST(threads_that_write_one_key),
        TEST(nobody_comes_in_past_one_who_has_waited),
    };

    alarm(300); /* a hang is a failure, not a wait for good */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
