/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_repair.c - checking and mending stores with damaged pages, files and rows.
 */
#include "tests/unit/repair_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_store_in_order(void **state)
{
    struct registry_check check;

    (void)state;
    make_store();
    check = check_store(false);
    assert_int_equal(check.findings, 0);
    assert_int_equal(check.keys, KEYS);
    assert_int_equal(check.values, KEYS * VALUES);
    is_clean();
}

/* Pages anywhere, by random bytes, by zeros, or in part. PWK_REPAIR_ROUNDS: how often. */
static void damaged_pages(void **state)
{
    const char *wanted = getenv("PWK_REPAIR_ROUNDS");
    const int rounds = wanted ? atoi(wanted) : 40;
    unsigned char noise[PAGE];
    struct file pristine;

    (void)state;
    srandom(20);
    make_store();
    pristine = read_store();
    for (int round = 0; round < rounds; round++) {
        size_t pages = pristine.size / PAGE;
        int count = 1 + (int)(random() % (round % 4 == 3 ? (long)pages / 2 : 5));

        write_store(&pristine);
        memset(pristine.damaged, 0, pages);
        for (int i = 0; i < count; i++) {
            size_t page = (size_t)random() % pages, from = 0, size = PAGE;
            if (round % 4 == 2) {
                from = (size_t)random() % 64;
                size = 64 + (size_t)random() % 1024;
            }
            random_bytes(noise, sizeof(noise));
            if (round % 4 == 1)
                memset(noise, 0, sizeof(noise));
            damage(&pristine, page, from, noise, size);
        }
        /* Zeros at the end of a chain of pages are data like any other. */
        if (check_store(false).findings)
            mend_and_compare(&pristine);
    }
    free_file(&pristine);
}

