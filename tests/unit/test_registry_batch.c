/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_batch.c - many changes as one: all or nothing, whoever looks and whoever is killed;
 * and the same outcome as the same changes one by one.
 */
#include "tests/unit/registry_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/batch.h"

#define ROOT REGISTRY_ROOT_KEY

static registry_batch_t *begin(registry_t *registry)
{
    registry_batch_t *batch = NULL;

    assert_int_equal(registry_begin_batch(registry, &batch), 0);
    return batch;
}

static int try_batch_create(registry_batch_t *batch, const char *path, unsigned flags,
                            uint64_t *key)
{
    struct registry_path text = wide(path);

    return registry_batch_create(batch, ROOT, text.text, text.units, flags, key);
}

static uint64_t batch_create(registry_batch_t *batch, const char *path)
{
    uint64_t key = 0;
    int code = try_batch_create(batch, path, 0, &key);

    if (code)
        fail_msg("creating %s answers %d", path, code);
    return key;
}

static int try_batch_find(registry_batch_t *batch, const char *path, uint64_t *key)
{
    struct registry_path text = wide(path);

    return registry_batch_find(batch, ROOT, text.text, text.units, REGISTRY_OPEN_LINK, key);
}

static void batch_set(registry_batch_t *batch, uint64_t key, const char *name, const char *text)
{
    struct registry_path units = wide(name);

    assert_int_equal(registry_batch_set_value(batch, key, units.text, units.units, REG_BINARY, text,
                                              strlen(text)),
                     0);
}

static int batch_delete_value(registry_batch_t *batch, uint64_t key, const char *name)
{
    struct registry_path units = wide(name);

    return registry_batch_delete_value(batch, key, units.text, units.units);
}

static void all_of_it(void **state)
{
    registry_t *registry = open_store();
    uint64_t key, generation, found;
    registry_batch_t *batch;

    (void)state;
    set(registry, create(registry, ROOT, "Old"), "value", "before");
    create(registry, create(registry, ROOT, "Gone"), "Below");
    check_text(registry, lookup(registry, ROOT, "Old"), "value", "before");
    generation = registry_generation(registry);
    batch = begin(registry);
    batch_set(batch, batch_create(batch, "\\Old\\"), "VALUE", "after");
    batch_set(batch, batch_create(batch, "New\\\\A\\B"), "one", "1");
    batch_set(batch, batch_create(batch, "New\\A\\C"), "", "2");
    batch_set(batch, batch_create(batch, "New\\a"), "three", "3");
    assert_int_equal(batch_delete_value(batch, batch_create(batch, "New\\A"), "none"), -ENOENT);
    assert_int_equal(try_batch_find(batch, "Gone", &key), 0);
    assert_int_equal(registry_batch_delete_branch(batch, key), 0);
    assert_int_equal(try_batch_find(batch, "Gone\\Below", &key), -ENOTDIR);
    assert_int_equal(try_batch_find(batch, "Gone", &key), -ENOENT);
    assert_int_equal(registry_batch_delete_branch(batch, ROOT), -ENOTEMPTY);
    assert_int_equal(registry_end_batch(batch, 0), 0);
    assert_true(registry_generation(registry) != generation);
    check_text(registry, lookup(registry, ROOT, "Old"), "value", "after");
    check_text(registry, lookup(registry, ROOT, "New\\A\\B"), "one", "1");
    check_text(registry, lookup(registry, ROOT, "New\\A\\C"), "", "2");
    check_text(registry, lookup(registry, ROOT, "New\\A"), "three", "3");
    assert_int_equal(try_lookup(registry, ROOT, "Gone", 0, &found), -ENOENT);
    registry_close(registry);
}

static void nothing_of_it(void **state)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "Old"), other;
    registry_batch_t *batch;

    (void)state;
    set(registry, key, "value", "before");
    batch = begin(registry);
    batch_set(batch, key, "value", "after");
    batch_create(batch, "New\\Key");
    assert_int_equal(registry_batch_delete_branch(batch, key), 0);
    assert_int_equal(registry_end_batch(batch, -EINTR), -EINTR);
    check_text(registry, key, "value", "before");
    assert_int_equal(try_lookup(registry, ROOT, "New", 0, &other), -ENOENT);
    registry_close(registry);
}

/* Answers which step went wrong; then is killed with an open batch. */
static int leave_a_batch_open(int number)
{
    registry_t *registry = open_store();
    registry_batch_t *batch = begin(registry);
    char path[64];

    (void)number;
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof(path), "Batch\\Key %d", i);
        batch_set(batch, batch_create(batch, path), "value", "1");
    }
    raise(SIGKILL);
    return 1;
}

