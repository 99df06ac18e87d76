/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify_loop.c - see notify_loop.h.
 */
#include "sandbox/notify_loop.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/process_memory.h"

#define QUEUE 64         /* calls received and not yet served */
#define NOTIFICATION 512 /* bytes that Linux may write for one; 80 as of now */

struct queue {
    struct pwk_notification calls[QUEUE];
    unsigned first, count;
};

static int check_sizes(void)
{
    struct seccomp_notif_sizes sizes;

    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
        return -errno;
    return sizes.seccomp_notif <= NOTIFICATION &&
                   sizes.seccomp_notif_resp <= sizeof(struct seccomp_notif_resp) &&
                   sizes.seccomp_data >= sizeof(struct seccomp_data)
               ? 0
               : -ENOTSUP;
}

/* 1: one more call is in the queue; 0: none was there any more; or a negative errno. */
static int receive(int listener, struct queue *queue)
{
    union {
        struct seccomp_notif notif;
        char room[NOTIFICATION];
    } in;
    struct pwk_notification *call = &queue->calls[(queue->first + queue->count) % QUEUE];

    memset(&in, 0, sizeof in); /* Linux insists */
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
        return errno == ENOENT || errno == EINTR ? 0 : -errno;
    call->listener = listener;
    call->id = in.notif.id;
    call->tid = (pid_t)in.notif.pid;
    call->arch = in.notif.data.arch;
    call->nr = in.notif.data.nr;
    call->instruction_pointer = in.notif.data.instruction_pointer;
    for (int i = 0; i < 6; i++)
        call->args[i] = in.notif.data.args[i];
    queue->count++;
    return 1;
}

/* The call's process may have gone, which is nobody's fault. */
static int answer_call(const struct pwk_notification *call, const struct pwk_notify_answer *answer)
{
    struct seccomp_notif_resp out = {.id = call->id};

    if (answer->let_through)
        out.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        out.val = answer->value;
    return ioctl(call->listener, SECCOMP_IOCTL_NOTIF_SEND, &out) < 0 && errno != ENOENT ? -errno
                                                                                        : 0;
}

static int serve_first(struct queue *queue, pwk_notify_server server, void *context)
{
    const struct pwk_notification *call = &queue->calls[queue->first];
    struct pwk_notify_answer answer = {.value = -ENOSYS};
    int result;

    server(context, call, &answer);
    result = answer_call(call, &answer);
    queue->first = (queue->first + 1) % QUEUE;
    queue->count--;
    return result;
}

int pwk_notify_loop_run(int listener, int wake, pwk_notify_server server, void *context)
{
    struct pollfd fds[2] = {{.fd = listener, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
    struct queue queue = {.count = 0};
    int result = check_sizes();

    while (result >= 0) {
        if (poll(fds, 2, queue.count > 0 ? 0 : -1) < 0) {
            if (errno != EINTR)
                return -errno;
            continue;
        }
        bool woken = fds[1].revents & POLLIN;
        if (fds[0].revents & POLLIN && !woken && queue.count < QUEUE)
            result = receive(listener, &queue);
        else if (queue.count > 0)
            result = serve_first(&queue, server, context);
        else if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            return fds[0].revents & POLLHUP ? 0 : -EBADF;
        else if (woken)
            return -ECANCELED;
    }
    return result;
}

/* ---- on a thread ---- */

static void *run_thread(void *argument)
{
    struct pwk_notify_thread *loop = argument;

    loop->result = pwk_notify_loop_run(loop->listener, loop->wake, loop->server, loop->context);
    return NULL;
}

int pwk_notify_thread_start(struct pwk_notify_thread *loop, int listener, pwk_notify_server server,
                            void *context)
{
    sigset_t all, before;
    int result;

    *loop = (struct pwk_notify_thread){.listener = listener, .server = server, .context = context};
    loop->wake = eventfd(0, EFD_CLOEXEC);
    if (loop->wake < 0)
        return -errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&loop->thread, NULL, run_thread, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        close(loop->wake);
    return -result;
}

int pwk_notify_thread_stop(struct pwk_notify_thread *loop)
{
    uint64_t one = 1;
    ssize_t written;

    if (pthread_equal(pthread_self(), loop->thread))
        return -EDEADLK;
    do
        written = write(loop->wake, &one, sizeof one);
    while (written < 0 && errno == EINTR);
    pthread_join(loop->thread, NULL);
    close(loop->wake);
    return 0;
}

/* ---- the waiting process's memory ---- */

bool pwk_notify_is_waiting(const struct pwk_notification *call)
{
    uint64_t id = call->id;

    return ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* The number of a thread that has gone may be another's by now, hence the second look. */
int pwk_notify_read(const struct pwk_notification *call, uint64_t address, void *data, size_t size)
{
    int result = pwk_process_read(call->tid, address, data, size);

    return pwk_notify_is_waiting(call) ? result : -ESRCH;
}

int pwk_notify_write(const struct pwk_notification *call, uint64_t address, const void *data,
                     size_t size)
{
    int result;

    if (!pwk_notify_is_waiting(call))
        return -ESRCH;
    result = pwk_process_write(call->tid, address, data, size);
    return pwk_notify_is_waiting(call) ? result : -ESRCH;
}

ssize_t pwk_notify_read_string(const struct pwk_notification *call, uint64_t address, char *text,
                               size_t size)
{
    ssize_t result = pwk_process_read_string(call->tid, address, text, size);

    return pwk_notify_is_waiting(call) ? result : -ESRCH;
}
