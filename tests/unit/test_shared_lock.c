/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_shared_lock.c - the lock in memory that hostile programs write to: whatever they write, an
 * attempt ends by its deadline and touches nothing but the one number; who is killed with the lock,
 * or on the way to it, leaves it to the next; and among those who keep to it only one is in.
 *
 *   PWK_TEST_SEED=N   where the random words begin
 */
#include "registry/shared_lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    WORDS = 400,
    ATTEMPTS = 300,
    KEEPERS = 4, /* processes that keep to the lock */
    KILLS = 150,
    SHORT_MS = 2,
    LONG_MS = 3600000, /* who waits so long hangs */
};

/* Memory that all processes share: the lock is the last thing in it, and behind it nothing may be
 * touched at all. */
struct scene {
    _Atomic uint32_t inside; /* who is in, by those who keep to the lock */
    _Atomic uint32_t trespasses;
    _Atomic uint32_t times;
    _Atomic uint32_t ready;
    _Atomic uint32_t ended;
    unsigned char pattern[2048];
    struct shared_lock lock;
};

static unsigned char *pages;
static size_t page;
static struct scene *scene;

static int make_scene(void **state)
{
    (void)state;
    page = (size_t)sysconf(_SC_PAGESIZE);
    pages = mmap(NULL, 3 * page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_READ | PROT_WRITE))
        return -1;
    scene = (struct scene *)(pages + 2 * page - sizeof *scene);
    memset(scene->pattern, 0x5a, sizeof scene->pattern);
    return 0;
}

static int remove_scene(void **state)
{
    (void)state;
    return munmap(pages, 3 * page);
}

static struct timespec in_milliseconds(long milliseconds)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += milliseconds % 1000 * 1000000;
    deadline.tv_sec += milliseconds / 1000 + deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    return deadline;
}

static int take(long milliseconds)
{
    struct timespec deadline = in_milliseconds(milliseconds);

    return shared_lock_take(&scene->lock, &deadline);
}

/* As its users take it. */
static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static pid_t start(int (*steps)(void))
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to outlive a test that failed */
        _exit(steps());
    }
    return child;
}

static int wait_for(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    wait_for(child);
}

static void wait_until_ready(uint32_t count)
{
    while (atomic_load(&scene->ready) < count)
        sched_yield();
}

/* What this thread has told the kernel to see to, should it die. */
static const void *told(void)
{
    struct robust_list_head *head = NULL;
    size_t size;

    assert_int_equal(syscall(SYS_get_robust_list, 0, &head, &size), 0);
    return head->list_op_pending;
}

/* ---- words ---- */

static void check_around(void)
{
    for (size_t i = 0; i < sizeof scene->pattern; i++)
        assert_int_equal(scene->pattern[i], 0x5a);
}

/* One attempt on a word that nobody will change. */
static void try_word(uint32_t word)
{
    bool held = word & FUTEX_TID_MASK;
    int expected = word & FUTEX_OWNER_DIED ? -EOWNERDEAD : 0;

    atomic_store(&scene->lock.word, word);
    assert_int_equal(shared_lock_try(&scene->lock), held ? -EBUSY : expected);
    if (!held)
        shared_lock_give(&scene->lock);
    assert_null(told());
    atomic_store(&scene->lock.word, word);
    assert_int_equal(take(SHORT_MS), held ? -ETIMEDOUT : expected);
    if (held) {
        assert_int_equal(atomic_load(&scene->lock.word) & ~FUTEX_WAITERS, word & ~FUTEX_WAITERS);
    } else {
        assert_int_equal(atomic_load(&scene->lock.word) & FUTEX_TID_MASK, gettid());
        assert_non_null(told());
        shared_lock_give(&scene->lock);
        assert_int_equal(atomic_load(&scene->lock.word), 0);
    }
    assert_null(told());
}

static void any_word_ends_in_an_answer(void **state)
{
    const uint32_t bits[] = {0, FUTEX_WAITERS, FUTEX_OWNER_DIED, FUTEX_WAITERS | FUTEX_OWNER_DIED};
    const uint32_t threads[] = {0,       1,          (uint32_t)gettid(), (uint32_t)getppid(),
                                0x10000, 0x20000000, FUTEX_TID_MASK};
    const char *given = getenv("PWK_TEST_SEED");
    unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);

    (void)state;
    print_message("PWK_TEST_SEED=%u\n", seed);
    srand(seed);
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        for (size_t j = 0; j < sizeof threads / sizeof threads[0]; j++)
            try_word(bits[i] | threads[j]);
    for (int i = 0; i < WORDS; i++)
        try_word((uint32_t)rand() ^ (uint32_t)rand() << 16);
    check_around();
}

