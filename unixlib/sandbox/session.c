/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.c - see session.h. Two files in the run-time folder: session.lock, and session.init
 * (session_known.h).
 */
#include "sandbox/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
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

#include "sandbox/governor.h"
#include "sandbox/loopback.h"
#include "sandbox/session_held.h"
#include "sandbox/session_internal.h"
#include "sandbox/session_known.h"
#include "sandbox/session_limits.h"
#include "sandbox/session_orphans.h"
#include "sandbox/user_map.h"
#include "sandbox/view.h"
#include "sandbox/walls.h"

#define POLL_NANOSECONDS 100000000
#define ENTER_ROUNDS 3000

static int runtime_file(char path[PATH_MAX], const char *runtime, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", runtime, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int pwk_session_fail(struct pwk_error *error, int code, const char *what)
{
    return pwk_error_set(error, code, "the kernel's own session: %s: %s", what, strerror(-code));
}

static int file_failed(struct pwk_error *error, int code, const char *runtime, const char *name)
{
    return pwk_error_set(error, code,
                         "the kernel's own session: %s/%s cannot be written: %s; remove it where "
                         "it is no file",
                         runtime, name, strerror(-code));
}

static int lock_file(int fd, int operation)
{
    while (flock(fd, operation) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int pwk_session_namespaces(const struct pwk_session_plan *plan)
{
    return CLONE_NEWNS | (pwk_wall_stands(PWK_WALL_USERS) ? CLONE_NEWUSER : 0) |
           (pwk_wall_stands(PWK_WALL_PROCESSES) ? CLONE_NEWPID : 0) |
           (plan->own_ipc && pwk_wall_stands(PWK_WALL_IPC) ? CLONE_NEWIPC : 0) |
           (plan->own_uts ? CLONE_NEWUTS : 0) |
           (plan->isolated_network && pwk_wall_stands(PWK_WALL_NETWORK) ? CLONE_NEWNET : 0);
}

int pwk_session_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* ---- init ---- */

struct init {
    const struct pwk_session_plan *plan;
    struct pwk_governor *governor; /* NULL: no limits, or the group keeps them */
    int group;                     /* descriptor, or -1 */
    pwk_audit_collector_t *collector;
    struct pwk_session_orphans orphans;
    uint64_t collect_at, check_at; /* nanoseconds of CLOCK_MONOTONIC */
};

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

/* True where `pid`, which has ended, was a wineserver: they come to init when they leave whoever
 * started them. A program that calls itself so ends its own session alone. */
static bool was_wineserver(pid_t pid)
{
    static const char start[] = "wineserver";
    char path[32], name[sizeof(start) - 1] = "";
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (read(fd, name, sizeof(name)) < 0)
        name[0] = '\0';
    close(fd);
    return memcmp(name, start, sizeof(name)) == 0;
}

/* Wine's processes wait for ever for a wineserver that was killed: they end with it. */
static void reap(void)
{
    siginfo_t info = {0};

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
        if (info.si_code != CLD_EXITED && was_wineserver(info.si_pid))
            kill(-1, SIGKILL);
        waitpid(info.si_pid, NULL, 0);
        info.si_pid = 0;
    }
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Waits until governor or collector want to look, and lets them; true where the last time has been
 * long enough ago to look whether the session is over. */
static bool wait_and_look(struct init *init)
{
    uint64_t next = init->governor ? pwk_governor_look(init->governor) : POLL_NANOSECONDS;
    uint64_t before = now();

    if (before + next > init->collect_at)
        next = init->collect_at > before ? init->collect_at - before : 0;
    nanosleep(&(struct timespec){.tv_nsec = (long)next}, NULL);
    if (now() >= init->collect_at)
        init->collect_at = now() + pwk_audit_collector_look(init->collector);
    if (now() < init->check_at)
        return false;
    init->check_at = now() + POLL_NANOSECONDS / 2;
    if (init->group >= 0 && !pwk_session_group_keep(init->plan, init->group, &init->governor))
        init->group = -1;
    return true;
}

/* Stays until nobody can need the session: nobody holds the lock, and nothing is left to run.
 * wineserver ends by itself when it has saved what it holds, some seconds after its last program.
 */
static void wait_for_end(struct init *init, int lock)
{
    for (;;) {
        if (!wait_and_look(init))
            continue;
        reap();
        pwk_session_orphans_look(&init->orphans, lock, now());
        if (!others_are_left() && flock(lock, LOCK_EX | LOCK_NB) == 0) {
            /* Who joined before the lock was had has a child here by now. */
            if (!others_are_left())
                return;
            flock(lock, LOCK_UN);
        }
    }
}

/* Before any program can join. What a session that was killed has left in its rings stands before
 * this one's start. */
static void write_start(const struct pwk_session_plan *plan, struct init *init)
{
    pwk_audit_collector_look(init->collector);
    pwk_audit_write(pwk_audit_collector_log(init->collector), PWK_AUDIT_DENIALS, "kernel",
                    "started", "windows", pwk_windows_word(plan->windows), "registry",
                    pwk_registry_mode_word(plan->registry), NULL);
}

static void write_end(struct init *init)
{
    pwk_audit_collector_look(init->collector);
    pwk_audit_write(pwk_audit_collector_log(init->collector), PWK_AUDIT_DENIALS, "kernel",
                    "stopped", NULL);
}

/* The descriptors that init is born with and needs: the session's lock, where it reports, its
 * control group (or -1), and what holds the session (session_held.h). */
struct inherited {
    int lock, report, group, held;
};

/* Everything else goes: an end of a pipe or a terminal that it kept would keep somebody waiting. */
static int let_go(struct inherited *inherited)
{
    int null = open("/dev/null", O_RDWR);
    bool has_group = inherited->group >= 0;
    const int needed[] = {inherited->lock, inherited->report, has_group ? inherited->group : null,
                          inherited->held};
    enum { COUNT = sizeof(needed) / sizeof(needed[0]), FIRST = STDERR_FILENO + 1 };
    int high[COUNT];

    for (int i = 0; i < COUNT; i++)
        if ((high[i] = fcntl(needed[i], F_DUPFD_CLOEXEC, FIRST + COUNT)) < 0)
            return -errno;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            return -errno;
    for (int i = 0; i < COUNT; i++)
        if (dup2(high[i], FIRST + i) < 0)
            return -errno;
    if (syscall(SYS_close_range, FIRST + COUNT, ~0u, 0) < 0)
        return -errno;
    *inherited = (struct inherited){FIRST, FIRST + 1, has_group ? FIRST + 2 : -1, FIRST + 3};
    return 0;
}

/* It keeps its capabilities, and with them nobody in the session, who has none, can look into it or
 * write to it. It must stay dumpable: who joins has to be let at its namespaces by Linux. */
static void run_init(const struct pwk_session_plan *plan, struct inherited inherited)
{
    struct pwk_session_report report = {0};
    struct init init = {.plan = plan};
    char path[PATH_MAX];

    setsid();
    prctl(PR_SET_NAME, "pwk-session");
    if (pwk_wall_stands(PWK_WALL_KEYRING))
        syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    report.result = let_go(&inherited);
    /* A lock of its own: a descriptor that came by fork shares its parent's. */
    if (report.result == 0)
        report.result = runtime_file(path, plan->runtime, PWK_SESSION_LOCK);
    if (report.result == 0) {
        int own = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        report.result = own < 0 ? -errno : dup3(own, inherited.lock, O_CLOEXEC) < 0 ? -errno : 0;
        if (own >= 0)
            close(own);
    }
    if (report.result < 0)
        pwk_session_fail(&report.error, report.result, "its first process");
    if (report.result == 0 && (pwk_session_namespaces(plan) & CLONE_NEWNET) &&
        (report.result = pwk_loopback_raise()) < 0)
        pwk_session_fail(&report.error, report.result, "its loopback");
    /* The log cannot be reached by its path any more when the view is made. */
    if (report.result == 0)
        report.result = pwk_audit_collector_open(&plan->audit, plan->runtime, plan->state,
                                                 &init.collector, &report.error);
    if (report.result == 0)
        report.result = pwk_view_make(plan, &report.error);
    if (report.result == 0 &&
        (report.result = pwk_session_govern(plan, inherited.group >= 0, &init.governor)) < 0)
        pwk_session_fail(&report.error, report.result, "its limits");
    if (report.result < 0)
        pwk_session_group_remove(plan, inherited.group);
    else
        write_start(plan, &init);
    if (write(inherited.report, &report, sizeof(report)) != (ssize_t)sizeof(report) ||
        report.result < 0)
        _exit(1);
    close(inherited.report);
    init.group = inherited.group;
    wait_for_end(&init, inherited.lock);
    write_end(&init);
    /* When the kernel was last used: pwkctl ps --all. */
    futimens(inherited.held, NULL);
    pwk_session_group_remove(plan, inherited.group);
    _exit(0);
}

/* ---- the beginning ---- */

/* Init goes on when its number is written down: it is to make a view in which that file, and the
 * machine's /proc, cannot be reached any more, in the mount namespace of its maker too. */
static int start_init(const struct pwk_session_plan *plan, struct inherited inherited,
                      struct pwk_error *error)
{
    char folder[PATH_MAX];
    int go[2], result;
    char byte = 0;
    pid_t init;

    if (pipe2(go, O_CLOEXEC) < 0)
        return pwk_session_fail(error, -errno, "no pipe");
    inherited.group = pwk_session_group_make(plan, folder);
    init = fork();
    if (init == 0) {
        close(go[1]);
        if (read(go[0], &byte, 1) != 1) { /* whoever was to write it was killed */
            pwk_session_group_remove(plan, inherited.group);
            _exit(1);
        }
        run_init(plan, inherited);
    }
    if (init < 0) {
        result = pwk_session_fail(error, -errno, "its first process");
        pwk_session_group_remove(plan, inherited.group);
        return result;
    }
    result = pwk_session_known_write(plan, init, folder);
    if (result == 0 && write(go[1], &byte, 1) != 1)
        result = -EPIPE;
    if (result < 0) {
        kill(init, SIGKILL);
        pwk_session_group_remove(plan, inherited.group);
    }
    return result < 0 ? file_failed(error, result, plan->runtime, PWK_SESSION_INIT) : 0;
}

/* In a child of its own, which only makes the namespaces and ends. */
static void make_namespaces(const struct pwk_session_plan *plan, struct inherited inherited)
{
    struct pwk_session_report report = {0};
    uid_t user = geteuid();
    gid_t group = getegid();

    if (unshare(pwk_session_namespaces(plan)) < 0) {
        report.result = pwk_error_set(
            &report.error, -errno,
            "no namespaces for the kernel's own session: %s; allow them (sysctl "
            "user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor's "
            "apparmor_restrict_unprivileged_userns; see pwkctl doctor), or use --session "
            "shared",
            errno == ENOSPC ? "their limit is reached" : strerror(errno));
    } else if (pwk_wall_stands(PWK_WALL_USERS) &&
               (report.result = pwk_user_map(0, user, group)) < 0) {
        pwk_error_set(&report.error, report.result,
                      "the kernel's own session: its user cannot be mapped: %s; see pwkctl doctor, "
                      "or use --session shared",
                      strerror(-report.result));
    } else {
        report.result = start_init(plan, inherited, &report.error);
    }
    if (report.result < 0 &&
        write(inherited.report, &report, sizeof(report)) != (ssize_t)sizeof(report))
        _exit(1);
    _exit(0);
}

/* The lock is held alone. */
static int begin(const struct pwk_session_plan *plan, int lock, struct pwk_error *error)
{
    struct pwk_session_report report = {.result = -EPIPE};
    int held = pwk_session_held_take(plan->state, plan->runtime, error), ends[2];
    ssize_t size;
    pid_t maker;

    if (held < 0)
        return held;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        close(held);
        return pwk_session_fail(error, -errno, "no pipe");
    }
    maker = fork();
    if (maker == 0)
        make_namespaces(plan, (struct inherited){lock, ends[1], -1, held});
    close(held);
    close(ends[1]);
    if (maker < 0) {
        close(ends[0]);
        return pwk_session_fail(error, -errno, "no process");
    }
    do
        size = read(ends[0], &report, sizeof(report));
    while (size < 0 && errno == EINTR);
    close(ends[0]);
    while (waitpid(maker, NULL, 0) < 0 && errno == EINTR)
        ;
    if (size != (ssize_t)sizeof(report))
        return pwk_session_fail(error, -EPIPE, "it ended while it was made");
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
    return fd < 0 ? file_failed(error, fd == -ENAMETOOLONG ? fd : -errno, runtime, PWK_SESSION_LOCK)
                  : fd;
}

/* Nothing that is open by now is inherited by the session's programs. */
static int close_descriptors(struct pwk_error *error)
{
    if (pwk_wall_stands(PWK_WALL_DESCRIPTORS) &&
        syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        return pwk_session_fail(error, -errno, "descriptors cannot be closed to it");
    return 0;
}

/* With nobody else at the lock: begins the session where it is still missing. What is not 0 ends
 * the attempt; -EAGAIN is for another round. */
static int begin_alone(const struct pwk_session_plan *plan, struct pwk_session *session,
                       struct pwk_error *error)
{
    struct pwk_session_known known;
    int init, result;

    /* Not waited for: others who have found no session hold the lock shared as well, and who joined
     * one holds it as long as its program runs. */
    if (flock(session->lock, LOCK_EX | LOCK_NB) < 0)
        return -EAGAIN;
    init = pwk_session_known_find(plan->runtime, &known);
    if (init >= 0) {
        close(init);
        return 0;
    }
    result = begin(plan, session->lock, error);
    session->begun = result == 0;
    return result;
}

/* Until the lock is held shared and the session is up, or it cannot be. */
static int join_or_begin(const struct pwk_session_plan *plan, struct pwk_session *session,
                         struct pwk_session_known *known, struct pwk_error *error)
{
    /* Not the same for all, so that two do not get into each other's way again and again. */
    const struct timespec pause = {.tv_nsec = (getpid() % 7 + 1) * 1000000};

    for (int begun = 0, round = 0; round < ENTER_ROUNDS && begun < PWK_SESSION_TRIES; round++) {
        /* Waits for who is just beginning it. Turning the other lock into this one gives it up in
         * between, and the session may end then. */
        int result = lock_file(session->lock, LOCK_SH);

        if (result == 0 && (session->init = pwk_session_known_find(plan->runtime, known)) >= 0)
            return 0;
        if (result < 0)
            return pwk_session_fail(error, result, "its lock");
        result = begin_alone(plan, session, error);
        if (result == -EAGAIN) {
            lock_file(session->lock, LOCK_UN);
            nanosleep(&pause, NULL);
        } else if (result < 0) {
            return result;
        } else {
            begun++;
        }
    }
    return pwk_session_fail(error, -ESRCH, "it ended while it was joined");
}

int pwk_session_enter(const struct pwk_session_plan *plan, struct pwk_session *session,
                      struct pwk_error *error)
{
    struct pwk_session_known known = {0};
    int result = close_descriptors(error);

    *session = (struct pwk_session){.lock = result < 0 ? result : open_lock(plan->runtime, error),
                                    .init = -1};
    if (session->lock < 0)
        return session->lock;
    result = join_or_begin(plan, session, &known, error);
    if (result == 0)
        result = pwk_session_known_check(&known, plan, error);
    if (result < 0)
        pwk_session_leave(session, false);
    else
        strcpy(session->group, known.group);
    session->pid = known.pid;
    return result;
}

void pwk_session_leave(struct pwk_session *session, bool killed)
{
    if (session->lock >= 0) {
        pwk_session_group_leave(session->group, session->lock, session->init, killed);
        close(session->lock);
    }
    if (session->init >= 0)
        close(session->init);
    session->lock = session->init = -1;
}

int pwk_session_find(const char *runtime, uint64_t *namespace)
{
    struct pwk_session_known known;
    int init = pwk_session_known_find(runtime, &known);

    if (init >= 0 && namespace)
        *namespace = known.namespace;
    return init;
}

bool pwk_session_was_there(const char *runtime)
{
    struct pwk_session_known known;

    return pwk_session_known_read(runtime, &known) == 0;
}
