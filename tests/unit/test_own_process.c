/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_own_process.c - kernels with handlers, attached to the process that they live in.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach_fixture.h"
#include "pwk/process_kernel.h"
#include "sandbox/own_process.h"

static process_kernel_t *new_kernel(void)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "own");

    CHECK(kernel != NULL);
    return kernel;
}

static int answer_4711(int nr, void *args)
{
    (void)args;
    errno = ENOTTY;
    return nr == SYS_getppid ? 4711 : -EPROTO;
}

static int refuse(int nr, void *args)
{
    (void)nr;
    (void)args;
    return -EACCES;
}

static void handlers_may_come_before_and_after_the_attach(void)
{
    process_kernel_t *kernel = new_kernel();
    pid_t parent = getppid();

    CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
    CHECK(syscall(SYS_getppid) == parent);
    CHECK(pk_attach(kernel, 0) == 0);
    errno = 3;
    CHECK(syscall(SYS_getppid) == 4711 && errno == 3);
    CHECK(pk_register_syscall(kernel, SYS_getpgid, refuse) == 0);
    CHECK(syscall(SYS_getpgid, 0) == -1 && errno == EACCES);
    CHECK(pk_register_syscall(kernel, SYS_getppid, refuse) == 0);
    CHECK(syscall(SYS_getppid) == -1 && errno == EACCES);
    pk_stats stats;
    pk_get_stats(kernel, &stats);
    CHECK(stats.syscalls_intercepted == 3 && stats.errors == 2);
}

static void detached_calls_are_made(void)
{
    process_kernel_t *kernel = new_kernel();
    process_kernel_t *other = new_kernel();
    pid_t parent = getppid();

    CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
    CHECK(pk_register_syscall(other, SYS_getppid, refuse) == 0);
    CHECK(pk_attach(kernel, getpid()) == 0);
    CHECK(pk_attach(other, 0) == -EBUSY);
    CHECK(pk_detach(kernel) == 0);
    CHECK(syscall(SYS_getppid) == parent);
    CHECK(pk_attach(other, 0) == 0);
    CHECK(syscall(SYS_getppid) == -1 && errno == EACCES);
    pk_destroy(other);
    CHECK(syscall(SYS_getppid) == parent);
    CHECK(pk_attach(kernel, 0) == 0);
    CHECK(syscall(SYS_getppid) == 4711);
    pk_shutdown();
    CHECK(syscall(SYS_getppid) == parent);
}

static void some_calls_cannot_be_trapped(void)
{
    static const int bad[] = {SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_sigaltstack,
                              SYS_clone,        SYS_clone3,         SYS_vfork};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        process_kernel_t *kernel = new_kernel();
        CHECK(pk_register_syscall(kernel, bad[i], refuse) == 0);
        CHECK(pk_attach(kernel, 0) == -EINVAL);
        CHECK(kernel->pid == 0);
        pk_destroy(kernel);
        kernel = new_kernel();
        CHECK(pk_attach(kernel, 0) == 0);
        CHECK(pk_register_syscall(kernel, bad[i], refuse) == -EINVAL);
        CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
        CHECK(syscall(SYS_getppid) == 4711);
        pk_destroy(kernel);
    }
}

static int use_all(int nr, void *args)
{
    static const char greeting[] = "hello";
    pk_syscall_call *call = args;
    char text[8];

    if (nr != SYS_getpgid || call->nr != nr || call->tid != syscall(SYS_gettid) ||
        pk_get_caller(args) != getpid())
        return -1000;
    if (pk_read_string(args, call->args[0], text, sizeof(text)) != 5 || strcmp(text, "hello") != 0)
        return -1001;
    if (pk_read_memory(args, 8, text, 1) != -EFAULT || pk_write_memory(args, 8, text, 1) != -EFAULT)
        return -1002;
    if (pk_write_memory(args, (uintptr_t)greeting, text, 1) != -EFAULT)
        return -1003;
    if (pk_write_memory(args, call->args[1], text, 6) != 0)
        return -1004;
    call->args[0] = 0;
    if (syscall(SYS_getpgid, 0) != pk_call_original(args))
        return -1005;
    pk_set_result(args, INT64_C(0x123456789abc));
    return -1006;
}

