/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * supervise.c - see supervise.h.
 */
#include "sandbox/supervise.h"

#include <errno.h>
#include <linux/audit.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/process_kernel_internal.h"
#include "kernel/process_status.h"
#include "sandbox/call_filter.h"
#include "sandbox/data_limit.h"
#include "sandbox/inject.h"
#include "sandbox/keeper.h"
#include "sandbox/notify_loop.h"

/* A target whose filter we hold, by its listener or by a keeper that has it. */
struct supervision {
    struct supervision *next;
    pid_t pid;
    int pidfd;
    bool covered[PK_SYSCALLS]; /* numbers that its filter sends here */
    bool fixed_mappings;       /* and such mappings, if mmap is not one of them */
    int listener;              /* -1: the keeper has it */
    int keeper;                /* socket, or -1 */
    process_kernel_t *kernel;  /* NULL: detached */
    unsigned index;
    struct pwk_data_limit data;
    struct pwk_notify_thread loop;
};

/* Guarded by the callers' lock, but for the child of a fork, which only closes. */
static struct supervision *supervisions;

/* ---- calls ---- */

static const struct pwk_notification *notification(const struct pk_call *call)
{
    return call->context;
}

static int read_other(const struct pk_call *call, uint64_t address, void *data, size_t size)
{
    return pwk_notify_read(notification(call), address, data, size);
}

static int write_other(const struct pk_call *call, uint64_t address, const void *data, size_t size)
{
    return pwk_notify_write(notification(call), address, data, size);
}

static ssize_t read_other_string(const struct pk_call *call, uint64_t address, char *text,
                                 size_t size)
{
    return pwk_notify_read_string(notification(call), address, text, size);
}

static pid_t other_pid(const struct pk_call *call)
{
    pid_t tgid = (pid_t)pwk_process_status_number(call->public.tid, "Tgid", 10, 0);

    return tgid > 0 && pwk_notify_is_waiting(notification(call)) ? tgid : -ESRCH;
}

static const struct pk_call_origin other_process_origin = {
    .read = read_other,
    .write = write_other,
    .read_string = read_other_string,
    .process = other_pid,
};

/* A number that an earlier kernel had registered, and this one has not, is nobody's affair. */
static void serve(void *context, const struct pwk_notification *notified,
                  struct pwk_notify_answer *answer)
{
    struct supervision *supervision = context;
    struct pk_call call = {
        .public = {.nr = notified->nr, .tid = notified->tid},
        .origin = &other_process_origin,
        .context = (void *)notified,
    };

    if (notified->arch != AUDIT_ARCH_X86_64)
        return;
    if (pwk_data_limit_exceeded(&supervision->data, notified)) {
        answer->value = -ENOMEM;
        return;
    }
    memcpy(call.public.args, notified->args, sizeof call.public.args);
    answer->let_through =
        !pk_call_run(supervision->index, supervision->kernel, &call) || call.let_through;
    answer->value = call.result;
}

/* ---- supervisions ---- */

/* The child of a fork must not keep listeners alive. */
static void close_in_child(void)
{
    for (struct supervision *each = supervisions; each; each = each->next) {
        if (each->listener >= 0)
            close(each->listener);
        if (each->keeper >= 0)
            close(each->keeper);
        close(each->pidfd);
    }
    supervisions = NULL;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, close_in_child);
}

static void remove_supervision(struct supervision *supervision)
{
    struct supervision **link = &supervisions;

    while (*link && *link != supervision)
        link = &(*link)->next;
    if (*link)
        *link = supervision->next;
    if (supervision->listener >= 0)
        close(supervision->listener);
    if (supervision->keeper >= 0)
        close(supervision->keeper);
    close(supervision->pidfd);
    free(supervision);
}

