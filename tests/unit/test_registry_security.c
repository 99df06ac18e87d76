/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_security.c - descriptors of keys in the registry: that a key has one is known
 * wherever the key is found, in all processes and inside transactions, and a key that is made with
 * one is never there without it.
 */
#include "tests/unit/transaction_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char one[] = "a descriptor", another[] = "another descriptor";

static bool is_secured(registry_t *in, uint64_t from, const char *path)
{
    struct registry_path text = wide(path);
    struct registry_found found;

    assert_int_equal(registry_find(in, from, text.text, text.units, 0, &found, NULL), 0);
    assert_int_equal(key_info(in, found.key).secured, found.secured);
    return found.secured;
}

static void check_security(registry_t *in, uint64_t key, const char *expected)
{
    char descriptor[64];
    size_t size = 0;

    assert_int_equal(registry_get_security(in, key, descriptor, sizeof descriptor, &size), 0);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(descriptor, expected, size);
}

static int make(registry_t *in, uint64_t from, const char *path, const char *security,
                const char *parent, struct registry_found *found)
{
    struct registry_path text = wide(path);
    struct registry_creation creation = {
        .security = security,
        .security_size = security ? strlen(security) : 0,
        .parent_security = parent,
        .parent_security_size = parent ? strlen(parent) : 0,
    };

    return registry_find_or_create(in, from, text.text, text.units, &creation, found, NULL);
}

static void a_key_is_known_to_have_one(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "key");

    (void)state;
    assert_false(is_secured(registry, REGISTRY_ROOT_KEY, "key"));
    assert_false(is_secured(registry, key, ""));
    assert_int_equal(registry_set_security(registry, key, one, strlen(one)), 0);
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "key"));
    assert_true(is_secured(registry, key, ""));
    assert_int_equal(rename_to(registry, key, "renamed"), 0);
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "RENAMED"));
    assert_int_equal(registry_set_security(registry, key, NULL, 0), 0);
    assert_false(is_secured(registry, REGISTRY_ROOT_KEY, "renamed"));
    assert_int_equal(registry_set_security(registry, REGISTRY_ROOT_KEY, one, strlen(one)), 0);
    assert_false(is_secured(registry, key, "\\"));
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, ""));
    /* By a link to a key that has no name of its own, and by one to a key that has. */
    create_link(registry, "top", "\\Registry");
    create_link(registry, "link", "\\Registry\\renamed");
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "top"));
    create_link(registry, "renamed\\deep", "\\Registry");
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "renamed\\deep"));
    assert_false(is_secured(registry, REGISTRY_ROOT_KEY, "link"));
    assert_int_equal(registry_set_security(registry, key, one, strlen(one)), 0);
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "link"));
}

static void a_key_that_the_cache_cannot_hold(void **state)
{
    static char large[40000];
    uint64_t key;

    (void)state;
    registry_close(registry);
    registry = open_store_with(SMALL_CACHE, NULL, 0);
    key = create(registry, REGISTRY_ROOT_KEY, "large");
    for (int i = 0; i < 4; i++) {
        char name[] = {(char)('a' + i), 0};
        assert_int_equal(try_set(registry, key, name, REG_BINARY, large, sizeof large), 0);
    }
    assert_false(is_secured(registry, REGISTRY_ROOT_KEY, "large"));
    assert_int_equal(registry_set_security(registry, key, one, strlen(one)), 0);
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "large"));
}

static void a_key_is_made_with_one(void **state)
{
    struct registry_found found, again;

    (void)state;
    assert_int_equal(make(registry, REGISTRY_ROOT_KEY, "made", one, NULL, &found), 0);
    assert_true(found.created && found.secured);
    check_security(registry, found.key, one);
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "made"));
    /* Of a key that is there nothing is changed. */
    assert_int_equal(make(registry, REGISTRY_ROOT_KEY, "made", another, NULL, &again), 0);
    assert_false(again.created);
    assert_true(again.secured);
    assert_int_equal(again.key, found.key);
    check_security(registry, found.key, one);
}

static void the_parents_must_be_the_one_expected(void **state)
{
    struct registry_creation only_find = {.only_find = true};
    struct registry_path path = wide("missing");
    struct registry_found found;
    uint64_t parent = create(registry, REGISTRY_ROOT_KEY, "parent"), key;

    (void)state;
    assert_int_equal(make(registry, parent, "new", NULL, one, &found), -EACCES);
    assert_int_equal(registry_set_security(registry, parent, one, strlen(one)), 0);
    assert_int_equal(make(registry, parent, "new", NULL, NULL, &found), -EACCES);
    assert_int_equal(found.key, parent);
    create(registry, REGISTRY_ROOT_KEY, "other"); /* now the journal would take the next one */
    assert_int_equal(make(registry, parent, "new", NULL, NULL, &found), -EACCES);
    assert_int_equal(make(registry, REGISTRY_ROOT_KEY, "parent\\new", another, another, &found),
                     -EACCES);
    assert_int_equal(found.key, parent);
    assert_int_equal(try_lookup(registry, parent, "new", 0, &key), -ENOENT);
    assert_int_equal(make(registry, parent, "new", another, one, &found), 0);
    assert_true(found.created && found.secured);
    assert_int_equal(make(registry, parent, "plain", NULL, one, &found), 0);
    assert_true(found.created && !found.secured);
    /* Who does not look at descriptors may go on. */
    assert_int_equal(try_create(registry, parent, "outside", 0, &key), 0);
    assert_int_equal(
        registry_find_or_create(registry, parent, path.text, path.units, &only_find, &found, NULL),
        -EACCES);
    assert_int_equal(found.key, parent);
    assert_int_equal(try_lookup(registry, parent, "missing", 0, &key), -ENOENT);
}

/* ---- transactions ---- */

