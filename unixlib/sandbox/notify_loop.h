/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify_loop.h - the supervisor's side of seccomp's user notification (seccomp_unotify(2)): calls
 * of other processes that a filter sends here wait until they are answered.
 *
 * The loop receives what there is before it serves anything, since a call that has been received
 * is no longer made anew when a signal comes; and it never leaves a received call without an
 * answer. What ends it: the last process under the filter has gone, or somebody woke it.
 */
#ifndef PWK_SANDBOX_NOTIFY_LOOP_H
#define PWK_SANDBOX_NOTIFY_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A call that waits. Valid while it is being served. */
struct pwk_notification {
    int listener;
    uint64_t id;
    pid_t tid;     /* the thread, as this process's pid namespace numbers it; 0: not in there */
    uint32_t arch; /* AUDIT_ARCH_*: numbers mean nothing without it */
    int nr;
    uint64_t args[6];
    uint64_t instruction_pointer;
};

struct pwk_notify_answer {
    int64_t value; /* the call's result, or a negative errno; -ENOSYS unless set */

    /* The call is made by its process after all, with the arguments that are in its registers. No
     * decision may rest on what was read from the process's memory before: its other threads can
     * change that memory until Linux reads it (seccomp_unotify(2), "caveats"). */
    bool let_through;
};

/* Serves one call: on the loop's thread, which serves no other meanwhile. */
typedef void (*pwk_notify_server)(void *context, const struct pwk_notification *call,
                                  struct pwk_notify_answer *answer);

/* Serves until every process under the listener's filter has gone: 0. Before Linux 6.11 one has gone
 * only when its parent has waited for it: a parent must not run this first and wait afterwards. Or
 * until `wake` (-1: none) can be read, which is left to the caller: -ECANCELED, after everything
 * that was received has been answered. Else a negative errno: the listener is none, or this
 * kernel's notifications are unknown to us (-ENOTSUP). `listener` stays the caller's; one loop at a
 * time may read it. */
int pwk_notify_loop_run(int listener, int wake, pwk_notify_server server, void *context);

/* The loop on a thread of its own, with all signals blocked. */
struct pwk_notify_thread {
    pthread_t thread;
    int listener;
    int wake;
    pwk_notify_server server;
    void *context;
    int result; /* the loop's, after pwk_notify_thread_stop */
};

/* `listener` is the caller's, and has to stay open until the thread has been stopped. */
int pwk_notify_thread_start(struct pwk_notify_thread *loop, int listener, pwk_notify_server server,
                            void *context);

/* Waits for the call in hand; not from the server itself (-EDEADLK). */
int pwk_notify_thread_stop(struct pwk_notify_thread *loop);

/* Whether the call still waits. What was read of its process before this answered true was read
 * from that process. */
bool pwk_notify_is_waiting(const struct pwk_notification *call);

/* Memory of the process that waits, all of it or nothing: 0; -EFAULT (not its memory, or not
 * writable); -ESRCH (the call no longer waits; nothing that was read counts); else what
 * process_vm_readv(2) says, -EPERM above all. */
int pwk_notify_read(const struct pwk_notification *call, uint64_t address, void *data, size_t size);
int pwk_notify_write(const struct pwk_notification *call, uint64_t address, const void *data,
                     size_t size);

/* A string with its final zero, at most `size` bytes: its length, or as above, or -ENAMETOOLONG. */
ssize_t pwk_notify_read_string(const struct pwk_notification *call, uint64_t address, char *text,
                               size_t size);

#endif