static void handlers_have_helpers(void)
{
    process_kernel_t *kernel = new_kernel();
    char text[8] = "";

    CHECK(pk_register_syscall(kernel, SYS_getpgid, use_all) == 0);
    CHECK(pk_attach(kernel, 0) == 0);
    CHECK(syscall(SYS_getpgid, "hello", text) == 0x123456789abc);
    CHECK(strcmp(text, "hello") == 0);
    /* By hand it is the same handler. */
    uint64_t args[6] = {(uintptr_t) "hello", (uintptr_t)text};
    CHECK(kernel->syscall_intercept(SYS_getpgid, args) == (int)0x56789abc);
    CHECK(kernel->syscall_intercept(SYS_getpid, args) == -ENOSYS);
    CHECK(kernel->stats.syscalls_intercepted == 3 && kernel->stats.errors == 1);
}

static int pass(int nr, void *args)
{
    (void)nr;
    pk_let_through(args);
    return -EIO;
}

/* Calls that end the process or its image, or make another. */
static void calls_may_be_let_through(void)
{
    process_kernel_t *kernel = new_kernel();
    int status;

    CHECK(pk_register_syscall(kernel, SYS_exit_group, pass) == 0);
    CHECK(pk_register_syscall(kernel, SYS_exit, pass) == 0);
    CHECK(pk_register_syscall(kernel, SYS_fork, pass) == 0);
    CHECK(pk_register_syscall(kernel, SYS_write, pass) == 0);
    CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
    CHECK(pk_attach(kernel, 0) == 0);
    CHECK(write(-1, "", 1) == -1 && errno == EBADF);
    pid_t child = (pid_t)syscall(SYS_fork);
    CHECK(child >= 0);
    if (child == 0)
        _exit(syscall(SYS_getppid) == 4711 ? 42 : 1);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))getpid, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(kernel->stats.syscalls_intercepted >= 3);
}

static void block_everything(bool block)
{
    sigset_t all;

    sigfillset(&all);
    CHECK(sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &all, NULL) == 0);
}

static volatile sig_atomic_t answered;

static void call_in_handler(int signal)
{
    (void)signal;
    answered = syscall(SYS_getppid) == 4711;
}

static void sigsys_stays_ours(void)
{
    process_kernel_t *kernel = new_kernel();
    sigset_t mask;

    CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
    CHECK(pk_attach(kernel, 0) == 0);
    block_everything(true);
    CHECK(syscall(SYS_getppid) == 4711);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
    CHECK(sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGSYS) == 0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGSYS);
    CHECK(sigprocmask(SIG_SETMASK, &mask, NULL) == 0);
    CHECK(syscall(SYS_getppid) == 4711);
    CHECK(signal(SIGSYS, SIG_DFL) == SIG_ERR && errno == EINVAL);
    struct sigaction action = {.sa_handler = call_in_handler};
    sigfillset(&action.sa_mask);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(raise(SIGUSR1) == 0);
    CHECK(answered);
    CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8) == -1 && errno == EFAULT);
    CHECK(syscall(SYS_rt_sigprocmask, 77, &mask, NULL, 8) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, 4) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_getppid) == 4711);
}

static void allow_descriptors(rlim_t count)
{
    CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){count, 1024}) == 0);
}

/* A program that has used up its descriptors changes its signals as ever. */
static void signals_without_descriptors(void)
{
    process_kernel_t *kernel = new_kernel();
    struct sigaction action = {.sa_handler = call_in_handler};
    sigset_t set, before;

    CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
    CHECK(pk_attach(kernel, 0) == 0);
    allow_descriptors(0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    sigemptyset(&set);
    CHECK(sigprocmask(SIG_SETMASK, &set, &before) == 0);
    CHECK(syscall(SYS_rt_sigaction, SIGUSR1, 16, NULL, 8) == -1 && errno == EFAULT);
    CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8) == -1 && errno == EFAULT);
    CHECK(raise(SIGUSR1) == 0);
    CHECK(answered);
}

/* Where it cannot be told whether a thread blocks SIGSYS, for want of descriptors to look, it is
 * taken for one that does. */
static void what_cannot_be_told_counts_as_blocked(void)
{
    int first = dup(0); /* the lowest that is free */

    CHECK(first >= 0 && close(first) == 0);
    CHECK(pwk_signal_guard_check() == 0);
    allow_descriptors((rlim_t)first); /* not enough for the list of threads */
    CHECK(pwk_signal_guard_check() == -EBUSY);
    allow_descriptors((rlim_t)first + 1); /* nor for a thread */
    CHECK(pwk_signal_guard_check() == -EBUSY);
    allow_descriptors((rlim_t)first + 2);
    CHECK(pwk_signal_guard_check() == 0);
}

