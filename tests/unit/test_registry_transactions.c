/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_transactions.c - transactions on a real store: what is seen inside and outside,
 * commit and rollback, who is in whose way. Other processes are in
 * test_registry_transaction_processes.c, random changes in test_registry_transaction_model.c.
 */
#include <unistd.h>

#include "tests/unit/transaction_fixture.h"
#include "registry/hive_files.h"

/* The names of all subkeys in order, each with a comma behind it. */
static const char *subkeys(registry_t *in, uint64_t key)
{
    static char text[1024];
    size_t used = 0;
    uint64_t subkey;

    text[0] = 0;
    for (uint32_t i = 0; registry_enumerate_key(in, key, i, &subkey) == 0; i++) {
        uint16_t name[64];
        struct registry_buffer buffer = {name, sizeof(name)};
        struct registry_key_info info;

        assert_int_equal(registry_query_key(in, subkey, false, &info, &buffer, NULL), 0);
        for (uint32_t unit = 0; unit < info.name_bytes / 2; unit++)
            text[used++] = (char)name[unit];
        text[used++] = ',';
        text[used] = 0;
    }
    return text;
}

/* ---- seeing ---- */

static void changes_are_seen_inside_only_and_by_all_after_commit(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "App"), transaction, ours;
    registry_t *other = open_store();
    enum registry_transaction_state now;

    (void)state;
    set(registry, key, "kept", "old");
    set(registry, key, "gone", "old");
    transaction = begin(registry);
    ours = lookup(registry, inside(REGISTRY_ROOT_KEY, transaction), "App");
    assert_int_equal(ours, inside(key, transaction));
    set(registry, ours, "kept", "new");
    set(registry, ours, "more", "new");
    assert_int_equal(delete_named(registry, ours, "GONE"), 0);
    check_text(registry, ours, "kept", "new");
    check_text(registry, ours, "more", "new");
    assert_int_equal(missing(registry, ours, "gone"), -ENOENT);
    assert_int_equal(key_info(registry, ours).values, 2);
    check_text(registry, key, "kept", "old");
    check_text(other, key, "gone", "old");
    assert_int_equal(missing(other, key, "more"), -ENOENT);
    assert_int_equal(key_info(registry, key).values, 2);

    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    check_text(registry, key, "kept", "new");
    check_text(other, key, "more", "new");
    assert_int_equal(missing(other, key, "gone"), -ENOENT);
    assert_int_equal(missing(registry, ours, "kept"), -ECANCELED);
    assert_int_equal(try_set(registry, ours, "late", REG_SZ, "", 0), -ECANCELED);
    assert_int_equal(registry_transaction_state(registry, transaction, &now), 0);
    assert_int_equal(now, REGISTRY_TRANSACTION_COMMITTED);
    assert_int_equal(registry_transaction_commit(registry, transaction), -EALREADY);
    assert_int_equal(registry_transaction_rollback(registry, transaction), -EALREADY);
    registry_transaction_close(registry, transaction);
    assert_int_equal(registry_transaction_state(registry, transaction, &now), -EINVAL);
    assert_int_equal(missing(registry, ours, "kept"), -ECANCELED);
    registry_close(other);
}

static void rollback_and_close_leave_nothing(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "App"), made;
    uint64_t generation = registry_generation(registry);

    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        uint64_t transaction = begin(registry), ours = inside(key, transaction);
        made = create(registry, ours, "Sub");
        set(registry, made, "v", "1");
        set(registry, ours, "v", "1");
        if (!closed)
            assert_int_equal(registry_transaction_rollback(registry, transaction), 0);
        if (!closed)
            assert_int_equal(registry_transaction_commit(registry, transaction), -ECANCELED);
        registry_transaction_close(registry, transaction);
        assert_int_equal(missing(registry, made, "v"), -ECANCELED);
    }
    assert_int_equal(missing(registry, key, "v"), -ENOENT);
    assert_string_equal(subkeys(registry, key), "");
    assert_int_equal(registry_generation(registry), generation);
}

