/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_wall.c - see call_wall.h. Written out as a filter program, since pwk-wine is to load no
 * library for it. A call that has no line here is allowed by its number alone, which Linux keeps
 * in a bitmap: it costs such calls next to nothing.
 */
#include "sandbox/call_wall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/filter_values.h"

/* The calls of one of x86-64's two ABIs. The 32-bit numbers are those of "syscall_32.tbl" (Linux),
 * and can be used by 64-bit code too. */
struct abi {
    unsigned architecture;
    unsigned refused[7]; /* key rings, performance counters, eBPF, userfaultfd, io_uring */
    unsigned ioctl;
    unsigned fcntl[2]; /* the second may be 0 */
    unsigned socket;
    unsigned socketcall; /* its arguments lie in memory, where a filter cannot look; 0: none */
};

static const struct abi abis[] = {
    {AUDIT_ARCH_X86_64,
     {SYS_add_key, SYS_request_key, SYS_keyctl, SYS_perf_event_open, SYS_bpf, SYS_userfaultfd,
      SYS_io_uring_setup},
     SYS_ioctl,
     {SYS_fcntl, 0},
     SYS_socket,
     0},
    {AUDIT_ARCH_I386, {286, 287, 288, 336, 357, 374, 425}, 54, {55, 221}, 359, 102},
};

static const unsigned terminal_requests[] = {TIOCSTI, TIOCLINUX};
/* A lease on a file that can be read keeps those waiting who open it for writing: fcntl_locking(2).
 * The second is F_SETDELEG, the same for folders, which the C library's headers lack. */
static const unsigned leases[] = {F_SETLEASE, 1040};
static const unsigned families[] = {PWK_SOCKET_FAMILIES};

struct program {
    struct sock_filter *lines;
    unsigned short count;
};

static void add(struct program *program, unsigned short code, unsigned value, unsigned char yes,
                unsigned char no)
{
    program->lines[program->count++] = (struct sock_filter){code, yes, no, value};
}

static void load(struct program *program, size_t field)
{
    add(program, BPF_LD | BPF_W | BPF_ABS, (unsigned)field, 0, 0);
}

static void answer(struct program *program, unsigned value)
{
    add(program, BPF_RET | BPF_K, value, 0, 0);
}

/* The next `count` lines are for this value alone. */
static void unless(struct program *program, unsigned value, unsigned char count)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, count);
}

static void refuse_call(struct program *program, unsigned number)
{
    unless(program, number, 1);
    answer(program, SECCOMP_RET_ERRNO | EPERM);
}

/* Answers `found` where the call's argument is one of `values`, `otherwise` where it is not. Linux
 * looks at the low half of a request and of a family alone, as is done here. */
static void judge_argument(struct program *program, unsigned number, int argument,
                           const unsigned *values, unsigned char count, unsigned found,
                           unsigned otherwise)
{
    unless(program, number, (unsigned char)(count + 3));
    load(program, offsetof(struct seccomp_data, args[argument]));
    for (unsigned char i = 0; i < count; i++)
        add(program, BPF_JMP | BPF_JEQ | BPF_K, values[i], (unsigned char)(count - i), 0);
    answer(program, otherwise);
    answer(program, found);
}

static void add_abi(struct program *program, const struct abi *abi, bool isolated_network)
{
    unsigned short start = program->count;

    unless(program, abi->architecture, 0); /* how far, is known at the end */
    load(program, offsetof(struct seccomp_data, nr));
    add(program, BPF_JMP | BPF_JGE | BPF_K, PWK_X32_BIT, 0, 1);
    answer(program, SECCOMP_RET_ERRNO | ENOSYS);
    for (size_t i = 0; i < sizeof(abi->refused) / sizeof(abi->refused[0]); i++)
        refuse_call(program, abi->refused[i]);
    judge_argument(program, abi->ioctl, 1, terminal_requests,
                   sizeof(terminal_requests) / sizeof(terminal_requests[0]),
                   SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < 2 && abi->fcntl[i]; i++)
        judge_argument(program, abi->fcntl[i], 1, leases, sizeof(leases) / sizeof(leases[0]),
                       SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
    if (isolated_network) {
        judge_argument(program, abi->socket, 0, families, sizeof(families) / sizeof(families[0]),
                       SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
        if (abi->socketcall)
            refuse_call(program, abi->socketcall);
    }
    answer(program, SECCOMP_RET_ALLOW);
    program->lines[start].jf = (unsigned char)(program->count - start - 1);
}

size_t pwk_call_wall_write(struct sock_filter lines[PWK_CALL_WALL_MAX], bool isolated_network)
{
    struct program program = {.lines = lines};

    load(&program, offsetof(struct seccomp_data, arch));
    for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]); i++)
        add_abi(&program, &abis[i], isolated_network);
    answer(&program, SECCOMP_RET_KILL_PROCESS); /* no ABI of this machine's */
    return program.count;
}

int pwk_call_wall_raise(bool isolated_network)
{
    struct sock_filter lines[PWK_CALL_WALL_MAX];
    struct sock_fprog filter = {.len = (unsigned short)pwk_call_wall_write(lines, isolated_network),
                                .filter = lines};

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 ? -errno : 0;
}
