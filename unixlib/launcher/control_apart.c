/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_apart.c - see control_apart.h.
 */
#include "launcher/control_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launcher/control.h"
#include "registry/registry.h"
#include "sandbox/confine.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* ---- in the child ---- */

static struct {
    int fds[PWK_CONFINED_DESCRIPTORS];
    size_t count;
    pid_t parent;
} child;

void control_keep(int fd)
{
    if (fd >= 0 && child.count < COUNT_OF(child.fds))
        child.fds[child.count++] = fd;
}

/* What libraries look at once, and could not any more: the time zone, random numbers. */
static void prepare(void)
{
    tzset();
    json_object_seed(0);
    registry_prepare_confined();
}

int control_confine(const char *folder, struct pwk_error *error)
{
    const struct pwk_confinement confinement = {.folders = &folder,
                                                .folder_count = 1,
                                                .descriptors = child.fds,
                                                .descriptor_count = child.count,
                                                .parent = child.parent};

    prepare();
    return pwk_confine(&confinement, error);
}

/* Nothing of the parent's is done at its end. */
static _Noreturn void run(const struct control_apart *apart, const struct control_channel *channel,
                          pid_t parent)
{
    int status;

    child.count = 0;
    child.parent = parent;
    control_keep(channel->from);
    control_keep(channel->to);
    /* Until it is confined, which does the same: it may read an import first, for long. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(CONTROL_FAILED);
    status = apart->work(apart->context, channel);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CONTROL_OK) {
        perror("pwkctl: standard output");
        status = CONTROL_FAILED;
    }
    _exit(status);
}

/* ---- its start ---- */

static void close_channel(struct control_channel *channel)
{
    if (channel->from >= 0)
        close(channel->from);
    if (channel->to >= 0)
        close(channel->to);
    *channel = (struct control_channel){-1, -1};
}

static int make_channels(struct control_channel *here, struct control_channel *there)
{
    int up[2], down[2];

    if (pipe2(up, O_CLOEXEC) < 0)
        return -errno;
    *here = (struct control_channel){up[0], -1};
    *there = (struct control_channel){-1, up[1]};
    if (pipe2(down, O_CLOEXEC) < 0)
        return -errno;
    here->to = down[1];
    there->from = down[0];
    return 0;
}

int control_apart_start(struct control_process *process, const struct control_apart *apart,
                        struct pwk_error *error)
{
    struct control_channel there = {-1, -1};
    const pid_t parent = getpid();
    int rc;

    *process = (struct control_process){.kernel = apart->kernel, .channel = {-1, -1}};
    rc = make_channels(&process->channel, &there);
    fflush(stdout);
    if (rc == 0 && (process->pid = fork()) < 0)
        rc = -errno;
    if (rc == 0 && process->pid == 0) {
        close_channel(&process->channel);
        run(apart, &there, parent);
    }
    close_channel(&there);
    if (rc == 0)
        return 0;
    process->pid = 0;
    close_channel(&process->channel);
    return pwk_error_set(error, rc, "no process can be started to read the registry: %s",
                         strerror(-rc));
}

/* ---- its end ---- */

/* Ended as the child was: a shell sees what it would see of one process. */
static int end_by(int signal_number)
{
    sigset_t one;

    signal(signal_number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    raise(signal_number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    return CONTROL_FAILED;
}

static int tell_signal(const char *kernel, int signal_number)
{
    struct pwk_error error;

    switch (signal_number) {
    case SIGBUS:
        pwk_error_set(&error, 0,
                      "a file of kernel %s was cut short while it was read: end its programs, and "
                      "see pwkctl registry %s check --repair",
                      kernel, kernel);
        break;
    case SIGKILL:
        pwk_error_set(&error, 0,
                      "the process that reads the registry of kernel %s was killed (where memory "
                      "ran out, by Linux)",
                      kernel);
        break;
    case SIGSEGV:
    case SIGILL:
    case SIGFPE:
    case SIGABRT:
    case SIGTRAP:
    case SIGSYS:
        pwk_error_set(
            &error, 0,
            "the process that reads the registry of kernel %s, which has no rights but to "
            "that, was ended by a fault (%s): a program may have damaged the store on "
            "purpose; see pwkctl registry %s check --repair, or remove the kernel",
            kernel, strsignal(signal_number), kernel);
        break;
    default:
        return end_by(signal_number);
    }
    return control_fail(CONTROL_FAILED, &error);
}

int control_apart_end(struct control_process *process)
{
    int status = 0;
    pid_t ended;

    close_channel(&process->channel);
    do
        ended = waitpid(process->pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    process->pid = 0;
    if (ended < 0)
        return CONTROL_FAILED;
    if (WIFSIGNALED(status))
        return tell_signal(process->kernel, WTERMSIG(status));
    return WEXITSTATUS(status) <= CONTROL_USAGE ? WEXITSTATUS(status) : CONTROL_FAILED;
}

/* ---- the whole ---- */

static volatile pid_t forward_to;
static volatile sig_atomic_t forwarded;

/* Who was taken over by what it reads may ignore the first one, or have stopped itself. */
static void forward(int signal_number)
{
    if (forward_to > 0)
        kill(forward_to, forwarded ? SIGKILL : signal_number);
    forwarded = 1;
}

static struct sigaction dispositions[COUNT_OF(ends)];

/* The child decides what a signal ends, and says what came of it: an import is undone first. */
static void forward_signals(pid_t pid)
{
    struct sigaction action = {.sa_handler = forward, .sa_flags = SA_RESTART};

    forward_to = pid;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (sigaction(ends[i], NULL, &dispositions[i]) == 0 &&
            dispositions[i].sa_handler != SIG_IGN)
            sigaction(ends[i], &action, NULL);
}

/* Before the child is waited for, whose number may be another's then. */
static void stop_forwarding(void)
{
    if (forward_to == 0)
        return;
    forward_to = 0;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        sigaction(ends[i], &dispositions[i], NULL);
}

int control_run_apart(const struct control_apart *apart)
{
    struct control_process process;
    struct pwk_error error;
    int status = CONTROL_OK;

    if (control_apart_start(&process, apart, &error) < 0)
        return control_fail(CONTROL_FAILED, &error);
    if (apart->serve != NULL)
        status = apart->serve(apart->context, &process.channel);
    else
        forward_signals(process.pid);
    if (status == CONTROL_OK) {
        siginfo_t ended;

        close_channel(&process.channel);
        while (waitid(P_PID, (id_t)process.pid, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR)
            ;
        stop_forwarding();
        return control_apart_end(&process);
    }
    /* It has nobody to talk to any more, and its own line would come after the one that counts. */
    kill(process.pid, SIGKILL);
    close_channel(&process.channel);
    waitpid(process.pid, NULL, 0);
    return status;
}

/* ---- messages ---- */

static ssize_t write_quietly(int to, const void *data, size_t size)
{
    const struct timespec now = {0};
    sigset_t pipe_signal, before;
    ssize_t written;
    int code;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigprocmask(SIG_BLOCK, &pipe_signal, &before);
    written = write(to, data, size);
    code = errno;
    if (written < 0 && code == EPIPE && !sigismember(&before, SIGPIPE))
        sigtimedwait(&pipe_signal, NULL, &now);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return written;
}

bool control_send(int to, const void *message, size_t size)
{
    for (const char *at = message; size > 0;) {
        ssize_t written = write_quietly(to, at, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

bool control_receive(int from, void *message, size_t size)
{
    for (char *at = message; size > 0;) {
        ssize_t got = read(from, at, size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}