/* All the time, and it wakes who sleeps, too. */
static int write_nonsense(void)
{
    unsigned random = 1;

    while (!atomic_load(&scene->ended)) {
        random = random * 1103515245u + 12345u;
        atomic_store(&scene->lock.word, random % 4 ? random << 2 ^ random >> 16 : 0);
        if (random % 64 == 0)
            syscall(SYS_futex, &scene->lock.word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
        atomic_store(&scene->ready, 1);
    }
    return 0;
}

static void a_word_that_is_never_the_same_ends_in_an_answer(void **state)
{
    pid_t hostile = start(write_nonsense);

    (void)state;
    wait_until_ready(1);
    for (int i = 0; i < ATTEMPTS; i++) {
        int result = take(SHORT_MS);

        assert_true(result == 0 || result == -EOWNERDEAD || result == -ETIMEDOUT);
        if (result != -ETIMEDOUT)
            shared_lock_give(&scene->lock);
        assert_null(told());
    }
    atomic_store(&scene->ended, 1);
    assert_int_equal(wait_for(hostile), 0);
    check_around();
}

/* ---- sleepers ---- */

static int sleep_for_it(void)
{
    atomic_fetch_add(&scene->ready, 1);
    return take(500) ? 1 : 0;
}

static void wait_until_it_sleeps(void)
{
    while (!(atomic_load(&scene->lock.word) & FUTEX_WAITERS))
        sched_yield();
}

static int sleep_and_give(void)
{
    atomic_fetch_add(&scene->ready, 1);
    if (take(LONG_MS))
        return 1;
    shared_lock_give(&scene->lock);
    return 0;
}

static void all_that_sleep_get_it(void **state)
{
    pid_t sleepers[KEEPERS];

    (void)state;
    assert_int_equal(take(LONG_MS), 0);
    for (int i = 0; i < KEEPERS; i++)
        sleepers[i] = start(sleep_and_give);
    wait_until_ready(KEEPERS);
    wait_until_it_sleeps();
    usleep(20000); /* the others, most likely */
    shared_lock_give(&scene->lock);
    for (int i = 0; i < KEEPERS; i++)
        assert_int_equal(wait_for(sleepers[i]), 0);
}

/* The bit that says that somebody sleeps is taken away: nobody wakes it, and it has the lock when
 * its time is over. */
static void a_sleeper_that_is_hidden_gets_it_in_the_end(void **state)
{
    pid_t sleeper;

    (void)state;
    assert_int_equal(take(LONG_MS), 0);
    sleeper = start(sleep_for_it);
    wait_until_it_sleeps();
    atomic_fetch_and(&scene->lock.word, ~FUTEX_WAITERS);
    shared_lock_give(&scene->lock);
    assert_int_equal(wait_for(sleeper), 0);
}

/* The sleeper is moved to another number, where nobody wakes it either. */
static void a_sleeper_that_is_moved_gets_it_in_the_end(void **state)
{
    pid_t sleeper;
    long moved = 0;

    (void)state;
    assert_int_equal(take(LONG_MS), 0);
    sleeper = start(sleep_for_it);
    wait_until_it_sleeps();
    while (moved == 0)
        moved = syscall(SYS_futex, &scene->lock.word, FUTEX_REQUEUE, 0, (void *)1L,
                        &scene->trespasses, 0);
    assert_int_equal(moved, 1);
    shared_lock_give(&scene->lock);
    assert_int_equal(wait_for(sleeper), 0);
}

static int sleep_and_count(void)
{
    if (take(LONG_MS))
        return 1;
    atomic_fetch_add(&scene->times, 1);
    shared_lock_give(&scene->lock);
    return 0;
}

/* Who gives it and takes it again at once finds that the one it has woken has had it. */
static void who_was_woken_is_let_in(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 30; i++) {
        struct timespec deadline;
        pid_t sleeper;

        assert_int_equal(take(LONG_MS), 0);
        sleeper = start(sleep_and_count);
        wait_until_it_sleeps();
        /* The bit comes before the sleep, and who does not sleep yet is not woken. */
        while (!shared_lock_give(&scene->lock) && atomic_load(&scene->times) == i)
            assert_int_equal(take(LONG_MS), 0);
        deadline = in_milliseconds(2000);
        shared_lock_let_in(&scene->lock, &deadline);
        assert_int_equal(take(LONG_MS), 0);
        assert_int_equal(atomic_load(&scene->times), i + 1);
        shared_lock_give(&scene->lock);
        assert_int_equal(wait_for(sleeper), 0);
    }
}

static int let_others_in(void)
{
    struct timespec deadline = in_milliseconds(LONG_MS);

    atomic_fetch_add(&scene->ready, 1);
    shared_lock_let_in(&scene->lock, &deadline);
    return 0;
}

/* Who waits for that may be woken in another's place, whom it wakes then. */
static void who_lets_in_takes_nobody_s_turn(void **state)
{
    pid_t polite = start(let_others_in), sleeper;

    (void)state;
    wait_until_ready(1);
    usleep(50000); /* it sleeps, most likely */
    assert_int_equal(take(LONG_MS), 0);
    sleeper = start(sleep_and_count);
    wait_until_it_sleeps();
    usleep(50000);
    shared_lock_give(&scene->lock);
    assert_int_equal(wait_for(sleeper), 0);
    assert_int_equal(wait_for(polite), 0);
}

