/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_trapped_call.c - calls of this process that a filter traps, and how they are served.
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
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach_fixture.h"
#include "sandbox/own_process.h"
#include "sandbox/process_memory.h"
#include "sandbox/trapped_call.h"

#define UNNAMED 466 /* removexattrat of Linux 6.13, which Debian's libseccomp has no name for */
#define NUMBERS 4
static const int numbers[NUMBERS] = {SYS_getppid, SYS_getpgid, SYS_mmap, UNNAMED};

static void arm(void)
{
    CHECK(pwk_trapped_call_start() == 0);
    CHECK(install_filter(PWK_CALL_FILTER_TRAP, numbers, NUMBERS) == 0);
}

/* For threads: the filter traps what would block SIGSYS, and who starts some may do that. */
static void arm_with_guard(void)
{
    pwk_signal_guard_start();
    arm();
}

static int64_t answer_42(struct pwk_trapped_call *call)
{
    errno = ENOTTY;
    return call->nr == SYS_getppid ? 42 : -EBADMSG;
}

static int64_t sum_up(struct pwk_trapped_call *call)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < 6; i++)
        sum += call->args[i] << (i * 8);
    return (int64_t)sum;
}

static void a_handler_answers(void)
{
    pwk_trapped_call_set(SYS_getppid, answer_42);
    pwk_trapped_call_set(SYS_getpgid, answer_42);
    arm();
    errno = 7;
    CHECK(syscall(SYS_getppid) == 42 && errno == 7);
    CHECK(syscall(SYS_getpgid, 0) == -1 && errno == EBADMSG);
    pwk_trapped_call_set(SYS_getpgid, sum_up);
    CHECK(syscall(SYS_getpgid, 1, 2, 3, 4, 5, 6) == 0x060504030201);
}

static void without_a_handler_it_is_refused(void)
{
    arm();
    CHECK(syscall(SYS_getppid) == -1 && errno == ENOSYS);
    pwk_trapped_call_set_default(answer_42);
    CHECK(syscall(SYS_getppid) == 42);
    pwk_trapped_call_set_default(NULL);
    CHECK(syscall(SYS_getppid) == -1 && errno == ENOSYS);
}

static int64_t call_within(struct pwk_trapped_call *call)
{
    return syscall(SYS_getppid) == pwk_trapped_call_make(call) ? 1000 : -EPROTO;
}

static void calls_of_a_handler_are_made(void)
{
    pid_t parent = getppid();

    pwk_trapped_call_set(SYS_getppid, call_within);
    arm_with_guard();
    CHECK(syscall(SYS_getppid) == 1000);
    CHECK(pwk_raw_syscall(SYS_getppid, 0, 0, 0, 0, 0, 0) == parent);
    pwk_trapped_call_set(SYS_getppid, pwk_trapped_call_make);
    CHECK(syscall(SYS_getppid) == parent);
    pwk_trapped_call_set(SYS_mmap, pwk_trapped_call_make);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))getppid, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pwk_raw_syscall(SYS_close, -1, 0, 0, 0, 0, 0) == -EBADF);
}

static volatile sig_atomic_t caught;

static void catch (int signal)
{
    (void)signal;
    caught++;
}

static int64_t interrupt_itself(struct pwk_trapped_call *call)
{
    (void)call;
    CHECK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) == 0);
    return caught;
}

/* A handler may wait, and is interrupted as the call would have been: but for what the thread
 * itself holds back. */
static void signals_reach_a_handler(void)
{
    struct sigaction action = {.sa_handler = catch};
    sigset_t set;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    pwk_trapped_call_set(SYS_getppid, interrupt_itself);
    pwk_signal_guard_start();
    arm();
    CHECK(syscall(SYS_getppid) == 1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(syscall(SYS_getppid) == 1);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
    CHECK(caught == 2);
}

/* A filter without the exemption, over one that has it. */
static void the_exempt_instruction_may_be_trapped_too(void)
{
    static struct sock_filter all[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0x00030000), /* trap */
        BPF_STMT(BPF_RET | BPF_K, 0x7fff0000), /* allow */
    };
    struct sock_fprog program = {4, all};

    pwk_trapped_call_set(SYS_getppid, pwk_trapped_call_make);
    arm();
    CHECK(syscall(SYS_seccomp, 1, 0, &program) == 0);
    CHECK(syscall(SYS_getppid) == -1 && errno == ENOSYS);
}

static long call_i386(long nr)
{
    long result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(nr), "b"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    return result;
}

#define I386_GETPPID 64
#define I386_GETPID 20
#define X32_BIT 0x40000000

