/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_large_key.c - a key whose values do not fit into the cache together: random
 * operations on it through two registries (two caches, as two processes have them), each answer
 * compared with a plain list; what is asked for again comes from the cache; a reader of everything
 * drives nobody out; and kill -9 in the middle.
 *
 *   PWK_TEST_SEED=N   where the random operations begin
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "registry/upcase.h"
#include "tests/unit/registry_fixture.h"

#define VALUES 700 /* names; some twelve times what the smallest cache holds of one key */
#define LARGEST 60 /* bytes */
#define STEPS 40000
#define KILLS 60

/* ---- the plain list ---- */

struct plain_value {
    int name;
    uint32_t type;
    size_t size;
    unsigned char data[LARGEST];
};

static struct plain_value list[VALUES];
static int count;

static int find_plain(int name)
{
    for (int i = 0; i < count; i++)
        if (list[i].name == name)
            return i;
    return -1;
}

/* In another spelling now and then: names are the same in upper and lower case. */
static const char *spell(int name)
{
    static char text[32];

    snprintf(text, sizeof text, rand() % 2 ? "Value %d" : "VALUE %d", name);
    return text;
}

static void fill_randomly(struct plain_value *value)
{
    value->type = REG_BINARY + (uint32_t)(rand() % 2);
    value->size = (size_t)rand() % (LARGEST + 1);
    for (size_t i = 0; i < value->size; i++)
        value->data[i] = (unsigned char)rand();
}

/* ---- operations, on both sides ---- */

static void set_one(registry_t *registry, uint64_t key, int name)
{
    int place = find_plain(name);
    struct plain_value value = {.name = name};

    if (place >= 0 && rand() % 8 == 0)
        value = list[place]; /* what is there already */
    else
        fill_randomly(&value);
    assert_int_equal(try_set(registry, key, spell(name), value.type, value.data, value.size), 0);
    list[place < 0 ? count++ : place] = value;
}

static void delete_one(registry_t *registry, uint64_t key, int name)
{
    struct registry_path text = wide(spell(name));
    int place = find_plain(name);

    assert_int_equal(registry_delete_value(registry, key, text.text, text.units),
                     place < 0 ? -ENOENT : 0);
    if (place >= 0)
        memmove(&list[place], &list[place + 1], (size_t)(--count - place) * sizeof *list);
}

static void check_same(const struct plain_value *value, const struct registry_value_info *info,
                       const unsigned char *data)
{
    assert_int_equal(info->type, value->type);
    assert_int_equal(info->data_bytes, value->size);
    assert_memory_equal(data, value->data, value->size);
}

static void query_one(registry_t *registry, uint64_t key, int name)
{
    struct registry_value_info info;
    unsigned char data[LARGEST];
    int place = find_plain(name), code;

    code = try_query(registry, key, spell(name), &info, data, sizeof data);
    assert_int_equal(code, place < 0 ? -ENOENT : 0);
    if (place >= 0)
        check_same(&list[place], &info, data);
}

static void enumerate_one(registry_t *registry, uint64_t key, int index)
{
    struct registry_value_info info;
    unsigned char data[LARGEST];
    uint16_t name[32];
    const struct registry_buffer name_out = {name, sizeof name}, data_out = {data, sizeof data};
    char text[32];
    int code =
        registry_enumerate_value(registry, key, (uint32_t)index, &info, &name_out, &data_out);

    assert_int_equal(code, index < count ? 0 : -ENODATA);
    if (index >= count)
        return;
    check_same(&list[index], &info, data);
    snprintf(text, sizeof text, "Value %d", list[index].name);
    assert_int_equal(
        registry_name_compare(name, info.name_bytes / 2, wide(text).text, strlen(text)), 0);
}

/* Forwards, backwards, or from a place in the middle; deleting on the way now and then. */
static void enumerate_some(registry_t *registry, uint64_t key)
{
    int step = rand() % 2 ? 1 : -1, index = rand() % (count + 2);
    bool deletes = rand() % 4 == 0;

    for (int i = rand() % 200; i > 0 && index >= 0 && index <= count; i--, index += step) {
        enumerate_one(registry, key, index);
        if (deletes && index < count && rand() % 4 == 0)
            delete_one(registry, key, list[index].name);
    }
}

static void check_measures(registry_t *registry, uint64_t key)
{
    struct registry_key_info info = key_info(registry, key);
    uint32_t name = 0, data = 0;

    for (int i = 0; i < count; i++) {
        char text[32];
        uint32_t bytes = (uint32_t)snprintf(text, sizeof text, "Value %d", list[i].name) * 2;

        name = bytes > name ? bytes : name;
        data = list[i].size > data ? (uint32_t)list[i].size : data;
    }
    assert_int_equal(info.values, count);
    /* They may be those of what was there before, as on Windows. */
    assert_true(info.max_value_name >= name && info.max_value_data >= data);
}

/* Some values are asked for far more often than others. */
static int choose(void)
{
    return rand() % 3 ? rand() % 20 * 7 : rand() % VALUES;
}

static void operate(registry_t *registry, uint64_t key)
{
    int kind = rand() % 100;

    if (kind < 25)
        set_one(registry, key, choose());
    else if (kind < 85)
        query_one(registry, key, choose());
    else if (kind < 90)
        delete_one(registry, key, choose());
    else if (kind < 94)
        enumerate_some(registry, key);
    else if (kind < 97)
        enumerate_one(registry, key, rand() % (count + 2));
    else
        check_measures(registry, key);
}

