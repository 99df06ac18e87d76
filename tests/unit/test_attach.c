/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_attach.c - kernels with handlers, attached to other processes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "target_fixture.h"

static int pass(int nr, void *args)
{
    (void)nr;
    assert_int_equal(pk_call_original(args), -ENOTSUP);
    pk_let_through(args);
    return -EIO;
}

static int answer_wide(int nr, void *args)
{
    pk_syscall_call *call = args;

    assert_int_equal(call->nr, nr);
    pk_set_result(args, INT64_C(0x123456789ab));
    return -EIO;
}

static void calls_reach_the_handler_and_pass_after_detach(void **context)
{
    (void)context;
    pid_t pid = start_target(ask);
    wait_stage(1);
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, answer_4711), 0);
    assert_int_equal(pk_attach(kernel, pid), 0);
    assert_int_equal(pk_attach(kernel, pid), 0);
    assert_int_equal(kernel->pid, pid);
    wait_answer(4711);
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, refuse), 0);
    wait_answer(-EPERM);
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, answer_wide), 0);
    wait_answer(0x123456789ab);
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, pass), 0);
    wait_answer(0);
    assert_int_equal(pk_register_syscall(kernel, SYS_getpgid, pass), -EBUSY);
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, refuse), 0);
    wait_answer(-EPERM);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pk_detach(kernel), 0);
        assert_int_equal(kernel->pid, 0);
        wait_answer(0);
        assert_int_equal(pk_attach(kernel, pid), 0);
        wait_answer(-EPERM);
    }
    pk_stats stats;
    pk_get_stats(kernel, &stats);
    assert_true(stats.syscalls_intercepted > 20 && stats.errors > 20);
    assert_int_equal(pk_detach(kernel), 0);
    assert_int_equal(pk_detach(kernel), -ESRCH);
    /* A wider filter cannot be had. */
    assert_int_equal(pk_register_syscall(kernel, SYS_getpgid, pass), 0);
    assert_int_equal(pk_attach(kernel, pid), -EBUSY);
    wait_answer(0);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
    assert_int_equal(pk_attach(kernel, pid), -ESRCH);
}

/* ---- threads in calls of every kind ---- */

static void *sleep_on(void *argument)
{
    struct timespec start, end;

    (void)argument;
    while (!shared->stop) {
        clock_gettime(CLOCK_MONOTONIC, &start);
        if (nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL) != 0)
            shared->failures++;
        clock_gettime(CLOCK_MONOTONIC, &end);
        long ns = (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec;
        if (ns < 30000000)
            shared->failures++;
    }
    return NULL;
}

static void *read_on(void *argument)
{
    int *ends = argument;
    char bytes[4];

    while (!shared->stop)
        if (read(ends[0], bytes, 1) != 1)
            shared->failures++;
    return NULL;
}

static void *write_on(void *argument)
{
    int *ends = argument;

    while (!shared->stop) {
        if (write(ends[1], "x", 1) != 1)
            shared->failures++;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    CHECK(write(ends[1], "", 1) == 1); /* the reader may be waiting for it */
    return NULL;
}

static pthread_mutex_t contended = PTHREAD_MUTEX_INITIALIZER;

static void *lock_on(void *argument)
{
    (void)argument;
    while (!shared->stop) {
        pthread_mutex_lock(&contended);
        sched_yield();
        pthread_mutex_unlock(&contended);
    }
    return NULL;
}

static void load(void)
{
    void *(*const work[])(void *) = {sleep_on, sleep_on, read_on, write_on, lock_on, lock_on};
    pthread_t threads[6];
    int ends[2];

    CHECK(pipe(ends) == 0);
    for (int i = 0; i < 6; i++)
        CHECK(pthread_create(&threads[i], NULL, work[i], ends) == 0);
    ask();
    for (int i = 0; i < 6; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void waiting_calls_go_on(void **context)
{
    (void)context;
    for (int round = 0; round < 20; round++) {
        memset(shared, 0, sizeof(*shared));
        pid_t pid = start_target(load);
        wait_stage(1);
        assert_int_equal(pk_register_syscall(kernel, SYS_getppid, answer_4711), 0);
        assert_int_equal(pk_attach(kernel, pid), 0);
        wait_answer(4711);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        assert_int_equal(pk_detach(kernel), 0);
        wait_answer(0);
        shared->stop = true;
        assert_int_equal(end_target(pid), 0);
        assert_int_equal(shared->failures, 0);
    }
}

/* ---- what a target may be and do ---- */

/* Our own calls in its name are of the kind that is registered. */
static void the_calls_of_the_attach_itself_may_be_registered(void **context)
{
    static const int numbers[] = {SYS_close, SYS_munmap, SYS_mmap, SYS_prctl, SYS_seccomp};

    (void)context;
    pid_t pid = start_target(wait_for_stop);
    wait_stage(1);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert_int_equal(pk_register_syscall(kernel, numbers[i], refuse), 0);
    assert_int_equal(pk_attach(kernel, pid), 0);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
}

static void stopped(void)
{
    raise(SIGSTOP);
    wait_for_stop();
}

static void a_stopped_process_stays_stopped(void **context)
{
    int status;

    (void)context;
    pid_t pid = start_target(stopped);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, refuse), 0);
    assert_int_equal(pk_attach(kernel, pid), 0);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_int_equal(shared->stage, 0);
    kill(pid, SIGCONT);
    wait_stage(1);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
}

static atomic_int trapped;

static void count_trap(int signal)
{
    (void)signal;
    trapped++;
}

static void handle_traps(void)
{
    signal(SIGTRAP, count_trap);
    wait_for_stop();
    raise(SIGTRAP);
    CHECK(trapped == 1);
    CHECK(syscall(SYS_getppid) == -1 && errno == EPERM);
}

static void handlers_of_signals_are_kept(void **context)
{
    (void)context;
    pid_t pid = start_target(handle_traps);
    wait_stage(1);
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, refuse), 0);
    assert_int_equal(pk_attach(kernel, pid), 0);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
}

