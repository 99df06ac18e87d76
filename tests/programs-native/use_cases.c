/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * use_cases.c - use cases 2 and 3 of the founding document, compiled as they stand there
 * (use_case_2.h, use_case_3.h), with the callbacks that they name. The kernels are attached to
 * native programs of ours, or to a process that is given.
 *
 *   use_cases                   both, on programs of ours
 *   use_cases 2|3 PID FILE      one of them, on process PID; then FILE is made, and the kernel
 *                               stays attached until the process has ended
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pwk/process_kernel.h"

#define REGISTER_READ 0x4801 /* of a device that there is not */
#define REGISTER_VALUE 0x600dcafe
#define AVAILABLE 4711 /* bytes that every pipe and terminal has, by our handler */
#define MIB ((size_t)1024 * 1024)

static int failed;
static unsigned dma_blocks;
static pid_t embedded_app_pid, untrusted_app_pid;
static const char *go_file; /* NULL: the target is ours */
static atomic_bool *go;

static void check(bool holds, const char *what)
{
    printf("%s: %s\n", holds ? "ok" : "FAILED", what);
    failed += !holds;
}

/* ---- the callbacks that the document names ---- */

/* Whole pages, locked where the limits allow: what a device can be given. */
static void *dma_malloc(size_t size)
{
    size_t *block = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (block == MAP_FAILED)
        return NULL;
    dma_blocks++;
    block[0] = size + 4096;
    return (char *)block + 4096;
}

static void dma_free(void *memory)
{
    size_t *block = (size_t *)((char *)memory - 4096);

    dma_blocks--;
    munmap(block, block[0]);
}

static int custom_ioctl_handler(int nr, void *args)
{
    const pk_syscall_call *call = args;
    uint32_t value = REGISTER_VALUE;
    int available = AVAILABLE;

    if (nr != __NR_ioctl)
        return -EPROTO;
    if (call->args[1] == REGISTER_READ)
        return pk_write_memory(args, call->args[2], &value, sizeof(value));
    if (call->args[1] == FIONREAD)
        return pk_write_memory(args, call->args[2], &available, sizeof(available));
    pk_let_through(args);
    return 0;
}

static int blocked_syscall(int nr, void *args)
{
    (void)nr;
    (void)args;
    return -EPERM;
}

/* ---- the applications ---- */

static void wait_for_go(void)
{
    while (!*go)
        usleep(1000);
}

static bool is_embedded_app_served(void)
{
    uint32_t value = 0;
    int pipes[2], available = 0;

    wait_for_go();
    return pipe(pipes) == 0 && ioctl(pipes[0], REGISTER_READ, &value) == 0 &&
           value == REGISTER_VALUE && ioctl(pipes[0], FIONREAD, &available) == 0 &&
           available == AVAILABLE && fcntl(pipes[0], F_GETFD) == 0 &&
           ioctl(pipes[0], FIOCLEX) == 0 && fcntl(pipes[0], F_GETFD) == FD_CLOEXEC;
}

static bool is_untrusted_app_held(void)
{
    char *const arguments[] = {(char *)"true", NULL};

    wait_for_go();
    bool held = ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 && errno == EPERM;
    held = held && execv("/bin/true", arguments) == -1 && errno == EPERM;
    held = held && malloc(16 * MIB) != NULL;
    return held && malloc(512 * MIB) == NULL && errno == ENOMEM;
}

static pid_t start(bool (*application)(void))
{
    fflush(stdout);
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(60);
        _exit(application() ? 42 : 1);
    }
    return pid;
}

static void end(pid_t pid, const char *what)
{
    int status = 0;

    if (go_file != NULL) {
        int file = open(go_file, O_WRONLY | O_CREAT, 0600);
        check(file >= 0, "the program is told");
        close(file);
        while (kill(pid, 0) == 0)
            usleep(10000);
        return;
    }
    *go = true;
    check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42, what);
    *go = false;
}

/* ---- the use cases ---- */

static void use_case_2(void)
{
#include "use_case_2.h"

    check(kernel != NULL && kernel->pid == embedded_app_pid, "use case 2 attaches");
    end(embedded_app_pid, "its program's ioctls are those of the handler");
    void *memory = kernel->malloc_fn(10000);
    check(memory != NULL && (uintptr_t)memory % 4096 == 0 && dma_blocks == 1 &&
              kernel->stats.memory_allocated == 10000,
          "its memory is that of the DMA allocator");
    kernel->free_fn(memory);
    check(dma_blocks == 0, "and goes back there");
    pk_stats stats;
    pk_get_stats(kernel, &stats);
    printf("calls served: %llu\n", (unsigned long long)stats.syscalls_intercepted);
    check(stats.syscalls_intercepted > 0, "its calls are counted");
    pk_destroy(kernel);
}

static void use_case_3(void)
{
#include "use_case_3.h"

    check(kernel != NULL && kernel->pid == untrusted_app_pid, "use case 3 attaches");
    end(untrusted_app_pid, "its program can neither trace, nor exec, nor take more memory");
    pk_stats stats;
    pk_get_stats(kernel, &stats);
    printf("calls served: %llu\n", (unsigned long long)stats.syscalls_intercepted);
    check(go_file != NULL || (stats.syscalls_intercepted == 2 && stats.errors == 2),
          "its refusals are counted");
    pk_destroy(kernel);
}

int main(int argc, char *argv[])
{
    if (argc != 1 && argc != 4) {
        fprintf(stderr, "usage: use_cases [2|3 PID FILE]\n");
        return 2;
    }
    go = mmap(NULL, sizeof(*go), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (argc == 4) {
        embedded_app_pid = untrusted_app_pid = atoi(argv[2]);
        go_file = argv[3];
    }
    if (argc == 1 || argv[1][0] == '2') {
        embedded_app_pid = argc == 1 ? start(is_embedded_app_served) : embedded_app_pid;
        use_case_2();
    }
    if (argc == 1 || argv[1][0] == '3') {
        untrusted_app_pid = argc == 1 ? start(is_untrusted_app_held) : untrusted_app_pid;
        use_case_3();
    }
    return failed != 0;
}
