/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calls.c - Linux calls that know no namespace, or that a session has no use for.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attempt.h"

/* The way of 32-bit code, which 64-bit code can go too. */
static long call_32(long number, unsigned long a, unsigned long b, unsigned long c)
{
    long result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c)
                     : "memory", "r8", "r9", "r10", "r11");
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

static int judge_key(long size)
{
    return size < 0 ? judge(-1) : OUT;
}

static int try_key(void)
{
    char text[64];

    return judge_key(
        syscall(SYS_keyctl, KEYCTL_READ, fact_number("OUTSIDE_KEY"), text, sizeof(text)));
}

#define KEYCTL_32 288

static int try_key_32(void)
{
    return judge_key(
        call_32(KEYCTL_32, KEYCTL_DESCRIBE, (unsigned long)fact_number("OUTSIDE_KEY"), 0));
}

/* A terminal of the attempt's own serves: what is asked is whether the call comes through. */
static int open_terminal(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);

    if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
        return -1;
    setsid();
    fd = open(ptsname(fd), O_RDWR);
    return fd;
}

static int try_terminal_input(void)
{
    int fd = open_terminal();

    if (fd < 0)
        return 2;
    if (ioctl(fd, TIOCSTI, "x") < 0 && errno == EPERM)
        return judge(-1);
    return OUT; /* EIO comes from the terminal itself, where Linux allows it to nobody */
}

/* The upper half of a request is nothing to Linux. */
static int try_terminal_input_64(void)
{
    int fd = open_terminal();

    if (fd < 0)
        return 2;
    if (syscall(SYS_ioctl, fd, 0x100000000ul | TIOCSTI, "x") < 0 && errno == EPERM)
        return judge(-1);
    return OUT;
}

static int try_console_paste(void)
{
    char subcode = 3;
    int fd = open_terminal();

    if (fd < 0)
        return 2;
    ioctl(fd, 0x541c /* TIOCLINUX */, &subcode);
    printf("%s\n", strerror(errno));
    return errno == EPERM ? HELD : OUT;
}

static int try_io_uring(void)
{
    struct io_uring_params parameters;

    memset(&parameters, 0, sizeof(parameters));
    return judge(syscall(SYS_io_uring_setup, 1, &parameters));
}

static int try_page_faults(void)
{
    return judge(syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY));
}

static int try_counters(void)
{
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(event),
                                    .config = PERF_COUNT_SW_TASK_CLOCK,
                                    .exclude_kernel = 1,
                                    .exclude_hv = 1};

    return judge(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
}

/* Without arguments: who may use it is told that they are wrong. */
static int try_bpf(void)
{
    syscall(SYS_bpf, BPF_MAP_CREATE, NULL, 0);
    printf("%s\n", strerror(errno));
    return errno == EPERM ? HELD : OUT;
}

const struct attempt call_attempts[] = {
    {"key", try_key, "calls,keyring", false},
    {"key-32", try_key_32, "calls,keyring", false},
    {"terminal-input", try_terminal_input, "calls", false},
    {"terminal-input-64", try_terminal_input_64, "calls", false},
    {"console-paste", try_console_paste, "calls", false},
    {"io-uring", try_io_uring, "calls", false},
    {"page-faults", try_page_faults, "calls", false},
    {"counters", try_counters, "calls", false},
    {"bpf", try_bpf, "calls,users,capabilities", true},
    {0},
};