static void fork_and_exec(void)
{
    int status;

    wait_for_stop();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(syscall(SYS_getppid) == getpid());
        execl("/bin/sh", "sh", "-c", "exit $(($$ != PPID))", (char *)NULL);
        _exit(99);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    execl("/bin/sh", "sh", "-c", "exit $(($$ != PPID))", (char *)NULL);
}

static int answer_caller(int nr, void *args)
{
    (void)nr;
    return pk_get_caller(args);
}

static void children_and_programs_are_covered(void **context)
{
    (void)context;
    pid_t pid = start_target(fork_and_exec);
    wait_stage(1);
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, answer_caller), 0);
    assert_int_equal(pk_attach(kernel, pid), 0);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
    assert_true(kernel->stats.syscalls_intercepted >= 3);
}

static void open_file(void)
{
    char path[32] = "/none";

    wait_for_stop();
    CHECK(syscall(SYS_open, path, 0) == 7);
    CHECK(strcmp(path, "/gone") == 0);
}

static int rename_file(int nr, void *args)
{
    pk_syscall_call *call = args;
    char path[16];

    (void)nr;
    if (pk_read_string(args, call->args[0], path, sizeof(path)) != 5 || strcmp(path, "/none") != 0)
        return -EINVAL;
    if (pk_read_memory(args, 8, path, 1) != -EFAULT)
        return -EINVAL;
    return pk_write_memory(args, call->args[0] + 1, "g", 1) < 0 ? -EINVAL : 7;
}

static void handlers_read_and_write_the_targets_memory(void **context)
{
    (void)context;
    pid_t pid = start_target(open_file);
    wait_stage(1);
    assert_int_equal(pk_register_syscall(kernel, SYS_open, rename_file), 0);
    assert_int_equal(pk_attach(kernel, pid), 0);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
}

static int call_the_api(int nr, void *args)
{
    (void)args;
    bool refused = pk_attach(kernel, 0) == -EDEADLK && pk_detach(kernel) == -EDEADLK &&
                   pk_register_syscall(kernel, SYS_getpgid, refuse) == -EDEADLK &&
                   pk_register_syscall(kernel, nr, answer_4711) == 0;
    pk_destroy(kernel);
    return refused ? 42 : -EPROTO;
}

static void handlers_cannot_change_what_is_attached(void **context)
{
    (void)context;
    pid_t pid = start_target(ask);
    wait_stage(1);
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, call_the_api), 0);
    assert_int_equal(pk_attach(kernel, pid), 0);
    wait_answer(4711);
    assert_int_equal(kernel->pid, pid);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_reach_the_handler_and_pass_after_detach),
        TEST(waiting_calls_go_on),
        TEST(the_calls_of_the_attach_itself_may_be_registered),
        TEST(a_stopped_process_stays_stopped),
        TEST(handlers_of_signals_are_kept),
        TEST(children_and_programs_are_covered),
        TEST(handlers_read_and_write_the_targets_memory),
        TEST(handlers_cannot_change_what_is_attached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
