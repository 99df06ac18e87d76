/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_model.c - random operations on a registry and on a model of one: after each the
 * answers are compared, and now and then all that either holds.
 *
 *   PWK_TEST_SEED=N         that seed alone, as a failed run has named it
 *   PWK_TEST_SEEDS=N        so many seeds (default 12)
 *   PWK_TEST_OPERATIONS=N   so many operations for each (default 600)
 */
#include "tests/unit/registry_model.h"

enum { COMPARE_EVERY = 50 };

static unsigned long setting(const char *name, unsigned long usual)
{
    const char *text = getenv(name);

    return text && *text ? strtoul(text, NULL, 10) : usual;
}

/* What one seed does with a registry that is opened `handles` times, and closed and opened again
 * every `reopen` operations (0: never). */
struct play {
    size_t cache_bytes;
    int handles;
    unsigned reopen;
    registry_t *open[2];
};

static void open_all(struct play *play)
{
    for (int i = 0; i < play->handles; i++)
        play->open[i] = open_store_with(play->cache_bytes, NULL, 0);
}

static void close_all(struct play *play)
{
    for (int i = 0; i < play->handles; i++)
        registry_close(play->open[i]);
}

static void compare(struct play *play, struct model *model, unsigned seed, unsigned long number)
{
    for (int i = 0; i < play->handles; i++) {
        const char *difference = model_compare(model, play->open[i]);

        if (difference)
            fail_msg("after %lu operations: %s; repeat with PWK_TEST_SEED=%u", number, difference,
                     seed);
    }
}

static void play_seed(struct play *play, struct model *model, unsigned seed)
{
    const unsigned long operations = setting("PWK_TEST_OPERATIONS", 600);
    char top[12];

    snprintf(top, sizeof(top), "seed %u", seed);
    model_begin(model, top, seed);
    model->makes_volatile = true;
    open_all(play);
    create(play->open[0], REGISTRY_ROOT_KEY, top);
    compare(play, model, seed, 0);
    for (unsigned long i = 1; i <= operations; i++) {
        struct operation operation = model_choose(model);
        const char *difference =
            model_operate_both(model, play->open[i % (unsigned)play->handles], &operation);

        if (difference)
            fail_msg("operation %lu, %s: %s; repeat with PWK_TEST_SEED=%u", i,
                     operation_text(&operation), difference, seed);
        if (play->reopen && i % play->reopen == 0) {
            close_all(play);
            open_all(play);
            model_drop_volatile(model);
        }
        if (i % COMPARE_EVERY == 0)
            compare(play, model, seed, i);
    }
    compare(play, model, seed, operations);
    close_all(play);
}

static void play_all(struct play play)
{
    const unsigned long only = setting("PWK_TEST_SEED", 0);
    const unsigned long seeds = setting("PWK_TEST_SEEDS", 12);
    static struct model model;

    if (only)
        play_seed(&play, &model, (unsigned)only);
    for (unsigned long seed = 1; !only && seed <= seeds; seed++)
        play_seed(&play, &model, (unsigned)seed);
}

static void one_registry(void **state)
{
    (void)state;
    play_all((struct play){.handles = 1});
}

/* Most of what is read is no longer, or never, in the cache. */
static void a_small_cache(void **state)
{
    (void)state;
    play_all((struct play){.cache_bytes = SMALL_CACHE, .handles = 1});
}

/* What is written by one is read by the other. */
static void two_in_turn(void **state)
{
    (void)state;
    play_all((struct play){.handles = 2});
}

static void closed_and_opened_again(void **state)
{
    (void)state;
    play_all((struct play){.handles = 2, .reopen = 25});
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(one_registry),
        TEST(a_small_cache),
        TEST(two_in_turn),
        TEST(closed_and_opened_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
