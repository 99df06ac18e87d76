/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inject.c - see inject.h.
 */
#include "sandbox/inject.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_status.h"
#include "sandbox/process_memory.h"
#include "sandbox/tracee.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

#define STACK_SIZE (256 * 1024) /* of the process that injects */
#define PROGRAM_OFFSET 16       /* of the instructions behind struct sock_fprog */
#define TRIES 100               /* while somebody else traces the target, 5 ms apart */

/* ---- what can be attached to ---- */

struct status {
    int tgid, tracer, uid;
    char state;
};

static int read_status(pid_t pid, struct status *status)
{
    struct pwk_status_field fields[] = {
        {.name = "State"}, {.name = "Tgid"}, {.name = "TracerPid"}, {.name = "Uid"}};

    if (pwk_process_status(pid, fields, 4) < 0)
        return -ESRCH;
    *status =
        (struct status){.state = fields[0].value[0],
                        .tgid = (int)strtol(fields[1].value, NULL, 10),
                        .tracer = (int)strtol(fields[2].value, NULL, 10),
                        .uid = fields[3].value[0] ? (int)strtol(fields[3].value, NULL, 10) : -1};
    return status->state == 'Z' || status->state == 'X' || status->tgid != pid ? -ESRCH : 0;
}

static int check_program(pid_t pid)
{
    unsigned char ident[EI_NIDENT] = {0};
    char path[32];
    int fd;

    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* a file that we may not read can still run for us */
        return errno == ENOENT ? -EPERM : 0;
    ssize_t got = read(fd, ident, sizeof ident);
    close(fd);
    return got == sizeof ident && ident[EI_CLASS] != ELFCLASS64 ? -ENOTSUP : 0;
}

int pwk_inject_check(pid_t pid)
{
    struct status status;
    int result = read_status(pid, &status);

    if (result == 0 && pid == 1)
        result = -EPERM;
    if (result == 0 && geteuid() != 0 && status.uid != (int)geteuid())
        result = -EPERM;
    return result == 0 ? check_program(pid) : result;
}

/* ---- in the target's name ---- */

static int64_t call(struct pwk_tracee *tracee, long nr, uint64_t a1, uint64_t a2, uint64_t a3,
                    uint64_t a4, uint64_t a5, uint64_t a6)
{
    return pwk_tracee_call(tracee, nr, (const uint64_t[]){a1, a2, a3, a4, a5, a6});
}

static int is_listener(int fd)
{
    uint64_t id = 0;

    return ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0 && errno == ENOENT;
}

/* The target holds still: nobody can have closed or replaced its descriptor meanwhile. */
static int fetch_listener(pid_t pid, int fd)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int listener, result;

    if (pidfd < 0)
        return -errno;
    listener = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    result = listener < 0 ? -errno : listener;
    close(pidfd);
    if (listener >= 0 && !is_listener(listener)) {
        close(listener);
        return -EPERM;
    }
    return result;
}

static int64_t install(struct pwk_tracee *tracee, uint64_t page)
{
    const uint64_t flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC |
                           SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
    int64_t result = call(tracee, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);

    if (result < 0)
        return result;
    result = call(tracee, SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                  flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, page, 0, 0, 0);
    if (result == -EINVAL)
        result = call(tracee, SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, page, 0, 0, 0);
    /* A thread's filters differ from the others', or the process is in seccomp's strict mode. */
    return result == -ESRCH || result == -EINVAL ? -EBUSY : result;
}

static int inject(struct pwk_tracee *tracee, const void *argument)
{
    const struct sock_fprog *program = argument;
    const size_t code = program->len * sizeof *program->filter;
    const uint64_t size = PROGRAM_OFFSET + code;
    struct sock_fprog header = {.len = program->len};
    int64_t page = call(tracee, SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
    int64_t fd, listener;

    if (page < 0)
        return (int)page;
    header.filter = (struct sock_filter *)(uintptr_t)(page + PROGRAM_OFFSET);
    fd = pwk_process_write(tracee->pid, (uint64_t)page, &header, sizeof header);
    if (fd == 0)
        fd = pwk_process_write(tracee->pid, (uint64_t)page + PROGRAM_OFFSET, program->filter, code);
    if (fd == 0)
        fd = install(tracee, (uint64_t)page);
    listener = fd < 0 ? fd : fetch_listener(tracee->pid, (int)fd);
    tracee->listener = (int)listener;
    if (fd >= 0)
        call(tracee, SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    call(tracee, SYS_munmap, (uint64_t)page, size, 0, 0, 0, 0);
    return (int)listener;
}

/* Debuggers, wineserver and other supervisors hold a process for a moment only. */
static int stop_target(struct pwk_tracee *tracee, pid_t pid)
{
    struct status status;
    int result;

    for (int i = 0; i < TRIES; i++) {
        result = pwk_tracee_stop(tracee, pid);
        if (result != -EPERM)
            return result;
        result = read_status(pid, &status);
        if (result < 0)
            return result;
        if (status.tracer == 0)
            return i > 0 ? -EPERM : pwk_tracee_stop(tracee, pid);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return -EBUSY;
}

struct job {
    pid_t pid;
    int (*work)(struct pwk_tracee *tracee, const void *argument);
    const void *argument;
    bool stopped; /* the work has begun */
    int result;
};

static void do_job(struct job *job)
{
    struct pwk_tracee tracee;
    struct status status;
    int result = stop_target(&tracee, job->pid);

    if (result == 0) {
        job->stopped = true;
        result = job->work(&tracee, job->argument);
        pwk_tracee_release(&tracee);
    }
    /* What fails for a process that is about to end fails for that reason. */
    job->result = result < 0 && read_status(job->pid, &status) < 0 ? -ESRCH : result;
}

/* ---- by whom ---- */

/* In a session of its own, so that nobody's Ctrl-C or kill of a group meets it. */
static int run_process(void *argument)
{
    setsid();
    do_job(argument);
    return 0;
}

static void *run_thread(void *argument)
{
    do_job(argument);
    return NULL;
}

static int by_process(struct job *job)
{
    char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pid_t child;

    if (stack == MAP_FAILED)
        return -errno;
    job->result = -EINTR; /* where it is killed before it has done anything */
    /* Without a signal at its end it is nobody's child to wait for but ours. */
    child = clone(run_process, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES, job);
    if (child < 0)
        job->result = -errno;
    else
        waitpid(child, NULL, __WALL);
    munmap(stack, STACK_SIZE);
    return job->result;
}

/* What a thread traces is let go when it ends. */
static int by_thread(struct job *job)
{
    pthread_t thread;
    int result = pthread_create(&thread, NULL, run_thread, job);

    if (result != 0)
        return -result;
    pthread_join(thread, NULL);
    return job->result;
}

int pwk_inject_run(pid_t pid, int (*work)(struct pwk_tracee *tracee, const void *argument),
                   const void *argument)
{
    struct job job = {.pid = pid, .work = work, .argument = argument};
    sigset_t all, before;
    int result;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = by_process(&job);
    if (result == -EPERM && !job.stopped)
        result = by_thread(&job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int pwk_inject_listener(pid_t pid, const struct sock_fprog *program)
{
    return pwk_inject_run(pid, inject, program);
}
