/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach_kills.c - kills the attaching process or its target, at any moment of an attach, of the
 * service, of a detach: the other one must neither hang nor crash. Usage: attach_kills ROUNDS.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "loaded_target.h"
#include "pwk/process_kernel.h"

#define LONGEST 12000 /* microseconds until the kill */

static struct loaded_target *target;

static int answer(int nr, void *args)
{
    (void)nr;
    (void)args;
    return 4711;
}

/* Ends with 0 when the target has ended. */
static _Noreturn void be_supervisor(pid_t pid)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "kills");
    int result = kernel == NULL ? -errno : pk_register_syscall(kernel, SYS_getppid, answer);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (result == 0) {
        result = pk_attach(kernel, pid);
        sched_yield();
        if (result == 0)
            result = pk_detach(kernel);
    }
    /* -EPERM: Linux' answer for a process that is about to end. */
    _exit(result == -ESRCH || (result == -EPERM && target->stop) ? 0 : -result);
}

static int wait_end(pid_t pid, int *status)
{
    double end = loaded_target_now() + LOADED_PATIENCE;
    pid_t found;

    while ((found = waitpid(pid, status, WNOHANG)) == 0 && loaded_target_now() < end)
        usleep(200);
    return found == pid;
}

static void expect_progress(int round, pid_t pid)
{
    double end = loaded_target_now() + LOADED_PATIENCE;
    int status;

    for (int i = 0; i < LOADED_THREADS; i++) {
        loaded_target_go_on(target, i, round, end);
        long got = target->answers[i];
        if (got != 4711 && got != getpid() && got != -ENOSYS)
            loaded_target_fail(round, "a thread got another answer", got);
    }
    target->stop = true;
    if (!wait_end(pid, &status) || status != 0) {
        loaded_target_fail(round, "the target's end", status);
        kill(pid, SIGKILL);
    }
    if (target->failures != 0)
        loaded_target_fail(round, "calls of the target failed; the last at line",
                           target->failed_line);
}

static void one_round(int round)
{
    pid_t pid = loaded_target_start(target);
    pid_t supervisor = fork();
    int status = 0;

    if (supervisor == 0)
        be_supervisor(pid);
    usleep((useconds_t)(rand() % LONGEST));
    if (round % 2 == 0) {
        kill(supervisor, SIGKILL);
        waitpid(supervisor, NULL, 0);
        expect_progress(round, pid);
        return;
    }
    target->stop = true; /* for the supervisor: what follows is expected */
    kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
        loaded_target_fail(round, "the target's kill", status);
    if (!wait_end(supervisor, &status) || status != 0) {
        loaded_target_fail(round, "the supervisor's end", status);
        kill(supervisor, SIGKILL);
    }
}

int main(int argc, char *argv[])
{
    int rounds = argc > 1 ? atoi(argv[1]) : 0;

    if (rounds < 1) {
        fprintf(stderr, "usage: attach_kills ROUNDS\n");
        return 2;
    }
    target = loaded_target_new();
    for (int round = 0; round < rounds && loaded_target_failed < 10; round++)
        one_round(round);
    if (loaded_target_failed == 0)
        printf("%d kills of either side: nothing hung\n", rounds);
    return loaded_target_failed != 0;
}
