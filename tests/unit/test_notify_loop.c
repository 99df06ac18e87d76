/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_notify_loop.c - the supervisor's loop, against children that install its filter themselves.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach_fixture.h"
#include "sandbox/notify_loop.h"

/* A child with a listener that it hands to us. */
struct child {
    pid_t pid;
    int listener;
};

static const int numbers[] = {SYS_getppid, SYS_getpgid, SYS_pause};

static void send_listener(int socket, int listener)
{
    struct iovec data = {"", 1};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.header), &listener, sizeof listener);
    CHECK(sendmsg(socket, &message, 0) == 1);
}

static int receive_listener(int socket)
{
    char byte;
    int listener = -1;
    struct iovec data = {&byte, 1};
    char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};

    assert_int_equal(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), 1);
    memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof listener);
    return listener;
}

static struct child start_child(void (*body)(void))
{
    struct child child;
    int sockets[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        int listener = install_filter(PWK_CALL_FILTER_NOTIFY, numbers, 3);
        CHECK(listener >= 0);
        alarm(60);
        send_listener(sockets[1], listener);
        close(listener);
        body();
        _exit(0);
    }
    close(sockets[1]);
    child.listener = receive_listener(sockets[0]);
    close(sockets[0]);
    return child;
}

static int end_child(const struct child *child)
{
    int status;

    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    close(child->listener);
    return status;
}

static void *reap(void *argument)
{
    int status = -1;

    waitpid(*(pid_t *)argument, &status, 0);
    return (void *)(intptr_t)status;
}

/* Serves to the child's end, with somebody waiting for it as parents do: before Linux 6.11 a
 * process that nobody has waited for keeps its filter, and the loop at work. Its status. */
static int serve_to_the_end(struct child *child, pwk_notify_server server, void *context)
{
    pthread_t reaper;
    void *status;

    assert_int_equal(pthread_create(&reaper, NULL, reap, &child->pid), 0);
    assert_int_equal(pwk_notify_loop_run(child->listener, -1, server, context), 0);
    assert_int_equal(pthread_join(reaper, &status), 0);
    close(child->listener);
    return (int)(intptr_t)status;
}

static void serve(void *context, const struct pwk_notification *call,
                  struct pwk_notify_answer *answer)
{
    atomic_uint *served = context;

    (*served)++;
    if (call->nr == SYS_getppid)
        answer->value = 0x123456789abc;
    else if (call->nr == SYS_getpgid && call->args[1] == 1)
        answer->let_through = true;
    else if (call->nr == SYS_getpgid)
        answer->value = (int64_t)(call->args[0] + call->args[5]);
}

static void make_calls(void)
{
    CHECK(syscall(SYS_getppid) == 0x123456789abc);
    CHECK(syscall(SYS_getpgid, 0, 1) == getpgrp());
    CHECK(syscall(SYS_getpgid, 30, 0, 0, 0, 0, 12) == 42);
    CHECK(syscall(SYS_pause) == -1 && errno == ENOSYS);
}

static void calls_are_answered_to_the_end_of_the_process(void **context)
{
    struct child child = start_child(make_calls);
    atomic_uint served = 0;

    (void)context;
    assert_int_equal(serve_to_the_end(&child, serve, &served), 0);
    assert_int_equal(served, 4);
}

static void *make_many(void *argument)
{
    (void)argument;
    for (int i = 0; i < 300; i++)
        CHECK(syscall(SYS_getppid) == 0x123456789abc);
    return NULL;
}

