/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * execute.c - carries a plan out, step by step.
 */
#include "launcher/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/prefix_files.h"
#include "kernel/state.h"
#include "launcher/below.h"
#include "launcher/ephemeral.h"
#include "launcher/follower.h"
#include "launcher/prefix.h"
#include "wine/server_lock.h"
#include "launcher/supervisor.h"
#include "sandbox/policy_arm.h"

#define SAVED_ROUNDS 800 /* of 50 ms */
#define FOLLOW_NANOSECONDS 100000000

void pwk_statistics_print(FILE *stream, const char *kernel,
                          const uint64_t totals[PWK_COUNTER_COUNT])
{
    static const char *const words[PWK_COUNTER_COUNT] = {
        [PWK_SYSCALLS_INTERCEPTED] = "syscalls intercepted",
        [PWK_MEMORY_ALLOCATED] = "memory allocated (bytes)",
        [PWK_IO_OPERATIONS] = "I/O operations",
        [PWK_ERRORS] = "errors",
        [PWK_DENIALS] = "denials",
        [PWK_AUDIT_DROPPED] = "audit records dropped",
    };

    fprintf(stream, "kernel %s\n", kernel);
    for (size_t i = 0; i < PWK_COUNTER_COUNT; i++)
        fprintf(stream, "  %-24s  %" PRIu64 "\n", words[i], totals[i]);
}

static int make_state(struct pwk_plan *plan, struct pwk_error *error)
{
    struct pwk_boot_record *record = &plan->record;
    char runtime[PATH_MAX];
    int rc = 0;

    /* A kernel that is there already must not be taken away while its folders are looked at. */
    if (pwk_ephemeral_is(record->state))
        rc = plan->marker = pwk_ephemeral_enter(record->state, error);
    else if (plan->ephemeral)
        rc = plan->marker = pwk_ephemeral_make(plan->prefix, record->state, error);
    if (rc == -EEXIST)
        rc = 0;
    if (rc >= 0)
        rc = pwk_state_path(plan->prefix, record->kernel, true, record->state, error);
    if (rc >= 0 && plan->ephemeral && plan->marker < 0)
        rc = plan->marker = pwk_ephemeral_enter(record->state, error);
    if (rc >= 0)
        rc = pwk_kernel_runtime(record->runtime, record->state, record->session == PWK_SESSION_OWN,
                                runtime, error);
    if (rc == 0 && mkdir(runtime, 0700) != 0 && errno != EEXIST)
        rc = pwk_error_set(error, -errno, "cannot make %s: %s", runtime, strerror(errno));
    if (rc < 0)
        return rc;
    strcpy(record->runtime, runtime);
    strcpy(plan->cage.runtime, runtime);
    return 0;
}

/* The loader's own words: its path, the program, the program's arguments. */
static char **make_arguments(const struct pwk_plan *plan)
{
    size_t count = 0;
    char **words;

    while (plan->arguments[count] != NULL)
        count++;
    words = calloc(count + 3, sizeof(*words));
    if (words == NULL)
        return NULL;
    words[0] = (char *)plan->loader;
    words[1] = (char *)plan->program;
    memcpy(words + 2, plan->arguments, count * sizeof(*words));
    return words;
}

/* The descriptor stays open in the loader alone: what else is started does not get it. */
static int make_policy(struct pwk_plan *plan, struct pwk_error *error)
{
    struct pwk_policy_needs needs;
    struct pwk_policy_code code;
    int rc;

    if (plan->policy.built_in) {
        plan->record.policy =
            plan->policy.base == PWK_SYSCALLS_STRICT ? PWK_POLICY_STRICT : PWK_POLICY_DEFAULT;
        return 0;
    }
    needs.opened = plan->policy.opened;
    needs.listens = plan->policy.listens;
    rc = pwk_policy_compile(&plan->policy, &code, error);
    if (rc == 0)
        rc = pwk_policy_file_make(code.code, code.length, &needs, error);
    pwk_policy_code_finish(&code);
    if (rc < 0)
        return rc;
    plan->record.policy = PWK_POLICY_FILE;
    plan->record.policy_file = rc;
    return 0;
}

