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
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach_fixture.h"
#include "pwk/process_kernel.h"

/* What a target and the test tell each other. */
static struct shared {
    atomic_int stage;
    atomic_long answer;
    atomic_int failures;
    atomic_bool stop;
} * shared;

static process_kernel_t *kernel;

static int set_up(void **context)
{
    (void)context;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kernel = pk_create(PK_TYPE_CUSTOM, "attached");
    return shared == MAP_FAILED || kernel == NULL;
}

static int tear_down(void **context)
{
    (void)context;
    pk_shutdown();
    return munmap(shared, sizeof(*shared));
}

static pid_t start_target(void (*body)(void))
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(60);
        body();
        _exit(0);
    }
    return pid;
}

static void wait_stage(int stage)
{
    while (shared->stage < stage)
        sched_yield();
}

static int end_target(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Asks for its parent until the answer is that of a handler, tells, and again until it is not. */
static void ask(void)
{
    long parent = syscall(SYS_getppid);

    shared->stage = 1;
    while (!shared->stop) {
        long answer = syscall(SYS_getppid);
        shared->answer = answer == parent ? 0 : answer < 0 ? -errno : answer;
    }
}

static void wait_answer(long answer)
{
    while (shared->answer != answer)
        sched_yield();
}

static int answer_4711(int nr, void *args)
{
    (void)args;
    return nr == SYS_getppid ? 4711 : -EPROTO;
}

static int refuse(int nr, void *args)
{
    (void)nr;
    (void)args;
    return -EPERM;
}

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

static void wait_for_stop(void)
{
    shared->stage = 1;
    while (!shared->stop)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

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

static void be_traced(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
}

static void refusals_say_why(void **context)
{
    process_kernel_t *other = pk_create(PK_TYPE_GENERIC, "other");
    int status;

    (void)context;
    assert_int_equal(pk_register_syscall(kernel, SYS_getppid, refuse), 0);
    assert_int_equal(pk_register_syscall(kernel, SYS_rt_sigreturn, refuse), -EINVAL);
    assert_int_equal(pk_register_syscall(kernel, SYS_restart_syscall, refuse), -EINVAL);
    assert_int_equal(pk_register_syscall(kernel, 512, refuse), -EINVAL);
    assert_int_equal(pk_attach(kernel, -5), -EINVAL);
    assert_int_equal(pk_attach(kernel, 1), -EPERM);
    assert_int_equal(pk_attach(kernel, 0x3ffffff), -ESRCH);

    assert_int_equal(kernel->pid, 0);

    pid_t pid = start_target(be_traced);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(pk_attach(kernel, pid), -EBUSY);
    kill(pid, SIGKILL);
    assert_int_equal(end_target(pid), SIGKILL);

    pid = start_target(wait_for_stop);
    wait_stage(1);
    assert_int_equal(pk_attach(kernel, pid), 0);
    assert_int_equal(pk_attach(kernel, 0), -EBUSY);
    assert_int_equal(pk_register_syscall(other, SYS_getppid, refuse), 0);
    assert_int_equal(pk_attach(other, pid), -EBUSY);
    kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(pk_attach(other, pid), -ESRCH); /* a zombie */
    assert_int_equal(end_target(pid), SIGKILL);
    assert_int_equal(pk_detach(kernel), 0);
}

/* ---- without root ---- */

#define NOBODY 65534

static void be_undumpable(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    wait_for_stop();
}

static pid_t test_process;

static void attach_as_user(void)
{
    int status;

    CHECK(getuid() != 0 || setresuid(NOBODY, NOBODY, NOBODY) == 0);
    CHECK(pk_register_syscall(kernel, SYS_getppid, answer_4711) == 0);
    pid_t pid = start_target(ask);
    wait_stage(1);
    /* Having changed its user it cannot be dumped until it says so; nor can its children. */
    CHECK(pk_attach(kernel, pid) == (test_process != 0 ? -EPERM : 0));
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(pk_detach(kernel) == (test_process != 0 ? -ESRCH : 0));
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    shared->stage = 0;
    pid = start_target(ask);
    wait_stage(1);
    CHECK(pk_attach(kernel, pid) == 0);
    wait_answer(4711);
    CHECK(pk_detach(kernel) == 0);
    wait_answer(0);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid);
    shared->stage = 0;
    pid = start_target(be_undumpable);
    wait_stage(1);
    CHECK(pk_attach(kernel, pid) == -EPERM);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(test_process == 0 || pk_attach(kernel, test_process) == -EPERM);
}

static void ordinary_users_attach_to_their_own(void **context)
{
    (void)context;
    test_process = getuid() == 0 ? getpid() : 0; /* another user's, then */
    run_in_child(attach_as_user);
}

/* ---- memory limiters ---- */

#define MIB ((size_t)1 << 20)

static void take_memory(void)
{
    wait_for_stop();
    void *reserved = mmap(NULL, 1024 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(reserved != MAP_FAILED);
    void *small = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(small != MAP_FAILED);
    void *large = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(large == MAP_FAILED && errno == ENOMEM);
    large = mmap(reserved, 64 * MIB, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(large == MAP_FAILED && errno == ENOMEM);
    small = mmap(reserved, 16 * MIB, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(small == reserved);
    CHECK(mprotect((char *)reserved + 64 * MIB, 64 * MIB, PROT_READ | PROT_WRITE) < 0);
}

static void memory_is_limited(void **context)
{
    (void)context;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* its shadow of the address space counts as data */
#endif
    errno = 0;
    assert_null(create_memory_limiter(0));
    assert_int_equal(errno, EINVAL);
    kernel->private_data = create_memory_limiter(64 * MIB);
    assert_non_null(kernel->private_data);
    pid_t pid = start_target(take_memory);
    wait_stage(1);
    assert_int_equal(pk_attach(kernel, pid), 0);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
    void *limiter = kernel->private_data;
    pk_destroy(kernel);
    destroy_memory_limiter(limiter); /* went with the kernel */
    kernel = pk_create(PK_TYPE_CUSTOM, "private");
    kernel->private_data = &shared; /* anything of the program's */
    shared->stop = false;
    pid = start_target(wait_for_stop);
    assert_int_equal(pk_attach(kernel, pid), 0);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(refusals_say_why),
        TEST(ordinary_users_attach_to_their_own),
        TEST(memory_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
