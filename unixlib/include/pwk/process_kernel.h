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
    /* Runs the handler of `nr`; `args`: six uint64_t, or NULL for zeros. None: -ENOSYS. */
    int (*syscall_intercept)(int nr, void *args);

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
        uint64_t syscalls_intercepted; /* calls served by handlers, calls of syscall_intercept */
        uint64_t memory_allocated; /* bytes given by malloc_fn so far; free_fn takes none away */
        uint64_t io_operations;    /* calls of read_fn, write_fn and ioctl_fn */
        uint64_t errors;           /* calls of those above, malloc_fn included, that failed */
    } stats;

    void *private_data; /* the program's; NULL at first; see create_memory_limiter */

} process_kernel_t;

/* Makes the system ready. May be called any number of times, and again after pk_shutdown; the
 * other functions do not insist on it. 0. */
int pk_init(void);

/* A new kernel, attached to nothing. `name`: UTF-8 of 1 to 63 bytes without control characters,
 * copied; it is a label, two kernels may share one. NULL with errno EINVAL (type or name), or
 * ENOSPC: a process has room for 64 kernels, the one that it runs under included. */
process_kernel_t *pk_create(process_kernel_type_t type, const char *name);

/* Makes `kernel` the kernel of a process: calls of the numbers that are registered with it
 * (pk_register_syscall) reach their handlers from now on, on every thread, and a memory limiter in
 * `private_data` is applied. `pid`: 0 or getpid() for the calling process, else a child or any
 * other running process of the same user; a thread's number is none. A kernel is that of one
 * process at a time. 0, also when it is attached there already; -EINVAL (kernel, or pid below 0);
 * -EDEADLK (from a handler).
 *
 * The calling process. A kernel made by wpk_create is attached only if everything that its
 * configuration asks for can be given. -EBUSY (another kernel is attached, the process runs under
 * another Windows version or registry than the configuration asks for, or its version is left to
 * the prefix; or a thread keeps SIGSYS blocked); -EINVAL also for a registered number that cannot
 * be trapped in one's own process (see pk_register_syscall); -ENOSYS (a configuration that this
 * version cannot carry out: see windows_pk_config_t; or, in a Windows program, any handler).
 *
 * Another process. Its threads are stopped for some milliseconds while it installs a filter of its
 * own (ptrace(2), seccomp_unotify(2)); calls that it waits in go on as if nothing had been. What it
 * starts later (fork, exec) is covered too. It can gain no privileges by exec any more
 * (PR_SET_NO_NEW_PRIVS). A thread of the calling process serves its calls, one after the other.
 * -ESRCH (no such process, a thread's number, a zombie, or its main thread has ended); -EPERM
 * (another user's, one that Linux does not let be dumped, such as a set-uid program, pid 1, a
 * kernel thread, or Yama's ptrace_scope, which by 1 allows descendants only); -EBUSY (a debugger
 * holds it; it has a supervisor already, this or another process; its threads run under different
 * seccomp filters; this kernel is attached to another process); -ENOTSUP (a 32-bit program);
 * -ETIMEDOUT (a thread did not stop within two seconds: it waits for a device, or in vfork);
 * -ENOSYS (a kernel made by wpk_create; a Windows program; no seccomp notification in this Linux);
 * -EACCES, -ENOMEM, -EMFILE, -EAGAIN as Linux says. A process that runs under another seccomp
 * filter which ends it for mmap, prctl or seccomp is ended by it.
 *
 * What ends it. pk_detach: calls are let through again, see there. The end of the target: nothing
 * is left, but for the kernel's own note of it, which pk_detach takes away. The end of the calling
 * process without pk_detach, a crash above all: the calls are answered -ENOSYS from then on, since
 * nobody can say whether they would have been allowed; a new supervisor can attach then. */
int pk_attach(process_kernel_t *kernel, pid_t pid);