static void *keep_blocked(void *argument)
{
    atomic_int *stage = argument;

    block_everything(true);
    *stage = 1;
    while (*stage == 1)
        usleep(1000);
    block_everything(false);
    *stage = 3;
    return NULL;
}

static void a_thread_that_blocks_sigsys_is_not_killed(void)
{
    process_kernel_t *kernel = new_kernel();
    atomic_int stage = 0;
    pthread_t thread;

    CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
    CHECK(pthread_create(&thread, NULL, keep_blocked, &stage) == 0);
    while (stage != 1)
        usleep(1000);
    CHECK(pk_attach(kernel, 0) == -EBUSY);
    CHECK(kernel->pid == 0);
    stage = 2;
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pk_attach(kernel, 0) == 0);
    CHECK(syscall(SYS_getppid) == 4711);
}

/* The C library blocks all signals in a thread or process that is being started. */
static void blocked_calls_of_starting_processes(void)
{
    process_kernel_t *kernel = new_kernel();
    char *const arguments[] = {(char *)"true", NULL};
    struct clone_args without_handlers = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    pid_t child;

    CHECK(pk_register_syscall(kernel, SYS_execve, refuse) == 0);
    CHECK(pk_register_syscall(kernel, SYS_ptrace, refuse) == 0);
    CHECK(pk_attach(kernel, 0) == 0);
    CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == EACCES);
    CHECK(execl("/bin/true", "true", (char *)NULL) == -1 && errno == EACCES);
    CHECK(syscall(SYS_ptrace, 0, 0, 0, 0) == -1 && errno == EACCES);
    child = (pid_t)syscall(SYS_clone3, &without_handlers, sizeof without_handlers);
    if (child == 0)
        _exit(0);
    CHECK(child == -1 && errno == ENOSYS);
}

static atomic_bool stop;

static void *storm(void *argument)
{
    uint64_t *bad = argument;

    while (!atomic_load(&stop)) {
        long answer = syscall(SYS_getppid);
        *bad += answer != 4711 && answer != -1 && answer != getpgrp();
    }
    return NULL;
}

static void threads_may_run_meanwhile(void)
{
    process_kernel_t *kernel = new_kernel();
    pthread_t threads[8];
    uint64_t bad[8] = {0};

    CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
    CHECK(pk_attach(kernel, 0) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, storm, &bad[i]) == 0);
    for (int i = 0; i < 300; i++)
        CHECK(pk_register_syscall(kernel, SYS_getppid, i % 2 ? refuse : answer_4711) == 0);
    while (kernel->stats.syscalls_intercepted < 1000)
        sched_yield();
    atomic_store(&stop, true);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(threads[i], NULL) == 0 && bad[i] == 0);
    CHECK(kernel->stats.syscalls_intercepted > 0);
}

#define IN_CHILD(name)                                                                             \
    static void test_##name(void **context)                                                        \
    {                                                                                              \
        (void)context;                                                                             \
        run_in_child(name);                                                                        \
    }

IN_CHILD(handlers_may_come_before_and_after_the_attach)
IN_CHILD(detached_calls_are_made)
IN_CHILD(some_calls_cannot_be_trapped)
IN_CHILD(handlers_have_helpers)
IN_CHILD(calls_may_be_let_through)
IN_CHILD(sigsys_stays_ours)
IN_CHILD(signals_without_descriptors)
IN_CHILD(what_cannot_be_told_counts_as_blocked)
IN_CHILD(a_thread_that_blocks_sigsys_is_not_killed)
IN_CHILD(blocked_calls_of_starting_processes)
IN_CHILD(threads_may_run_meanwhile)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handlers_may_come_before_and_after_the_attach),
        cmocka_unit_test(test_detached_calls_are_made),
        cmocka_unit_test(test_some_calls_cannot_be_trapped),
        cmocka_unit_test(test_handlers_have_helpers),
        cmocka_unit_test(test_calls_may_be_let_through),
        cmocka_unit_test(test_sigsys_stays_ours),
        cmocka_unit_test(test_signals_without_descriptors),
        cmocka_unit_test(test_what_cannot_be_told_counts_as_blocked),
        cmocka_unit_test(test_a_thread_that_blocks_sigsys_is_not_killed),
        cmocka_unit_test(test_blocked_calls_of_starting_processes),
        cmocka_unit_test(test_threads_may_run_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
