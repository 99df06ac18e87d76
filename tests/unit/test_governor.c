/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_governor.c - the governor, in a process namespace of the test's own: what burners and
 * writers get, that who was stopped by others stays so, and that nobody stays stopped.
 *
 * Shares are printed; what is asserted of them leaves room for a machine that has other work.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/governor.h"
#include "sandbox/process_usage.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define NOBODY 65534

/* What process 1 of the namespace tells the test. */
struct answers {
    uint64_t values[8];
    bool made; /* the namespace could be made */
};

static struct answers *answers;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t clock_of(pid_t pid)
{
    struct timespec used = {0};
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) == 0)
        clock_gettime(clock, &used);
    return (uint64_t)used.tv_sec * SECOND + (uint64_t)used.tv_nsec;
}

/* Runs the part as process 1 of a new namespace, and waits for its end. */
static void in_namespace(void (*part)(void))
{
    pid_t maker;
    int status;

    memset(answers, 0, sizeof(*answers));
    maker = fork();
    if (maker == 0) {
        pid_t first;

        /* Limits of processes do not hold for root. */
        if (getuid() == 0 &&
            (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
            _exit(0);
        prctl(PR_SET_DUMPABLE, 1);
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0)
            _exit(0);
        first = fork();
        if (first == 0) {
            alarm(60);
            if (mount("proc", "/proc", "proc", 0, NULL) < 0)
                _exit(0);
            answers->made = true;
            part();
            _exit(0);
        }
        waitpid(first, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    waitpid(maker, &status, 0);
    if (!answers->made)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void govern(struct pwk_governor *governor, uint64_t how_long)
{
    uint64_t end = now_ns() + how_long;

    while (now_ns() < end) {
        uint64_t next = pwk_governor_look(governor);

        nanosleep(&(struct timespec){.tv_nsec = (long)next}, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
}

static pid_t start(void (*work)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        work();
        _exit(0);
    }
    return pid;
}

static void burn(void)
{
    for (;;)
        ;
}

static void rest(void)
{
    for (;;)
        pause();
}

/* A process that lives for some milliseconds, and another, and another. */
static void burn_in_children(void)
{
    for (;;) {
        pid_t child = fork();

        if (child == 0) {
            while (clock_of(0) < 5 * MS)
                ;
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
}

static void multiply(void)
{
    for (;;)
        if (fork() < 0)
            usleep(1000);
}

static void write_much(void)
{
    static char block[64 * 1024];
    char path[] = "/var/tmp/pwk-governor-XXXXXX";
    int fd = mkstemp(path);

    unlink(path);
    for (;;)
        if (pwrite(fd, block, sizeof(block), (off_t)(rand() % 256) * (off_t)sizeof(block)) < 0 ||
            fdatasync(fd) < 0)
            _exit(1);
}

/* Nanoseconds of processor time that all others have used, who must be stopped: those that live,
 * whom they have waited for, and whom this process has. What the end of hundreds of processes
 * costs, which nobody governs, is not in it. */
static uint64_t used_by_others(void)
{
    struct pwk_usage_look look = {0};
    struct rusage children;
    uint64_t used;

    getrusage(RUSAGE_CHILDREN, &children);
    used = (uint64_t)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * SECOND +
           (uint64_t)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000;
    if (pwk_usage_look(&look, false) == 0)
        for (size_t i = 0; i < look.count; i++)
            if (look.processes[i].pid != 1)
                used += look.processes[i].own + look.processes[i].children;
    free(look.processes);
    return used;
}

static void set_up_burners(unsigned percent, int count, void (*work)(void), unsigned seconds)
{
    struct pwk_governor *governor = pwk_governor_start(percent, 0);
    uint64_t begin = now_ns();

    for (int i = 0; i < count; i++)
        start(work);
    govern(governor, seconds * SECOND);
    kill(-1, SIGSTOP);
    answers->values[0] = now_ns() - begin;
    answers->values[1] = used_by_others();
    answers->values[2] = clock_of(0);
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

/* Percent of a processor. */
static double share(const char *what)
{
    double used = 100.0 * (double)answers->values[1] / (double)answers->values[0];

    print_message("%s: %.1f%% of a processor, and %.1f%% for looking\n", what, used,
                  100.0 * (double)answers->values[2] / (double)answers->values[0]);
    return used;
}

static void part_half(void)
{
    set_up_burners(50, 1, burn, 5);
}

static void part_low(void)
{
    set_up_burners(10, 2, burn, 5);
}

static void part_children(void)
{
    set_up_burners(50, 2, burn_in_children, 5);
}

/* Beside a burner without a governor: on a machine with other work nobody gets more than that one
 * does. `least` becomes what the governed ones must get, of the `usual` that an idle machine gives.
 */
static double beside_a_free_burner(void (*part)(void), const char *what, double usual,
                                   double *least)
{
    pid_t burner = start(burn);
    uint64_t begin = now_ns();
    double third;

    in_namespace(part);
    third = 100.0 / 3 * (double)clock_of(burner) / (double)(now_ns() - begin);
    kill(burner, SIGKILL);
    waitpid(burner, NULL, 0);
    *least = third < usual ? third : usual;
    return share(what);
}

static void shares_are_kept(void **state)
{
    double used, least;

    (void)state;
    used = beside_a_free_burner(part_half, "a burner at 50%", 15, &least);
    assert_true(used > least && used < 80);
    used = beside_a_free_burner(part_low, "two burners at 10%", 2, &least);
    assert_true(used > least && used < 25);
    used = beside_a_free_burner(part_children, "processes of 5 ms each, at 50%", 10, &least);
    assert_true(used > least && used < 90);
}

static void part_fork_bomb(void)
{
    struct rlimit most = {.rlim_cur = 300, .rlim_max = 300};

    setrlimit(RLIMIT_NPROC, &most);
    set_up_burners(50, 1, multiply, 4);
}

static void a_fork_bomb_is_held(void **state)
{
    double used;

    (void)state;
    in_namespace(part_fork_bomb);
    used = share("a fork bomb at 50%");
    assert_true(used < 120);
}

static char state_of(pid_t pid)
{
    struct pwk_usage_look look = {0};
    char found = 0;

    if (pwk_usage_look(&look, false) == 0)
        for (size_t i = 0; i < look.count; i++)
            if (look.processes[i].pid == pid)
                found = look.processes[i].state;
    free(look.processes);
    return found;
}

static void part_stopped_by_others(void)
{
    pid_t stopped = start(rest), burner = start(burn), stopped_later = start(rest);
    struct pwk_governor *governor;

    usleep(100000);
    kill(stopped, SIGSTOP);
    while (state_of(stopped) != 'T')
        usleep(1000);
    governor = pwk_governor_start(20, 0);
    govern(governor, SECOND);
    /* Now, while it may be stopped by the governor: it must not be continued with the rest. */
    for (int i = 0; i < 20 && state_of(burner) != 'T'; i++)
        govern(governor, 5 * MS);
    kill(stopped_later, SIGSTOP);
    govern(governor, 2 * SECOND);
    answers->values[0] = (uint64_t)state_of(stopped);
    answers->values[1] = (uint64_t)state_of(stopped_later);
    kill(burner, SIGKILL);
    /* Nothing is used any more: everybody else goes on, once what was used is paid for. That takes
     * long where the burner was let run too long, as on a machine that has much other work. */
    kill(stopped_later, SIGCONT);
    govern(governor, 2 * SECOND);
    for (int i = 0; i < 30 && state_of(stopped_later) == 'T'; i++)
        govern(governor, SECOND);
    answers->values[2] = (uint64_t)state_of(stopped);
    answers->values[3] = (uint64_t)state_of(stopped_later);
}

static void who_others_stopped_stays_stopped(void **state)
{
    (void)state;
    in_namespace(part_stopped_by_others);
    assert_int_equal(answers->values[0], 'T');
    assert_int_equal(answers->values[1], 'T');
    assert_int_equal(answers->values[2], 'T');
    assert_int_equal(answers->values[3], 'S');
}

/* For 2 s no signal reaches it, as while it waits for a disk. */
static void wait_unreachable(void)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += 2;
    if (vfork() == 0) {
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
            ;
        _exit(0);
    }
    rest();
}

static void part_unreachable(void)
{
    pid_t unreachable = start(wait_unreachable), burner = start(burn);
    struct pwk_governor *governor = pwk_governor_start(20, 0);

    while (state_of(unreachable) != 'D')
        usleep(1000);
    govern(governor, SECOND);
    answers->values[0] = (uint64_t)state_of(unreachable);
    govern(governor, 3 * SECOND);
    kill(burner, SIGKILL);
    for (int i = 0; i < 30 && state_of(unreachable) != 'S'; i++)
        govern(governor, SECOND);
    answers->values[1] = (uint64_t)state_of(unreachable);
}

static void who_could_not_be_stopped_at_once_goes_on(void **state)
{
    (void)state;
    in_namespace(part_unreachable);
    assert_int_equal(answers->values[0], 'D');
    assert_int_equal(answers->values[1], 'S');
}

static void part_continued_from_outside(void)
{
    struct pwk_governor *governor = pwk_governor_start(20, 0);
    pid_t burner = start(burn);
    uint64_t begin = now_ns(), end = begin + 4 * SECOND;

    while (now_ns() < end) {
        govern(governor, 10 * MS);
        kill(burner, SIGCONT); /* whatever it is */
    }
    answers->values[0] = now_ns() - begin;
    answers->values[1] = clock_of(burner);
    kill(burner, SIGKILL);
}

static void who_is_continued_from_outside_is_stopped_again(void **state)
{
    double used;

    (void)state;
    in_namespace(part_continued_from_outside);
    used = share("a burner at 20% that gets SIGCONT every 10 ms");
    assert_true(used < 90);
}

static void part_writer(void)
{
    const uint64_t rate = 5u << 20;
    struct pwk_governor *governor = pwk_governor_start(0, rate);
    struct pwk_usage_look look = {0};
    pid_t writer = start(write_much);
    uint64_t begin = now_ns();

    govern(governor, 5 * SECOND);
    answers->values[0] = now_ns() - begin;
    if (pwk_usage_look(&look, true) == 0)
        for (size_t i = 0; i < look.count; i++)
            if (look.processes[i].pid == writer)
                answers->values[1] = look.processes[i].io;
    kill(writer, SIGKILL);
}

static void bytes_are_held(void **state)
{
    double rate;

    (void)state;
    in_namespace(part_writer);
    if (answers->values[1] == 0)
        skip(); /* what lies below /var/tmp counts no bytes */
    rate = (double)answers->values[1] / ((double)answers->values[0] / (double)SECOND) / (1 << 20);
    print_message("a writer at 5 MiB/s: %.2f MiB/s\n", rate);
    assert_true(rate > 0.5 && rate < 15);
}

static int map_answers(void **state)
{
    (void)state;
    answers =
        mmap(NULL, sizeof(*answers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return answers == MAP_FAILED ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_kept),
        cmocka_unit_test(a_fork_bomb_is_held),
        cmocka_unit_test(who_others_stopped_stays_stopped),
        cmocka_unit_test(who_could_not_be_stopped_at_once_goes_on),
        cmocka_unit_test(who_is_continued_from_outside_is_stopped_again),
        cmocka_unit_test(bytes_are_held),
    };

    return cmocka_run_group_tests(tests, map_answers, NULL);
}