static void killed_in_the_middle(void **state)
{
    registry_t *registry = open_store();
    uint64_t key;
    int status;

    (void)state;
    set(registry, create(registry, ROOT, "Old"), "value", "before");
    waitpid(start_process(leave_a_batch_open, 0), &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(try_lookup(registry, ROOT, "Batch", 0, &key), -ENOENT);
    set(registry, create(registry, ROOT, "After"), "value", "after");
    check_text(registry, lookup(registry, ROOT, "Old"), "value", "before");
    registry_close(registry);
}

/* Looks on until the last key of the batch is there: then all are. */
static int look_on(int number)
{
    registry_t *registry = open_store();
    uint64_t key;

    (void)number;
    while (try_lookup(registry, ROOT, "Batch\\Key 0", 0, &key) != 0)
        ;
    if (try_lookup(registry, ROOT, "Batch\\Key 999", 0, &key) != 0)
        return 1;
    registry_close(registry);
    return 0;
}

static void seen_whole_by_others(void **state)
{
    registry_t *registry = open_store();
    pid_t child = start_process(look_on, 0);
    registry_batch_t *batch = begin(registry);
    char path[64];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "Batch\\Key %d", i);
        batch_create(batch, path);
        if (i % 100 == 0)
            usleep(2000);
    }
    assert_int_equal(registry_end_batch(batch, 0), 0);
    finish_process(child);
    registry_close(registry);
}

static void links(void **state)
{
    registry_t *registry = open_store();
    registry_batch_t *batch;
    uint64_t key;

    (void)state;
    create(registry, create(registry, ROOT, "Real"), "Sub");
    create_link(registry, "Link", "\\Registry\\Real");
    create_link(registry, "Circle", "\\Registry\\Circle");
    batch = begin(registry);
    batch_set(batch, batch_create(batch, "Link\\Sub\\Deep"), "one", "1");
    assert_int_equal(try_batch_create(batch, "Link", REGISTRY_OPEN_LINK, &key), 0);
    batch_set(batch, batch_create(batch, "Link\\Other"), "two", "2");
    batch_set(batch, batch_create(batch, "Link"), "three", "3");
    assert_int_equal(try_batch_create(batch, "Circle\\x", 0, &key), -ELOOP);
    assert_int_equal(try_batch_find(batch, "Link", &key), 0);
    assert_int_equal(registry_batch_delete_branch(batch, key), 0);
    assert_int_equal(registry_end_batch(batch, 0), 0);
    check_text(registry, lookup(registry, ROOT, "Real\\Sub\\Deep"), "one", "1");
    check_text(registry, lookup(registry, ROOT, "Real\\Other"), "two", "2");
    check_text(registry, lookup(registry, ROOT, "Real"), "three", "3");
    assert_int_equal(try_lookup(registry, ROOT, "Link", REGISTRY_OPEN_LINK, &key), -ENOENT);
    registry_close(registry);
}

static void what_lives_elsewhere(void **state)
{
    static const char *const passthrough[] = {"\\Registry\\Machine\\Sys\\*\\Hard"};
    registry_t *registry = open_store();
    registry_batch_t *batch;
    uint64_t key;

    (void)state;
    create(registry,
           create(registry, create(registry, create(registry, ROOT, "Machine"), "Sys"), "One"),
           "Hard");
    create(registry, lookup(registry, ROOT, "Machine\\Sys"), "Two");
    registry_close(registry);
    registry = open_store_with(0, passthrough, 1);
    batch = begin(registry);
    assert_int_equal(try_batch_create(batch, "Machine\\Sys\\One\\Hard\\x", 0, &key), -EXDEV);
    assert_int_equal(try_batch_create(batch, "machine\\sys\\two\\HARD", 0, &key), -EXDEV);
    assert_int_equal(try_batch_find(batch, "Machine\\Sys\\One", &key), 0);
    assert_int_equal(registry_batch_delete_branch(batch, key), -EXDEV);
    assert_int_equal(try_batch_find(batch, "Machine\\Sys", &key), 0);
    assert_int_equal(registry_batch_delete_branch(batch, key), -EXDEV);
    assert_int_equal(try_batch_find(batch, "Machine\\Sys\\Two", &key), 0);
    assert_int_equal(registry_batch_delete_branch(batch, key), 0);
    assert_int_equal(registry_end_batch(batch, 0), 0);
    assert_int_equal(try_lookup(registry, ROOT, "Machine\\Sys\\Two", 0, &key), -ENOENT);
    lookup(registry, ROOT, "Machine\\Sys\\One");
    registry_close(registry);
}

