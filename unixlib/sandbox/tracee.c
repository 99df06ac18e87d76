/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tracee.c - see tracee.h.
 */
#include "sandbox/tracee.h"

#include <dirent.h>
#include <errno.h>
#include <linux/rseq.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_status.h"
#include "sandbox/process_memory.h"

#define STOP_TIME_NS UINT64_C(2000000000)
#define CALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */
#define SELECTOR_64 0x33
#define CODE_CHUNK 4096
#define NATIVE_CODE 0x700000000000 /* and up: libraries (trap.h) */
#define RSEQ_CS_OFFSET 8           /* of rseq_cs in struct rseq */
#define ERESTARTNOHAND 514         /* Linux' own, which only a tracer sees */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static long trace(int request, pid_t tid, uintptr_t address, uintptr_t data)
{
    long result = ptrace((enum __ptrace_request)request, tid, (void *)address, (void *)data);

    return result < 0 ? -errno : result;
}

/* Of a file in /proc, whose right to read is that to trace. */
static int open_error(int number)
{
    return number == ENOENT ? -ESRCH : number == EACCES ? -EPERM : -number;
}

/* The state letter in /proc/PID/task/TID/stat; 0 where there is none any more. */
static char thread_state(pid_t pid, pid_t tid)
{
    char path[64], text[1024] = "";
    struct pwk_process_stat stat;
    FILE *file;
    bool read;

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    read = fgets(text, sizeof text, file) && pwk_process_stat_read(text, &stat);
    fclose(file);
    return read ? stat.state : 0;
}

/* Calls that wait for us meanwhile are the caller's own, which the new filter sends here already:
 * everybody else is held. */
static void let_own_calls_through(int listener)
{
    struct pollfd fd = {.fd = listener, .events = POLLIN};
    union {
        struct seccomp_notif notif;
        char room[512];
    } in;

    while (listener >= 0 && poll(&fd, 1, 0) > 0 && fd.revents & POLLIN) {
        memset(&in, 0, sizeof in);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
            return;
        struct seccomp_notif_resp out = {.id = in.notif.id,
                                         .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out);
    }
}

/* Waits for the next stop of a thread: its status. -ESRCH where it has ended, -ETIMEDOUT. */
static int wait_thread(struct pwk_tracee *tracee, pid_t tid)
{
    long nap = 5000;

    for (;;) {
        int status;
        pid_t found = waitpid(tid, &status, __WALL | WNOHANG);

        if (found == tid)
            return WIFSTOPPED(status) ? status : -ESRCH;
        if (found < 0 && errno != EINTR)
            return -ESRCH;
        /* The first thread of a process that is being killed tells of its end only after all the
         * others have been waited for. */
        if (strchr("ZX", thread_state(tracee->pid, tid)))
            return -ESRCH;
        if (now_ns() > tracee->deadline)
            return -ETIMEDOUT;
        let_own_calls_through(tracee->listener);
        nanosleep(&(struct timespec){.tv_nsec = nap}, NULL);
        if (nap < 500000)
            nap *= 2;
    }
}

/* Until the thread stands still for good. A signal that it is about to get goes on to it. */
static int wait_stop(struct pwk_tracee *tracee, pid_t tid)
{
    for (;;) {
        int status = wait_thread(tracee, tid);

        if (status < 0)
            return status;
        if (status >> 16 == PTRACE_EVENT_STOP)
            return 0;
        trace(PTRACE_CONT, tid, 0, (uintptr_t)WSTOPSIG(status));
    }
}

/* ---- stopping ---- */

static bool is_known(const struct pwk_tracee *tracee, pid_t tid)
{
    for (size_t i = 0; i < tracee->count; i++)
        if (tracee->threads[i] == tid)
            return true;
    return false;
}

/* 0, also where the thread has ended. */
static int seize(struct pwk_tracee *tracee, pid_t tid)
{
    long result;

    if (tracee->count == tracee->capacity) {
        size_t capacity = tracee->capacity * 2 + 16;
        pid_t *threads = realloc(tracee->threads, capacity * sizeof *threads);

        if (!threads)
            return -ENOMEM;
        tracee->threads = threads;
        tracee->capacity = capacity;
    }
    result = trace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD);
    if (result < 0) {
        char state = thread_state(tracee->pid, tid);

        return result == -ESRCH || state == 0 || state == 'Z' || state == 'X' ? 0 : (int)result;
    }
    tracee->threads[tracee->count++] = tid;
    return (int)trace(PTRACE_INTERRUPT, tid, 0, 0);
}

static int seize_new(struct pwk_tracee *tracee)
{
    char path[32];
    const struct dirent *entry;
    int result = 0;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", (int)tracee->pid);
    tasks = opendir(path);
    if (!tasks)
        return open_error(errno);
    while (result >= 0 && (entry = readdir(tasks))) {
        pid_t tid = atoi(entry->d_name);

        if (tid > 0 && !is_known(tracee, tid))
            result = seize(tracee, tid);
    }
    closedir(tasks);
    return result == -ESRCH ? 0 : result;
}

