/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.c - see session.h. Two files in the run-time folder: session.lock, and session.init with
 * the number that process 1 has outside. The number is believed only while the lock says that the
 * session cannot be at its end, and only of a process that started when the file says.
 */
#include "sandbox/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_table.h"
#include "sandbox/loopback.h"
#include "sandbox/privileges.h"
#include "sandbox/view.h"

#define INIT_NAME "session.init"
#define POLL_NANOSECONDS 100000000
#define JOIN_TRIES 3
#define ENDING_MS 5000 /* for all processes of a killed session to go */

/* What init tells about its start: 0, or an error with its line. */
struct report {
    int result;
    struct pwk_error error;
};

static int runtime_file(char path[PATH_MAX], const char *runtime, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", runtime, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int fail(struct pwk_error *error, int code, const char *what)
{
    return pwk_error_set(error, code, "the kernel's own session: %s: %s", what, strerror(-code));
}

static int lock_file(int fd, int operation)
{
    while (flock(fd, operation) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* ---- who is process 1 ---- */

static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* What session.init says. */
struct known {
    int pid;
    unsigned long long started, lower, namespace;
};

static int read_known(const char *runtime, struct known *known)
{
    char path[PATH_MAX], text[128];
    ssize_t size;
    int fd;

    if (runtime_file(path, runtime, INIT_NAME) < 0)
        return -ESRCH;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -ESRCH;
    size = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return sscanf(text, "%d %llu %llu %llu", &known->pid, &known->started, &known->lower,
                  &known->namespace) == 4 &&
                   known->pid > 1
               ? 0
               : -ESRCH;
}

/* The pidfd of the session's init, or -ESRCH. */
static int find_init(const char *runtime, struct known *known)
{
    int fd = read_known(runtime, known) < 0 ? -1 : open_pidfd(known->pid);

    if (fd >= 0 && pwk_process_start_time(known->pid) == known->started)
        return fd;
    if (fd >= 0)
        close(fd);
    return -ESRCH;
}

static int write_known(const struct pwk_session_plan *plan, pid_t pid)
{
    char path[PATH_MAX], text[128];
    int result = runtime_file(path, plan->runtime, INIT_NAME);
    struct stat namespace;
    int fd, length;

    if (result == 0 && stat("/proc/self/ns/pid_for_children", &namespace) < 0)
        result = -errno;
    if (result < 0)
        return result;
    length = snprintf(text, sizeof(text), "%d %llu %llu %llu\n", (int)pid,
                      (unsigned long long)pwk_process_start_time(pid),
                      (unsigned long long)plan->lower, (unsigned long long)namespace.st_ino);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    result = write(fd, text, (size_t)length) == length ? 0 : -EIO;
    close(fd);
    return result;
}

/* ---- init ---- */

/* True where some process but init itself is in the session. */
static bool others_are_left(void)
{
    const struct dirent *entry;
    DIR *folder = opendir("/proc");
    bool found = folder == NULL;

    while (!found && (entry = readdir(folder)) != NULL)
        found = strtol(entry->d_name, NULL, 10) > 1;
    if (folder)
        closedir(folder);
    return found;
}

/* Stays until nobody can need the session: nobody holds the lock, and nothing is left to run.
 * wineserver ends by itself when it has saved what it holds, some seconds after its last program.
 */
static void serve(int lock)
{
    const struct timespec pause = {.tv_nsec = POLL_NANOSECONDS};

    for (;;) {
        nanosleep(&pause, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (!others_are_left() && flock(lock, LOCK_EX | LOCK_NB) == 0) {
            /* Who joined before the lock was had has a child here by now. */
            if (!others_are_left())
                return;
            flock(lock, LOCK_UN);
        }
    }
}

/* Everything that init was born with but what it needs: an end of a pipe or a terminal that it
 * kept would keep somebody waiting. */
static int let_go(int *lock, int *report)
{
    int null = open("/dev/null", O_RDWR);
    int high_lock = fcntl(*lock, F_DUPFD_CLOEXEC, 10),
        high_report = fcntl(*report, F_DUPFD_CLOEXEC, 10);

    if (null < 0 || high_lock < 0 || high_report < 0)
        return -errno;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            return -errno;
    if (dup2(high_lock, 3) < 0 || dup2(high_report, 4) < 0 ||
        syscall(SYS_close_range, 5, ~0u, 0) < 0)
        return -errno;
    *lock = 3;
    *report = 4;
    return 0;
}

static void run_init(const struct pwk_session_plan *plan, int lock, int report_fd)
{
    struct report report = {0};
    char path[PATH_MAX];

    setsid();
    prctl(PR_SET_NAME, "pwk-session");
    prctl(PR_SET_DUMPABLE, 0);
    report.result = let_go(&lock, &report_fd);
    /* A lock of its own: a descriptor that came by fork shares its parent's. */
    if (report.result == 0)
        report.result = runtime_file(path, plan->runtime, PWK_SESSION_LOCK);
    if (report.result == 0) {
        int own = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        report.result = own < 0 ? -errno : dup3(own, lock, O_CLOEXEC) < 0 ? -errno : 0;
        if (own >= 0)
            close(own);
    }
    if (report.result < 0)
        fail(&report.error, report.result, "its first process");
    if (report.result == 0 && plan->isolated_network && (report.result = pwk_loopback_raise()) < 0)
        fail(&report.error, report.result, "its loopback");
    if (report.result == 0)
        report.result = pwk_view_make(plan, &report.error);
    if (write(report_fd, &report, sizeof(report)) != (ssize_t)sizeof(report) || report.result < 0)
        _exit(1);
    close(report_fd);
    serve(lock);
    _exit(0);
}

/* ---- the beginning ---- */

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t size;

    if (fd < 0)
        return -errno;
    size = write(fd, text, strlen(text));
    close(fd);
    return size == (ssize_t)strlen(text) ? 0 : -EIO;
}

/* The caller's user and group, and no other: the session's user is who it was. */
static int map_user(uid_t user, gid_t group)
{
    char text[64];
    int result = write_file("/proc/self/setgroups", "deny");

    snprintf(text, sizeof(text), "%u %u 1", (unsigned)user, (unsigned)user);
    if (result == 0 || result == -ENOENT)
        result = write_file("/proc/self/uid_map", text);
    snprintf(text, sizeof(text), "%u %u 1", (unsigned)group, (unsigned)group);
    return result < 0 ? result : write_file("/proc/self/gid_map", text);
}

/* In a child of its own, which only makes the namespaces and ends. */
static void make_namespaces(const struct pwk_session_plan *plan, int lock, int report_fd)
{
    int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                (plan->isolated_network ? CLONE_NEWNET : 0);
    struct report report = {0};
    uid_t user = geteuid();
    gid_t group = getegid();
    pid_t init = -1;

    if (unshare(flags) < 0) {
        report.result =
            pwk_error_set(&report.error, -errno,
                          "no namespaces for the kernel's own session: %s; allow them (sysctl "
                          "user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor's "
                          "apparmor_restrict_unprivileged_userns), or use --session shared",
                          strerror(errno));
    } else if ((report.result = map_user(user, group)) < 0) {
        fail(&report.error, report.result, "its user cannot be mapped");
    } else if ((init = fork()) < 0) {
        report.result = fail(&report.error, -errno, "its first process");
    } else if (init == 0) {
        run_init(plan, lock, report_fd);
    } else {
        report.result = write_known(plan, init);
        if (report.result < 0) {
            fail(&report.error, report.result, plan->runtime);
            kill(init, SIGKILL);
        }
    }
    if (report.result < 0 && write(report_fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
        _exit(1);
    _exit(0);
}

/* The lock is held alone. */
static int begin(const struct pwk_session_plan *plan, int lock, struct pwk_error *error)
{
    struct report report = {.result = -EPIPE};
    int ends[2];
    ssize_t size;
    pid_t maker;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(error, -errno, "no pipe");
    maker = fork();
    if (maker == 0)
        make_namespaces(plan, lock, ends[1]);
    close(ends[1]);
    if (maker < 0) {
        close(ends[0]);
        return fail(error, -errno, "no process");
    }
    do
        size = read(ends[0], &report, sizeof(report));
    while (size < 0 && errno == EINTR);
    close(ends[0]);
    while (waitpid(maker, NULL, 0) < 0 && errno == EINTR)
        ;
    if (size != (ssize_t)sizeof(report))
        return fail(error, -EPIPE, "it ended while it was made");
    if (report.result < 0)
        *error = report.error;
    return report.result;
}

static int open_lock(const char *runtime, struct pwk_error *error)
{
    char path[PATH_MAX];
    int fd = runtime_file(path, runtime, PWK_SESSION_LOCK);

    if (fd == 0)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? fail(error, fd == -ENAMETOOLONG ? fd : -errno, runtime) : fd;
}

int pwk_session_enter(const struct pwk_session_plan *plan, struct pwk_session *session,
                      struct pwk_error *error)
{
    struct known known;
    int result;

    *session = (struct pwk_session){.lock = open_lock(plan->runtime, error), .init = -1};
    if (session->lock < 0)
        return session->lock;
    /* Shared first: a session that is up is joined without waiting for others who join it. */
    result = lock_file(session->lock, LOCK_SH);
    if (result == 0)
        session->init = find_init(plan->runtime, &known);
    for (int tries = 0; result == 0 && session->init < 0; tries++) {
        if (tries == JOIN_TRIES)
            result = fail(error, -ESRCH, "it ended while it was joined");
        else
            result = lock_file(session->lock, LOCK_EX);
        if (result == 0 && (session->init = find_init(plan->runtime, &known)) < 0) {
            result = begin(plan, session->lock, error);
            session->begun = result == 0;
        }
        /* Turning one lock into the other gives it up in between, and init may end then. */
        if (result == 0 && (result = lock_file(session->lock, LOCK_SH)) == 0) {
            if (session->init >= 0)
                close(session->init);
            session->init = find_init(plan->runtime, &known);
        }
    }
    if (result < 0)
        pwk_session_leave(session);
    else
        session->lower = known.lower;
    return result;
}

void pwk_session_leave(struct pwk_session *session)
{
    if (session->lock >= 0)
        close(session->lock);
    if (session->init >= 0)
        close(session->init);
    session->lock = session->init = -1;
}

int pwk_session_find(const char *runtime, uint64_t *namespace)
{
    struct known known;
    int init = find_init(runtime, &known);

    if (init >= 0 && namespace)
        *namespace = known.namespace;
    return init;
}

bool pwk_session_was_there(const char *runtime)
{
    struct known known;

    return read_known(runtime, &known) == 0;
}

/* ---- joining ---- */

/* The namespaces of process 1 that the session does not share with everybody. */
static int join(int init)
{
    static const int all = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET;

    prctl(PR_SET_DUMPABLE, 0);
    return setns(init, all) < 0 ? -errno : 0;
}

/* In the child that runs the program. `parent` is a pidfd. */
static int settle(const char *folder, int parent, struct pwk_error *error)
{
    struct pollfd gone = {.fd = parent, .events = POLLIN};
    int result;

    if (chdir(folder) < 0 && chdir("/") < 0)
        return fail(error, -errno, folder);
    result = pwk_privileges_drop();
    if (result < 0)
        return fail(error, result, "its privileges cannot be given up");
    prctl(PR_SET_DUMPABLE, 1);
    /* The program is its launcher's and ends with it. A parent in another process namespace cannot
     * be told by its number. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return fail(error, -errno, "the program cannot be tied to its launcher");
    if (poll(&gone, 1, 0) != 0)
        _exit(1);
    close(parent);
    return 0;
}

struct joined {
    struct report report;
    pid_t child;
};

/* Runs in a child of its own, since setns for processes is for those that come: makes the program's
 * process, as a child of the caller's, and ends. Answers in that process alone. */
static void join_and_clone(int init, int answer)
{
    struct joined joined = {.report.result = join(init)};

    if (joined.report.result < 0) {
        fail(&joined.report.error, joined.report.result, "it cannot be joined");
    } else {
        joined.child = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
        if (joined.child == 0)
            return;
        if (joined.child < 0)
            joined.report.result = fail(&joined.report.error, -errno, "no process");
    }
    _exit(write(answer, &joined, sizeof(joined)) == (ssize_t)sizeof(joined) ? 0 : 1);
}

static pid_t await_child(pid_t joiner, int answer, struct pwk_error *error)
{
    struct joined joined;
    ssize_t size;

    do
        size = read(answer, &joined, sizeof(joined));
    while (size < 0 && errno == EINTR);
    while (waitpid(joiner, NULL, 0) < 0 && errno == EINTR)
        ;
    if (size != (ssize_t)sizeof(joined))
        return fail(error, -EPIPE, "it cannot be joined");
    if (joined.report.result < 0)
        *error = joined.report.error;
    return joined.report.result < 0 ? joined.report.result : joined.child;
}

static pid_t fork_into(const struct pwk_session *session, int *failed, struct pwk_error *error)
{
    int parent = open_pidfd(getpid()), ends[2];
    char folder[PATH_MAX];
    pid_t result;

    *failed = 0;
    if (!getcwd(folder, sizeof(folder)))
        strcpy(folder, "/");
    if (parent < 0)
        return fail(error, -errno, "no pidfd");
    if (pipe2(ends, O_CLOEXEC) < 0) {
        close(parent);
        return fail(error, -errno, "no pipe");
    }
    result = fork();
    if (result == 0) {
        join_and_clone(session->init, ends[1]);
        close(ends[0]);
        close(ends[1]);
        *failed = settle(folder, parent, error);
        return 0;
    }
    close(parent);
    close(ends[1]);
    result = result < 0 ? fail(error, -errno, "no process") : await_child(result, ends[0], error);
    close(ends[0]);
    return result;
}

/* A session whose init was killed is not joined any more, though init is still there, ending the
 * rest: it is waited for, and the next one begun. */
pid_t pwk_session_fork(const struct pwk_session_plan *plan, struct pwk_session *session,
                       int *failed, struct pwk_error *error)
{
    for (int tries = 0;; tries++) {
        pid_t child = fork_into(session, failed, error);
        struct pollfd end = {.fd = session->init, .events = POLLIN};
        int result;

        if (child >= 0 || tries == JOIN_TRIES || poll(&end, 1, ENDING_MS) <= 0)
            return child;
        pwk_session_leave(session);
        result = pwk_session_enter(plan, session, error);
        if (result < 0)
            return result;
    }
}
