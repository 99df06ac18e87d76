/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_kernel.h - the process kernel: what a process may be given in place of the host's own
 * system calls, memory, I/O and devices. Types and signatures of the first part are those of the
 * project's founding document ("Custom Process Kernels", phase 1), to the letter; what stands
 * behind "additions" is pwk's own.
 *
 * Errors: functions of type int return 0 or a negative errno; those that return a pointer return
 * NULL and set errno. A kernel that has been destroyed, or never was one, is -EINVAL.
 * Threads: every function may be called from any thread; none from a signal handler, and none by
 * a child of fork before exec. Public fields may be read at any time; a program writes to
 * `private_data` alone.
 * Ownership: kernels belong to the library: pk_create hands one out, pk_destroy takes it back.
 */
#ifndef PROCESS_KERNEL_H
#define PROCESS_KERNEL_H

#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef enum {
    PK_TYPE_GENERIC, /* nothing taken over */
    PK_TYPE_WINDOWS, /* for Windows programs; see windows_process_kernel.h */
    PK_TYPE_CUSTOM,  /* the program's own */
} process_kernel_type_t;

typedef struct process_kernel {
    pid_t pid; /* the process it is attached to; 0: none */
    process_kernel_type_t type;
    char name[64]; /* UTF-8, 1 to 63 bytes */

    /* The *_fn pointers and syscall_intercept are never NULL while the kernel lives. Each is bound
     * to this very kernel: it runs what is registered, else the default named here, and counts.
     * After pk_destroy they fail with errno ENODEV (free_fn does nothing). The *_context, *_manager
     * and windows_bridge pointers are the library's own. */
    void *syscall_context;
    int (*syscall_intercept)(int nr, void *args); /* default: -ENOSYS */

    void *memory_manager;
    void *(*malloc_fn)(size_t size); /* default: malloc(3) */
    void (*free_fn)(void *ptr);      /* default: free(3) */

    void *io_context;
    ssize_t (*read_fn)(int fd, void *buf, size_t count);        /* default: read(2) */
    ssize_t (*write_fn)(int fd, const void *buf, size_t count); /* default: write(2) */

    void *device_context;
    int (*ioctl_fn)(int fd, unsigned long request, void *arg); /* default: ioctl(2) */

    void *windows_bridge; /* NULL unless wpk_create made this kernel */

    /* Exact with any number of threads, but four numbers read one by one: take pk_get_stats for a
     * picture of one moment, and for what a running Windows kernel counts besides. */
    struct {
        uint64_t syscalls_intercepted; /* calls of syscall_intercept */
        uint64_t memory_allocated; /* bytes given by malloc_fn so far; free_fn takes none away */
        uint64_t io_operations;    /* calls of read_fn, write_fn and ioctl_fn */
        uint64_t errors;           /* calls of those above, malloc_fn included, that failed */
    } stats;

    void *private_data; /* the program's; NULL at first, never looked at */

} process_kernel_t;

/* Makes the system ready. May be called any number of times, and again after pk_shutdown; the
 * other functions do not insist on it. 0. */
int pk_init(void);

/* A new kernel, attached to nothing. `name`: UTF-8 of 1 to 63 bytes without control characters,
 * copied; it is a label, two kernels may share one. NULL with errno EINVAL (type or name), or
 * ENOSPC: a process has room for 64 kernels, the one that it runs under included. */
process_kernel_t *pk_create(process_kernel_type_t type, const char *name);

/* Makes `kernel` the kernel of a process. In this version that is the calling process: `pid` is 0
 * or getpid(). A kernel made by wpk_create is attached only if everything that its configuration
 * asks for can be given. 0, also when it is attached already; -EINVAL (kernel, or pid below 0);
 * -EBUSY (another kernel is attached, or the process runs under another Windows version or
 * registry than the configuration asks for, or its version is left to the prefix); -ENOSYS
 * (another process, or a configuration that this version cannot carry out: see
 * windows_pk_config_t). */
int pk_attach(process_kernel_t *kernel, pid_t pid);

/* Undoes pk_attach. -EINVAL; -ESRCH (it is not attached); -EBUSY (the process has been started
 * under it, or switched to it, and lives with it to its end). */
int pk_detach(process_kernel_t *kernel);

/* Detaches and gives back; NULL is allowed. Memory of malloc_fn is to be freed before. Threads
 * that are inside the kernel (pk_execute, a wpk_ call) finish undisturbed, and what it owns goes
 * when the last has left. The kernel that the process lives with is left as it is. */
void pk_destroy(process_kernel_t *kernel);

/* The kernel that the calling thread executes in (pk_execute), else the attached one, else the one
 * that the process was started under (pwk-wine), else NULL. Not owned by the caller. */
process_kernel_t *pk_get_current(void);

/* Runs fn(arg) on the calling thread with `kernel` as its current one, and puts back the one that
 * was current before; calls may nest. `fn` ends by returning or pthread_exit; it may not leave
 * with longjmp. The kernel need not be attached. -EINVAL (kernel, or fn NULL). */
int pk_execute(process_kernel_t *kernel, void (*fn)(void *), void *arg);

/* Would have `handler` serve the host's system call `syscall_nr`. Not in this version, which has no
 * trap for them: -ENOSYS, or -EINVAL (kernel, a negative number, handler NULL). */
int pk_register_syscall(process_kernel_t *kernel, int syscall_nr,
                        int (*handler)(int nr, void *args));

/* What malloc_fn and free_fn call from now on; both NULL: the defaults again. Memory is to be
 * freed by the allocator that gave it. -EINVAL (kernel, or one NULL of two). */
int pk_register_allocator(process_kernel_t *kernel, void *(*malloc_fn)(size_t),
                          void (*free_fn)(void *));

/* Fills `stats_out`, a struct pk_stats, with the counters of one moment (under a storm of calls,
 * each for itself). The kernel that a Windows program runs under adds what its own services count:
 * NT calls, bytes committed, I/O, errors. All zero for what is no kernel. */
void pk_get_stats(process_kernel_t *kernel, void *stats_out);

/* Destroys all kernels but the one that the process lives with. */
void pk_shutdown(void);

/* ---- additions ---- */

/* What pk_get_stats fills: the fields of process_kernel_t.stats. */
typedef struct pk_stats {
    uint64_t syscalls_intercepted;
    uint64_t memory_allocated;
    uint64_t io_operations;
    uint64_t errors;
} pk_stats;

/* I/O redirection: what read_fn, write_fn and ioctl_fn call from now on, with the conventions of
 * read(2), write(2) and ioctl(2): -1 and errno on failure. NULL: the default. -EINVAL (kernel). */
int pk_register_io(process_kernel_t *kernel, ssize_t (*read_fn)(int, void *, size_t),
                   ssize_t (*write_fn)(int, const void *, size_t),
                   int (*ioctl_fn)(int, unsigned long, void *));

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* PROCESS_KERNEL_H */