/* The pages of one table or index, interior or leaf. */
static size_t pages_of(const char *table, const char *kind, size_t *pages, size_t capacity)
{
    sqlite3_stmt *statement;
    size_t count = 0;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_folder("registry.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT pageno FROM dbstat WHERE name=?1 AND pagetype=?2",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, kind, -1, SQLITE_STATIC);
    while (count < capacity && sqlite3_step(statement) == SQLITE_ROW)
        pages[count++] = (size_t)sqlite3_column_int64(statement, 0) - 1;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void damage_tree(const char *table, const char *kind)
{
    unsigned char noise[PAGE];
    size_t pages[200], count;
    struct file file;

    make_store();
    count = pages_of(table, kind, pages, 200);
    assert_true(count > 0);
    file = read_store();
    random_bytes(noise, sizeof(noise));
    for (size_t i = 0; i < count; i++)
        damage(&file, pages[i], 0, noise, PAGE);
    mend_and_compare(&file);
    free_file(&file);
}

/* No row stands there: nothing may be lost, wherever the children are. */
static void a_damaged_way_to_the_keys(void **state)
{
    (void)state;
    damage_tree("keys", "internal");
}

static void a_damaged_way_to_the_values(void **state)
{
    (void)state;
    damage_tree("key_values", "internal");
}

static void damaged_keys_are_found_in_the_index(void **state)
{
    (void)state;
    damage_tree("keys", "leaf");
}

static void a_damaged_index_of_names(void **state)
{
    struct saved *saved;

    (void)state;
    damage_tree("keys_by_name", "leaf");
    saved = see_all(NULL);
    for (int i = 0; i < KEYS; i++) {
        assert_true(saved->keys[i] != 0);
        assert_int_equal(saved->parents[i], i == 0 ? -1 : PARENT(i));
    }
    free(saved);
}

/* Once the header alone, once all of the first page, with the schema. */
static void a_damaged_header(void **state)
{
    unsigned char noise[PAGE];
    struct registry_check check;
    struct file file;

    (void)state;
    make_store();
    file = read_store();
    for (int i = 0; i < 2; i++) {
        write_store(&file);
        random_bytes(noise, sizeof(noise));
        damage(&file, 0, 0, noise, i ? PAGE : 100);
        check = mend_and_compare(&file);
        assert_int_equal(check.keys, KEYS);
        assert_int_equal(check.values, KEYS * VALUES);
    }
    free_file(&file);
}

static void a_file_that_was_cut_off(void **state)
{
    struct file file;

    (void)state;
    make_store();
    file = read_store();
    for (size_t parts = 2; parts < 8; parts += 2) {
        size_t keep = file.size * (parts - 1) / parts / 512 * 512 + 100;
        write_store(&file);
        for (size_t page = 0; page < file.size / PAGE; page++)
            file.damaged[page] = page >= keep / PAGE;
        assert_int_equal(truncate(in_folder("registry.db"), (off_t)keep), 0);
        mend_and_compare(&file);
    }
    free_file(&file);
}

/* ---- rows that SQLite finds in order ---- */

static uint64_t lost_key(registry_t *registry, const char *name)
{
    return lookup(registry, lookup(registry, ROOT, "Lost+Found"), name);
}

static void a_broken_tree(void **state)
{
    registry_t *registry;
    uint64_t key;

    (void)state;
    registry = open_store();
    key = create(registry, ROOT, "A");
    assert_int_equal(key, 2);
    set(registry, key, "one", "1");
    set(registry, key, "two", "2");
    assert_int_equal(create(registry, key, "B"), 3);
    assert_int_equal(create(registry, lookup(registry, key, "B"), "C"), 4);
    assert_int_equal(create(registry, ROOT, "D"), 5);
    assert_int_equal(create(registry, lookup(registry, ROOT, "D"), "E"), 6);
    assert_int_equal(create(registry, ROOT, "V"), 7);
    assert_int_equal(create(registry, lookup(registry, ROOT, "V"), "W"), 8);
    registry_close(registry);
    checkpoint();
    is_clean();
    run_sql("UPDATE keys SET parent=4 WHERE id=3;" /* B below C below B */
            "DELETE FROM keys WHERE id=5;"         /* the parent of E */
            "UPDATE key_values SET position=7;"    /* twice, and past the last */
            "UPDATE keys SET flags=1 WHERE id=7;"  /* W lasts, V does not */
            "INSERT INTO key_values(key, sort, name, position, type, data)"
            " VALUES(99, x'0058', x'5800', 1, 3, x'aa');"
            "INSERT INTO hives VALUES(77, '/nowhere');"
            "DELETE FROM marks");
    assert_true(check_store(false).findings >= 6);
    assert_true(check_store(true).repaired);
    registry = open_store();
    key = lookup(registry, ROOT, "A");
    check_text(registry, key, "one", "1");
    check_text(registry, key, "two", "2");
    lookup(registry, lost_key(registry, "key-3"), "B\\C");
    lookup(registry, lost_key(registry, "key-5"), "E");
    check_text(registry, lost_key(registry, "key-99"), "X", "\xaa");
    lookup(registry, ROOT, "V\\W");
    assert_int_equal(registry_is_empty(registry), 0);
    set(registry, key, "three", "3");
    registry_close(registry);
    is_clean();
    /* The place is there now: a second repair uses it again. */
    run_sql("UPDATE keys SET parent=50 WHERE name=x'4500'");
    assert_true(check_store(true).repaired);
    registry = open_store();
    lookup(registry, lost_key(registry, "key-50"), "E");
    check_text(registry, lost_key(registry, "key-99"), "X", "\xaa");
    registry_close(registry);
    is_clean();
}

static void names_that_do_not_sort(void **state)
{
    (void)state;
    make_store();
    run_sql("UPDATE keys SET sort=x'00410042' WHERE id=5");
    assert_int_equal(check_store(false).findings, 1);
    run_sql("UPDATE keys SET flags=64 WHERE id=6");
    assert_int_equal(check_store(false).findings, 2);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(a_store_in_order),
        TEST(damaged_pages),
        TEST(a_damaged_way_to_the_keys),
        TEST(a_damaged_way_to_the_values),
        TEST(damaged_keys_are_found_in_the_index),
        TEST(a_damaged_index_of_names),
        TEST(a_damaged_header),
        TEST(a_file_that_was_cut_off),
        TEST(a_broken_tree),
        TEST(names_that_do_not_sort),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
