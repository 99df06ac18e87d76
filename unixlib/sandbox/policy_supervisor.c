/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_supervisor.c - see policy_supervisor.h.
 */
#include "sandbox/policy_supervisor.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_status.h"
#include "sandbox/call_arguments.h"
#include "sandbox/notify_loop.h"

#define LOOK_AROUND 1        /* seconds, while nothing is offered */
#define OFFER_PAUSE 100000   /* nanoseconds, while a process is about to arm */
#define KNOWN_PROCESSES 1024 /* whose first calls are remembered, a power of 2 */
#define SET_WORDS (PWK_POLICY_CALLS / 64)

/* What a process has been seen to do. A thread that Linux gives an old number again inherits it: a
 * record of a first call may then be missing, where another process of the kernel has one, and
 * records may name the process that had the number before. */
struct known_process {
    pid_t tid;
    pid_t pid;
    uint64_t seen[SET_WORDS];
};

static struct {
    const struct pwk_policy *policy;
    pwk_audit_t *audit;
    atomic_int loops;
    atomic_uint_fast64_t served, refused;
    pthread_mutex_t mutex; /* of `known` */
    struct known_process known[KNOWN_PROCESSES];
} supervisor = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- calls ---- */

static pid_t find_process(pid_t tid)
{
    return (pid_t)pwk_process_status_number(tid, "Tgid", 10, (uint64_t)tid);
}

/* The place of a thread's process; of two threads with one place the later one has it. Mutex
 * held. */
static struct known_process *know(pid_t tid)
{
    struct known_process *place = &supervisor.known[(unsigned)tid % KNOWN_PROCESSES];
    struct known_process *whole;

    if (place->tid != tid) {
        *place = (struct known_process){.tid = tid, .pid = find_process(tid)};
        whole = &supervisor.known[(unsigned)place->pid % KNOWN_PROCESSES];
        if (whole != place && whole->tid == place->pid)
            memcpy(place->seen, whole->seen, sizeof(place->seen));
    }
    return place;
}

/* Whether the call is the first of its number in its process; `pid` receives that. */
static bool is_first(const struct pwk_notification *call, pid_t *pid)
{
    uint64_t bit = UINT64_C(1) << (call->nr % 64);
    size_t word = (size_t)call->nr / 64 % SET_WORDS;
    struct known_process *place, *whole;
    bool first;

    pthread_mutex_lock(&supervisor.mutex);
    place = know(call->tid);
    *pid = place->pid;
    whole = know(place->pid);
    first = (whole->seen[word] & bit) == 0;
    whole->seen[word] |= bit;
    pthread_mutex_unlock(&supervisor.mutex);
    return first;
}

static void record(const struct pwk_notification *call, const char *verdict, bool first, pid_t pid)
{
    struct pwk_call_argument arguments[PWK_CALL_ARGUMENTS];
    const char *name = pwk_call_name(call->nr);
    enum pwk_audit_level level = PWK_AUDIT_DENIALS;
    char number[16];

    if (verdict[0] == 'a')
        level = first ? PWK_AUDIT_DECISIONS : PWK_AUDIT_ALL;
    snprintf(number, sizeof(number), "%d", call->nr);
    pwk_call_arguments_read(call, arguments);
    pwk_audit_write_about(supervisor.audit, pid, call->tid, level, "syscall", verdict, "syscall",
                          *name != '\0' ? name : number, arguments[0].name, arguments[0].text,
                          arguments[1].name, arguments[1].text, NULL);
}

/* What is remembered of a thread's number may be of another thread that had it before. */
static void kill_process_of(const struct pwk_notification *call)
{
    pid_t pid = find_process(call->tid);

    if (pid > 1 && pwk_notify_is_waiting(call))
        kill(pid, SIGKILL);
}

static void serve(void *context, const struct pwk_notification *call,
                  struct pwk_notify_answer *answer)
{
    enum pwk_syscall_action action = pwk_policy_action(supervisor.policy, call->nr);
    bool logged = action == PWK_SYSCALL_LOG;
    pid_t pid;
    bool first = is_first(call, &pid);