/* Undoes pk_attach, as far as Linux can: filters stay with a process to its end, and so does a
 * memory limit. Calls are made for real from now on, each at the price of the detour; in another
 * process with handlers, by the answers of a small process "pwk-keeper", which is left behind until
 * the last process under the filter has ended; if that one is killed, the calls answer -ENOSYS.
 * Attaching again, also another kernel, takes over what was left behind, if no number is to be
 * added. -EINVAL; -ESRCH (it is not attached); -EBUSY (the process has been started under it, or
 * switched to it, and lives with it to its end); -EDEADLK (from a handler); -EAGAIN, -ENOMEM (the
 * keeper cannot be started: it stays attached). */
int pk_detach(process_kernel_t *kernel);

/* Detaches and gives back, a memory limiter in `private_data` too; NULL is allowed. Not from a
 * handler (it is ignored there), and ignored where pk_detach fails. Memory of malloc_fn is to be
 * freed before. Threads that are inside the kernel (pk_execute, a wpk_ call) finish undisturbed,
 * and what it owns goes when the last has left. The kernel that the process lives with is left as
 * it is. */
void pk_destroy(process_kernel_t *kernel);

/* The kernel that the calling thread executes in (pk_execute), else the attached one, else the one
 * that the process was started under (pwk-wine), else NULL. Not owned by the caller. */
process_kernel_t *pk_get_current(void);

/* Runs fn(arg) on the calling thread with `kernel` as its current one, and puts back the one that
 * was current before; calls may nest. `fn` ends by returning or pthread_exit; it may not leave
 * with longjmp. The kernel need not be attached. -EINVAL (kernel, or fn NULL). */
int pk_execute(process_kernel_t *kernel, void (*fn)(void *), void *arg);

/* Has `handler` serve the host's system call `syscall_nr` (x86-64, 0 to 511) of the process that
 * the kernel is attached to, before or after pk_attach; a handler may be replaced at any time, also
 * while it runs. The handler gets the number and, as `args`, a pk_syscall_call, which begins with
 * the six arguments. What it returns is what the call answers: a result of 0 or more, or a negative
 * errno; pk_set_result serves where an int is too narrow. The same call by int 0x80 or by x32 is
 * answered -ENOSYS. Calls with an effect like that of a registered one (execveat, io_uring) are
 * numbers of their own.
 *
 * In the calling process the handler runs on the thread that made the call, in a signal handler
 * (SIGSYS), on its alternate stack where it has one: it may do what signal-safety(7) allows, and
 * neither end the thread nor leave by longjmp. errno is kept. Calls that it makes itself, of
 * whatever number, are made for real, and so are those of signal handlers that interrupt it. The
 * process cannot block SIGSYS or take it over from then on: rt_sigprocmask leaves it out,
 * rt_sigaction answers -EINVAL for it, and clone3 -ENOSYS, for which C libraries have clone. A call
 * that a thread makes with SIGSYS blocked by other means (the masks of ppoll, pselect, epoll_pwait
 * and sigsuspend while a signal is handled) ends the process. The filter is inherited by exec, the
 * handlers are not: a program that is started by such a process is ended at its first registered
 * call. This is a door for a program's own use, no lock: it holds back no code of the same process
 * that wants past it.
 *
 * In another process the handler runs on a thread of the calling process that serves its calls one
 * after the other, with all signals blocked; the caller waits. It may not call pk_attach,
 * pk_detach, pk_destroy or pk_execute.
 *
 * -EINVAL (kernel, number, handler NULL or this kernel's syscall_intercept; rt_sigreturn and
 * restart_syscall; for the calling process also rt_sigaction, rt_sigprocmask, sigaltstack, clone,
 * clone3 and vfork, which cannot be made from within a signal handler); -EBUSY (a number that was
 * not registered when the kernel was attached to another process: its filter cannot grow); -EDEADLK
 * (a handler registers a new number); -ENOSYS (a Windows program). */
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

/* A call that a handler serves: what its `args` points to, for as long as the handler runs. A
 * handler may change `args` for pk_call_original and, in its own process, pk_let_through. */
typedef struct pk_syscall_call {
    uint64_t args[6];
    int nr;
    pid_t tid; /* the thread that made it; 0: of a pid namespace that is not below ours */
} pk_syscall_call;

/* All of these are for handlers, with the `args` that they were given, and async-signal-safe. */

