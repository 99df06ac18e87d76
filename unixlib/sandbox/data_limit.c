/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * data_limit.c - see data_limit.h. Whether a mapping has been made, shows in the process's list of
 * mappings: what is private and writable there by now can be made once more at no cost. Whether it
 * is still to be made, shows in the thread's state: who makes it runs, or waits for the lock of the
 * address space, which nothing interrupts.
 */
#include "sandbox/data_limit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "kernel/process_status.h"

#define PAGE 4096
#define LOOKS 100           /* while what others were allowed stands in the way */
#define PAUSE_NS 100000     /* between them */
#define LONGEST 1000000000u /* ns: a thread that still runs has made its mapping by then */

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void forget(struct pwk_data_limit *limit, size_t i)
{
    memmove(&limit->allowed[i], &limit->allowed[i + 1],
            (--limit->count - i) * sizeof(limit->allowed[0]));
}

static void forget_thread(struct pwk_data_limit *limit, pid_t tid)
{
    for (size_t i = limit->count; i-- > 0;)
        if (limit->allowed[i].tid == tid)
            forget(limit, i);
}

static bool may_be_making_it(const struct pwk_data_allowed *allowed)
{
    struct pwk_status_field state = {.name = "State"};

    return now() - allowed->time < LONGEST && pwk_process_status(allowed->tid, &state, 1) == 0 &&
           (state.value[0] == 'R' || state.value[0] == 'D');
}

/* Takes what is data by now off what is to be made. */
static void take_off(struct pwk_data_limit *limit, pid_t pid, uint64_t left[PWK_DATA_ALLOWED])
{
    char path[32], line[512];
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    while (maps && fgets(line, sizeof(line), maps)) {
        unsigned long start, end;
        char access[5] = "";

        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3 || access[1] != 'w' ||
            access[3] != 'p')
            continue;
        for (size_t i = 0; i < limit->count; i++) {
            const struct pwk_data_allowed *allowed = &limit->allowed[i];
            uint64_t from = allowed->start > start ? allowed->start : start;
            uint64_t to = allowed->end < end ? allowed->end : end;

            if (allowed->pid == pid && from < to)
                left[i] -= to - from;
        }
    }
    if (maps)
        fclose(maps);
}

/* Bytes that other threads of the process have been allowed, and may still make. */
static uint64_t still_to_be_made(struct pwk_data_limit *limit, pid_t pid)
{
    uint64_t left[PWK_DATA_ALLOWED], sum = 0;

    for (size_t i = limit->count; i-- > 0;)
        if (limit->allowed[i].pid == pid && !may_be_making_it(&limit->allowed[i]))
            forget(limit, i);
    if (limit->count == 0)
        return 0;
    for (size_t i = 0; i < limit->count; i++)
        left[i] =
            limit->allowed[i].pid == pid ? limit->allowed[i].end - limit->allowed[i].start : 0;
    take_off(limit, pid, left);
    for (size_t i = limit->count; i-- > 0;) {
        sum += left[i];
        if (limit->allowed[i].pid == pid && left[i] == 0)
            forget(limit, i);
    }
    return sum;
}

static void remember(struct pwk_data_limit *limit, pid_t pid, const struct pwk_notification *call)
{
    uint64_t start = call->args[0] & ~(uint64_t)(PAGE - 1);

    if (limit->count == PWK_DATA_ALLOWED)
        forget(limit, 0);
    limit->allowed[limit->count++] =
        (struct pwk_data_allowed){pid, call->tid, start, start + call->args[1], now()};
}

bool pwk_data_limit_exceeded(struct pwk_data_limit *limit, const struct pwk_notification *call)
{
    const uint64_t fixed = MAP_FIXED | MAP_PRIVATE;
    pid_t pid;

    if (limit->bytes == 0 || call->nr != SYS_mmap || !(call->args[2] & PROT_WRITE) ||
        (call->args[3] & fixed) != fixed)
        return false;
    if (call->args[1] > limit->bytes)
        return true;
    pid = (pid_t)pwk_process_status_number(call->tid, "Tgid", 10, (uint64_t)call->tid);
    forget_thread(limit, call->tid); /* it has made what it was allowed before */
    for (int look = 0; look < LOOKS; look++) {
        /* In this order: what is made in between counts twice, and not never. */
        uint64_t others = still_to_be_made(limit, pid);
        uint64_t used = pwk_process_status_number(pid, "VmData", 10, 0) * 1024;

        if (used + others <= limit->bytes - call->args[1]) {
            remember(limit, pid, call);
            return false;
        }
        if (others == 0)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return true;
}
