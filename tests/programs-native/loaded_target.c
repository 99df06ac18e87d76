/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loaded_target.c - see loaded_target.h.
 */
#include "loaded_target.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct loaded_target *mine; /* the one that this process is */
static int pipe_ends[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned turn;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            mine->failures++;                                                                      \
            mine->failed_line = __LINE__;                                                          \
        }                                                                                          \
    } while (0)

struct loaded_target *loaded_target_new(void)
{
    void *memory = mmap(NULL, sizeof(struct loaded_target), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

static long milliseconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

static void sleep_a_while(void)
{
    struct timespec start;

    clock_gettime(CLOCK_MONOTONIC, &start);
    EXPECT(nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL) == 0);
    EXPECT(milliseconds_since(&start) >= 2);
}

static void wait_for_event(void)
{
    static int epoll = -1;
    struct epoll_event event;
    struct timespec start;

    if (epoll < 0)
        epoll = epoll_create1(EPOLL_CLOEXEC);
    clock_gettime(CLOCK_MONOTONIC, &start);
    EXPECT(epoll_wait(epoll, &event, 1, 3) == 0);
    EXPECT(milliseconds_since(&start) >= 2);
}

/* Two threads take turns. */
static void take_turns(void)
{
    pthread_mutex_lock(&mutex);
    unsigned now = ++turn;
    pthread_cond_signal(&changed);
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec++;
    while (turn == now && !mine->stop)
        if (pthread_cond_timedwait(&changed, &mutex, &end) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&mutex);
}

static void read_pipe(void)
{
    char byte = 0;

    EXPECT(read(pipe_ends[0], &byte, 1) == 1 && byte == 'x');
}

static void write_pipe(void)
{
    EXPECT(write(pipe_ends[1], "x", 1) == 1);
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

static void storm(void)
{
    pid_t pid = getpid();

    for (int i = 0; i < 100; i++)
        EXPECT(syscall(SYS_getpid) == pid);
}

static void use_memory(void)
{
    char *heap = malloc(300000);
    char *map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    EXPECT(heap != NULL && map != MAP_FAILED);
    memset(heap, 1, 300000);
    memset(map, 2, 65536);
    EXPECT(heap[299999] == 1 && map[65535] == 2);
    EXPECT(munmap(map, 65536) == 0);
    free(heap);
}

static void (*const work[LOADED_THREADS])(void) = {
    sleep_a_while, wait_for_event, take_turns, take_turns, read_pipe, write_pipe, storm, use_memory,
};

static void *run(void *argument)
{
    int i = (int)(intptr_t)argument;

    mine->started++;
    while (!mine->stop) {
        work[i]();
        long answer = syscall(SYS_getppid);
        mine->answers[i] = answer < 0 ? -errno : answer;
        mine->rounds[i]++;
    }
    if (work[i] == write_pipe)
        EXPECT(write(pipe_ends[1], "x", 1) == 1); /* the reader may wait for it */
    return NULL;
}

static _Noreturn void be_target(void)
{
    pthread_t threads[LOADED_THREADS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (pipe(pipe_ends) != 0)
        _exit(1);
    for (int i = 1; i < LOADED_THREADS; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i) != 0)
            _exit(1);
    run(NULL);
    pthread_cond_broadcast(&changed);
    for (int i = 1; i < LOADED_THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

pid_t loaded_target_start(struct loaded_target *target)
{
    memset(target, 0, sizeof(*target));
    pid_t pid = fork();

    if (pid == 0) {
        mine = target;
        be_target();
    }
    while (pid > 0 && target->started < LOADED_THREADS)
        sched_yield();
    return pid;
}

/* ---- for those that attach to it ---- */

int loaded_target_failed;

void loaded_target_fail(int round, const char *what, long value)
{
    fprintf(stderr, "FAILED: round %d: %s: %ld\n", round, what, value);
    loaded_target_failed++;
}

double loaded_target_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void loaded_target_go_on(const struct loaded_target *target, int thread, int round, double end)
{
    unsigned long start = target->rounds[thread];

    while (target->rounds[thread] < start + 2 && loaded_target_now() < end)
        sched_yield();
    if (target->rounds[thread] < start + 2)
        loaded_target_fail(round, "a thread stands still", thread);
}
