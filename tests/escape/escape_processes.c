/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape_processes.c - other threads, other processes and other programs; tracing and other
 * processes' memory.
 */
#include "escape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATIC_PROGRAM PWK_ESCAPE_DIR "/make_directory"

static enum outcome is_made(void)
{
    return access(escape_mark, F_OK) == 0 ? DONE : REFUSED;
}

static void make(void)
{
    escape_call(SYS_mkdir, escape_mark, 0700L);
}

/* ---- threads and children ---- */

static enum outcome by_fork_child(void)
{
    pid_t child = fork();

    if (child == 0) {
        make();
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return is_made();
}

/* Parent and child share the stack: the child does nothing but its two calls. */
static long vfork_and_make(const char *path)
{
    long result;

    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov %[mkdir], %%eax\n\t"
                     "mov $0700, %%esi\n\t"
                     "syscall\n\t"
                     "mov %[exit], %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(result)
                     : "a"((long)SYS_vfork), "D"(path), [mkdir] "i"(SYS_mkdir), [exit] "i"(SYS_exit)
                     : "rsi", "rcx", "r11", "memory");
    return result;
}

static enum outcome by_vfork_child(void)
{
    long child = vfork_and_make(escape_mark);

    if (child > 0)
        waitpid((pid_t)child, NULL, 0);
    return is_made();
}

static enum outcome by_vfork(void)
{
    return escape_reached(vfork_and_make(escape_mark));
}

static void *make_in_thread(void *argument)
{
    (void)argument;
    make();
    return NULL;
}

static enum outcome by_new_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, make_in_thread, NULL) == 0)
        pthread_join(thread, NULL);
    return is_made();
}

static atomic_bool armed, thread_done;

static void *wait_and_make(void *argument)
{
    (void)argument;
    while (!atomic_load(&armed))
        sched_yield();
    make();
    atomic_store(&thread_done, true);
    return NULL;
}

static enum outcome start_thread(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, wait_and_make, NULL) == 0 ? DONE
                                                                   : escape_says("no threads");
}

static enum outcome by_old_thread(void)
{
    atomic_store(&armed, true);
    while (!atomic_load(&thread_done))
        sched_yield();
    return is_made();
}

/* ---- programs ---- */

static int program = -1; /* a copy of the static program in memory */

static enum outcome copy_program(void)
{
    char bytes[4096];
    int from = open(STATIC_PROGRAM, O_RDONLY);
    ssize_t got;

    program = memfd_create("program", 0);
    if (from < 0 || program < 0)
        return escape_says("the static program is not built");
    while ((got = read(from, bytes, sizeof(bytes))) > 0)
        if (write(program, bytes, (size_t)got) != got)
            return escape_says("no memory");
    close(from);
    return DONE;
}

static enum outcome in_child(long (*execute)(char *const words[]))
{
    char *const words[] = {(char *)"make_directory", escape_mark, NULL};
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        _exit(execute(words) == -EACCES ? 9 : 8);
    waitpid(child, &status, 0);
    return is_made();
}

static long execute_file(char *const words[])
{
    return escape_call(SYS_execve, STATIC_PROGRAM, words, NULL);
}

static long execute_memory(char *const words[])
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", program);
    return escape_call(SYS_execve, path, words, NULL);
}

static long execute_at(char *const words[])
{
    return escape_call(SYS_execveat, (long)program, "", words, NULL, (long)AT_EMPTY_PATH);
}

static enum outcome by_static_program(void)
{
    return in_child(execute_file);
}

static enum outcome by_program_in_memory(void)
{
    return in_child(execute_memory);
}

static enum outcome by_execveat(void)
{
    return in_child(execute_at);
}

/* ---- what is laid on top, or written over ---- */

static enum outcome by_filter_on_top(void)
{
    struct sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog filter = {1, allow};

    escape_call(SYS_seccomp, (long)SECCOMP_SET_MODE_FILTER, 0L, &filter);
    make();
    return is_made();
}

__attribute__((noinline, aligned(64))) static long to_be_overwritten(const char *path, long mode)
{
    __asm__ volatile(".skip 64, 0x90");
    return path == NULL ? mode : -1;
}

/* Code that is written past its page's protection is code like any other. */
static enum outcome by_own_memory(void)
{
    static const unsigned char code[] = {0xb8, SYS_mkdir, 0, 0, 0, 0x0f, 0x05, 0xc3};
    long (*volatile overwritten)(const char *, long) = to_be_overwritten;
    int memory = open("/proc/self/mem", O_RDWR);

    if (pwrite(memory, code, sizeof(code), (off_t)(uintptr_t)to_be_overwritten) !=
        (ssize_t)sizeof(code))
        return escape_says("/proc/self/mem cannot be written");
    overwritten(escape_mark, 0700);
    return is_made();
}