/* Calls that Linux ends with EINTR for every interruption, ours too (signal(7)). They can be made
 * anew as long as no handler of a signal runs, which is what ERESTARTNOHAND asks for; only a time
 * that they were given begins again. */
static void keep_waiting(pid_t tid)
{
    static const int calls[] = {SYS_epoll_wait, SYS_epoll_pwait,  SYS_epoll_pwait2,
                                SYS_semop,      SYS_semtimedop,   SYS_rt_sigtimedwait,
                                SYS_msgrcv,     SYS_io_getevents, SYS_io_pgetevents};
    struct user_regs_struct registers;

    if (trace(PTRACE_GETREGS, tid, 0, (uintptr_t)&registers) < 0 ||
        (int64_t)registers.rax != -EINTR)
        return;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if ((int64_t)registers.orig_rax == calls[i]) {
            registers.rax = (uint64_t)-ERESTARTNOHAND;
            trace(PTRACE_SETREGS, tid, 0, (uintptr_t)&registers);
        }
}

/* Threads that run may start others: until a look at the list finds no new one. */
static int stop_all(struct pwk_tracee *tracee)
{
    size_t still = 0;

    for (;;) {
        int result = seize_new(tracee);

        if (result < 0)
            return result;
        if (still == tracee->count)
            return tracee->count > 0 ? 0 : -ESRCH;
        while (still < tracee->count) {
            result = wait_stop(tracee, tracee->threads[still]);
            if (result == -ETIMEDOUT)
                return result;
            if (result < 0)
                tracee->threads[still] = tracee->threads[--tracee->count];
            else
                keep_waiting(tracee->threads[still++]);
        }
        if (tracee->count == 0)
            return -ESRCH;
    }
}

/* ---- the caller ---- */

/* Within a restartable sequence (rseq(2)) Linux sends a thread that it takes off the processor to
 * the sequence's abort address; it would not know of our detour. */
static int abort_sequence(struct pwk_tracee *tracee)
{
    struct __ptrace_rseq_configuration configuration;
    struct rseq_cs sequence;
    uint64_t address = 0;

    if (trace(PTRACE_GET_RSEQ_CONFIGURATION, tracee->caller, sizeof configuration,
              (uintptr_t)&configuration) < (long)sizeof configuration ||
        configuration.rseq_abi_pointer == 0)
        return 0;
    if (pwk_process_read(tracee->pid, configuration.rseq_abi_pointer + RSEQ_CS_OFFSET, &address,
                         sizeof address) < 0 ||
        address == 0)
        return 0;
    if (pwk_process_read(tracee->pid, address, &sequence, sizeof sequence) < 0)
        return 0;
    if (tracee->registers.rip - sequence.start_ip < sequence.post_commit_offset)
        tracee->registers.rip = sequence.abort_ip;
    return 0;
}

static bool waits_in_call(pid_t tid, struct user_regs_struct *registers)
{
    return trace(PTRACE_GETREGS, tid, 0, (uintptr_t)registers) >= 0 &&
           (int64_t)registers->orig_rax >= 0;
}

/* Preferably a thread that waits in a call: it is in no restartable sequence. */
static int choose_caller(struct pwk_tracee *tracee)
{
    const uint64_t all = ~UINT64_C(0);
    size_t i = 0;

    while (i < tracee->count && !waits_in_call(tracee->threads[i], &tracee->registers))
        i++;
    tracee->caller = tracee->threads[i < tracee->count ? i : 0];
    if (trace(PTRACE_GETREGS, tracee->caller, 0, (uintptr_t)&tracee->registers) < 0 ||
        trace(PTRACE_GETSIGMASK, tracee->caller, sizeof tracee->mask, (uintptr_t)&tracee->mask) <
            0 ||
        trace(PTRACE_SETSIGMASK, tracee->caller, sizeof all, (uintptr_t)&all) < 0)
        return -ESRCH;
    return i == tracee->count ? abort_sequence(tracee) : 0;
}

/* A `syscall` instruction in the mapping, which need not be one that its code ever runs; 0: none.
 * -ESRCH: the process has given its memory back. */
static int search_code(pid_t pid, uint64_t start, uint64_t end, uint64_t *instruction)
{
    unsigned char code[CODE_CHUNK];

    for (; start + sizeof code <= end; start += sizeof code) {
        int result = pwk_process_read(pid, start, code, sizeof code);
        const unsigned char *found = result == 0 ? memmem(code, sizeof code, "\x0f\x05", 2) : NULL;

        if (found)
            *instruction = start + (uint64_t)(found - code);
        if (found || result == -ESRCH)
            return found ? 0 : -ESRCH;
    }
    return 0;
}

/* The vdso is the first choice, but comes last. Libraries that are code of Windows' own may be kept
 * from making calls of Linux. */
static bool may_hold_instruction(const char *access, const char *name, uint64_t start, bool found)
{
    if (strcmp(access, "r-xp") != 0)
        return false;
    return strcmp(name, "[vdso]") == 0 || (!found && name[0] == '/' && start >= NATIVE_CODE);
}

/* None was found. The list of mappings ends early where the process gave its memory back meanwhile,
 * and begins no more. */