/* More threads than the queue holds, and one process that forks. */
static void make_calls_on_many_threads(void)
{
    pthread_t threads[80];
    pid_t grandchild = fork();

    CHECK(grandchild >= 0);
    for (int i = 0; i < 80; i++)
        CHECK(pthread_create(&threads[i], NULL, make_many, NULL) == 0);
    for (int i = 0; i < 80; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    if (grandchild > 0)
        CHECK(waitpid(grandchild, NULL, 0) == grandchild);
}

static void many_threads_and_a_fork_are_served(void **context)
{
    struct child child = start_child(make_calls_on_many_threads);
    struct pwk_notify_thread loop;
    atomic_uint served = 0;

    (void)context;
    assert_int_equal(pwk_notify_thread_start(&loop, child.listener, serve, &served), 0);
    int status;
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_int_equal(status, 0);
    assert_int_equal(pwk_notify_thread_stop(&loop), 0);
    assert_int_equal(loop.result, 0);
    assert_int_equal(served, 2 * 80 * 300);
    close(child.listener);
}

static void call_until_killed(void)
{
    for (;;)
        syscall(SYS_getppid);
}

static void a_loop_can_be_stopped_and_taken_up_again(void **context)
{
    struct child child = start_child(call_until_killed);
    struct pwk_notify_thread loop;
    atomic_uint served = 0;

    (void)context;
    for (int i = 0; i < 50; i++) {
        unsigned before = served;
        assert_int_equal(pwk_notify_thread_start(&loop, child.listener, serve, &served), 0);
        while (served < before + 20)
            sched_yield();
        assert_int_equal(pwk_notify_thread_stop(&loop), 0);
        assert_int_equal(loop.result, -ECANCELED);
    }
    kill(child.pid, SIGKILL);
    assert_int_equal(end_child(&child), SIGKILL);
}

static void serve_memory(void *context, const struct pwk_notification *call,
                         struct pwk_notify_answer *answer)
{
    char text[16];

    (void)context;
    assert_int_equal(pwk_notify_read_string(call, call->args[0], text, sizeof text), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(pwk_notify_read_string(call, call->args[0], text, 5), -ENAMETOOLONG);
    assert_int_equal(pwk_notify_read(call, 8, text, 4), -EFAULT);
    assert_int_equal(pwk_notify_read(call, call->args[0] + 1, text, 4), 0);
    assert_int_equal(pwk_notify_write(call, call->args[1], text, 4), 0);
    assert_int_equal(pwk_notify_write(call, 8, text, 4), -EFAULT);
    answer->value = 0;
}

static void show_memory(void)
{
    char text[8] = "";

    CHECK(syscall(SYS_getpgid, "hello", text) == 0);
    CHECK(strcmp(text, "ello") == 0);
    CHECK(syscall(SYS_getpgid, "hello", text) == 0);
}

static void memory_is_read_and_written(void **context)
{
    struct child child = start_child(show_memory);

    (void)context;
    assert_int_equal(serve_to_the_end(&child, serve_memory, NULL), 0);
}

static void kill_and_read(void *context, const struct pwk_notification *call,
                          struct pwk_notify_answer *answer)
{
    char byte;

    (void)answer;
    assert_int_equal(call->tid, *(pid_t *)context);
    assert_true(pwk_notify_is_waiting(call));
    kill(call->tid, SIGKILL);
    while (pwk_notify_is_waiting(call))
        sched_yield();
    assert_int_equal(pwk_notify_read(call, call->args[0], &byte, 1), -ESRCH);
    assert_int_equal(pwk_notify_write(call, call->args[0], "", 1), -ESRCH);
}

static void a_process_that_was_killed_is_no_more_read(void **context)
{
    struct child child = start_child(call_until_killed);

    (void)context;
    assert_int_equal(serve_to_the_end(&child, kill_and_read, &child.pid), SIGKILL);
}

static void bad_listeners_are_errors(void **context)
{
    atomic_uint served = 0;
    int pipes[2];

    (void)context;
    assert_int_equal(pwk_notify_loop_run(9999, -1, serve, &served), -EBADF);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "", 1), 1);
    assert_int_equal(pwk_notify_loop_run(pipes[0], -1, serve, &served), -ENOTTY);
    assert_int_equal(served, 0);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_answered_to_the_end_of_the_process),
        cmocka_unit_test(many_threads_and_a_fork_are_served),
        cmocka_unit_test(a_loop_can_be_stopped_and_taken_up_again),
        cmocka_unit_test(memory_is_read_and_written),
        cmocka_unit_test(a_process_that_was_killed_is_no_more_read),
        cmocka_unit_test(bad_listeners_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