/* ---- tracing ---- */

static enum outcome by_trace_me(void)
{
    return escape_reached(escape_call(SYS_ptrace, (long)PTRACE_TRACEME, 0L, 0L, 0L));
}

/* The number of a call is changed on its way into Linux. */
static enum outcome by_changed_number(void)
{
    struct user_regs_struct registers;
    int status;
    pid_t child = fork();

    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        escape_call(SYS_access, escape_mark, 0700L);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
        return escape_says("no tracing here");
    while (ptrace(PTRACE_SYSCALL, child, 0, 0) == 0 && waitpid(child, &status, 0) == child &&
           WIFSTOPPED(status)) {
        ptrace(PTRACE_GETREGS, child, 0, &registers);
        if (registers.orig_rax == SYS_access && registers.rax == (unsigned long)-ENOSYS) {
            registers.orig_rax = SYS_mkdir;
            ptrace(PTRACE_SETREGS, child, 0, &registers);
        }
    }
    return is_made();
}

/* ---- other processes ---- */

static pid_t other;
static char others_memory[16] = "theirs";

static enum outcome start_other(void)
{
    int ready[2];
    char byte;

    if (pipe(ready) != 0 || (other = fork()) < 0)
        return escape_says("no processes");
    if (other == 0) {
        alarm(20);
        if (write(ready[1], "", 1) == 1)
            pause();
        _exit(0);
    }
    return read(ready[0], &byte, 1) == 1 ? DONE : escape_says("no processes");
}

static enum outcome end_other(enum outcome outcome)
{
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    return outcome;
}

static enum outcome by_writing_memory(void)
{
    char mine[] = "mine";
    struct iovec from = {mine, sizeof(mine)}, to = {others_memory, sizeof(mine)};

    return end_other(
        escape_reached(escape_call(SYS_process_vm_writev, (long)other, &from, 1L, &to, 1L, 0L)));
}

static enum outcome by_reading_memory(void)
{
    char mine[sizeof(others_memory)];
    struct iovec to = {mine, sizeof(mine)}, from = {others_memory, sizeof(mine)};

    return end_other(
        escape_reached(escape_call(SYS_process_vm_readv, (long)other, &to, 1L, &from, 1L, 0L)));
}

static enum outcome by_anothers_descriptor(void)
{
    long process = escape_call(SYS_pidfd_open, (long)other, 0L);

    return end_other(escape_reached(escape_call(SYS_pidfd_getfd, process, 0L, 0L)));
}

static enum outcome by_kcmp(void)
{
    long result = escape_call(SYS_kcmp, (long)getpid(), (long)other, 0L, 0L, 0L);

    return end_other(result == -ENOSYS ? escape_says("no kcmp") : escape_reached(result));
}

#define NO_MKDIR {"mkdir=errno"}, WORD, "mkdir"

const struct escape escapes_by_processes[] = {
    {"a child by fork", 0, NO_MKDIR, by_fork_child},
    {"a child by vfork", 0, NO_MKDIR, by_vfork_child},
    {"vfork in place of fork", 0, {"@process=errno"}, WORD, "vfork", by_vfork},
    {"a thread started later", 0, NO_MKDIR, by_new_thread},
    {"a thread from before", 0, {"mkdir=errno"}, ALL_THREADS, NULL, by_old_thread, start_thread},
    {"a static program", 0, NO_MKDIR, by_static_program},
    {"a program in memory",
     0,
     {"execve=errno"},
     WORD,
     "execve",
     by_program_in_memory,
     copy_program},
    {"execveat in place of execve",
     PWK_SYSCALLS_STRICT,
     {"execve=errno"},
     WORD,
     "execveat",
     by_execveat,
     copy_program},
    {"a filter on top", 0, NO_MKDIR, by_filter_on_top},
    {"code written by /proc/self/mem", 0, NO_MKDIR, by_own_memory},
    {"tracing", 0, {NULL}, WORD, "ptrace", by_trace_me},
    {"a number changed by a tracer",
     0,
     {"ptrace=allow", "mkdir=errno"},
     WORD,
     "mkdir",
     by_changed_number},
    {"writing another's memory",
     0,
     {NULL},
     WORD,
     "process_vm_writev",
     by_writing_memory,
     start_other},
    {"reading another's memory",
     0,
     {NULL},
     WORD,
     "process_vm_readv",
     by_reading_memory,
     start_other},
    {"another's descriptor", 0, {NULL}, WORD, "pidfd_getfd", by_anothers_descriptor, start_other},
    {"comparing with another", 0, {NULL}, WORD, "kcmp", by_kcmp, start_other},
    {NULL},
};