static void deep_branches_are_made_and_unmade(void **state)
{
    static const char *const path[] = {"A", "B", "C", "D", "E", "F"};
    uint64_t transaction = begin(registry), at = inside(REGISTRY_ROOT_KEY, transaction), found;
    uint64_t first = at, keys[6];
    struct registry_path full;

    (void)state;
    for (int i = 0; i < 6; i++) {
        keys[i] = at = create(registry, at, path[i]);
        set(registry, at, "depth", path[i]);
    }
    assert_int_equal(registry_key_path(registry, at, &full), 0);
    assert_true(same_text(full.text, full.units, "\\REGISTRY\\A\\B\\C\\D\\E\\F"));
    assert_int_equal(lookup(registry, first, "a\\b\\c"), keys[2]);
    assert_int_equal(try_lookup(registry, REGISTRY_ROOT_KEY, "A", 0, &found), -ENOENT);
    assert_int_equal(registry_delete(registry, keys[2]), -ENOTEMPTY);
    assert_int_equal(registry_delete(registry, keys[5]), 0);
    assert_int_equal(registry_delete(registry, keys[4]), 0);
    assert_int_equal(registry_delete(registry, keys[4]), -EIDRM);
    assert_int_equal(try_create(registry, keys[4], "X", 0, &found), -EIDRM);
    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    registry_transaction_close(registry, transaction);

    check_text(registry, lookup(registry, REGISTRY_ROOT_KEY, "A\\B\\C\\D"), "depth", "D");
    assert_int_equal(try_lookup(registry, REGISTRY_ROOT_KEY, "A\\B\\C\\D\\E", 0, &found), -ENOENT);
}

static void lists_of_subkeys_are_merged(void **state)
{
    uint64_t parent = create(registry, REGISTRY_ROOT_KEY, "P"), transaction, ours, key;

    (void)state;
    create(registry, parent, "b");
    create(registry, parent, "d");
    create(registry, parent, "f");
    transaction = begin(registry);
    ours = inside(parent, transaction);
    create(registry, ours, "C");
    create(registry, ours, "a");
    assert_int_equal(registry_delete(registry, lookup(registry, ours, "d")), 0);
    assert_int_equal(rename_to(registry, lookup(registry, ours, "f"), "Zlong"), 0);
    assert_int_equal(rename_to(registry, lookup(registry, ours, "b"), "zLONG"), -EEXIST);
    assert_string_equal(subkeys(registry, ours), "a,b,C,Zlong,");
    assert_int_equal(key_info(registry, ours).subkeys, 4);
    assert_int_equal(key_info(registry, ours).max_subkey_name, 10);
    assert_int_equal(try_lookup(registry, ours, "f", 0, &key), -ENOENT);
    assert_int_equal(try_lookup(registry, ours, "D", 0, &key), -ENOENT);
    assert_string_equal(subkeys(registry, parent), "b,d,f,");
    /* What others add is seen at once. */
    create(registry, parent, "e");
    assert_string_equal(subkeys(registry, ours), "a,b,C,e,Zlong,");
    /* A name that was given up is free again, for a key without the old one's values. */
    key = create(registry, ours, "D");
    assert_int_equal(key_info(registry, key).values, 0);
    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    assert_string_equal(subkeys(registry, parent), "a,b,C,D,e,Zlong,");
    registry_transaction_close(registry, transaction);
}

static void names_can_change_places(void **state)
{
    uint64_t first = create(registry, REGISTRY_ROOT_KEY, "one"), transaction = begin(registry);
    uint64_t second = create(registry, REGISTRY_ROOT_KEY, "two");
    uint64_t root = inside(REGISTRY_ROOT_KEY, transaction);

    (void)state;
    assert_int_equal(rename_to(registry, inside(first, transaction), "tmp"), 0);
    assert_int_equal(rename_to(registry, inside(second, transaction), "one"), 0);
    assert_int_equal(rename_to(registry, inside(first, transaction), "two"), 0);
    assert_int_equal(lookup(registry, root, "one"), inside(second, transaction));
    assert_int_equal(lookup(registry, REGISTRY_ROOT_KEY, "one"), first);
    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    assert_int_equal(lookup(registry, REGISTRY_ROOT_KEY, "one"), second);
    assert_int_equal(lookup(registry, REGISTRY_ROOT_KEY, "two"), first);
    registry_transaction_close(registry, transaction);
}

static void descriptors_times_and_flags_belong_to_it(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "App"), transaction = begin(registry);
    uint64_t ours = inside(key, transaction), fresh, made;
    char descriptor[16] = "";
    struct registry_error error;
    void *image;
    size_t size = 0;

    (void)state;
    assert_int_equal(registry_set_security(registry, ours, "abc", 3), 0);
    assert_int_equal(registry_get_security(registry, ours, descriptor, 16, &size), 0);
    assert_memory_equal(descriptor, "abc", 3);
    assert_int_equal(registry_get_security(registry, key, descriptor, 16, &size), -ENODATA);
    assert_int_equal(registry_set_last_write(registry, ours, 12345), 0);
    assert_int_equal(key_info(registry, ours).last_write, 12345);
    assert_int_not_equal(key_info(registry, key).last_write, 12345);
    assert_int_equal(try_create(registry, ours, "V", REGISTRY_VOLATILE, &fresh), 0);
    assert_int_equal(try_create(registry, fresh, "N", 0, &made), -ECHILD);
    assert_int_equal(registry_save_hive(registry, ours, REGISTRY_HIVE_LATEST, &image, &size, &error), -EOPNOTSUPP);
    assert_int_equal(registry_unload_hive(registry, ours), -EOPNOTSUPP);
    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    assert_int_equal(registry_get_security(registry, key, descriptor, 16, &size), 0);
    assert_int_equal(key_info(registry, lookup(registry, key, "V")).flags, REGISTRY_VOLATILE);
    registry_transaction_close(registry, transaction);
}