static void a_transaction_has_its_own(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "key"), transaction = begin(registry);
    uint64_t root = inside(REGISTRY_ROOT_KEY, transaction);
    struct registry_found found, below;

    (void)state;
    assert_int_equal(registry_set_security(registry, inside(key, transaction), one, strlen(one)),
                     0);
    assert_true(is_secured(registry, root, "key"));
    assert_false(is_secured(registry, REGISTRY_ROOT_KEY, "key"));
    assert_int_equal(make(registry, root, "key\\new", NULL, NULL, &found), -EACCES);
    assert_int_equal(found.key, inside(key, transaction));
    assert_int_equal(make(registry, root, "key\\new", another, one, &found), 0);
    assert_true(found.created && found.secured);
    check_security(registry, found.key, another);
    assert_int_equal(make(registry, found.key, "deep", NULL, NULL, &below), -EACCES);
    assert_int_equal(below.key, found.key);
    assert_int_equal(make(registry, found.key, "deep", NULL, another, &below), 0);
    assert_true(is_secured(registry, root, "key\\new"));
    assert_false(is_secured(registry, root, "key\\new\\deep"));

    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "key"));
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "key\\new"));
    assert_false(is_secured(registry, REGISTRY_ROOT_KEY, "key\\new\\deep"));
    check_security(registry, lookup(registry, key, "new"), another);
}

static void one_that_is_taken_away_inside(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "key"), transaction = begin(registry);

    (void)state;
    assert_int_equal(registry_set_security(registry, key, one, strlen(one)), 0);
    assert_int_equal(registry_set_security(registry, inside(key, transaction), NULL, 0), 0);
    assert_false(is_secured(registry, inside(REGISTRY_ROOT_KEY, transaction), "key"));
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "key"));
    assert_int_equal(registry_transaction_rollback(registry, transaction), 0);
    assert_true(is_secured(registry, REGISTRY_ROOT_KEY, "key"));
}

/* ---- other processes ---- */

enum { ROUNDS = 40, KEYS = 1000 };
static int asked[2], answered[2];

/* Has the key in its cache, and must see at once what the other process did to it. */
static int look_each_round(int number)
{
    struct registry_error error;
    struct registry_found found;
    struct registry_path path = wide("shared");
    registry_t *own;
    char turn;

    (void)number;
    if (registry_open(store_folder, &may_create, &own, &error))
        return 2;
    for (int i = 0; i < ROUNDS; i++) {
        if (read(asked[0], &turn, 1) != 1)
            return 3;
        if (registry_find(own, REGISTRY_ROOT_KEY, path.text, path.units, 0, &found, NULL) ||
            found.secured != (i % 2 == 1))
            return 4;
        if (write(answered[1], &turn, 1) != 1)
            return 5;
    }
    registry_close(own);
    return 0;
}

static void other_processes_know_at_once(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "shared");
    pid_t child;
    char turn = 0;

    (void)state;
    assert_int_equal(pipe(asked), 0);
    assert_int_equal(pipe(answered), 0);
    registry_close(registry);
    child = start_process(look_each_round, 0);
    registry = open_store();
    close(answered[1]);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(
            registry_set_security(registry, key, i % 2 ? one : NULL, i % 2 ? strlen(one) : 0), 0);
        assert_int_equal(write(asked[1], &turn, 1), 1);
        if (read(answered[0], &turn, 1) != 1)
            break;
    }
    finish_process(child);
    close(asked[0]);
    close(asked[1]);
    close(answered[0]);
}

static uint64_t round_key(registry_t *in, int number)
{
    char name[32];

    snprintf(name, sizeof name, "round-%d", number);
    return create(in, REGISTRY_ROOT_KEY, name);
}

/* Makes keys with descriptors, and then waits: each look at them takes longer the more there are. */
static int make_keys(int number)
{
    struct registry_error error;
    struct registry_found found;
    registry_t *own;
    uint64_t from;
    char name[32];

    if (registry_open(store_folder, &may_create, &own, &error))
        return 2;
    from = round_key(own, number);
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "%d", i);
        if (make(own, from, name, one, NULL, &found))
            return 3;
    }
    for (;;)
        pause();
}

static int check_all(registry_t *in, uint64_t from)
{
    uint64_t key;
    int count = 0;

    for (; registry_enumerate_key(in, from, (uint32_t)count, &key) == 0; count++)
        check_security(in, key, one);
    return count;
}

/* Neither another process nor who comes after kill -9 sees a key without its descriptor. */
static void no_key_is_seen_without(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        int seen = 0, status;
        uint64_t from;
        pid_t child;

        registry_close(registry);
        child = start_process(make_keys, round);
        registry = open_store();
        from = round_key(registry, round);
        while (seen < 20) {
            assert_int_equal(waitpid(child, &status, WNOHANG), 0);
            seen = check_all(registry, from);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        registry_close(registry);
        registry = open_store();
        assert_true(check_all(registry, round_key(registry, round)) >= seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_known_to_have_one, open_registry, close_registry),
        cmocka_unit_test_setup_teardown(a_key_that_the_cache_cannot_hold, open_registry,
                                        close_registry),
        cmocka_unit_test_setup_teardown(a_key_is_made_with_one, open_registry, close_registry),
        cmocka_unit_test_setup_teardown(the_parents_must_be_the_one_expected, open_registry,
                                        close_registry),
        cmocka_unit_test_setup_teardown(a_transaction_has_its_own, open_registry, close_registry),
        cmocka_unit_test_setup_teardown(one_that_is_taken_away_inside, open_registry,
                                        close_registry),
        cmocka_unit_test_setup_teardown(other_processes_know_at_once, open_registry,
                                        close_registry),
        cmocka_unit_test_setup_teardown(no_key_is_seen_without, open_registry, close_registry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