/* What the call answers, whatever the handler returns: a result, or a negative errno. */
void pk_set_result(void *args, int64_t result);

/* Makes the call, with the arguments as they stand in `args`: what Linux answers. In the calling
 * process only: -ENOTSUP in the name of another. */
int64_t pk_call_original(void *args);

/* Has the call made as if it had no handler; what the handler returns does not count. For another
 * process no decision about the contents of its memory may end so: what Linux reads when it makes
 * the call may by then have been changed by the process's other threads (seccomp_unotify(2)). To
 * decide by number and by arguments that are plain values is safe. */
void pk_let_through(void *args);

/* Memory of the process that made the call, all of it or nothing (of a write that fails, a part
 * may have been done): 0; -EFAULT (not its memory); -ESRCH (the call no longer waits, since its
 * process was killed: nothing that was read counts); -EPERM. */
int pk_read_memory(void *args, uint64_t address, void *data, size_t size);
int pk_write_memory(void *args, uint64_t address, const void *data, size_t size);

/* A string with its final zero, at most `size` bytes: its length, or as above, or -ENAMETOOLONG. */
ssize_t pk_read_string(void *args, uint64_t address, char *text, size_t size);

/* The process that made the call: the one that is attached to or one that it has started. A
 * negative errno: it has gone. */
pid_t pk_get_caller(void *args);

/* For a kernel's private_data: pk_attach then holds the process to `bytes` of data, its heap and
 * all other private memory that it can write to (setrlimit(2), RLIMIT_DATA), each process that it
 * starts for itself. Reserved addresses do not count, as they would with RLIMIT_AS, of which Wine
 * uses far more than memory. What is in use already stays; a lower limit too; and no process
 * without privileges can raise it again, so that it outlives pk_detach. What Linux itself does not
 * hold to that limit, mappings over mapped addresses (MAP_FIXED, Wine's way), is held to it in
 * another process while the kernel is attached; threads that make such mappings at the same moment
 * can go beyond it by what each of them asks for. NULL with errno EINVAL (0) or ENOMEM. It belongs to the caller until pk_destroy of a kernel that holds it. */
void *create_memory_limiter(size_t bytes);
void destroy_memory_limiter(void *limiter);

/* Gives a process that runs already namespaces and a Linux policy, as the founding document has it
 * ("Namespace-Based Isolation"). `pid`: 0 or the caller's number for the calling process, else any
 * process that pk_attach could be given, a 64-bit one of the same user. `kernel_config`: the file
 * name of a profile, or the name of a built-in one ("strict"); NULL: the default profile.
 *
 * What it gets: namespaces of its own for users, mounts, the network, IPC and the host name, or
 * those that "[isolation] namespaces" lists (for users in any case; for the network where
 * "[network] mode" is isolated or not said); loopback alone is up in its network. It keeps its user
 * and its group, and loses every capability for good. Then the policy of "[syscalls]" is armed, for
 * all that it starts, too. What it holds open, sockets too, stays open. Other keys of the profile
 * are those of Windows programs.
 *
 * 0, or a negative errno, with errno the same:
 * -ENOTSUP: the profile asks for what no running process can be given: a namespace for processes
 * (its number cannot change), the view of files of [files] mode = overlay, a hidden home folder,
 * limits for processor or disk; or for an action (log, notify, trap) that needs a supervisor.
 * pwk-wine gives all of these to what it starts.
 * -EBUSY: it has more than one thread, whose namespaces could not be changed together; or a
 * debugger holds it. -EINVAL (the profile, or pid below 0); -ENOENT (no such file); -ENOSPC and
 * -EPERM as unshare(2) has them (no user namespaces allowed here, or it lives in a chroot).
 * -ESRCH, -EPERM, -ENOTSUP, -ETIMEDOUT as pk_attach has them.
 * All of this is found before anything changes, but for what Linux itself refuses on the way: where
 * the process has another user namespace after an error, a part was done, nothing can take it back,
 * and the process should be ended.
 * In libpwk alone; not in Windows programs. */
int create_process_kernel_namespace(pid_t pid, const char *kernel_config);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* PROCESS_KERNEL_H */
