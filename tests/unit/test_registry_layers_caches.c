/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_layers_caches.c - what one cache knows of the names that a key hides of the layer
 * below, while another registry (a cache of its own, as another process has it) hides more: a key
 * made over such a name shows nothing of what is or comes below it.
 */
#include "tests/unit/lower_fixture.h"

#include "registry/batch.h"
#include "registry/transaction.h"

#define ROOT REGISTRY_ROOT_KEY
#define BELOW "[P]\n[P\\\\K]\n\"v\"=dword:1\n[P\\\\L]\n[Z]\n"
#define LATER "[P]\n[P\\\\K]\n\"v\"=dword:2\n\"w\"=dword:3\n[P\\\\K\\\\S]\n[P\\\\L]\n[Z]\n"

/* After a write to the store the next key is made there; this is that one, and others are made by
 * way of the journal again. */
static void make_in_the_store(registry_t *registry)
{
    static int made;
    char path[32];

    snprintf(path, sizeof path, "Z\\made %d", made++);
    make(registry, path);
}

/* The registry has made and deleted a key below P by way of the journal, and knows what P hides. */
static void come_to_know(registry_t *registry)
{
    make_in_the_store(registry);
    make(registry, "P\\passing");
    remove_key(registry, "P\\passing");
}

static void check_that_nothing_shows(registry_t *registry)
{
    assert_string_equal(values(registry, "P\\K"), "mine ");
    assert_string_equal(subkeys(registry, "P\\K"), "");
}

/* ---- ways in which K is taken away ---- */

static void by_deletion(registry_t *registry)
{
    remove_key(registry, "P\\K");
}

static void by_renaming(registry_t *registry)
{
    struct registry_path name = wide("M");

    assert_int_equal(
        registry_rename(registry, lookup(registry, ROOT, "Machine\\P\\K"), name.text, name.units),
        0);
}

static void by_transaction(registry_t *registry)
{
    uint64_t key = lookup(registry, ROOT, "Machine\\P\\K"), transaction;

    assert_int_equal(registry_transaction_begin(registry, 0, &transaction), 0);
    assert_int_equal(registry_delete(registry, registry_key_in_transaction(key, transaction)), 0);
    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
}

static void by_batch(registry_t *registry)
{
    uint64_t key = lookup(registry, ROOT, "Machine\\P\\K");
    registry_batch_t *batch;

    assert_int_equal(registry_begin_batch(registry, &batch), 0);
    assert_int_equal(registry_batch_delete_branch(batch, key), 0);
    assert_int_equal(registry_end_batch(batch, 0), 0);
}

static int delete_in_a_process(int number)
{
    registry_t *registry = open_layers();

    (void)number;
    remove_key(registry, "P\\K");
    registry_close(registry);
    return 0;
}

static void by_another_process(registry_t *registry)
{
    (void)registry;
    finish_process(start_process(delete_in_a_process, 0));
}

/* Was the kernel's own first, and got the layer below's under it then. */
static void after_it_came_below(registry_t *registry)
{
    lower_becomes("[P]\n[Z]\n");
    put(registry, "P\\K", "mine", 100);
    lower_becomes(BELOW);
    assert_string_equal(values(registry, "P\\K"), "mine v ");
    remove_key(registry, "P\\K");
}

static void (*const ways[])(registry_t *registry) = {
    by_deletion, by_renaming, by_transaction, by_batch, by_another_process, after_it_came_below,
};

static void a_key_is_made_over_what_another_cache_hid(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        registry_t *here, *there;

        lower_becomes(BELOW);
        here = open_layers();
        there = open_layers();
        put(there, "P", "p", 1); /* the kernel's from now on */
        come_to_know(here);
        ways[i](there);
        make_in_the_store(there);
        put(here, "P\\K", "mine", 100);
        check_that_nothing_shows(here);
        check_that_nothing_shows(there);
        lower_becomes(LATER);
        check_that_nothing_shows(here);
        check_that_nothing_shows(there);
        registry_close(here);
        registry_close(there);
        assert_int_equal(remove_layers(NULL), 0);
        assert_int_equal(make_layers(NULL), 0);
    }
}

/* Both know that nothing is hidden when the first of them hides something. */
static void the_cache_that_hides_it_knows_it_too(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes(BELOW);
    registry = open_layers();
    put(registry, "P", "p", 1);
    come_to_know(registry);
    by_deletion(registry);
    make_in_the_store(registry);
    put(registry, "P\\K", "mine", 100);
    lower_becomes(LATER);
    check_that_nothing_shows(registry);
    /* Other names are not concerned, whatever is hidden beside them. */
    remove_key(registry, "P\\L");
    make_in_the_store(registry);
    put(registry, "P\\N", "mine", 100);
    lower_becomes("[P]\n[P\\\\N]\n\"v\"=dword:4\n");
    assert_string_equal(values(registry, "P\\N"), "mine v ");
    registry_close(registry);
}

/* The tombstone outlasts the layer below's key, and its parent. */
static void what_came_below_later_stays_hidden(void **state)
{
    registry_t *here, *there;

    (void)state;
    lower_becomes(BELOW);
    here = open_layers();
    there = open_layers();
    put(there, "P", "p", 1);
    come_to_know(here);
    by_deletion(there);
    make_in_the_store(there);
    lower_becomes("[Z]\n");
    come_to_know(here);
    put(here, "P\\K", "mine", 100);
    lower_becomes(LATER);
    check_that_nothing_shows(here);
    check_that_nothing_shows(there);
    registry_close(here);
    registry_close(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_made_over_what_another_cache_hid, make_layers,
                                        remove_layers),
        cmocka_unit_test_setup_teardown(the_cache_that_hides_it_knows_it_too, make_layers,
                                        remove_layers),
        cmocka_unit_test_setup_teardown(what_came_below_later_stays_hidden, make_layers,
                                        remove_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
