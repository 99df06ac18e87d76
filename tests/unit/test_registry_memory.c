/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_memory.c - what a store of 100,000 keys costs a process that reads all of it: no
 * more than the bound of its cache and 2 MB, beside a process that reads an empty store. Counted is
 * the most that was ever resident (VmHWM), what is mapped of files included.
 */
#include "tests/unit/registry_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#define ROOT REGISTRY_ROOT_KEY
#define OVER_THE_BOUND_KB 2048

enum { KEYS = 100000 };

static size_t cache_bytes;
static int results[2];

struct reading {
    uint32_t keys, values;
    size_t peak_kb;
};

/* Where the most is resident that ever was, in KiB; 0 where it cannot be read. */
static size_t peak_resident(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    size_t found = 0;
    char line[256];

    while (file && !found && fgets(line, sizeof(line), file))
        if (!strncmp(line, "VmHWM:", 6))
            found = strtoul(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return found;
}

static int read_values(registry_t *registry, uint64_t key, struct reading *reading)
{
    struct registry_value_info info;
    uint16_t name[64];
    unsigned char data[64];
    const struct registry_buffer name_out = {name, sizeof(name)}, data_out = {data, sizeof(data)};
    int code;

    for (uint32_t i = 0;; i++) {
        code = registry_enumerate_value(registry, key, i, &info, &name_out, &data_out);
        if (code == -ENODATA)
            return 0;
        if (code)
            return code;
        reading->values++;
    }
}

/* The key and all below it. */
static int read_branch(registry_t *registry, uint64_t key, struct reading *reading)
{
    struct registry_key_info info;
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    const struct registry_buffer name_out = {name, sizeof(name)};
    uint64_t subkey, found;
    int code = registry_query_key(registry, key, true, &info, &name_out, NULL);

    if (code == 0)
        code = read_values(registry, key, reading);
    reading->keys++;
    for (uint32_t i = 0; code == 0; i++) {
        code = registry_enumerate_key(registry, key, i, &subkey);
        if (code == -ENODATA)
            return i == info.subkeys ? 0 : -EPROTO;
        if (code == 0)
            code = read_branch(registry, subkey, reading);
        /* By its name too, which the cache keeps apart. */
        if (code == 0)
            code = registry_query_key(registry, subkey, false, &info, &name_out, NULL);
        if (code == 0)
            code = registry_lookup(registry, key, name, info.name_bytes / 2, 0, &found, NULL);
        if (code == 0 && found != subkey)
            code = -EPROTO;
        if (code == 0)
            code = registry_query_key(registry, key, true, &info, NULL, NULL);
    }
    return code;
}

static int read_all(int number)
{
    const struct registry_options options = {.cache_bytes = cache_bytes};
    struct reading reading = {0};
    registry_t *registry;

    (void)number;
    if (registry_open(store_folder, &options, &registry, NULL))
        return 1;
    if (read_branch(registry, ROOT, &reading))
        return 2;
    reading.peak_kb = peak_resident();
    if (write(results[1], &reading, sizeof(reading)) != sizeof(reading))
        return 3;
    registry_close(registry);
    return 0;
}

/* In a process of its own, so that nobody else's memory is counted. */
static struct reading read_in_process(void)
{
    struct reading reading = {0};

    assert_int_equal(pipe(results), 0);
    finish_process(start_process(read_all, 0));
    close(results[1]);
    assert_int_equal(read(results[0], &reading, sizeof(reading)), sizeof(reading));
    close(results[0]);
    assert_true(reading.peak_kb > 0);
    return reading;
}

/* KEYS keys, so many below each of those of the first level, with two values each. */
static void write_keys(const char *path, int below_one)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n", file);
    for (int i = 0; i < KEYS; i++)
        fprintf(file,
                "[Key %d\\\\Subkey %d] 1700000000\n\"Name\"=\"Key number %d\"\n"
                "\"Number\"=dword:%08x\n\n",
                i / below_one, i, i, (unsigned)i);
    assert_int_equal(fclose(file), 0);
}

/* In a process too: what an import needs for a moment is not what is measured. */
static int import_keys(int number)
{
    struct registry_error error;
    registry_t *registry;
    int fd = open(in_folder("text"), O_RDONLY | O_CLOEXEC);

    (void)number;
    if (fd < 0 || registry_open(store_folder, &may_create, &registry, NULL))
        return 1;
    if (registry_import_wine_text(registry, &fd, 1, NULL, NULL, &error))
        return 2;
    registry_close(registry);
    return 0;
}

static void costs_no_more(size_t bytes, int below_one)
{
    struct reading empty, full;

    cache_bytes = bytes;
    registry_close(open_store());
    empty = read_in_process();
    assert_int_equal(empty.keys, 1);
    write_keys(in_folder("text"), below_one);
    finish_process(start_process(import_keys, 0));
    full = read_in_process();
    /* \Registry, Machine and User besides */
    assert_int_equal(full.keys, KEYS + KEYS / below_one + 3);
    assert_int_equal(full.values, 2 * KEYS);
    print_message("cache of %zu KiB: %zu KiB more than with an empty store\n", bytes >> 10,
                  full.peak_kb - empty.peak_kb);
#ifdef __SANITIZE_ADDRESS__
    print_message("not judged: AddressSanitizer keeps what is freed\n");
#else
    assert_in_range(full.peak_kb, 0, empty.peak_kb + (bytes >> 10) + OVER_THE_BOUND_KB);
#endif
}

static void many_keys_with_a_small_cache(void **state)
{
    (void)state;
    costs_no_more(1u << 20, 1000);
}

static void many_keys_with_the_usual_cache(void **state)
{
    (void)state;
    costs_no_more(8u << 20, 1000);
}

static void all_keys_below_one(void **state)
{
    (void)state;
    costs_no_more(8u << 20, KEYS);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(many_keys_with_a_small_cache),
        TEST(many_keys_with_the_usual_cache),
        TEST(all_keys_below_one),
    };

    alarm(1200); /* a hang is a failure, not a wait for good */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
