/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_kills.c - kill -9 at random moments, many rounds: processes do random operations of
 * every kind, tell each that was acknowledged, open and close the store, and are killed. The store
 * must then hold what was acknowledged, and of what was under way either all or nothing.
 *
 *   PWK_CRASH_ROUNDS=N   rounds (default 200; `make check-crash` does thousands)
 *   PWK_TEST_SEED=N      where the random operations and moments begin
 */
#include "tests/unit/registry_model.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WRITERS = 3, REOPEN_EVERY = 97, LONGEST_MS = 25 };

/* A writer has a key of its own, so that no other's operation changes what its own must answer. */
static struct model models[WRITERS];
static int acknowledged[WRITERS][2];
static unsigned long rounds_done, operations_done;

static unsigned long setting(const char *name, unsigned long usual)
{
    const char *text = getenv(name);

    return text && *text ? strtoul(text, NULL, 10) : usual;
}

static int complain(int number, const char *what)
{
    fprintf(stderr, "round %lu, writer %d: %s\n", rounds_done, number, what);
    return 1;
}

/* Operations without end; a byte for each that has returned. */
static int write_at_random(int number)
{
    struct model *model = &models[number];
    struct registry_error error;
    registry_t *registry;
    const char *difference;

    for (;;) {
        if (registry_open(store_folder, &may_create, &registry, &error))
            return complain(number, error.text);
        difference = model_compare(model, registry);
        if (difference)
            return complain(number, difference);
        for (int i = 0; i < REOPEN_EVERY; i++) {
            struct operation operation = model_choose(model);

            difference = model_operate_both(model, registry, &operation);
            if (difference) {
                complain(number, operation_text(&operation));
                return complain(number, difference);
            }
            if (write(acknowledged[number][1], "", 1) != 1)
                return complain(number, "nobody listens");
        }
        registry_close(registry);
    }
}

static unsigned long count_acknowledged(int number)
{
    unsigned long count = 0;
    char bytes[4096];
    ssize_t got;

    while ((got = read(acknowledged[number][0], bytes, sizeof(bytes))) > 0)
        count += (unsigned long)got;
    close(acknowledged[number][0]);
    return count;
}

static void operate_in_model(struct model *model)
{
    struct operation operation = model_choose(model);
    int key;

    model_operate(model, &operation, &key);
}

/* The store must be as the model after so many operations, or after the one that was under way. */
static void check_writer(registry_t *registry, int number, unsigned long count, bool reopened)
{
    static struct model done, under_way;
    char first[1024];
    const char *difference;

    done = models[number];
    for (unsigned long i = 0; i < count; i++)
        operate_in_model(&done);
    under_way = done;
    operate_in_model(&under_way);
    if (reopened) {
        model_drop_volatile(&done);
        model_drop_volatile(&under_way);
    }
    difference = model_compare(&done, registry);
    if (difference) {
        snprintf(first, sizeof(first), "%s", difference);
        difference = model_compare(&under_way, registry);
        if (difference)
            fail_msg("round %lu, writer %d, after %lu operations: %s; and if the next was done: %s",
                     rounds_done, number, count, first, difference);
        done = under_way;
    }
    models[number] = done;
    operations_done += count;
}

static void kill_all(const pid_t children[WRITERS], unsigned long microseconds)
{
    struct timespec pause = {0, (long)microseconds * 1000};

    for (int i = 0; i < WRITERS; i++) {
        int status;

        nanosleep(&pause, NULL);
        kill(children[i], SIGKILL);
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            fail_msg("writer %d ended by itself with wait status %#x", i, status);
    }
}

/* With the store open here the writers are never the last to close it, and volatile keys stay; else
 * whoever opens it next finds what the killed ones have left. */
static void kill_round(unsigned *random, bool kept_open)
{
    registry_t *registry = kept_open ? open_store() : NULL;
    pid_t children[WRITERS];

    for (int i = 0; i < WRITERS; i++) {
        models[i].makes_volatile = kept_open;
        assert_int_equal(pipe(acknowledged[i]), 0);
        children[i] = start_process(write_at_random, i);
        close(acknowledged[i][1]);
    }
    *random = *random * 1103515245u + 12345u;
    kill_all(children, (*random >> 8) % (LONGEST_MS * 1000 / WRITERS));
    if (!registry)
        registry = open_store();
    for (int i = 0; i < WRITERS; i++)
        check_writer(registry, i, count_acknowledged(i), !kept_open);
    registry_close(registry);
    for (int i = 0; i < WRITERS; i++)
        model_drop_volatile(&models[i]);
    rounds_done++;
}

static void what_was_acknowledged_is_there(void **state)
{
    const unsigned long rounds = setting("PWK_CRASH_ROUNDS", 200);
    unsigned random = (unsigned)setting("PWK_TEST_SEED", 1);
    registry_t *registry = open_store();

    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        char top[12];

        snprintf(top, sizeof(top), "writer %d", i);
        model_begin(&models[i], top, random + (unsigned)i);
        create(registry, REGISTRY_ROOT_KEY, top);
    }
    registry_close(registry);
    for (unsigned long round = 0; round < rounds; round++) {
        alarm(300); /* a hang is a failure, not a wait for good */
        kill_round(&random, round % 2);
    }
    print_message("%lu rounds, %lu operations acknowledged\n", rounds_done, operations_done);
    assert_true(operations_done > rounds);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(what_was_acknowledged_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
