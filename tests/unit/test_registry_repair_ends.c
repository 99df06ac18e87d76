/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_repair_ends.c - repairs of stores whose last process was killed, repairs that are
 * refused, and repairs that do not come to their end.
 */
#include "tests/unit/repair_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the log ---- */

/* Leaves all of the store in its log, and the last value in the journal. */
static int write_and_die(int number)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "Key0000x");

    (void)number;
    for (int i = 1; i < 40; i++) {
        char name[16];
        key_name(i, name);
        set_values(registry, create(registry, key, name), i);
    }
    registry_flush(registry);
    set_values(registry, key, 0);
    raise(SIGKILL);
    return 1;
}

static void die_with_a_log(void)
{
    pid_t child = start_process(write_and_die, 0);
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void values_of_the_journal_are_kept(void **state)
{
    unsigned char noise[100];
    registry_t *registry;
    uint64_t key;
    char data[64];

    (void)state;
    die_with_a_log();
    random_bytes(noise, sizeof(noise));
    {
        struct file file = read_store();
        damage(&file, 0, 0, noise, sizeof(noise));
        free_file(&file);
    }
    remove(in_folder("registry.db-shm"));
    check_store(true);
    registry = open_store();
    key = lookup(registry, ROOT, "Key0000x");
    for (int i = 0; i < VALUES - 1; i++) {
        char name[16];
        value_mark(0, i, name);
        value_data(0, i, data);
        check_value(registry, key, name, REG_BINARY, data, value_size(0, i));
    }
    registry_close(registry);
    is_clean();
}

/* A page in the middle of the log: what was written after it is saved. */
static void a_damaged_log(void **state)
{
    unsigned char noise[200];
    struct registry_check check;
    registry_t *registry;
    struct stat status;
    uint64_t key;
    int fd;

    (void)state;
    die_with_a_log();
    assert_int_equal(stat(in_folder("registry.db-wal"), &status), 0);
    fd = open(in_folder("registry.db-wal"), O_WRONLY | O_CLOEXEC);
    random_bytes(noise, sizeof(noise));
    assert_int_equal(pwrite(fd, noise, sizeof(noise), 32 + 24 + (status.st_size / 2 / 4120) * 4120),
                     200);
    close(fd);
    check = check_store(true);
    assert_true(check.findings > 0 && check.repaired);
    registry = open_store();
    key = lookup(registry, ROOT, "Key0000x");
    lookup(registry, key, "Key0039x");
    registry_close(registry);
    is_clean();
}

/* ---- refused ---- */

static void refuse(int code, const char *part)
{
    struct registry_check check;
    struct registry_error error = {""};

    assert_int_equal(run(true, &check, &error), code);
    if (!strstr(error.text, part))
        fail_msg("'%s' does not say '%s'", error.text, part);
    assert_false(check.repaired);
}

static void what_is_not_repaired(void **state)
{
    unsigned char noise[20 * PAGE];
    registry_t *registry;
    size_t size;
    void *left;

    (void)state;
    refuse(-ENOENT, "registry.db");
    registry = open_store();
    refuse(-EBUSY, "in use");
    registry_close(registry);
    run_sql("PRAGMA user_version=99");
    refuse(-EPROTO, "99");
    assert_int_equal(remove(in_folder("registry.db")), 0);
    remove(in_folder("registry.db-wal"));
    run_sql("CREATE TABLE other(x); INSERT INTO other VALUES(1)");
    refuse(-EPROTO, "not a registry");
    random_bytes(noise, sizeof(noise));
    write_file(in_folder("registry.db"), noise, sizeof(noise));
    refuse(-ENODATA, "nothing");
    left = read_file(in_folder("registry.db"), &size);
    assert_int_equal(size, sizeof(noise));
    assert_memory_equal(left, noise, size);
    free(left);
    assert_int_equal(access(in_folder("registry.db.repairing"), F_OK), -1);
}

static int check_now(int number)
{
    struct registry_check check;
    struct registry_error error;

    return run(number != 0, &check, &error) != 0 || check.findings != 0;
}

/* A check is no hindrance: other processes are at work. */
static void a_check_while_the_store_is_in_use(void **state)
{
    registry_t *registry;

    (void)state;
    make_store();
    registry = open_store();
    set(registry, lookup(registry, ROOT, "Key0000x"), "new", "value");
    finish_process(start_process(check_now, 0));
    registry_close(registry);
}

/* ---- repairs that do not come to their end ---- */

static int repair_now(int number)
{
    struct registry_check check;
    struct registry_error error;

    (void)number;
    return run(true, &check, &error) != 0;
}

/* Wherever it is killed, the next one does it. */
static void a_repair_that_is_killed(void **state)
{
    unsigned char noise[PAGE];
    struct file file;

    (void)state;
    srandom(7);
    make_store();
    file = read_store();
    random_bytes(noise, sizeof(noise));
    for (int round = 0; round < 25; round++) {
        pid_t child;
        int status;

        write_store(&file);
        damage(&file, 5, 0, noise, PAGE);
        child = start_process(repair_now, 0);
        usleep((unsigned)(random() % 60000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        check_store(true);
        compare(&file);
        is_clean();
        remove_kept_files();
    }
    free_file(&file);
}

/* Killed between the last two steps: whoever opens the store first goes on. */
static void a_repair_that_only_needs_its_name(void **state)
{
    struct file file;
    registry_t *registry;

    (void)state;
    make_store();
    file = read_store();
    write_file(in_folder("registry.db.repaired"), file.bytes, file.size);
    write_file(in_folder("registry.db"), "damaged", 7);
    write_file(in_folder("registry.db-wal"), "damaged too", 11);
    registry = open_store();
    lookup(registry, ROOT, "Key0000x\\Key0001x");
    registry_close(registry);
    assert_int_equal(access(in_folder("registry.db.repaired"), F_OK), -1);
    compare(&file);
    free_file(&file);
}

/* Answers which step went wrong, or 0. */
static int repair_on_a_full_disk(void)
{
    struct registry_check check;
    struct registry_error error;
    unsigned char noise[100] = {1};
    size_t size, after_size;
    void *before, *after;
    struct file file;
    char filling[4096] = "";
    int fd;

    make_store();
    file = read_store();
    damage(&file, 0, 0, noise, sizeof(noise));
    before = read_file(in_folder("registry.db"), &size);
    fd = open(in_folder("filling"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, filling, sizeof(filling)) > 0)
        ;
    close(fd);
    if (run(true, &check, &error) != -ENOSPC || !strstr(error.text, "disk is full"))
        return 1;
    after = read_file(in_folder("registry.db"), &after_size);
    if (size != after_size || memcmp(before, after, size))
        return 2;
    if (access(in_folder("registry.db.repairing"), F_OK) == 0)
        return 3;
    return 0;
}

static void a_repair_on_a_full_disk(void **state)
{
    (void)state;
    on_a_small_disk("size=16m", repair_on_a_full_disk);
}

/* Whoever began to make the store was killed: nothing is damaged, there is just no registry yet. */
static void check_unborn(void)
{
    const struct registry_options only_look = {.read_only = true};
    struct registry_check check;
    struct registry_error error;
    registry_t *registry;

    assert_int_equal(run(false, &check, &error), -ENOENT);
    assert_int_equal(run(true, &check, &error), -ENOENT);
    assert_int_equal(registry_open(store_folder, &only_look, &registry, &error), -ENOENT);
    registry = open_store();
    registry_close(registry);
    is_clean();
}

static void a_store_that_was_never_made(void **state)
{
    (void)state;
    assert_int_equal(close(open(in_folder("registry.db"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
                     0);
    check_unborn();
}

static void a_store_of_which_only_the_mode_was_set(void **state)
{
    (void)state;
    run_sql("PRAGMA journal_mode=WAL");
    check_unborn();
}

/* The same file where there was a registry is damage. */
static void a_store_that_was_emptied(void **state)
{
    const struct registry_options only_look = {.read_only = true};
    registry_t *registry;

    (void)state;
    make_store();
    assert_int_equal(truncate(in_folder("registry.db"), 0), 0);
    remove(in_folder("registry.db-wal"));
    assert_true(check_store(false).findings > 0);
    assert_int_equal(registry_open(store_folder, &only_look, &registry, NULL), -EUCLEAN);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(values_of_the_journal_are_kept),
        TEST(a_damaged_log),
        TEST(what_is_not_repaired),
        TEST(a_check_while_the_store_is_in_use),
        TEST(a_repair_that_is_killed),
        TEST(a_repair_that_only_needs_its_name),
        TEST(a_repair_on_a_full_disk),
        TEST(a_store_that_was_never_made),
        TEST(a_store_of_which_only_the_mode_was_set),
        TEST(a_store_that_was_emptied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