static uint64_t make_key(registry_t *registry)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "Large");

    count = 0;
    for (int i = 0; i < VALUES; i++)
        set_one(registry, key, i);
    return key;
}

static void seed(void)
{
    const char *text = getenv("PWK_TEST_SEED");

    srand(text && *text ? (unsigned)strtoul(text, NULL, 10) : 1);
}

/* ---- the tests ---- */

static void answers_are_right(void **state)
{
    registry_t *registries[] = {open_store_with(SMALL_CACHE, NULL, 0),
                                open_store_with(SMALL_CACHE, NULL, 0)};
    uint64_t key = make_key(registries[0]);

    (void)state;
    seed();
    for (int i = 0; i < STEPS; i++)
        operate(registries[rand() % 8 == 0], key);
    registry_close(registries[1]);
    registry_close(registries[0]);
    registries[0] = open_store_with(SMALL_CACHE, NULL, 0);
    for (int i = 0; i <= count; i++)
        enumerate_one(registries[0], key, i);
    registry_close(registries[0]);
}

/* True where the cache alone answers. */
static bool is_warm(registry_t *registry, uint64_t key, int name)
{
    struct registry_value_info info;
    struct registry_path text = wide("");
    unsigned char data[LARGEST];
    uint64_t words[16] = {0};
    char ascii[32];

    snprintf(ascii, sizeof ascii, "Value %d", name);
    text = wide(ascii);
    memcpy(words, text.text, text.units * 2);
    if (!registry_query_warm_value(registry, key, words, text.units, &info, data, sizeof data))
        return false;
    check_same(&list[find_plain(name)], &info, data);
    return true;
}

static void the_second_time_comes_from_the_cache(void **state)
{
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t key = make_key(registry);
    int warm = 0;

    (void)state;
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < 50; i++)
            query_one(registry, key, i);
    for (int i = 0; i < 50; i++)
        warm += is_warm(registry, key, i);
    assert_int_equal(warm, 50);
    /* A set of one of them goes by way of the journal, and leaves the others where they are. */
    set_one(registry, key, 7);
    for (int i = 0; i < 50; i++)
        assert_true(is_warm(registry, key, i));
    /* So does a set by another process, but for that value. */
    registry_t *other = open_store_with(SMALL_CACHE, NULL, 0);
    list[find_plain(9)].size = 0; /* other data than before, whatever they were */
    assert_int_equal(try_set(other, key, "Value 9", list[find_plain(9)].type, "", 0), 0);
    query_one(registry, key, 9);
    for (int i = 0; i < 50; i++)
        assert_true(i == 9 || is_warm(registry, key, i));
    registry_close(other);
    registry_close(registry);
}

static void reading_all_drives_nobody_out(void **state)
{
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t key = make_key(registry), small = create(registry, REGISTRY_ROOT_KEY, "Small");
    struct registry_value_info info;
    uint64_t words[2] = {0};
    int warm = 0;

    (void)state;
    set(registry, small, "abc", "text");
    registry_close(registry); /* who set them all has asked for them all */
    registry = open_store_with(SMALL_CACHE, NULL, 0);
    memcpy(words, wide("abc").text, 6);
    for (int i = 0; i < 4; i++)
        query_one(registry, key, 0);
    for (int i = 0; i < VALUES; i++)
        query_one(registry, key, i);
    for (int i = 0; i < VALUES; i++)
        enumerate_one(registry, key, i);
    assert_true(is_warm(registry, key, 0));
    check_text(registry, small, "abc", "text");
    for (int i = 0; i < VALUES; i++)
        query_one(registry, key, VALUES - 1 - i % 3);
    assert_true(registry_query_warm_value(registry, small, words, 3, &info, words, sizeof words));
    for (int i = 10; i < VALUES - 10; i++)
        warm += is_warm(registry, key, i);
    assert_true(warm < VALUES / 8);
    registry_close(registry);
}

/* ---- kill -9 ---- */

static struct {
    uint64_t key;
    uint32_t acknowledged, begun; /* the number that each value was set to last */
    uint32_t values[20];
} * told;

/* A few values of the large key, set to ever higher numbers. */
static int set_without_end(int number)
{
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);

    (void)number;
    for (;;) {
        uint32_t next = told->acknowledged + 1;
        char name[32];

        snprintf(name, sizeof name, "Value %u", next % 20);
        told->begun = next;
        if (try_set(registry, told->key, name, 4, &next, sizeof next))
            return 1;
        told->values[next % 20] = next;
        told->acknowledged = next;
    }
}

static void kills_lose_nothing(void **state)
{
    registry_t *registry = open_store_with(SMALL_CACHE, NULL, 0);
    uint64_t key = make_key(registry);
    const struct timespec pause = {0, 8000000};

    (void)state;
    told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    told->key = key;
    for (int round = 0; round < KILLS; round++) {
        pid_t child = start_process(set_without_end, 0);
        int status;

        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        for (uint32_t i = 0; told->acknowledged >= 20 && i < 20; i++) {
            struct registry_value_info info;
            uint32_t data = 0;
            char name[32];

            snprintf(name, sizeof name, "Value %u", i);
            assert_int_equal(try_query(registry, key, name, &info, &data, sizeof data), 0);
            assert_true(data == told->values[i] || (data == told->begun && data % 20 == i));
        }
    }
    assert_true(told->acknowledged > KILLS);
    munmap(told, 4096);
    registry_close(registry);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(answers_are_right),
        TEST(the_second_time_comes_from_the_cache),
        TEST(reading_all_drives_nobody_out),
        TEST(kills_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