static bool has_ended(const struct supervision *supervision)
{
    struct pollfd fd = {.fd = supervision->pidfd, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

/* The one of a process that still runs. Those of processes that have ended, and whose kernels have
 * been detached, are put away; keepers see to what these processes have started. */
static struct supervision *find(pid_t pid)
{
    struct supervision *found = NULL;

    for (struct supervision *each = supervisions, *next; each; each = next) {
        next = each->next;
        if (!each->kernel && has_ended(each))
            remove_supervision(each);
        else if (each->pid == pid && !has_ended(each))
            found = each;
    }
    return found;
}

static int new_supervision(struct supervision **out, pid_t pid)
{
    struct supervision *supervision = calloc(1, sizeof *supervision);

    if (!supervision)
        return -ENOMEM;
    supervision->pid = pid;
    supervision->listener = supervision->keeper = -1;
    supervision->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (supervision->pidfd < 0) {
        int result = -errno;

        free(supervision);
        return result;
    }
    *out = supervision;
    return 0;
}

/* A listener for the numbers, from a target that has none. */
static int open_listener(struct supervision *supervision, const int *numbers, size_t count)
{
    struct sock_fprog program;
    int result = pwk_call_filter_build(&program, PWK_CALL_FILTER_NOTIFY, numbers, count,
                                       supervision->data.bytes != 0);

    if (result < 0)
        return result;
    result = pwk_inject_listener(supervision->pid, &program);
    pwk_call_filter_free(&program);
    if (result < 0)
        return result;
    supervision->listener = result;
    for (size_t i = 0; i < count; i++)
        supervision->covered[numbers[i]] = true;
    supervision->fixed_mappings = supervision->data.bytes != 0;
    return 0;
}

/* Takes up again what a kernel has left behind. */
static int take_up(struct supervision *supervision, const int *numbers, size_t count, size_t data)
{
    int listener;

    if (data != 0 && !supervision->fixed_mappings && !supervision->covered[SYS_mmap])
        return -EBUSY;
    for (size_t i = 0; i < count; i++)
        if (!supervision->covered[numbers[i]])
            return -EBUSY;
    listener = pwk_keeper_take(supervision->keeper);
    supervision->keeper = -1;
    if (listener < 0)
        return listener;
    supervision->listener = listener;
    return 0;
}

static int start(struct supervision *supervision, unsigned index, process_kernel_t *kernel)
{
    supervision->index = index;
    supervision->kernel = kernel;
    return pwk_notify_thread_start(&supervision->loop, supervision->listener, serve, supervision);
}

int pwk_supervise_attach(unsigned index, process_kernel_t *kernel, pid_t pid, size_t data)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int numbers[PK_SYSCALLS];
    size_t count = pk_handlers_list(index, numbers);
    struct supervision *supervision;
    int result = pwk_inject_check(pid);

    if (result < 0)
        return result;
    pthread_once(&once, watch_forks);
    supervision = find(pid);
    if (supervision && supervision->kernel)
        return -EBUSY;
    if (supervision) {
        result = take_up(supervision, numbers, count, data);
        if (result == -EBUSY)
            return result;
        if (result < 0) { /* its keeper has been killed: nobody holds the filter any more */
            remove_supervision(supervision);
            supervision = NULL;
        }
    }
    if (!supervision) {
        result = new_supervision(&supervision, pid);
        if (result < 0)
            return result;
        supervision->next = supervisions;
        supervisions = supervision;
        supervision->data = (struct pwk_data_limit){.bytes = data};
        result = count > 0 || data > 0 ? open_listener(supervision, numbers, count) : 0;
    }
    supervision->data = (struct pwk_data_limit){.bytes = data};
    if (result == 0 && supervision->listener >= 0)
        result = start(supervision, index, kernel);
    supervision->index = index;
    supervision->kernel = kernel;
    if (result < 0)
        remove_supervision(supervision);
    return result;
}

static bool is_deserted(int listener)
{
    struct pollfd fd = {.fd = listener, .events = POLLIN};

    return poll(&fd, 1, 0) > 0 && fd.revents & POLLHUP;
}

int pwk_supervise_detach(unsigned index)
{
    struct supervision *supervision = supervisions;
    int keeper;

    while (supervision && !(supervision->kernel && supervision->index == index))
        supervision = supervision->next;
    if (!supervision)
        return -ESRCH;
    if (supervision->listener >= 0)
        pwk_notify_thread_stop(&supervision->loop);
    if (supervision->listener < 0 || is_deserted(supervision->listener)) {
        remove_supervision(supervision);
        return 0;
    }
    keeper = pwk_keeper_start(supervision->listener);
    if (keeper < 0) {
        int result = start(supervision, index, supervision->kernel);

        return result < 0 ? result : keeper;
    }
    close(supervision->listener);
    supervision->listener = -1;
    supervision->keeper = keeper;
    supervision->kernel = NULL;
    return 0;
}