static void what_no_registry_holds(void **state)
{
    static const uint16_t long_name[REGISTRY_MAX_VALUE_NAME + 1] = {'x'};
    struct registry_options options = {.read_only = true};
    registry_t *registry = open_store();
    registry_batch_t *batch = begin(registry);
    uint64_t key = batch_create(batch, "Key"), other;
    char name[400];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[REGISTRY_MAX_KEY_NAME + 1] = '\0';
    assert_int_equal(try_batch_create(batch, name, 0, &other), -EINVAL);
    assert_int_equal(registry_batch_set_value(batch, key, long_name, REGISTRY_MAX_VALUE_NAME + 1,
                                              REG_BINARY, "", 0),
                     -EINVAL);
    assert_int_equal(registry_end_batch(batch, 0), 0);
    assert_int_equal(try_create(registry, ROOT, "Volatile", REGISTRY_VOLATILE, &other), 0);
    batch = begin(registry);
    assert_int_equal(try_batch_create(batch, "Volatile\\Lasting", 0, &other), -ECHILD);
    registry_end_batch(batch, -ECHILD);
    registry_close(registry);
    assert_int_equal(registry_open(store_folder, &options, &registry, NULL), 0);
    assert_int_equal(registry_begin_batch(registry, &batch), -EROFS);
    registry_close(registry);
}

/* ---- the same, one by one ---- */

#define NAMES 5

static void random_path(char *path)
{
    size_t used = 0;

    for (long depth = 1 + random() % 4; depth > 0; depth--)
        used += (size_t)sprintf(path + used, "%s%c%ld", used ? "\\" : "", random() % 2 ? 'k' : 'K',
                                random() % NAMES);
}

/* One key at a time, from below. */
static int delete_branch(registry_t *registry, uint64_t key)
{
    uint64_t subkey;

    while (registry_enumerate_key(registry, key, 0, &subkey) == 0)
        assert_int_equal(delete_branch(registry, subkey), 0);
    return registry_delete(registry, key);
}

/* One random change; to the batch where there is one, else to the registry. */
static void change(registry_t *registry, registry_batch_t *batch)
{
    char path[64], name[8], data[8];
    struct registry_path text;
    long what = random() % 10;
    uint64_t key = ROOT;
    int code;

    random_path(path);
    snprintf(name, sizeof(name), "v%ld", random() % NAMES);
    snprintf(data, sizeof(data), "%ld", random() % 1000);
    text = wide(name);
    if (what < 7) {
        if (batch) {
            batch_set(batch, batch_create(batch, path), name, data);
            return;
        }
        for (char *part = strtok(path, "\\"); part; part = strtok(NULL, "\\"))
            key = create(registry, key, part);
        set(registry, key, name, data);
        return;
    }
    code = batch ? try_batch_find(batch, path, &key) : try_lookup(registry, ROOT, path, 0, &key);
    if (code)
        return;
    if (what == 9)
        code = batch ? registry_batch_delete_branch(batch, key) : delete_branch(registry, key);
    else
        code = batch ? batch_delete_value(batch, key, name)
                     : registry_delete_value(registry, key, text.text, text.units);
    assert_true(code == 0 || code == -ENOENT);
}

/* Keys and values in their order, as text. */
static void write_down(registry_t *registry, uint64_t key, FILE *out)
{
    uint16_t units[REGISTRY_MAX_KEY_NAME];
    char data[64];
    const struct registry_buffer name = {units, sizeof(units)}, buffer = {data, sizeof(data)};
    struct registry_value_info value;
    struct registry_key_info info;
    uint64_t subkey;

    for (uint32_t i = 0; registry_enumerate_value(registry, key, i, &value, &name, &buffer) == 0;
         i++) {
        fwrite(units, 1, value.name_bytes, out);
        fwrite(data, 1, value.data_bytes, out);
    }
    for (uint32_t i = 0; registry_enumerate_key(registry, key, i, &subkey) == 0; i++) {
        assert_int_equal(registry_query_key(registry, subkey, true, &info, &name, NULL), 0);
        putc('[', out);
        fwrite(units, 1, info.name_bytes, out);
        write_down(registry, subkey, out);
        putc(']', out);
    }
}

static char *contents(registry_t *registry, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);

    write_down(registry, ROOT, out);
    fclose(out);
    return text;
}

/* What many random changes leave behind, in batches or not; the folder is empty again after. */
static char *outcome(unsigned seed, bool batched, size_t *size)
{
    registry_t *registry = open_store();
    char *text;

    srandom(seed);
    for (int round = 0; round < 20; round++) {
        registry_batch_t *batch = batched ? begin(registry) : NULL;
        for (int i = 0; i < 50; i++)
            change(registry, batch);
        if (batch)
            assert_int_equal(registry_end_batch(batch, 0), 0);
    }
    text = contents(registry, size);
    registry_close(registry);
    remove_folder(NULL);
    assert_int_equal(make_folder(NULL), 0);
    return text;
}

static void the_same_as_one_by_one(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        size_t one_size, batch_size;
        char *one = outcome(seed, false, &one_size), *batch = outcome(seed, true, &batch_size);

        assert_true(one_size > 100);
        assert_int_equal(one_size, batch_size);
        assert_memory_equal(one, batch, one_size);
        free(one);
        free(batch);
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(all_of_it),
        TEST(nothing_of_it),
        TEST(killed_in_the_middle),
        TEST(seen_whole_by_others),
        TEST(links),
        TEST(what_lives_elsewhere),
        TEST(what_no_registry_holds),
        TEST(the_same_as_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
