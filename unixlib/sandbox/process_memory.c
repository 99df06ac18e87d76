/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_memory.c - see process_memory.h.
 */
#include "sandbox/process_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "sandbox/trapped_call.h"

#define PAGE 4096

/* The way where process_vm_readv(2) is refused, as by a policy that keeps programs out of other
 * processes, and for mappings of devices, which it does not reach: Linux looks at each address as
 * in any call. It takes two descriptors for the while. */
static int copy_through_pipe(const void *from, void *to, size_t size)
{
    int ends[2];
    long done = pwk_raw_syscall(SYS_pipe2, (long)ends, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0);

    if (done < 0)
        return (int)done;
    while (size > 0) {
        done = pwk_raw_syscall(SYS_write, ends[1], (long)from, (long)(size < PAGE ? size : PAGE), 0,
                               0, 0);
        if (done > 0)
            done = pwk_raw_syscall(SYS_read, ends[0], (long)to, done, 0, 0, 0);
        if (done <= 0)
            break;
        from = (const char *)from + done;
        to = (char *)to + done;
        size -= (size_t)done;
    }
    pwk_raw_syscall(SYS_close, ends[0], 0, 0, 0, 0, 0);
    pwk_raw_syscall(SYS_close, ends[1], 0, 0, 0, 0, 0);
    if (size == 0)
        return 0;
    return done < 0 ? (int)done : -EFAULT;
}

/* `answered` by process_vm_readv(2), which stands where it was not a refusal and the pipe does no
 * better, be it for want of descriptors. */
static int try_pipe(const void *from, void *to, size_t size, int answered)
{
    int result = copy_through_pipe(from, to, size);

    return result < 0 && answered == -EFAULT ? answered : result;
}

static bool is_own(pid_t pid)
{
    return pwk_raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) == pid;
}

/* Linux moves whole parts only up to the first page that it cannot reach. */
static int transfer(long nr, pid_t pid, uint64_t address, void *data, size_t size)
{
    while (size > 0) {
        struct iovec local = {data, size};
        struct iovec remote = {(void *)(uintptr_t)address, size};
        long done = pwk_raw_syscall(nr, pid, (long)&local, 1, (long)&remote, 1, 0);

        if (done <= 0)
            return done < 0 ? (int)done : -EFAULT;
        address += (uint64_t)done;
        data = (char *)data + done;
        size -= (size_t)done;
    }
    return 0;
}

int pwk_process_read(pid_t pid, uint64_t address, void *data, size_t size)
{
    int result = transfer(SYS_process_vm_readv, pid, address, data, size);

    return result < 0 && is_own(pid)
               ? try_pipe((const void *)(uintptr_t)address, data, size, result)
               : result;
}

int pwk_process_write(pid_t pid, uint64_t address, const void *data, size_t size)
{
    int result = transfer(SYS_process_vm_writev, pid, address, (void *)data, size);

    return result < 0 && is_own(pid) ? try_pipe(data, (void *)(uintptr_t)address, size, result)
                                     : result;
}

ssize_t pwk_process_read_string(pid_t pid, uint64_t address, char *text, size_t size)
{
    size_t length = 0;

    while (length < size) {
        size_t part = PAGE - (address + length) % PAGE;
        const char *end;
        int result;

        if (part > size - length)
            part = size - length;
        result = pwk_process_read(pid, address + length, text + length, part);
        if (result < 0)
            return result;
        end = memchr(text + length, '\0', part);
        if (end)
            return end - text;
        length += part;
    }
    return -ENAMETOOLONG;
}