static int no_instruction(FILE *maps)
{
    rewind(maps);
    return fgetc(maps) == EOF ? -ESRCH : -ENOTSUP;
}

static int find_instruction(struct pwk_tracee *tracee)
{
    char path[32], line[4352];
    int result = -ESRCH; /* a process that is ending has no mappings */
    FILE *maps;

    snprintf(path, sizeof path, "/proc/%d/maps", (int)tracee->pid);
    maps = fopen(path, "re");
    if (!maps)
        return open_error(errno);
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        char access[5] = "", name[16] = "";
        int fields = sscanf(line, "%lx-%lx %4s %*s %*s %*s %15s", &start, &end, access, name);

        result = 0;
        if (fields == 4 && may_hold_instruction(access, name, start, tracee->instruction != 0) &&
            search_code(tracee->pid, start, end, &tracee->instruction) < 0) {
            result = -ESRCH;
            break;
        }
    }
    if (result == 0 && tracee->instruction == 0)
        result = no_instruction(maps);
    fclose(maps);
    return result;
}

int pwk_tracee_stop(struct pwk_tracee *tracee, pid_t pid)
{
    int result;

    *tracee = (struct pwk_tracee){.pid = pid, .listener = -1, .deadline = now_ns() + STOP_TIME_NS};
    result = find_instruction(tracee);
    if (result == 0)
        result = stop_all(tracee);
    if (result == 0)
        result = choose_caller(tracee);
    if (result < 0)
        pwk_tracee_release(tracee);
    return result;
}

/* ---- calls ---- */

/* Goes on to the next stop before or after a call. */
static int next_call_stop(struct pwk_tracee *tracee)
{
    for (;;) {
        int status;

        if (trace(PTRACE_SYSCALL, tracee->caller, 0, 0) < 0)
            return -ESRCH;
        status = wait_thread(tracee, tracee->caller);
        if (status < 0)
            return status;
        if (WSTOPSIG(status) == CALL_STOP)
            return 0;
        /* All signals are blocked but this one, which cannot be. */
        if (status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP)
            tracee->stopped_by = SIGSTOP;
    }
}

/* In the stop before a call: whether it is the one that was asked for. The code in which the
 * instruction was found may be a file's that somebody has changed since, and what a call answers is
 * believed. */
static int check_call(struct pwk_tracee *tracee, long nr, const uint64_t args[6])
{
    struct user_regs_struct registers;

    if (trace(PTRACE_GETREGS, tracee->caller, 0, (uintptr_t)&registers) < 0)
        return -ESRCH;
    return (long)registers.orig_rax == nr && registers.rdi == args[0] && registers.rsi == args[1] &&
                   registers.rdx == args[2] && registers.r10 == args[3] &&
                   registers.r8 == args[4] && registers.r9 == args[5]
               ? 0
               : -ENOTSUP;
}

int64_t pwk_tracee_call(struct pwk_tracee *tracee, long nr, const uint64_t args[6])
{
    struct user_regs_struct registers = tracee->registers;
    int result;

    registers.cs = SELECTOR_64;
    registers.rip = tracee->instruction;
    registers.rax = (uint64_t)nr;
    registers.orig_rax = ~UINT64_C(0); /* the call that it was in is not to be taken up yet */
    registers.rdi = args[0];
    registers.rsi = args[1];
    registers.rdx = args[2];
    registers.r10 = args[3];
    registers.r8 = args[4];
    registers.r9 = args[5];
    if (trace(PTRACE_SETREGS, tracee->caller, 0, (uintptr_t)&registers) < 0)
        return -ESRCH;
    result = next_call_stop(tracee);
    if (result == 0)
        result = check_call(tracee, nr, args);
    if (result == 0)
        result = next_call_stop(tracee);
    if (result == 0 && trace(PTRACE_GETREGS, tracee->caller, 0, (uintptr_t)&registers) < 0)
        result = -ESRCH;
    return result < 0 ? result : (int64_t)registers.rax;
}

/* Where Linux looks at signals: only on the way from there it takes up a call anew. */
static void restore_caller(struct pwk_tracee *tracee)
{
    pid_t tid = tracee->caller;

    tracee->deadline = now_ns() + STOP_TIME_NS;
    if (trace(PTRACE_INTERRUPT, tid, 0, 0) == 0 && trace(PTRACE_CONT, tid, 0, 0) == 0)
        wait_stop(tracee, tid);
    trace(PTRACE_SETREGS, tid, 0, (uintptr_t)&tracee->registers);
    trace(PTRACE_SETSIGMASK, tid, sizeof tracee->mask, (uintptr_t)&tracee->mask);
}

void pwk_tracee_release(struct pwk_tracee *tracee)
{
    if (tracee->caller)
        restore_caller(tracee);
    for (size_t i = 0; i < tracee->count; i++)
        if (trace(PTRACE_DETACH, tracee->threads[i], 0, 0) < 0)
            waitpid(tracee->threads[i], NULL, __WALL | WNOHANG);
    if (tracee->stopped_by)
        kill(tracee->pid, tracee->stopped_by);
    free(tracee->threads);
    *tracee = (struct pwk_tracee){.listener = -1};
}
