/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_policy_kill.c - whom a policy's kill ends, where a supervisor carries it out: the process
 * that makes the call, and not another one that had the thread's number before it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach_fixture.h"
#include "sandbox/policy_supervisor.h"

#define NO_NUMBERS 77 /* the child's status where it may not choose numbers */

static struct pwk_policy policy;
static int listener, from_first[2], to_first[2];

static void make_policy(void)
{
    struct pwk_syscall_rules rules = {0};
    const struct pwk_policy_words laid = {&rules, NULL};

    CHECK(pwk_syscall_rules_add(&rules, "getppid", "log", 0, NULL) == 0);
    CHECK(pwk_syscall_rules_add(&rules, "mkdir", "kill", 0, NULL) == 0);
    CHECK(pwk_policy_resolve(&policy, PWK_SYSCALLS_DEFAULT, &laid, 1, NULL) == 0);
}

static void *supervise(void *unused)
{
    pwk_audit_t *audit;

    (void)unused;
    CHECK(pwk_audit_open("unit", "/dev/null", NULL, PWK_AUDIT_OFF, &audit, NULL) == 0);
    pwk_policy_serve(listener, -1, &policy, audit);
    return NULL;
}

/* A thread that the supervisor gets to know. */
static void *be_known(void *tid)
{
    *(pid_t *)tid = gettid();
    CHECK(syscall(SYS_getppid) > 0);
    return NULL;
}

/* The process that has the number first: its thread ends, it does not. */
static int first_process(void)
{
    pthread_t thread;
    char byte;
    pid_t tid;

    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    CHECK(pthread_create(&thread, NULL, be_known, &tid) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(write(from_first[1], &tid, sizeof tid) == sizeof tid);
    CHECK(read(to_first[0], &byte, 1) == 1);
    return 0;
}

/* A thread's number is free a moment after who waited for its end goes on. */
static pid_t fork_as(pid_t number)
{
    struct clone_args arguments = {
        .exit_signal = SIGCHLD, .set_tid = (uint64_t)&number, .set_tid_size = 1};

    pid_t pid;

    do
        pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    while (pid < 0 && errno == EEXIST);
    return pid;
}

/* In a child, whose filter does not come off again. */
static int try_it(void)
{
    static const int numbers[] = {SYS_getppid, SYS_mkdir};
    pid_t first, second, tid;
    pthread_t thread;
    int status;

    make_policy();
    CHECK(pipe(from_first) == 0 && pipe(to_first) == 0);
    listener = install_filter(PWK_CALL_FILTER_NOTIFY, numbers, 2);
    CHECK(listener >= 0);
    first = fork();
    if (first == 0)
        _exit(first_process());
    /* Only now: a child of more than one thread may find the allocator of ASan locked for good. */
    CHECK(pthread_create(&thread, NULL, supervise, NULL) == 0);
    CHECK(first > 0 && read(from_first[0], &tid, sizeof tid) == sizeof tid);
    second = fork_as(tid);
    if (second == 0) {
        syscall(SYS_mkdir, "/nowhere/at/all", 0700);
        _exit(1);
    }
    if (second < 0 && errno == EPERM) {
        kill(first, SIGKILL);
        return NO_NUMBERS;
    }
    CHECK(second == tid);
    CHECK(waitpid(second, &status, 0) == second);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK(write(to_first[1], "x", 1) == 1);
    CHECK(waitpid(first, &status, 0) == first);
    CHECK(status == 0);
    return 0;
}

static void kill_ends_who_called(void **context)
{
    int status;
    pid_t child = fork();

    (void)context;
    if (child == 0) {
        alarm(60);
        _exit(try_it());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NUMBERS) {
        print_message("numbers of processes cannot be chosen by this user\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_ends_who_called),
    };

    return cmocka_run_group_tests_name("policy_kill", tests, NULL, NULL);
}