static int become_loader(const struct pwk_plan *plan, char **words, struct pwk_error *error)
{
    int code;

    if (plan->record.policy == PWK_POLICY_FILE) {
        if (plan->policy.listens && (code = pwk_supervisor_start(plan, error)) != 0)
            return code;
        fcntl(plan->record.policy_file, F_SETFD, 0);
    }
    execv(plan->loader, words);
    code = -errno;
    return pwk_error_set(error, code, "cannot run %s: %s", plan->loader, strerror(-code));
}

/* Waits for the child and hands on what others send: not what the terminal sends, which goes to
 * the whole process group by itself. */
static int wait_for_child(pid_t child, const sigset_t *signals, struct pwk_second_log *log)
{
    static const struct timespec pause = {.tv_nsec = FOLLOW_NANOSECONDS};
    siginfo_t info;
    int status;

    while (waitpid(child, &status, WNOHANG) != child) {
        int signal = sigtimedwait(signals, &info, log->open ? &pause : NULL);

        pwk_second_log_follow(log);
        if (signal > 0 && signal != SIGCHLD && info.si_code <= 0)
            kill(child, signal);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void print_statistics(const struct pwk_plan *plan)
{
    const struct pwk_boot_record *record = &plan->record;
    uint64_t totals[PWK_COUNTER_COUNT];
    pwk_process_table_t *table;
    struct pwk_error error;

    if (pwk_process_table_open(record->runtime, record->state, false, &table, NULL, &error) != 0) {
        fprintf(stderr, "pwk-wine: %s\n", error.text);
        return;
    }
    pwk_process_table_totals(table, totals);
    pwk_process_table_close(table);
    pwk_statistics_print(stderr, record->kernel, totals);
}

/* Early, so that it comes up beside the program. */
static int start_watcher(const struct pwk_plan *plan, struct pwk_error *error)
{
    struct pwk_prefix_layer layer;
    char now[24];
    int rc = pwk_prefix_layer_open(&layer, error);

    if (rc < 0 || pwk_prefix_layer_watched(&layer))
        return rc;
    snprintf(now, sizeof now, "%" PRIu64, pwk_filetime_now());
    if (setenv(PWK_STARTED_VARIABLE, now, 1) != 0)
        return pwk_error_set(error, -errno, "cannot set the environment: %s", strerror(errno));
    rc = pwk_prefix_layer_start_watcher(plan->loader, false);
    return rc < 0
               ? pwk_error_set(error, rc, "%s cannot be started: %s", plan->loader, strerror(-rc))
               : 0;
}

/* What the session's view does not show cannot be run there. Root is a user like others in it, whom
 * permissions hold. */
static int check_visible(const struct pwk_plan *plan, struct pwk_error *error)
{
    const char *program = plan->program_path;

    if (program[0] != '/' || access(program, R_OK) == 0)
        return 0;
    if (errno == EACCES)
        return pwk_error_set(error, -ENOENT,
                             "%s cannot be read in the kernel's own session, where root has no "
                             "privileges: give yourself the right to read it, or use --session "
                             "shared",
                             program);
    return pwk_error_set(error, -ENOENT,
                         "%s cannot be seen in the kernel's own session (%s; of /tmp, /run and a "
                         "hidden home folder it has what its programs need): move it, wait "
                         "for the session's end, or use another --kernel or --session shared",
                         program, strerror(errno));
}

/* In the child. Only ends by becoming the loader, or ending. */
static void run_child(const struct pwk_plan *plan, char **words, int failed,
                      struct pwk_error *error)
{
    bool own = plan->record.session == PWK_SESSION_OWN;

    if (failed == 0 && own)
        failed = check_visible(plan, error);
    if (failed == 0 && own)
        failed = pwk_desktop_check(&plan->cage.desktop, error);
    if (failed == 0)
        become_loader(plan, words, error);
    fprintf(stderr, "pwk-wine: %s\n", error->text);
    _exit(failed == -ENOENT ? PWK_EXIT_CANNOT_RUN : PWK_EXIT_FAILED);
}

static pid_t fork_child(struct pwk_plan *plan, int *failed, struct pwk_error *error)
{
    pid_t child;

    *failed = 0;
    if (plan->record.session == PWK_SESSION_OWN)
        return pwk_session_fork(&plan->cage, &plan->session, failed, error);
    child = fork();
    return child < 0 ? pwk_error_set(error, -errno, "cannot start a process: %s", strerror(errno))
                     : child;
}

/* Beside the program, which has all that was there when it was started. */
static void start_follower(const struct pwk_plan *plan)
{
    struct pwk_error error;

    if (plan->record.session == PWK_SESSION_OWN && plan->record.registry == PWK_REGISTRY_OVERLAY &&
        pwk_follower_start(plan, &plan->below, &error) < 0)
        fprintf(stderr,
                "pwk-wine: %s (until then what the prefix's registry becomes shows at the next "
                "start alone)\n",
                error.text);
}

/* Linux puts what is cloned onto the processor that has least to do. A program and wineserver on
 * two processors wake each other by interrupts, which makes a start several times as long
 * (docs/performance.md), and once apart they mostly stay so. So the program is cloned where its
 * launcher runs, and goes where Linux likes from then on. `allowed` is what the launcher was free
 * to use; false: it still is. */
static bool stay_on_processor(cpu_set_t *allowed)
{
    int processor = sched_getcpu();
    cpu_set_t one;

    if (processor < 0 || processor >= CPU_SETSIZE ||
        sched_getaffinity(0, sizeof(*allowed), allowed) < 0)
        return false;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static int run_and_wait(struct pwk_plan *plan, char **words, struct pwk_error *error)
{
    static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};
    sigset_t signals;
    sigset_t before;
    cpu_set_t allowed;
    bool stays;
    int failed;
    pid_t child;
    int status;

    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
        sigaddset(&signals, forwarded[i]);
    /* Ignored, children would be reaped by the system, and their status lost. */
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &signals, &before);
    stays = stay_on_processor(&allowed);
    child = fork_child(plan, &failed, error);
    if (stays)
        sched_setaffinity(0, sizeof(allowed), &allowed);
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        run_child(plan, words, failed, error);
    }
    if (child < 0)
        return child;
    start_follower(plan);
    status = wait_for_child(child, &signals, &plan->second);
    pwk_second_log_finish(&plan->second, &plan->record);
    /* Nobody within could tell: 'kill' leaves no record. */
    if (status == 128 + SIGSYS)
        fprintf(stderr, "pwk-wine: SIGSYS ended the program: it made a Linux call for which its "
                        "policy says kill\n");
    if (plan->stats)
        print_statistics(plan);
    return status;
}

