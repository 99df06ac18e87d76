/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench_trap.c - what ways to catch system calls cost, without Wine: "NAME NANOSECONDS" a line, the
 * best of many batches, the ways in turn, each in a process of its own.
 *
 *   linux-bare            a Linux call (getppid)
 *   linux-filter          the same under a seccomp filter that looks at the number alone
 *   linux-address-filter  under one that looks at the instruction's address
 *   linux-dispatch        with syscall user dispatch, from the range that is let through
 *   linux-both            with that and the filter of numbers
 *   trap-filter           a call that the filter of addresses traps: to the handler and back
 *   trap-dispatch         a call that user dispatch catches: to the handler and back
 *
 *   bench_trap [CALLS]    calls in a batch (default 20000)
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "sandbox/trap.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif

#define ROUNDS 5
#define BATCHES 4

static unsigned long calls = 20000;

/* ---- the ways ---- */

static int set_filter(struct sock_filter *code, size_t length)
{
    struct sock_fprog program = {(unsigned short)length, code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static int nothing(void)
{
    return 0;
}

static int filter_numbers(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_reboot, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    return set_filter(code, sizeof code / sizeof code[0]);
}

static int filter_addresses(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct seccomp_data, instruction_pointer) + sizeof(uint32_t)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, PWK_TRAP_LINE >> 32, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    return set_filter(code, sizeof code / sizeof code[0]);
}

static int dispatch(void)
{
    return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, PWK_TRAP_LINE,
                 PWK_USER_SPACE_END - PWK_TRAP_LINE, 0);
}

static int dispatch_and_filter(void)
{
    return filter_numbers() || dispatch();
}

/* ---- calls ---- */

/* From the C library, which lies above the line. */
static long call_linux(void)
{
    return syscall(SYS_getppid) > 0 ? 0 : -1;
}

/* Code below the line: a number that the handler answers. */
static const unsigned char low_code[] = {0xb8, 0xff, 0x3f, 0, 0, 0x0f, 0x05, 0xc3};
static long (*low_call)(void);

static void answer(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 0;
}

static int prepare_low_call(void)
{
    struct sigaction action = {.sa_sigaction = answer,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    void *code = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (code == MAP_FAILED || (uintptr_t)code >= PWK_TRAP_LINE || !stack.ss_sp ||
        sigaltstack(&stack, NULL) || sigaction(SIGSYS, &action, NULL))
        return -1;
    memcpy(code, low_code, sizeof low_code);
    memcpy(&low_call, &code, sizeof low_call);
    return 0;
}

static long call_low(void)
{
    return low_call();
}

/* ---- measuring ---- */

static const struct way {
    const char *name;
    int (*set)(void);
    long (*call)(void);
} ways[] = {
    {"linux-bare", nothing, call_linux},
    {"linux-filter", filter_numbers, call_linux},
    {"linux-address-filter", filter_addresses, call_linux},
    {"linux-dispatch", dispatch, call_linux},
    {"linux-both", dispatch_and_filter, call_linux},
    {"trap-filter", filter_addresses, call_low},
    {"trap-dispatch", dispatch, call_low},
};
#define WAYS (sizeof ways / sizeof ways[0])

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* In a child: what is set cannot be unset. */
static void measure(const struct way *way, double *best)
{
    if (prepare_low_call() || way->set())
        _exit(1);
    for (int batch = 0; batch < BATCHES; batch++) {
        double start = now(), time;

        for (unsigned long i = 0; i < calls; i++)
            if (way->call() != 0)
                _exit(1);
        time = (now() - start) / (double)calls;
        if (*best == 0 || time < *best)
            *best = time;
    }
    _exit(0);
}

int main(int argc, char *argv[])
{
    double *best = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (argc > 1)
        calls = strtoul(argv[1], NULL, 10);
    if (best == MAP_FAILED || calls == 0)
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < WAYS; i++) {
            pid_t child = fork();
            int status;

            if (child == 0)
                measure(&ways[i], &best[i]);
            if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
                fprintf(stderr, "bench_trap: %s cannot be measured here\n", ways[i].name);
                return 1;
            }
        }
    }
    for (size_t i = 0; i < WAYS; i++)
        printf("%s %.1f\n", ways[i].name, best[i]);
    return 0;
}