static void links_are_followed_inside(void **state)
{
    uint64_t transaction = begin(registry), root = inside(REGISTRY_ROOT_KEY, transaction);
    uint64_t target = create(registry, root, "Target"), found;

    (void)state;
    create_link(registry, "Link", "\\Registry\\Target");
    assert_int_equal(try_lookup(registry, REGISTRY_ROOT_KEY, "Link", 0, &found), -ENOENT);
    assert_int_equal(lookup(registry, root, "Link"), target);
    registry_transaction_close(registry, transaction);
}

/* ---- who is in whose way ---- */

static void a_second_transaction_is_refused(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "App"), first = begin(registry), made;
    registry_t *other = open_store();
    uint64_t second = begin(other);

    (void)state;
    set(registry, inside(key, first), "v", "1");
    create(registry, inside(key, first), "Sub");
    assert_int_equal(try_set(other, inside(key, second), "w", REG_SZ, "", 0), -EBUSY);
    assert_int_equal(registry_delete(other, inside(key, second)), -EBUSY);
    assert_int_equal(try_create(other, inside(key, second), "SUB", 0, &made), -EBUSY);
    assert_int_equal(try_create(other, inside(key, second), "Another", 0, &made), 0);
    assert_int_equal(registry_transaction_commit(registry, first), 0);
    /* It has ended: the key is free, and shows what was committed. */
    check_text(other, inside(key, second), "v", "1");
    assert_int_equal(try_set(other, inside(key, second), "w", REG_SZ, "", 0), 0);
    assert_int_equal(registry_transaction_commit(other, second), 0);
    assert_string_equal(subkeys(registry, key), "Another,Sub,");
    registry_transaction_close(registry, first);
    registry_transaction_close(other, second);
    registry_close(other);
}

enum plain_write { SET, DELETE_VALUE, SECURITY, RENAME, CREATE_SAME, CREATE_BELOW, DELETE_KEY };

static void write_plainly(enum plain_write what, uint64_t key)
{
    uint64_t made;

    if (what == SET)
        set(registry, key, "theirs", "x");
    else if (what == DELETE_VALUE)
        assert_int_equal(delete_named(registry, key, "v"), 0);
    else if (what == SECURITY)
        assert_int_equal(registry_set_security(registry, key, "abc", 3), 0);
    else if (what == RENAME)
        assert_int_equal(rename_to(registry, key, "Renamed"), 0);
    else if (what == DELETE_KEY)
        assert_int_equal(registry_delete(registry, key), 0);
    else
        assert_int_equal(
            try_create(registry, key, what == CREATE_SAME ? "Sub" : "Other", 0, &made), 0);
}

/* A write outside rolls the transaction back that changed the same key, and only that one. */
static void a_plain_write_rolls_back(void **state)
{
    static const struct {
        bool set, create, remove;
        enum plain_write what;
        bool survives;
    } cases[] = {
        {true, false, false, SET, false},          {true, false, false, DELETE_VALUE, false},
        {true, false, false, SECURITY, false},     {true, false, false, RENAME, false},
        {true, false, false, DELETE_KEY, false},   {true, false, false, CREATE_BELOW, true},
        {false, true, false, CREATE_SAME, false},  {false, true, false, CREATE_BELOW, true},
        {false, true, false, SET, true},           {false, true, false, DELETE_KEY, false},
        {false, false, true, CREATE_BELOW, false}, {false, false, true, SET, false},
        {false, false, false, SET, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[16];
        uint64_t key, transaction, ours, made;
        enum registry_transaction_state now;

        snprintf(name, sizeof(name), "Case%zu", i);
        key = create(registry, REGISTRY_ROOT_KEY, name);
        set(registry, key, "v", "1");
        transaction = begin(registry);
        ours = inside(key, transaction);
        if (cases[i].set)
            set(registry, ours, "mine", "1");
        if (cases[i].create)
            create(registry, ours, "Sub");
        if (cases[i].remove)
            assert_int_equal(registry_delete(registry, ours), 0);
        write_plainly(cases[i].what, key);
        assert_int_equal(registry_transaction_state(registry, transaction, &now), 0);
        if ((now == REGISTRY_TRANSACTION_ACTIVE) != cases[i].survives)
            fail_msg("case %zu: state %d", i, now);
        if (cases[i].survives) {
            assert_int_equal(registry_transaction_commit(registry, transaction), 0);
        } else {
            assert_int_equal(try_create(registry, ours, "X", 0, &made), -ECANCELED);
            assert_int_equal(registry_transaction_commit(registry, transaction), -ECANCELED);
            assert_int_equal(missing(registry, key, "mine"),
                             cases[i].what == DELETE_KEY ? -EIDRM : -ENOENT);
        }
        registry_transaction_close(registry, transaction);
    }
}

/* More changes than are remembered: what the transaction changed is compared with the store. */
static void many_foreign_changes_are_no_conflict_by_themselves(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "App");
    uint64_t elsewhere = create(registry, REGISTRY_ROOT_KEY, "Elsewhere");

    (void)state;
    for (int hit = 0; hit < 2; hit++) {
        uint64_t transaction = begin(registry);
        set(registry, inside(key, transaction), "mine", "1");
        create(registry, inside(key, transaction), hit ? "S1" : "S0");
        if (hit)
            set(registry, key, "theirs", "x");
        for (int i = 0; i < 3000; i++)
            set(registry, elsewhere, "v", i % 2 ? "a" : "bb");
        assert_int_equal(registry_transaction_commit(registry, transaction), hit ? -ECANCELED : 0);
        registry_transaction_close(registry, transaction);
    }
    assert_string_equal(subkeys(registry, key), "S0,");
}

