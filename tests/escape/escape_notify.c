/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape_notify.c - see escape_notify.h: armed and supervised as pwk-wine and the loader do it.
 */
#include "escape_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/policy_arm.h"
#include "sandbox/policy_install.h"
#include "sandbox/policy_supervisor.h"

#define TRIES 300

static pid_t supervisor;

static enum outcome is_made(void)
{
    return access(escape_mark, F_OK) == 0 ? DONE : REFUSED;
}

static enum outcome simply(void)
{
    return escape_reached(escape_call(SYS_mkdir, escape_mark, 0700L));
}

/* ---- races ---- */

static char path[64] = "/dev/null";
static atomic_bool stop;

static void *swap_path(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop)) {
        strcpy(path, SECRET);
        strcpy(path, "/dev/null");
    }
    return NULL;
}

/* The name changes between the supervisor's look and Linux's. */
static enum outcome by_swapped_path(void)
{
    enum outcome outcome = REFUSED;
    pthread_t thread;

    if (pthread_create(&thread, NULL, swap_path, NULL) != 0)
        return escape_says("no threads");
    for (int i = 0; i < TRIES; i++)
        if (escape_call(SYS_open, path, (long)O_RDONLY, 0L) >= 0)
            outcome = DONE;
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    return outcome;
}

static void do_nothing(int signal)
{
    (void)signal;
}

/* Signals come while the call waits for its answer. */
static enum outcome by_interrupting(void)
{
    const struct itimerval often = {{0, 97}, {0, 97}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < TRIES; i++)
        escape_call(SYS_mkdir, escape_mark, 0700L);
    setitimer(ITIMER_REAL, &never, NULL);
    return is_made();
}

/* ---- the supervisor and its listener ---- */

static enum outcome by_killing_the_supervisor(void)
{
    kill(supervisor, SIGKILL);
    usleep(100000);
    escape_call(SYS_mkdir, escape_mark, 0700L);
    return is_made();
}

/* Linux has one listener for a process's filters; whoever had a second one would answer first. */
static enum outcome by_second_listener(void)
{
    struct sock_filter notify[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_mkdir},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    struct sock_fprog filter = {4, notify};
    long result = escape_call(SYS_seccomp, (long)SECCOMP_SET_MODE_FILTER,
                              (long)SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);

    return result == -EBUSY ? REFUSED : DONE;
}

/* A listener that is still open in the process, or -1. */
static int find_listener(void)
{
    char link[64], target[64];

    for (int fd = 0; fd < 1024; fd++) {
        ssize_t length;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = readlink(link, target, sizeof(target) - 1);
        target[length < 0 ? 0 : length] = '\0';
        if (strstr(target, "seccomp") != NULL)
            return fd;
    }
    return -1;
}

static void *let_through(void *argument)
{
    struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    struct seccomp_notif call = {0};
    int listener = *(int *)argument;

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0) {
        answer.id = call.id;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    return NULL;
}

/* A process that has its own listener answers itself. */
static enum outcome by_own_listener(void)
{
    int listener = find_listener();
    pthread_t thread;

    if (listener < 0)
        return REFUSED;
    if (pthread_create(&thread, NULL, let_through, &listener) != 0)
        return escape_says("no threads");
    escape_call(SYS_mkdir, escape_mark, 0700L);
    return is_made();
}

/* ---- the frame ---- */

static void supervise(struct pwk_policy_page *page, const struct pwk_policy *policy, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pwk_policy_supervise(page, policy, NULL, pidfd_open(parent, 0));
    _exit(0);
}

/* With the listener left in the process, as a loader would that forgot to close it. */
static bool arm_and_keep_listener(struct pwk_policy_page *page)
{
    return pwk_policy_install(page->code, page->length, page->needs.opened,
                              SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH) >=
           0;
}

static void run_child(const struct escape *escape, struct pwk_policy_page *page, bool out)
{
    struct pwk_error error = {""};

    alarm(30);
    if (out && escape->part == EVERYTHING) {
        if (!arm_and_keep_listener(page))
            _exit(99);
    } else if (pwk_policy_page_arm(page, &error) != 0) {
        fprintf(stderr, "%s: %s\n", escape->name, error.text);
        _exit(99);
    }
    _exit((int)escape->try());
}

static int try_once(const struct escape *escape, bool out)
{
    struct pwk_policy_page *page;
    struct pwk_policy_needs needs;
    struct pwk_policy_code code;
    struct pwk_policy policy;
    pid_t self = getpid(), child;
    int fd, status = 0;

    rmdir(escape_mark);
    escape_resolve(escape, out, &policy);
    needs = (struct pwk_policy_needs){policy.opened, policy.listens};
    if (pwk_policy_compile(&policy, &code, NULL) != 0 ||
        (fd = pwk_policy_file_make(code.code, code.length, &needs, NULL)) < 0 ||
        pwk_policy_page_open(fd, &page, NULL) != 0)
        exit(1);
    supervisor = fork();
    if (supervisor == 0)
        supervise(page, &policy, self);
    child = fork();
    if (child == 0)
        run_child(escape, page, out);
    waitpid(child, &status, 0);
    kill(supervisor, SIGKILL);
    waitpid(supervisor, NULL, 0);
    pwk_policy_page_close(page);
    pwk_policy_code_finish(&code);
    close(fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define NO_MKDIR {"mkdir=notify"}, WORD, "mkdir"

void escape_try_notifications(void)
{
    static const struct escape escapes[] = {
        {"a notified call", 0, NO_MKDIR, simply},
        {"a name swapped under the supervisor", 0, {"open=notify"}, WORD, "open", by_swapped_path},
        {"a notified call that is interrupted", 0, NO_MKDIR, by_interrupting},
        {"killing the supervisor", 0, NO_MKDIR, by_killing_the_supervisor},
        {"a second listener", 0, NO_MKDIR, by_second_listener},
        {"answering one's own notifications",
         0,
         {"mkdir=notify"},
         EVERYTHING,
         NULL,
         by_own_listener},
    };

    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
        escape_report(escapes[i].name, try_once(&escapes[i], false), try_once(&escapes[i], true));
}