static int run(struct pwk_plan *plan, struct pwk_error *error)
{
    char *record = pwk_boot_record_format(&plan->record);
    char **words = make_arguments(plan);
    int rc = 0;

    if (record == NULL || words == NULL)
        rc = pwk_error_set(error, -EINVAL,
                           "the kernel's record cannot be written: no memory left, or a path "
                           "holds a line break");
    else if (unsetenv(PWK_BIRTH_VARIABLE) != 0 || putenv(record) != 0)
        rc = pwk_error_set(error, -errno, "cannot set the environment: %s", strerror(errno));
    if (rc == 0) {
        rc = plan->stats || plan->record.session == PWK_SESSION_OWN
                 ? run_and_wait(plan, words, error)
                 : become_loader(plan, words, error);
        unsetenv(PWK_BOOT_VARIABLE);
    }
    free(words);
    free(record);
    return rc;
}

/* A new prefix's registry is saved when its first wineserver ends, or after half a minute. Until
 * then a session's own wineserver would find none, and make one in which nothing works; and a
 * watcher would keep the first one from its end. */
static int wait_until_saved(const struct pwk_plan *plan, struct pwk_error *error)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    struct pwk_prefix_files files;
    bool saving = true;
    int rc = pwk_prefix_files_look(&files);

    for (int i = 0; rc == -ENOENT && saving && i < SAVED_ROUNDS; i++) {
        nanosleep(&pause, NULL);
        saving = pwk_wineserver_of(plan->prefix) != 0;
        rc = pwk_prefix_files_look(&files);
    }
    if (rc == -ELOOP)
        pwk_error_set(error, rc,
                      "one of the registry's files in the prefix %s (system.reg, user.reg, "
                      "userdef.reg) is a symbolic link, which a program may have made and is not "
                      "followed: put the file itself in its place",
                      plan->prefix);
    else if (rc < 0)
        pwk_error_set(error, rc,
                      "the registry of the prefix %s (system.reg, user.reg, userdef.reg) cannot be "
                      "read: %s; run 'WINEPREFIX=%s %s wineboot --update'",
                      plan->prefix, strerror(-rc), plan->prefix, plan->wine.loader);
    return rc;
}

