/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_attach_ends.c - what cannot be attached to, by whom, and memory limiters.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process_status.h"
#include "target_fixture.h"

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

/* Threads that ask at the same moment are not each let have what is left. */
#define ASKING 12
#define SHARE (16 * MIB)
#define ROUNDS 40

static pthread_barrier_t together;
static atomic_int had;

static void *ask_for_memory(void *place)
{
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&together);
        if (mmap(place, SHARE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                 0) == place)
            had++;
        else
            CHECK(errno == ENOMEM);
        pthread_barrier_wait(&together);
        CHECK(mmap(place, SHARE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
              place);
        pthread_barrier_wait(&together);
    }
    return NULL;
}

static void take_memory_together(void)
{
    pthread_t threads[ASKING];
    char *reserved = mmap(NULL, ASKING * SHARE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int most = 0, least = ASKING;

    CHECK(reserved != MAP_FAILED);
    CHECK(pthread_barrier_init(&together, NULL, ASKING + 1) == 0);
    /* Before the limit: their stacks and heaps are data too, and stay. */
    for (int i = 0; i < ASKING; i++)
        CHECK(pthread_create(&threads[i], NULL, ask_for_memory, reserved + i * SHARE) == 0);
    wait_for_stop();
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&together);
        pthread_barrier_wait(&together);
        most = had > most ? had : most;
        least = had < least ? had : least;
        had = 0;
        pthread_barrier_wait(&together);
    }
    for (int i = 0; i < ASKING; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    shared->answer = most;
    CHECK(least > 0);
}

static void memory_is_limited_for_threads_together(void **context)
{
    pid_t pid;

    (void)context;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* its shadow of the address space counts as data */
#endif
    pid = start_target(take_memory_together);
    wait_stage(1);
    /* Room for two or three beside what the target has. */
    kernel->private_data = create_memory_limiter(
        pwk_process_status_number(pid, "VmData", 10, 0) * 1024 + 3 * SHARE - SHARE / 2);
    assert_non_null(kernel->private_data);
    assert_int_equal(pk_attach(kernel, pid), 0);
    shared->stop = true;
    assert_int_equal(end_target(pid), 0);
    assert_in_range(shared->answer, 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refusals_say_why),
        TEST(ordinary_users_attach_to_their_own),
        TEST(memory_is_limited),
        TEST(memory_is_limited_for_threads_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
