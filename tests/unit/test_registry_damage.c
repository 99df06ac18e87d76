/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_damage.c - stores that cannot be used as they are: damaged and foreign files,
 * read-only ones, a full disk. What is refused must be named and left as it was.
 */
#include "tests/unit/registry_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT REGISTRY_ROOT_KEY

/* The store is refused, twice, with this code, and not one byte of its file changes. */
static void refused_and_unchanged(int code)
{
    size_t before_size, after_size;
    void *before = read_file(in_folder("registry.db"), &before_size), *after;

    for (int again = 0; again < 2; again++)
        refuse_store(&may_create, code, "registry.db");
    after = read_file(in_folder("registry.db"), &after_size);
    assert_int_equal(after_size, before_size);
    assert_memory_equal(after, before, before_size);
    free(before);
    free(after);
}

/* A store of many pages, closed in order. */
/* So many that the log is written into the database at the close. */
#define LARGE_STORE_VALUES 1500

static void make_large_store(void)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "Machine");
    char name[32], data[300];

    memset(data, 'd', sizeof(data));
    data[sizeof(data) - 1] = '\0';
    for (int i = 0; i < LARGE_STORE_VALUES; i++) {
        snprintf(name, sizeof(name), "value %d", i);
        set(registry, key, name, data);
    }
    registry_close(registry);
}

/* A process that writes one value and is killed with the store open. */
static void die_with_the_store_open(void)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        registry_t *registry;
        struct registry_path name = wide("last"), path = wide("Machine");
        uint64_t key;

        if (registry_open(store_folder, &may_create, &registry, NULL) ||
            registry_lookup(registry, ROOT, path.text, path.units, 0, &key, NULL) ||
            registry_set_value(registry, key, name.text, name.units, REG_BINARY, "x", 1))
            _exit(1);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void overwrite(off_t at, const void *bytes, size_t size)
{
    int fd = open(in_folder("registry.db"), O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, at), size);
    close(fd);
}

static void a_file_that_is_no_database(void **state)
{
    char garbage[8192];

    (void)state;
    memset(garbage, 0xa5, sizeof(garbage));
    write_file(in_folder("registry.db"), garbage, sizeof(garbage));
    refused_and_unchanged(-EUCLEAN);
}

static void a_damaged_header(void **state)
{
    (void)state;
    make_large_store();
    overwrite(0, "not any more..!!", 16);
    refused_and_unchanged(-EUCLEAN);
}

static void an_unclean_end_is_no_damage(void **state)
{
    registry_t *registry;

    (void)state;
    make_large_store();
    die_with_the_store_open();
    registry = open_store();
    check_text(registry, lookup(registry, ROOT, "Machine"), "last", "x");
    registry_close(registry);
}

/* The pages in the middle belong to values that no opening reads by itself. */
static void damage_after_an_unclean_end(void **state)
{
    char garbage[3 * 4096];
    struct stat status;

    (void)state;
    make_large_store();
    die_with_the_store_open();
    memset(garbage, 0x5a, sizeof(garbage));
    assert_int_equal(stat(in_folder("registry.db"), &status), 0);
    assert_true((size_t)status.st_size > 6 * sizeof(garbage));
    overwrite(status.st_size / 2 / 4096 * 4096, garbage, sizeof(garbage));
    refused_and_unchanged(-EUCLEAN);
}

/* Also where nobody was killed: the file is not what was left behind. */
static void damage_between_two_runs(void **state)
{
    char garbage[3 * 4096];
    struct stat status;

    (void)state;
    make_large_store();
    memset(garbage, 0x5a, sizeof(garbage));
    assert_int_equal(stat(in_folder("registry.db"), &status), 0);
    overwrite(status.st_size / 2 / 4096 * 4096, garbage, sizeof(garbage));
    refused_and_unchanged(-EUCLEAN);
}

static void a_file_that_was_cut_off(void **state)
{
    struct stat status;

    (void)state;
    make_large_store();
    assert_int_equal(stat(in_folder("registry.db"), &status), 0);
    assert_int_equal(truncate(in_folder("registry.db"), status.st_size / 2), 0);
    refused_and_unchanged(-EUCLEAN);
}