/* ---- deaths ---- */

static int take_and_stay(void)
{
    if (take(LONG_MS))
        return 1;
    atomic_fetch_add(&scene->ready, 1);
    for (;;)
        pause();
}

static int take_from_the_dead(void)
{
    return take(LONG_MS) == -EOWNERDEAD ? 0 : 1;
}

static void who_is_killed_leaves_it(void **state)
{
    pid_t holder = start(take_and_stay), sleeper;

    (void)state;
    wait_until_ready(1);
    assert_int_equal(take(SHORT_MS), -ETIMEDOUT);
    end(holder);
    assert_int_equal(take(LONG_MS), -EOWNERDEAD);
    shared_lock_give(&scene->lock);
    assert_int_equal(take(SHORT_MS), 0);
    shared_lock_give(&scene->lock);
    /* And to one who sleeps. */
    holder = start(take_and_stay);
    wait_until_ready(2);
    sleeper = start(take_from_the_dead);
    wait_until_it_sleeps();
    end(holder);
    assert_int_equal(wait_for(sleeper), 0);
}

static void *take_and_end(void *unused)
{
    (void)unused;
    return take(LONG_MS) ? &scene : NULL;
}

static void a_thread_that_ends_leaves_it(void **state)
{
    pthread_t thread;
    void *failed;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, take_and_end, NULL), 0);
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_int_equal(take(LONG_MS), -EOWNERDEAD);
    shared_lock_give(&scene->lock);
}

/* Where a hostile program has written another's number over the holder's, the kernel does not know
 * it for the dead one's: that is waited for in vain, and has an end. */
static void the_dead_one_s_number_was_overwritten(void **state)
{
    pid_t holder = start(take_and_stay);

    (void)state;
    wait_until_ready(1);
    atomic_store(&scene->lock.word, 1);
    end(holder);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(SHORT_MS), -ETIMEDOUT);
    atomic_store(&scene->lock.word, 0);
    assert_int_equal(take(LONG_MS), 0);
    shared_lock_give(&scene->lock);
}

/* ---- those who keep to it ---- */

static int go_in_and_out(void)
{
    const uint32_t self = (uint32_t)getpid();

    block_signals();
    for (;;) {
        int result = take(LONG_MS);

        if (result != 0 && result != -EOWNERDEAD)
            return 1;
        /* One who died inside may have left its number. */
        if (result == 0 && atomic_load(&scene->inside))
            atomic_fetch_add(&scene->trespasses, 1);
        atomic_store(&scene->inside, self);
        for (int i = 0; i < 50; i++)
            if (atomic_load(&scene->inside) != self)
                atomic_fetch_add(&scene->trespasses, 1);
        atomic_store(&scene->inside, 0);
        atomic_fetch_add(&scene->times, 1);
        shared_lock_give(&scene->lock);
    }
}

static void only_one_is_in_whoever_is_killed(void **state)
{
    pid_t keepers[KEEPERS];

    (void)state;
    for (int i = 0; i < KEEPERS; i++)
        keepers[i] = start(go_in_and_out);
    for (int i = 0; i < KILLS; i++) {
        pid_t *victim = &keepers[i % KEEPERS];
        uint32_t times = atomic_load(&scene->times);
        int status;

        /* The others go on. */
        while (atomic_load(&scene->times) - times < 20)
            sched_yield();
        usleep((useconds_t)(rand() % 200));
        kill(*victim, SIGKILL);
        status = wait_for(*victim);
        if (!WIFSIGNALED(status))
            fail_msg("a keeper has ended by itself: %#x", status);
        *victim = start(go_in_and_out);
    }
    for (int i = 0; i < KEEPERS; i++)
        end(keepers[i]);
    assert_int_equal(atomic_load(&scene->trespasses), 0);
    assert_true(take(LONG_MS) != -ETIMEDOUT);
    shared_lock_give(&scene->lock);
    assert_int_equal(atomic_load(&scene->lock.word), 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_scene, remove_scene)
    static const struct CMUnitTest tests[] = {
        TEST(any_word_ends_in_an_answer),
        TEST(a_word_that_is_never_the_same_ends_in_an_answer),
        TEST(all_that_sleep_get_it),
        TEST(who_was_woken_is_let_in),
        TEST(who_lets_in_takes_nobody_s_turn),
        TEST(a_sleeper_that_is_hidden_gets_it_in_the_end),
        TEST(a_sleeper_that_is_moved_gets_it_in_the_end),
        TEST(who_is_killed_leaves_it),
        TEST(a_thread_that_ends_leaves_it),
        TEST(the_dead_one_s_number_was_overwritten),
        TEST(only_one_is_in_whoever_is_killed),
    };

    alarm(240); /* a hang is a failure, not a wait for good */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
