/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * keeper.c - see keeper.h. The keeper is made by a bare clone of a process that may have many
 * threads: between that and its end nothing may take a lock or memory.
 */
#include "sandbox/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/notify_loop.h"

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

static void let_through(void *context, const struct pwk_notification *call,
                        struct pwk_notify_answer *answer)
{
    (void)context;
    (void)call;
    answer->let_through = true;
}

static void give(int socket, int listener)
{
    union control control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec data = {(char[]){0}, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.header), &listener, sizeof listener);
    sendmsg(socket, &message, MSG_NOSIGNAL);
}

static void close_others(int first, int second)
{
    unsigned low = (unsigned)(first < second ? first : second);
    unsigned high = (unsigned)(first < second ? second : first);

    if (low > 0)
        syscall(SYS_close_range, 0, low - 1, 0);
    if (high > low + 1)
        syscall(SYS_close_range, low + 1, high - 1, 0);
    syscall(SYS_close_range, high + 1, ~0U, 0);
}

static _Noreturn void keep(int listener, int socket)
{
    char request;

    setsid();
    prctl(PR_SET_NAME, "pwk-keeper");
    close_others(listener, socket);
    if (pwk_notify_loop_run(listener, socket, let_through, NULL) == -ECANCELED) {
        if (recv(socket, &request, 1, MSG_DONTWAIT) == 1)
            give(socket, listener);
        else /* nobody will ask for it any more */
            pwk_notify_loop_run(listener, -1, let_through, NULL);
    }
    _exit(0);
}

/* fork without what the C library does around it; no signal tells of the child's end. */
static pid_t bare_fork(void)
{
    return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

int pwk_keeper_start(int listener)
{
    int sockets[2], status = 0;
    sigset_t all, before;
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    child = bare_fork();
    if (child == 0) {
        pid_t keeper = bare_fork();

        if (keeper == 0)
            keep(listener, sockets[1]);
        _exit(keeper > 0 ? 0 : errno);
    }
    if (child < 0)
        status = errno;
    else if (waitpid(child, &status, __WALL) == child)
        status = WIFEXITED(status) ? WEXITSTATUS(status) : EAGAIN;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(sockets[1]);
    if (status != 0)
        close(sockets[0]);
    return status != 0 ? -status : sockets[0];
}

static int receive(int socket)
{
    union control control;
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    const struct cmsghdr *header;
    int listener;

    if (send(socket, "", 1, MSG_NOSIGNAL) < 0 || recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
        return -ENOTCONN;
    header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS)
        return -EMFILE;
    memcpy(&listener, CMSG_DATA(header), sizeof listener);
    return listener;
}

int pwk_keeper_take(int socket)
{
    int listener = receive(socket);

    close(socket);
    return listener;
}
