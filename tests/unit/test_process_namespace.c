/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_process_namespace.c - create_process_kernel_namespace: a process gets namespaces and a
 * policy, by itself and by another's hand; and what cannot be done changes nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pwk/process_kernel.h"

static const char *const names[] = {"user", "mnt", "net", "ipc", "uts", "pid"};
enum { USER, MNT, NET, IPC, UTS, PID, COUNT };

/* What the process of the test finds, in memory that it shares with the test. */
struct found {
    bool ready, go, done;
    int result, error; /* of the call, where it made it itself */
    bool own[COUNT];
    uid_t user;
    int outside, loopback; /* errno of a datagram to there; 0: sent */
    bool capable;
    int unshare, priority; /* errno */
};

static struct found *found;
static ino_t ours[COUNT];
static char profile[] = "/tmp/pwk-namespace-XXXXXX";

static ino_t namespace_of(const char *process, const char *name)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%s/ns/%s", process, name);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static int send_to(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = 0;

    inet_pton(AF_INET, address, &to.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || send(fd, "x", 1, 0) < 0)
        code = errno;
    if (fd >= 0)
        close(fd);
    return code;
}

static void look_around(void)
{
    for (int i = 0; i < COUNT; i++)
        found->own[i] = namespace_of("self", names[i]) != ours[i];
    found->user = geteuid();
    found->outside = send_to("192.0.2.1");
    found->loopback = send_to("127.0.0.1");
    found->capable = prctl(PR_CAPBSET_READ, 0) == 1;
    found->unshare = unshare(CLONE_NEWNS) < 0 ? errno : 0;
    errno = 0;
    found->priority = getpriority(PRIO_PROCESS, 0) == -1 ? errno : 0;
    found->done = true;
}

static void *rest(void *unused)
{
    (void)unused;
    pause();
    return NULL;
}

/* `itself`: it makes the call; else it waits until somebody has made it. */
static pid_t start(bool itself, const char *path, bool threads)
{
    pid_t pid;

    memset(found, 0, sizeof(*found));
    pid = fork();
    if (pid == 0) {
        pthread_t thread;

        alarm(60);
        if (threads && pthread_create(&thread, NULL, rest, NULL) != 0)
            _exit(1);
        found->ready = true;
        if (itself) {
            found->result = create_process_kernel_namespace(0, path);
            found->error = errno;
        }
        while (!itself && !*(volatile bool *)&found->go)
            usleep(1000);
        look_around();
        _exit(0);
    }
    while (!*(volatile bool *)&found->ready)
        usleep(1000);
    return pid;
}

static void finish(pid_t pid)
{
    int status;

    found->go = true;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(found->done);
}

static int by_itself(const char *path)
{
    finish(start(true, path, false));
    return found->result;
}

static int by_another(const char *path)
{
    pid_t pid = start(false, NULL, false);
    int result = create_process_kernel_namespace(pid, path);

    finish(pid);
    return result;
}

static void write_profile(const char *text)
{
    FILE *file = fopen(profile, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static bool allowed(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void assert_default(void)
{
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(found->own[i], i != PID);
    assert_int_equal(found->user, geteuid());
    assert_int_equal(found->outside, ENETUNREACH);
    assert_int_equal(found->loopback, 0);
    assert_false(found->capable);
    assert_int_equal(found->unshare, EPERM);
    assert_int_equal(found->priority, 0);
}

static void assert_untouched(void)
{
    for (int i = 0; i < COUNT; i++)
        assert_false(found->own[i]);
}

static void the_default_profile(void **state)
{
    (void)state;
    if (!allowed())
        skip();
    assert_int_equal(by_itself(NULL), 0);
    assert_default();
    assert_int_equal(by_another(NULL), 0);
    assert_default();
    assert_int_equal(by_itself("strict"), 0);
    assert_default();
}

static void as_the_profile_says(void **state)
{
    (void)state;
    if (!allowed())
        skip();
    write_profile("[isolation]\nnamespaces = uts\n[network]\nmode = host\n"
                  "[syscalls]\ngetpriority = errno\n");
    for (int other = 0; other < 2; other++) {
        assert_int_equal(other ? by_another(profile) : by_itself(profile), 0);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(found->own[i], i == USER || i == UTS);
        assert_int_equal(found->priority, EPERM);
        assert_false(found->capable);
    }
    write_profile("[network]\nmode = host\n");
    assert_int_equal(by_another(profile), 0);
    assert_true(found->own[IPC] && !found->own[NET]);
}

/* What was open before stays: a process is not cut off from who talks to it. */
static void it_goes_on_as_it_was(void **state)
{
    int ends[2];
    char byte = 0;
    pid_t pid;

    (void)state;
    if (!allowed())
        skip();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pid = fork();
    if (pid == 0) {
        while (read(ends[1], &byte, 1) == 1 && byte != 'q')
            if (write(ends[1], &byte, 1) != 1)
                _exit(1);
        _exit(7);
    }
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            assert_int_equal(create_process_kernel_namespace(pid, NULL), 0);
        assert_int_equal(write(ends[0], "a", 1), 1);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        assert_int_equal(byte, 'a');
    }
    assert_int_equal(write(ends[0], "q", 1), 1);
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 7);
    close(ends[0]);
    close(ends[1]);
}

static void what_cannot_be_given(void **state)
{
    static const char *const impossible[] = {
        "[isolation]\nnamespaces = pid\n",
        "[files]\nmode = overlay\n",
        "[isolation]\nhome = none\n",
        "[limits]\ncpu = 50%\n",
        "[limits]\nio = 5M\n",
        "[syscalls]\ngetpriority = log\n",
        "[syscalls]\ngetpriority = trap\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
        write_profile(impossible[i]);
        assert_int_equal(by_itself(profile), -ENOTSUP);
        assert_int_equal(found->error, ENOTSUP);
        assert_untouched();
        assert_int_equal(by_another(profile), -ENOTSUP);
        assert_untouched();
    }
    write_profile("[network]\nmode = isolated\n[isolation]\nnamespaces = ipc\n");
    assert_int_equal(by_itself(profile), -EINVAL);
    write_profile("[network]\nmode = sometimes\n");
    assert_int_equal(by_itself(profile), -EINVAL);
    assert_int_equal(by_itself("/nonexistent/profile.ini"), -ENOENT);
    assert_int_equal(by_itself("lenient"), -ENOENT);
    assert_untouched();
}

static void threads_are_not_torn_apart(void **state)
{
    pid_t pid;

    (void)state;
    pid = start(true, NULL, true);
    finish(pid);
    assert_int_equal(found->result, -EBUSY);
    assert_untouched();
    pid = start(false, NULL, true);
    assert_int_equal(create_process_kernel_namespace(pid, NULL), -EBUSY);
    finish(pid);
    assert_untouched();
}

static void whom_it_cannot_be_done_to(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    assert_int_equal(create_process_kernel_namespace(pid, NULL), -ESRCH);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(create_process_kernel_namespace(1, NULL), -EPERM);
    assert_int_equal(create_process_kernel_namespace(-1, NULL), -EINVAL);
}

static int set_up(void **state)
{
    int fd = mkstemp(profile);

    (void)state;
    found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < COUNT; i++)
        ours[i] = namespace_of("self", names[i]);
    return fd < 0 || close(fd) < 0 || found == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_profile),        cmocka_unit_test(as_the_profile_says),
        cmocka_unit_test(it_goes_on_as_it_was),       cmocka_unit_test(what_cannot_be_given),
        cmocka_unit_test(threads_are_not_torn_apart), cmocka_unit_test(whom_it_cannot_be_done_to),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