/* Where the prefix's registry is published is shown to the session by whoever begins it, whatever
 * the mode of his own. */
static int prepare_below(struct pwk_plan *plan, struct pwk_error *error)
{
    struct pwk_boot_record *record = &plan->record;
    char runtime[PATH_MAX];
    int rc;

    strcpy(runtime, record->runtime);
    *strrchr(runtime, '/') = '\0';
    rc = pwk_prefix_layer_open_in(&plan->below, runtime, plan->prefix, error);
    if (rc == 0 && record->registry != PWK_REGISTRY_OFF)
        rc = pwk_below_catch_up(&plan->below, plan->prefix, plan->loader, error);
    strcpy(plan->cage.below, plan->below.shown);
    strcpy(record->below, plan->below.shown);
    return rc;
}

/* What the prefix has by now is looked at from outside: inside there is another wineserver's view
 * of it. */
static int enter_session(struct pwk_plan *plan, struct pwk_error *error)
{
    int rc = wait_until_saved(plan, error);

    if (rc == 0)
        rc = prepare_below(plan, error);
    if (rc == 0)
        rc = pwk_second_log_open(&plan->second, &plan->record, error);
    return rc < 0 ? rc : pwk_session_enter(&plan->cage, &plan->session, error);
}

/* 0, a negative errno, or the program's status. */
static int execute_step(struct pwk_plan *plan, const struct pwk_step *step, struct pwk_error *error)
{
    struct pwk_boot_record *record = &plan->record;

    switch (step->kind) {
    case PWK_STEP_SWEEP:
        pwk_ephemeral_sweep(plan->prefix, record->runtime);
        return 0;
    case PWK_STEP_PREFIX:
        return pwk_prefix_create(plan->prefix, &plan->wine, record->runtime, error);
    case PWK_STEP_STATE:
        return make_state(plan, error);
    case PWK_STEP_REAPER:
        return pwk_ephemeral_start_reaper(record->state, record->runtime, plan->marker, error);
    case PWK_STEP_SESSION:
        return enter_session(plan, error);
    case PWK_STEP_POLICY:
        return make_policy(plan, error);
    case PWK_STEP_REGISTRY:
    case PWK_STEP_BOOT:
    case PWK_STEP_CAGE:
        return 0; /* the loader does these, and the session's first process */
    case PWK_STEP_ENVIRONMENT:
        if ((step->value ? setenv(step->variable, step->value, 1) : unsetenv(step->variable)) != 0)
            return pwk_error_set(error, -errno, "cannot set %s: %s", step->variable,
                                 strerror(errno));
        return 0;
    case PWK_STEP_WATCH:
        return start_watcher(plan, error);
    case PWK_STEP_RUN:
        return run(plan, error);
    }
    return pwk_error_set(error, -EINVAL, "the plan holds an unknown step");
}

int pwk_plan_execute(struct pwk_plan *plan, struct pwk_error *error)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < plan->step_count; i++)
        rc = execute_step(plan, &plan->steps[i], error);
    if (plan->marker >= 0)
        close(plan->marker);
    plan->marker = -1;
    pwk_session_leave(&plan->session, rc == 128 + SIGKILL);
    if (rc >= 0)
        return rc;
    fprintf(stderr, "pwk-wine: %s\n", error->text);
    return PWK_EXIT_FAILED;
}