static void other_conventions_are_refused(void)
{
    int before = (int)call_i386(I386_GETPID);

    pwk_trapped_call_set(SYS_getppid, answer_42);
    arm();
    CHECK(call_i386(I386_GETPPID) == -ENOSYS);
    CHECK(call_i386(I386_GETPID) == before);
    CHECK(syscall(X32_BIT | SYS_getppid) == -1 && errno == ENOSYS);
    pwk_trapped_call_set(UNNAMED, sum_up);
    CHECK(syscall(UNNAMED, 7, 0, 0, 0, 0, 0) == 7);
    CHECK(call_i386(UNNAMED) == -ENOSYS);
    CHECK(syscall(X32_BIT | UNNAMED) == -1 && errno == ENOSYS);
}

static void memory_is_read_without_faults(void **context)
{
    char text[8];

    (void)context;
    assert_int_equal(pwk_process_read(getpid(), (uintptr_t) "hello", text, 6), 0);
    assert_string_equal(text, "hello");
    assert_int_equal(pwk_process_read(getpid(), 16, text, 6), -EFAULT);
    assert_int_equal(pwk_process_write(getpid(), (uintptr_t)text, "bye", 4), 0);
    assert_string_equal(text, "bye");
    assert_int_equal(pwk_process_read_string(getpid(), (uintptr_t) "hello", text, 8), 5);
    assert_int_equal(pwk_process_read_string(getpid(), (uintptr_t) "hello", text, 5),
                     -ENAMETOOLONG);
}

/* A policy that keeps programs out of other processes. */
static void memory_is_read_where_other_processes_are_shut(void)
{
    static struct sock_filter others[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0x00050000 | EPERM),
        BPF_STMT(BPF_RET | BPF_K, 0x7fff0000), /* allow */
    };
    static char from[3 * 4096 + 7], to[sizeof from];
    struct sock_fprog program = {5, others};

    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(i * 7);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, 1, 0, &program) == 0);
    CHECK(pwk_process_read(getpid(), (uintptr_t)from, to, sizeof to) == 0);
    CHECK(memcmp(from, to, sizeof to) == 0);
    CHECK(pwk_process_read(getpid(), 16, to, 6) == -EFAULT);
    CHECK(pwk_process_write(getpid(), 16, to, 6) == -EFAULT);
    CHECK(pwk_process_write(getpid(), (uintptr_t)to, "bye", 4) == 0 && strcmp(to, "bye") == 0);
}

static atomic_bool stop;

static void *storm(void *argument)
{
    uint64_t *bad = argument;

    while (!atomic_load(&stop)) {
        long answer = syscall(SYS_getppid);
        *bad += answer != 42 && answer != 43;
    }
    return NULL;
}

static int64_t answer_43(struct pwk_trapped_call *call)
{
    (void)call;
    return 43;
}

static void handlers_are_replaced_while_they_run(void)
{
    pthread_t threads[4];
    uint64_t bad[4] = {0};

    pwk_trapped_call_set(SYS_getppid, answer_42);
    pwk_trapped_call_set(SYS_mmap, pwk_trapped_call_make);
    arm_with_guard();
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, storm, &bad[i]) == 0);
    for (int i = 0; i < 2000; i++) {
        pwk_trapped_call_set(SYS_getppid, i % 2 ? answer_42 : answer_43);
        sched_yield();
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(bad[i] == 0);
    }
}

#define IN_CHILD(name)                                                                             \
    static void test_##name(void **context)                                                        \
    {                                                                                              \
        (void)context;                                                                             \
        run_in_child(name);                                                                        \
    }

IN_CHILD(a_handler_answers)
IN_CHILD(without_a_handler_it_is_refused)
IN_CHILD(calls_of_a_handler_are_made)
IN_CHILD(memory_is_read_where_other_processes_are_shut)
IN_CHILD(signals_reach_a_handler)
IN_CHILD(the_exempt_instruction_may_be_trapped_too)
IN_CHILD(other_conventions_are_refused)
IN_CHILD(handlers_are_replaced_while_they_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handler_answers),
        cmocka_unit_test(test_without_a_handler_it_is_refused),
        cmocka_unit_test(test_calls_of_a_handler_are_made),
        cmocka_unit_test(test_signals_reach_a_handler),
        cmocka_unit_test(test_the_exempt_instruction_may_be_trapped_too),
        cmocka_unit_test(test_other_conventions_are_refused),
        cmocka_unit_test(test_handlers_are_replaced_while_they_run),
        cmocka_unit_test(memory_is_read_without_faults),
        cmocka_unit_test(test_memory_is_read_where_other_processes_are_shut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
