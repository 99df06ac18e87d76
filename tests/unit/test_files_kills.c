/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_files_kills.c - kill -9 of a commit at random moments, many rounds: what the kernel sees is
 * the same afterwards; each file of the prefix is as it was or as it is to be; and a commit that is
 * let be ends what was begun, with nothing left over.
 *
 *   PWK_CRASH_ROUNDS=N   rounds (default 200)
 *   PWK_TEST_SEED=N      where the random work and moments begin
 */
#include "tests/unit/files_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/files_work.h"

static unsigned long rounds(void)
{
    const char *text = getenv("PWK_CRASH_ROUNDS");

    return text != NULL && *text != '\0' ? strtoul(text, NULL, 10) : 200;
}

static bool has_line(const char *text, const char *line, size_t length)
{
    for (const char *at_line = text; *at_line != '\0'; at_line = strchr(at_line, '\n') + 1)
        if (strncmp(at_line, line, length) == 0)
            return true;
    return false;
}

/* Folders are told apart: one that is made for what comes into it has its permissions last. */
static bool is_folder_line(const char *line, size_t length)
{
    const char *kind = memmem(line, length, " d ", 3);

    return kind != NULL;
}

static void all_or_nothing_of_each(const char *before, const char *now, const char *after)
{
    for (const char *line = now; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t length = (size_t)(strchr(line, '\n') - line) + 1;

        if (!is_folder_line(line, length) && !has_line(before, line, length) &&
            !has_line(after, line, length))
            fail_msg("neither before nor after: %.*s", (int)length, line);
    }
}

static size_t path_length(const char *line)
{
    static const char *const kinds[] = {" f ", " d ", " l "};
    size_t shortest = strlen(line);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *kind = strstr(line, kinds[i]);

        if (kind != NULL && (size_t)(kind - line) < shortest)
            shortest = (size_t)(kind - line);
    }
    return shortest + 1;
}

/* What is there before and after is there at any moment. */
static void never_missing(const char *before, const char *now, const char *after)
{
    for (const char *line = before; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t length = path_length(line);

        if (has_line(after, line, length) && !has_line(now, line, length))
            fail_msg("missing: %.*s", (int)length, line);
    }
}

/* Microseconds that a commit may take, as one has just taken. */
static long killed_commit(long longest, unsigned *seed)
{
    long *taken =
        mmap(NULL, sizeof(*taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct timespec start, end, delay = {.tv_nsec = rand_r(seed) % longest * 1000};
    pid_t child = fork();
    long answer;

    assert_true(child >= 0);
    if (child == 0) {
        struct files_layer layer;

        clock_gettime(CLOCK_MONOTONIC, &start);
        commit(NULL, &layer);
        clock_gettime(CLOCK_MONOTONIC, &end);
        *taken = (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000;
        _exit(0);
    }
    nanosleep(&delay, NULL);
    kill(child, SIGKILL);
    assert_int_equal(child, waitpid(child, NULL, 0));
    answer = *taken;
    munmap(taken, sizeof(*taken));
    return answer;
}

static void killed_commits(void **state)
{
    unsigned seed = files_work_seed(), killed = 0;
    long longest = 20000;

    for (unsigned long round = 0; round < rounds(); round++) {
        char *before, *view, *now, *seen;
        struct files_layer layer;
        unsigned work = files_work_seed() + (unsigned)round;
        long taken;

        files_work_fill(prefix, work);
        before = snapshot(prefix);
        in_view(files_work_do, &work, &view);
        taken = killed_commit(longest, &seed);
        killed += taken == 0;
        if (taken > 0)
            longest = taken < 2000 ? 2000 : taken < 400000 ? taken : 400000;
        now = snapshot(prefix);
        all_or_nothing_of_each(before, now, view);
        never_missing(before, now, view);
        in_view(NULL, NULL, &seen);
        assert_string_equal(view, seen);
        free(now);
        assert_int_equal(0, commit(NULL, &layer));
        files_layer_close(&layer);
        now = snapshot(prefix);
        assert_string_equal(view, now);
        assert_true(layer_is_empty());
        assert_int_equal(-1, access(at(files, "staging"), F_OK));
        free(before);
        free(view);
        free(now);
        free(seen);
        files_fixture_remove(state);
        assert_int_equal(0, files_fixture_make(state));
    }
    assert_true(killed > rounds() / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_commits, files_fixture_make, files_fixture_remove)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
