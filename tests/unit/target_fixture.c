/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * target_fixture.c - see target_fixture.h.
 */
#include "target_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared *shared;
process_kernel_t *kernel;

int set_up(void **context)
{
    (void)context;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kernel = pk_create(PK_TYPE_CUSTOM, "attached");
    return shared == MAP_FAILED || kernel == NULL;
}

int tear_down(void **context)
{
    (void)context;
    pk_shutdown();
    return munmap(shared, sizeof(*shared));
}

pid_t start_target(void (*body)(void))
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

void wait_stage(int stage)
{
    while (shared->stage < stage)
        sched_yield();
}

int end_target(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

void ask(void)
{
    long parent = syscall(SYS_getppid);

    shared->stage = 1;
    while (!shared->stop) {
        long answer = syscall(SYS_getppid);
        shared->answer = answer == parent ? 0 : answer < 0 ? -errno : answer;
    }
}

void wait_answer(long answer)
{
    while (shared->answer != answer)
        sched_yield();
}

int answer_4711(int nr, void *args)
{
    (void)args;
    return nr == SYS_getppid ? 4711 : -EPROTO;
}

int refuse(int nr, void *args)
{
    (void)nr;
    (void)args;
    return -EPERM;
}

void wait_for_stop(void)
{
    shared->stage = 1;
    while (!shared->stop)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
