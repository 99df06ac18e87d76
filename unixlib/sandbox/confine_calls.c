/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * confine_calls.c - see confine_calls.h. Written out as a filter program: libseccomp 2.5.4 cannot
 * say that a bit of an argument must be clear and that the rest may be anything.
 */
#include "sandbox/confine_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define LINES 256
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)

/* Newer than some headers. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* Allowed whatever their arguments are. Of a path none is here that changes a file which Landlock
 * does not hold: chmod, chown, utimensat, truncate, setxattr by name. */
static const unsigned allowed[] = {
    /* memory */
    SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_msync,
    /* open files */
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev,
    SYS_lseek, SYS_close, SYS_fstat, SYS_fsync, SYS_fdatasync, SYS_flock, SYS_getdents64,
    SYS_fadvise64, SYS_fstatfs, SYS_poll, SYS_ppoll,
    /* names of files */
    SYS_access, SYS_faccessat, SYS_faccessat2, SYS_stat, SYS_lstat, SYS_newfstatat, SYS_statx,
    SYS_readlink, SYS_readlinkat, SYS_getcwd, SYS_unlink, SYS_unlinkat, SYS_rename, SYS_renameat,
    SYS_renameat2, SYS_link, SYS_linkat,
    /* time */
    SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_time, SYS_nanosleep,
    SYS_clock_nanosleep, SYS_sched_yield,
    /* locks in memory */
    SYS_futex, SYS_futex_waitv, SYS_get_robust_list, SYS_set_robust_list,
    /* its own signals, and the end of it and of a child that it had before */
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigpending, SYS_rt_sigreturn, SYS_sigaltstack,
    SYS_restart_syscall, SYS_exit, SYS_exit_group, SYS_wait4,
    /* what it and the machine are */
    SYS_getpid, SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
    SYS_getrandom, SYS_uname, SYS_sysinfo, SYS_getrlimit, SYS_getrusage, SYS_sched_getaffinity};

/* Not of the streams, which are the user's terminal and files, and 0 a device of all. */
static const unsigned not_of_streams[] = {SYS_ftruncate, SYS_fallocate, SYS_fchmod};

/* Locks, and what the C library asks of a descriptor. Not F_SETFL: with O_ASYNC a terminal signals
 * whoever is in its foreground. Nor F_DUPFD: a stream is known by its number. */
static const unsigned file_commands[] = {F_GETFD,  F_SETFD,     F_GETFL,     F_GETLK,     F_SETLK,
                                         F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
static const unsigned terminal_requests[] = {TCGETS};

struct program {
    struct sock_filter lines[LINES];
    unsigned short count;
};

static void add(struct program *program, unsigned short code, unsigned value, size_t yes, size_t no)
{
    program->lines[program->count++] =
        (struct sock_filter){code, (unsigned char)yes, (unsigned char)no, value};
}

static void load(struct program *program, size_t field)
{
    add(program, BPF_LD | BPF_W | BPF_ABS, (unsigned)field, 0, 0);
}

static void answer(struct program *program, unsigned value)
{
    add(program, BPF_RET | BPF_K, value, 0, 0);
}

/* The next `count` lines are for this call alone. */
static void of_call(struct program *program, unsigned number, size_t count)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, number, 0, count);
}

/* Linux takes these arguments for numbers of 32 bits, as is done here. */
static void allow_values(struct program *program, unsigned number, int argument,
                         const unsigned *values, size_t count)
{
    of_call(program, number, count + 3);
    load(program, offsetof(struct seccomp_data, args[argument]));
    for (size_t i = 0; i < count; i++)
        add(program, BPF_JMP | BPF_JEQ | BPF_K, values[i], count - i, 0);
    answer(program, REFUSED);
    answer(program, SECCOMP_RET_ALLOW);
}

/* Where the low half of the argument compares so with the value it `passes`, or not; elsewhere
 * the opposite. */
static void decide_by(struct program *program, unsigned number, int argument,
                      unsigned short comparison, unsigned value, bool passes)
{
    of_call(program, number, 4);
    load(program, offsetof(struct seccomp_data, args[argument]));
    add(program, BPF_JMP | BPF_K | comparison, value, passes, !passes);
    answer(program, REFUSED);
    answer(program, SECCOMP_RET_ALLOW);
}

/* Linux has a third way to open, neither to read nor to write: Landlock lets every file be opened
 * so, whose mode can be set then, and which its first two versions let O_TRUNC empty. */
static void allow_opening(struct program *program, unsigned number, int flags)
{
    of_call(program, number, 5);
    load(program, offsetof(struct seccomp_data, args[flags]));
    add(program, BPF_ALU | BPF_AND | BPF_K, O_ACCMODE, 0, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, O_ACCMODE, 0, 1);
    answer(program, REFUSED);
    answer(program, SECCOMP_RET_ALLOW);
}

/* To ask for a limit of its own, as getrlimit does: process 0, and no new one. */
static void allow_asking_for_limits(struct program *program)
{
    of_call(program, SYS_prlimit64, 8);
    load(program, offsetof(struct seccomp_data, args[0]));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5);
    load(program, offsetof(struct seccomp_data, args[2]));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
    load(program, offsetof(struct seccomp_data, args[2]) + 4);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, REFUSED);
}

static void write_filter(struct program *program)
{
    const unsigned self = (unsigned)getpid();

    load(program, offsetof(struct seccomp_data, arch));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        of_call(program, allowed[i], 1);
        answer(program, SECCOMP_RET_ALLOW);
    }
    for (size_t i = 0; i < COUNT_OF(not_of_streams); i++)
        decide_by(program, not_of_streams[i], 0, BPF_JGT, STDERR_FILENO, true);
    allow_opening(program, SYS_open, 1);
    allow_opening(program, SYS_openat, 2);
    /* Linux looks at all 64 bits of a protection, and knows none of the upper ones. */
    decide_by(program, SYS_mmap, 2, BPF_JSET, PROT_EXEC, false);
    decide_by(program, SYS_mprotect, 2, BPF_JSET, PROT_EXEC, false);
    allow_values(program, SYS_fcntl, 1, file_commands, COUNT_OF(file_commands));
    allow_values(program, SYS_ioctl, 1, terminal_requests, COUNT_OF(terminal_requests));
    allow_values(program, SYS_tgkill, 0, &self, 1); /* abort(3) */
    allow_asking_for_limits(program);
    answer(program, REFUSED);
}

_Static_assert(2 * COUNT_OF(allowed) + 5 * COUNT_OF(not_of_streams) + 2 * 6 + 2 * 5 +
                       COUNT_OF(file_commands) + 3 * 4 + 2 + 10 + 5 <=
                   LINES,
               "the filter's room");

int pwk_confine_calls(void)
{
    struct program program = {.count = 0};
    struct sock_fprog filter = {.filter = program.lines};

    write_filter(&program);
    filter.len = program.count;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0
               ? 0
               : -errno;
}