/* To SQLite an empty file is a new database. */
static void a_file_that_was_emptied(void **state)
{
    (void)state;
    make_large_store();
    assert_int_equal(truncate(in_folder("registry.db"), 0), 0);
    refused_and_unchanged(-EUCLEAN);
}

static void a_folder_in_its_place(void **state)
{
    struct registry_error error = {""};
    registry_t *registry;

    (void)state;
    assert_int_equal(mkdir(in_folder("registry.db"), 0700), 0);
    assert_true(registry_open(store_folder, &may_create, &registry, &error) < 0);
    assert_non_null(strstr(error.text, in_folder("registry.db")));
}

static void a_link_in_its_place(void **state)
{
    struct registry_error error = {""};
    registry_t *registry;
    char target[PATH_MAX + 16];

    (void)state;
    snprintf(target, sizeof(target), "%s/elsewhere", store_folder);
    make_large_store();
    assert_int_equal(rename(in_folder("registry.db"), target), 0);
    assert_int_equal(symlink(target, in_folder("registry.db")), 0);
    assert_true(registry_open(store_folder, &may_create, &registry, &error) < 0);
    assert_non_null(strstr(error.text, in_folder("registry.db")));
}

static void run_sql(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_folder("registry.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_database_of_somebody_else(void **state)
{
    (void)state;
    run_sql("CREATE TABLE keys(id INTEGER); INSERT INTO keys VALUES(1)");
    refused_and_unchanged(-EUCLEAN);
}

static void a_store_of_a_newer_version(void **state)
{
    struct registry_error error = {""};
    registry_t *registry;

    (void)state;
    make_large_store();
    run_sql("PRAGMA user_version=99");
    refused_and_unchanged(-EUCLEAN);
    assert_int_equal(registry_open(store_folder, &may_create, &registry, &error), -EUCLEAN);
    assert_non_null(strstr(error.text, "99"));
    assert_non_null(strstr(error.text, "version of pwk"));
}

static void opened_for_reading_only(void **state)
{
    struct registry_options options = {.read_only = true};
    struct registry_path name = wide("value 1");
    registry_t *registry;
    uint64_t key, other;

    (void)state;
    refuse_store(&options, -ENOENT, "registry.db");
    make_large_store();
    assert_int_equal(registry_open(store_folder, &options, &registry, NULL), 0);
    key = lookup(registry, ROOT, "Machine");
    assert_int_equal(key_info(registry, key).values, LARGE_STORE_VALUES);
    assert_int_equal(try_create(registry, ROOT, "new", 0, &other), -EROFS);
    assert_int_equal(try_set(registry, key, "new", REG_BINARY, "x", 1), -EROFS);
    assert_int_equal(registry_delete(registry, key), -EROFS);
    assert_int_equal(registry_delete_value(registry, key, name.text, name.units), -EROFS);
    assert_true(lookup(registry, ROOT, "MACHINE") == key);
    assert_int_equal(key_info(registry, key).values, LARGE_STORE_VALUES);
    registry_close(registry);
}

/* Answers 0 where nothing that cannot be written is taken for written. */
static int write_without_leave(void)
{
    struct registry_error error = {""};
    registry_t *registry;
    uint64_t key;
    int code = registry_open(store_folder, &may_create, &registry, &error);

    if (code < 0)
        return strstr(error.text, store_folder) ? 0 : 1;
    if (try_lookup(registry, ROOT, "Machine", 0, &key))
        return 2;
    if (try_set(registry, key, "new", REG_BINARY, "x", 1) != -EROFS ||
        try_create(registry, ROOT, "new", 0, &key) != -EROFS)
        return 3;
    registry_close(registry);
    return 0;
}

/* As a user who may read the files and not write them; root may always. */
static void files_without_leave_to_write(void **state)
{
    (void)state;
    make_large_store();
    assert_int_equal(chmod(in_folder("registry.db"), 0444), 0);
    for (mode_t mode = 0444; mode <= 0666; mode += 0222) {
        pid_t child;
        int status;

        assert_int_equal(chmod(in_folder("registry.coherence"), mode), 0);
        assert_int_equal(chmod(store_folder, 0555), 0);
        child = fork();
        if (child == 0) {
            if (getuid() == 0 && (setgid(65534) || setuid(65534)))
                _exit(99);
            _exit(write_without_leave());
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(chmod(store_folder, 0700), 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* ---- disks ---- */

/* Answers which step went wrong, or 0. */
static int fill_the_disk(void)
{
    static char data[20000];
    struct registry_path last = wide("last");
    struct registry_value_info info;
    struct registry_error error;
    registry_t *registry;
    uint64_t key;
    int count = 0, code = 0;
    char name[32];

    if (registry_open(store_folder, &may_create, &registry, &error) ||
        try_create(registry, ROOT, "key", 0, &key))
        return 1;
    for (; code == 0 && count < 1000; count++) {
        memset(data, 'a' + count % 26, sizeof(data));
        snprintf(name, sizeof(name), "%d", count);
        code = try_set(registry, key, name, REG_BINARY, data, sizeof(data));
    }
    if (code != -ENOSPC)
        return 2;
    count--;
    if (try_query(registry, key, name, &info, data, sizeof(data)) != -ENOENT)
        return 3;
    registry_close(registry);
    if ((code = registry_open(store_folder, &may_create, &registry, &error)) != 0)
        return code == -ENOSPC && strstr(error.text, store_folder) ? 4 : 5;
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%d", i);
        if (try_query(registry, key, name, &info, data, sizeof(data)) || data[0] != 'a' + i % 26 ||
            data[sizeof(data) - 1] != data[0])
            return 6;
    }
    /* Room again: a reader with an old view must not stand in the way. */
    for (int i = 0; i < count; i++) {
        last.units = (size_t)snprintf(name, sizeof(name), "%d", i);
        for (size_t at = 0; at < last.units; at++)
            last.text[at] = (uint16_t)name[at];
        code = registry_delete_value(registry, key, last.text, last.units);
        if (code != 0 && code != -ENOSPC)
            return 7;
    }
    registry_close(registry);
    return 0;
}

/* Answers which step went wrong, or 0. */
static int open_on_a_read_only_disk(void)
{
    struct registry_options options = {.read_only = true};
    struct registry_error error = {""};
    registry_t *registry;
    uint64_t key;

    if (registry_open(store_folder, &may_create, &registry, &error) ||
        try_create(registry, ROOT, "key", 0, &key))
        return 1;
    registry_close(registry);
    if (mount("none", store_folder, NULL, MS_REMOUNT | MS_RDONLY, NULL))
        return NO_SMALL_DISK;
    if (registry_open(store_folder, &may_create, &registry, &error) != -EROFS ||
        !strstr(error.text, store_folder))
        return 2;
    error.text[0] = '\0';
    if (registry_open(store_folder, &options, &registry, &error) < 0)
        return strstr(error.text, store_folder) ? 0 : 3;
    return try_lookup(registry, ROOT, "key", 0, &key) ? 4 : 0;
}

static void a_full_disk(void **state)
{
    (void)state;
    on_a_small_disk("size=2m", fill_the_disk);
}

static void a_read_only_disk(void **state)
{
    (void)state;
    on_a_small_disk("size=2m", open_on_a_read_only_disk);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(a_file_that_is_no_database),
        TEST(a_damaged_header),
        TEST(an_unclean_end_is_no_damage),
        TEST(damage_after_an_unclean_end),
        TEST(damage_between_two_runs),
        TEST(a_file_that_was_cut_off),
        TEST(a_file_that_was_emptied),
        TEST(a_folder_in_its_place),
        TEST(a_link_in_its_place),
        TEST(a_database_of_somebody_else),
        TEST(a_store_of_a_newer_version),
        TEST(opened_for_reading_only),
        TEST(files_without_leave_to_write),
        TEST(a_full_disk),
        TEST(a_read_only_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
