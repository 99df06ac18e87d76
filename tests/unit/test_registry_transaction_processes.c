/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_transaction_processes.c - transactions of several processes on one store, and of
 * processes that are killed: while they hold one, and while they commit.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/transaction_fixture.h"

static int hold_and_wait(int pipe_end)
{
    registry_t *own = open_store();
    uint64_t transaction = begin(own), key = lookup(own, REGISTRY_ROOT_KEY, "Shared");

    set(own, inside(key, transaction), "held", "1");
    create(own, inside(key, transaction), "Held");
    if (write(pipe_end, "x", 1) != 1)
        return 1;
    pause();
    return 0;
}

static void the_locks_and_changes_of_a_killed_process_are_gone(void **state)
{
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "Shared"), transaction, made;
    int ends[2], status;
    pid_t child;
    char ready;

    (void)state;
    registry_close(registry);
    assert_int_equal(pipe(ends), 0);
    child = start_process(hold_and_wait, ends[1]);
    registry = open_store();
    assert_int_equal(read(ends[0], &ready, 1), 1);
    transaction = begin(registry);
    assert_int_equal(try_set(registry, inside(key, transaction), "v", REG_SZ, "", 0), -EBUSY);
    assert_int_equal(try_create(registry, inside(key, transaction), "held", 0, &made), -EBUSY);
    assert_int_equal(missing(registry, key, "held"), -ENOENT);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_int_equal(try_set(registry, inside(key, transaction), "v", REG_SZ, "", 0), 0);
    assert_int_equal(registry_transaction_commit(registry, transaction), 0);
    assert_int_equal(missing(registry, key, "held"), -ENOENT);
    assert_int_equal(key_info(registry, key).subkeys, 0);
    registry_transaction_close(registry, transaction);
    close(ends[0]);
    close(ends[1]);
}

#define KEYS_A_ROUND 20

/* Commits round after round: values of two keys and a branch that all name the round. */
static int commit_without_end(int first)
{
    registry_t *own = open_store();
    uint64_t left = lookup(own, REGISTRY_ROOT_KEY, "Left");
    uint64_t right = lookup(own, REGISTRY_ROOT_KEY, "Right");

    for (int round = first;; round++) {
        uint64_t transaction = begin(own), branch;
        char text[16], name[16];

        snprintf(text, sizeof(text), "%d", round);
        snprintf(name, sizeof(name), "Round%d", round);
        set(own, inside(left, transaction), "round", text);
        branch = create(own, inside(left, transaction), name);
        for (int i = 0; i < KEYS_A_ROUND; i++) {
            snprintf(name, sizeof(name), "K%d", i);
            set(own, create(own, branch, name), "round", text);
        }
        set(own, inside(right, transaction), "round", text);
        if (registry_transaction_commit(own, transaction) != 0)
            return 1;
        registry_transaction_close(own, transaction);
    }
}

static int read_round(uint64_t key)
{
    char text[16] = "";
    struct registry_value_info info;

    assert_int_equal(try_query(registry, key, "round", &info, text, sizeof(text) - 1), 0);
    return atoi(text);
}

static void kill_at_commit_leaves_all_or_nothing(void **state)
{
    uint64_t left = create(registry, REGISTRY_ROOT_KEY, "Left");
    uint64_t right = create(registry, REGISTRY_ROOT_KEY, "Right"), branch;
    int round = 0, status;
    char name[16];

    (void)state;
    set(registry, left, "round", "0");
    set(registry, right, "round", "0");
    for (int kills = 0; kills < 60; kills++) {
        pid_t child;
        registry_close(registry);
        child = start_process(commit_without_end, round + 1);
        usleep(5000 + (useconds_t)(kills * 7919 % 20000));
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        registry = open_store();
        round = read_round(left);
        assert_int_equal(read_round(right), round);
        assert_int_equal(key_info(registry, left).subkeys, round);
        if (!round)
            continue;
        snprintf(name, sizeof(name), "Round%d", round);
        branch = lookup(registry, left, name);
        assert_int_equal(key_info(registry, branch).subkeys, KEYS_A_ROUND);
        assert_int_equal(read_round(lookup(registry, branch, "K19")), round);
    }
    assert_true(round > 0);
}

static int add_one_often(int number)
{
    registry_t *own = open_store();
    uint64_t counters[] = {lookup(own, REGISTRY_ROOT_KEY, "C0"),
                           lookup(own, REGISTRY_ROOT_KEY, "C1")};

    for (int done = 0; done < 100;) {
        uint64_t transaction = begin(own);
        int result = 0;

        for (int i = 0; i < 2 && result == 0; i++) {
            uint64_t key = inside(counters[(number + i) % 2], transaction);
            struct registry_value_info info;
            uint32_t count;

            /* Locks first: what is read then stays. */
            result = try_set(own, key, "lock", REG_BINARY, "", 0);
            if (result == 0)
                result = try_query(own, key, "count", &info, &count, sizeof(count));
            count++;
            if (result == 0)
                result = try_set(own, key, "count", REG_BINARY, &count, sizeof(count));
        }
        if (result == 0)
            result = registry_transaction_commit(own, transaction);
        registry_transaction_close(own, transaction);
        if (result == 0)
            done++;
        else if (result != -EBUSY)
            return 1;
        else
            usleep(200);
    }
    registry_close(own);
    return 0;
}

static void processes_that_count_together_lose_nothing(void **state)
{
    static const uint32_t none = 0;
    pid_t children[3];
    uint32_t all = 300;

    (void)state;
    for (int i = 0; i < 2; i++)
        try_set(registry, create(registry, REGISTRY_ROOT_KEY, i ? "C1" : "C0"), "count",
                REG_BINARY, &none, sizeof(none));
    registry_close(registry);
    for (int i = 0; i < 3; i++)
        children[i] = start_process(add_one_often, i);
    for (int i = 0; i < 3; i++)
        finish_process(children[i]);
    registry = open_store();
    for (int i = 0; i < 2; i++)
        check_value(registry, lookup(registry, REGISTRY_ROOT_KEY, i ? "C1" : "C0"), "count",
                    REG_BINARY, &all, sizeof(all));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_registry, close_registry)
    const struct CMUnitTest tests[] = {
        TEST(the_locks_and_changes_of_a_killed_process_are_gone),
        TEST(kill_at_commit_leaves_all_or_nothing),
        TEST(processes_that_count_together_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
