/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape_doors.c - the same calls by another door: 32-bit and x32 numbers, io_uring, the vsyscall
 * page.
 */
#include "escape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static sigjmp_buf back;

static void go_back(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

/* ---- int 0x80 ---- */

#define I386_OPEN 5
#define I386_SOCKETCALL 102

static char *low; /* memory that 32-bit pointers reach */

static enum outcome map_low(void)
{
    low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    signal(SIGSEGV, go_back);
    return low != MAP_FAILED ? DONE : escape_says("no low memory");
}

static long int80(long number, long a, long b)
{
    long result;

    __asm__ volatile("pushq %%rbx\n\tmovq %2, %%rbx\n\tint $0x80\n\tpopq %%rbx"
                     : "=a"(result)
                     : "a"(number), "r"(a), "c"(b), "d"(0L)
                     : "r8", "r9", "r10", "r11", "memory");
    return (int)result;
}

static enum outcome by_int80(void)
{
    if (sigsetjmp(back, 1) != 0)
        return escape_says("this Linux has no 32-bit calls");
    strcpy(low, SECRET);
    return escape_reached(int80(I386_OPEN, (long)(intptr_t)low, O_RDONLY));
}

/* One call for all of the socket calls, which the 64-bit policy knows singly. */
static enum outcome by_socketcall(void)
{
    const uint32_t arguments[] = {1, 1, 0}; /* AF_UNIX, SOCK_STREAM */

    if (sigsetjmp(back, 1) != 0)
        return escape_says("this Linux has no 32-bit calls");
    memcpy(low, arguments, sizeof(arguments));
    return escape_reached(int80(I386_SOCKETCALL, 1, (long)(intptr_t)low));
}

static enum outcome by_x32(void)
{
    long result = escape_call(0x40000000L | SYS_open, SECRET, (long)O_RDONLY, 0L);

    return escape_reached(result);
}

/* Whether this Linux has x32 at all: asked before the policy. */
static enum outcome find_x32(void)
{
    return escape_call(0x40000000L | SYS_getpid) > 0 ? DONE
                                                     : escape_says("this Linux has no x32 calls");
}

/* ---- io_uring ---- */

static enum outcome find_uring(void)
{
    struct io_uring_params parameters = {0};
    long ring = escape_call(SYS_io_uring_setup, 4L, &parameters);

    if (ring < 0)
        return escape_says("io_uring is switched off here");
    close((int)ring);
    return DONE;
}

/* Opens a file by a request; the result is the descriptor, as Linux left it in the ring. */
static long open_by_ring(int ring, const struct io_uring_params *parameters)
{
    size_t size = parameters->cq_off.cqes + parameters->cq_entries * sizeof(struct io_uring_cqe);
    char *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, parameters->sq_entries * sizeof(*entries),
                                        PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);

    if (rings == MAP_FAILED || (void *)entries == MAP_FAILED)
        return -ENOMEM;
    entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
                                       .fd = AT_FDCWD,
                                       .addr = (uintptr_t)SECRET,
                                       .open_flags = O_RDONLY};
    ((unsigned *)(rings + parameters->sq_off.array))[0] = 0;
    __atomic_store_n((unsigned *)(rings + parameters->sq_off.tail), 1, __ATOMIC_RELEASE);
    if (escape_call(SYS_io_uring_enter, (long)ring, 1L, 1L, (long)IORING_ENTER_GETEVENTS, 0L, 0L) !=
        1)
        return -EIO;
    return ((struct io_uring_cqe *)(rings + parameters->cq_off.cqes))[0].res;
}

static enum outcome by_uring(void)
{
    struct io_uring_params parameters = {0};
    long ring = escape_call(SYS_io_uring_setup, 4L, &parameters);

    if (ring < 0)
        return escape_reached(ring);
    return escape_reads_passwd(open_by_ring((int)ring, &parameters)) ? DONE : CANNOT;
}

static int early_ring;
static struct io_uring_params early_parameters;

/* A ring that was made before the policy was armed. */
static enum outcome make_ring(void)
{
    early_ring = (int)escape_call(SYS_io_uring_setup, 4L, &early_parameters);
    return early_ring >= 0 ? DONE : escape_says("io_uring is switched off here");
}

static enum outcome by_early_ring(void)
{
    return escape_reads_passwd(open_by_ring(early_ring, &early_parameters)) ? DONE : REFUSED;
}

/* ---- the vsyscall page ---- */

#define VSYSCALL_TIME 0xffffffffff600400UL

static enum outcome find_vsyscall(void)
{
    signal(SIGSEGV, go_back);
    if (sigsetjmp(back, 1) != 0)
        return escape_says("this Linux has no vsyscall page");
    ((time_t(*)(time_t *))VSYSCALL_TIME)(NULL);
    return DONE;
}

static enum outcome by_vsyscall(void)
{
    time_t now = ((time_t(*)(time_t *))VSYSCALL_TIME)(NULL);

    return now > 1000000 ? DONE : REFUSED;
}

const struct escape escapes_by_doors[] = {
    {"open by int 0x80", 0, {"@file=errno"}, GUARD_ARCH, NULL, by_int80, map_low},
    {"socketcall by int 0x80", 0, {"@network=errno"}, GUARD_ARCH, NULL, by_socketcall, map_low},
    {"open by an x32 number", 0, {"@file=errno"}, GUARD_X32, NULL, by_x32, find_x32},
    {"open by io_uring", 0, {"@file=errno"}, GUARD_URING, NULL, by_uring, find_uring},
    {"open by a ring from before", 0, {"@file=errno"}, GUARD_URING, NULL, by_early_ring, make_ring},
    {"time by the vsyscall page", 0, {"time=errno"}, WORD, "time", by_vsyscall, find_vsyscall},
    {NULL},
};