    (void)context;
    atomic_fetch_add(&supervisor.served, 1);
    atomic_fetch_add(&supervisor.refused, !logged);
    record(call, logged ? "allowed" : "denied", first, pid);
    answer->let_through = logged;
    answer->value = -pwk_policy_errno(call->nr);
    if (action == PWK_SYSCALL_KILL)
        kill_process_of(call);
}

int pwk_policy_serve(int listener, int wake, const struct pwk_policy *policy, pwk_audit_t *audit)
{
    supervisor.policy = policy;
    supervisor.audit = audit;
    return pwk_notify_loop_run(listener, wake, serve, NULL);
}

void pwk_policy_served(uint64_t *served, uint64_t *refused)
{
    *served = atomic_load(&supervisor.served);
    *refused = atomic_load(&supervisor.refused);
}

/* ---- listeners ---- */

static void *run_loop(void *argument)
{
    int listener = (int)(intptr_t)argument;

    pwk_notify_loop_run(listener, -1, serve, NULL);
    close(listener);
    atomic_fetch_sub(&supervisor.loops, 1);
    return NULL;
}

static int start_loop(int listener)
{
    pthread_t thread;
    int rc;

    atomic_fetch_add(&supervisor.loops, 1);
    rc = pthread_create(&thread, NULL, run_loop, (void *)(intptr_t)listener);
    if (rc != 0)
        atomic_fetch_sub(&supervisor.loops, 1);
    else
        pthread_detach(thread);
    return -rc;
}

/* 1 or a negative errno, as struct pwk_policy_offer has it. */
static int take_listener(int process, int number)
{
    int listener = pidfd_getfd(process, number, 0);
    int rc;

    if (listener < 0)
        return -errno;
    rc = start_loop(listener);
    if (rc == 0)
        return 1;
    close(listener);
    return rc;
}

static bool has_ended(int process)
{
    struct pollfd end = {.fd = process, .events = POLLIN};

    return poll(&end, 1, 0) > 0;
}

static void free_place(struct pwk_policy_offer *offer, int32_t pid)
{
    atomic_store(&offer->listener, 0);
    atomic_store(&offer->answer, 0);
    atomic_compare_exchange_strong(&offer->pid, &pid, 0);
}

/* True while the process is about to arm. */
static bool look_at(struct pwk_policy_offer *offer)
{
    int32_t pid = atomic_load(&offer->pid);
    int32_t listener = atomic_load(&offer->listener);
    int process;
    bool waits;

    if (pid == 0)
        return false;
    process = pidfd_open(pid, 0);
    if (process < 0 || has_ended(process)) {
        free_place(offer, pid);
        waits = false;
    } else {
        waits = listener == 0;
        if (listener > 0 && atomic_load(&offer->answer) == 0)
            atomic_store(&offer->answer, take_listener(process, listener - 1));
    }
    if (process >= 0)
        close(process);
    return waits;
}

static bool look_at_all(struct pwk_policy_page *page)
{
    bool waits = false;

    for (size_t i = 0; i < PWK_POLICY_OFFERS; i++)
        waits |= look_at(&page->offers[i]);
    return waits;
}

void pwk_policy_supervise(struct pwk_policy_page *page, const struct pwk_policy *policy,
                          pwk_audit_t *audit, int launcher)
{
    const struct timespec a_while = {.tv_sec = LOOK_AROUND};
    const struct timespec a_moment = {.tv_nsec = OFFER_PAUSE};

    supervisor.policy = policy;
    supervisor.audit = audit;
    for (;;) {
        uint32_t offered = atomic_load(&page->offered);

        if (look_at_all(page)) {
            nanosleep(&a_moment, NULL);
            continue;
        }
        if (atomic_load(&supervisor.loops) == 0 && has_ended(launcher))
            return;
        syscall(SYS_futex, &page->offered, FUTEX_WAIT, offered, &a_while, NULL, 0);
    }
}