static void time_and_number_are_bounded(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "App"), transaction, last;
    uint64_t all[REGISTRY_MAX_TRANSACTIONS];
    enum registry_transaction_state now;
    int result = 0;

    (void)state;
    assert_int_equal(registry_transaction_begin(registry, 1, &transaction), 0);
    for (int i = 0; i < 1000 && result == 0; i++) {
        result = try_set(registry, inside(key, transaction), "v", REG_SZ, "", 0);
        usleep(1000);
    }
    assert_int_equal(result, -ECANCELED);
    assert_int_equal(registry_transaction_state(registry, transaction, &now), 0);
    assert_int_equal(now, REGISTRY_TRANSACTION_ROLLED_BACK);
    registry_transaction_close(registry, transaction);
    for (int i = 0; i < REGISTRY_MAX_TRANSACTIONS; i++)
        all[i] = begin(registry);
    assert_int_equal(registry_transaction_begin(registry, 0, &last), -EMFILE);
    for (int i = 0; i < REGISTRY_MAX_TRANSACTIONS; i++)
        registry_transaction_close(registry, all[i]);
}

static void watchers_are_told_at_commit(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "App"), transaction = begin(registry);
    uint64_t generation = registry_generation(registry);
    struct registry_change changes[8];
    int count;

    (void)state;
    set(registry, inside(key, transaction), "v", "1");
    set(registry, inside(key, transaction), "w", "1");
    create(registry, inside(key, transaction), "Sub");
    assert_int_equal(registry_read_changes(registry, &generation, changes, 8), 0);
    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    count = registry_read_changes(registry, &generation, changes, 8);
    assert_int_equal(count, 2);
    assert_int_equal(changes[0].key, key);
    assert_int_equal(changes[0].kinds, REGISTRY_CHANGED_VALUES);
    assert_int_equal(changes[1].key, key);
    assert_int_equal(changes[1].kinds, REGISTRY_CHANGED_NAME);
    registry_transaction_close(registry, transaction);
}

/* ---- size ---- */

static void large_transactions_are_carried_out(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "Large"), transaction = begin(registry);
    uint64_t ours = inside(key, transaction);
    registry_t *other = open_store();
    char name[16];

    (void)state;
    assert_int_equal(key_info(other, key).values, 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        set(registry, ours, name, name);
        create(registry, ours, name);
        check_text(registry, ours, name, name);
    }
    assert_int_equal(key_info(registry, ours).subkeys, 1000);
    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    assert_int_equal(key_info(other, key).values, 1000);
    assert_int_equal(key_info(other, key).subkeys, 1000);
    check_text(other, key, "n999", "n999");
    registry_transaction_close(registry, transaction);
    registry_close(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_registry, close_registry)
    const struct CMUnitTest tests[] = {
        TEST(changes_are_seen_inside_only_and_by_all_after_commit),
        TEST(rollback_and_close_leave_nothing),
        TEST(deep_branches_are_made_and_unmade),
        TEST(lists_of_subkeys_are_merged),
        TEST(names_can_change_places),
        TEST(descriptors_times_and_flags_belong_to_it),
        TEST(links_are_followed_inside),
        TEST(a_second_transaction_is_refused),
        TEST(a_plain_write_rolls_back),
        TEST(many_foreign_changes_are_no_conflict_by_themselves),
        TEST(time_and_number_are_bounded),
        TEST(watchers_are_told_at_commit),
        TEST(large_transactions_are_carried_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
