/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * governor.c - see governor.h. Each resource has a balance that grows with time and shrinks with
 * use; below zero everybody is stopped, until it has grown to what is worth running for.
 */
#include "sandbox/governor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_status.h"
#include "sandbox/process_usage.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define LONGEST_LOOK (20 * MS) /* while things run */
#define SHORTEST_LOOK (4 * MS)
#define LONGEST_STOP (50 * MS) /* from look to look, while things are stopped */
/* What may be saved up, and what is run for at a time, in time: a program that draws 25 pictures a
 * second gets to draw each. */
#define SAVED (100 * MS)
#define WORTHWHILE (25 * MS)

struct budget {
    double rate; /* units a ns; 0: no limit */
    double balance;
    double fastest; /* what can be used at most, likewise, as far as is known */
};

struct pwk_governor {
    struct budget cpu, io;
    struct pwk_usage_look looks[2];
    int newest;
    uint64_t time;
    bool holding;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

struct pwk_governor *pwk_governor_start(unsigned cpu, uint64_t io)
{
    struct pwk_governor *governor = calloc(1, sizeof(*governor));
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (!governor)
        return NULL;
    governor->cpu.rate = cpu / 100.0;
    governor->cpu.fastest = processors > 0 ? (double)processors : 1;
    governor->io.rate = (double)io / (double)SECOND;
    governor->time = now_ns();
    pwk_usage_look(&governor->looks[0], io != 0);
    return governor;
}

/* ---- budgets ---- */

static void settle(struct budget *budget, uint64_t elapsed, uint64_t used)
{
    budget->balance += budget->rate * (double)elapsed;
    if (budget->balance > budget->rate * (double)SAVED)
        budget->balance = budget->rate * (double)SAVED;
    budget->balance -= (double)used;
}

static bool is_overdrawn(const struct budget *budget)
{
    return budget->rate > 0 && budget->balance < 0;
}

static bool is_worthwhile(const struct budget *budget)
{
    return budget->rate <= 0 || budget->balance >= budget->rate * (double)WORTHWHILE;
}

/* How long the balance lasts, or how long it grows until it is worthwhile. */
static double time_left(const struct budget *budget, bool holding)
{
    double gap;

    if (budget->rate <= 0)
        return holding ? 0 : (double)LONGEST_LOOK;
    if (holding)
        return (budget->rate * (double)WORTHWHILE - budget->balance) / budget->rate;
    gap = budget->fastest - budget->rate;
    return gap > 0 ? budget->balance / gap : (double)LONGEST_LOOK;
}

/* ---- stopping and continuing ---- */

/* Stop signals that came while the process was stopped by us: Ctrl-Z, or another's SIGSTOP. One that
 * was told to stop again, as it waited for a disk or had just been about to stop, may have our own
 * SIGSTOP still to come: given back to it, that would stop it for ever. */
static uint64_t pending_stops(const struct pwk_process_usage *process)
{
    static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGSTOP};
    size_t count = sizeof(stops) / sizeof(stops[0]) - process->stopped_late;
    uint64_t shared = pwk_process_status_number(process->pid, "ShdPnd", 16, 0), found = 0;

    for (size_t i = 0; i < count; i++)
        found |= shared & (UINT64_C(1) << (stops[i] - 1));
    return found;
}

static bool is_still(const struct pwk_process_usage *process)
{
    return process->state == 'T' || process->state == 'Z' || process->state == 'X';
}

/* Who is stopped already is somebody else's affair, and is not continued by us. All others are
 * stopped in one call, while none of them can start another. Where there are such, one by one, so
 * that none is stopped by us that somebody continues at this very moment; what is started meanwhile
 * is stopped at the next look. */
static void stop_all(struct pwk_usage_look *look)
{
    bool any_stays = false;

    for (size_t i = 0; i < look->count; i++) {
        look->processes[i].stays = look->processes[i].state == 'T';
        any_stays = any_stays || look->processes[i].stays;
    }
    if (!any_stays) {
        kill(-1, SIGSTOP);
        return;
    }
    for (size_t i = 0; i < look->count; i++)
        if (look->processes[i].pid != 1 && !look->processes[i].stays)
            kill(look->processes[i].pid, SIGSTOP);
}

/* Who came in meanwhile, or was continued from outside. True where nobody is left running. */
static bool keep_stopped(const struct pwk_usage_look *before, struct pwk_usage_look *now)
{
    bool still = true;

    for (size_t i = 0; i < now->count; i++) {
        struct pwk_process_usage *process = &now->processes[i];
        const struct pwk_process_usage *known = pwk_usage_find(before, process);

        process->stays = known && known->stays && is_still(process);
        process->stopped_late = known && known->stopped_late;
        if (process->pid == 1 || is_still(process))
            continue;
        kill(process->pid, SIGSTOP);
        process->stopped_late = true;
        /* Who waits for a disk or is held by a debugger stops later. */
        still = still && process->state != 'R' && process->state != 'S';
    }
    return still;
}

static void continue_all(const struct pwk_usage_look *look)
{
    for (size_t i = 0; i < look->count; i++) {
        const struct pwk_process_usage *process = &look->processes[i];
        uint64_t again;

        if (process->pid == 1 || process->stays || process->state == 'Z')
            continue;
        /* SIGCONT would forget them. */
        again = pending_stops(process);
        kill(process->pid, SIGCONT);
        for (int signal = 1; again; signal++, again >>= 1)
            if (again & 1)
                kill(process->pid, signal);
    }
}

/* ---- one look ---- */

static uint64_t next_look(const struct pwk_governor *governor)
{
    double cpu = time_left(&governor->cpu, governor->holding);
    double io = time_left(&governor->io, governor->holding);
    double next = governor->holding ? (cpu > io ? cpu : io) : (cpu < io ? cpu : io);
    double longest = (double)(governor->holding ? LONGEST_STOP : LONGEST_LOOK);

    if (next > longest)
        next = longest;
    return next < (double)SHORTEST_LOOK ? SHORTEST_LOOK : (uint64_t)next;
}

uint64_t pwk_governor_look(struct pwk_governor *governor)
{
    struct pwk_usage_look *before = &governor->looks[governor->newest];
    struct pwk_usage_look *now = &governor->looks[!governor->newest];
    uint64_t time = now_ns(), elapsed = time - governor->time, cpu, io;

    if (elapsed == 0)
        return SHORTEST_LOOK;
    /* Without a look nobody can be continued who should not be; all stay as they are. */
    if (pwk_usage_look(now, governor->io.rate > 0) < 0)
        return SHORTEST_LOOK;
    pwk_usage_between(before, now, &cpu, &io);
    governor->time = time;
    governor->newest = !governor->newest;
    settle(&governor->cpu, elapsed, cpu);
    settle(&governor->io, elapsed, io);
    if (governor->holding) {
        bool still = keep_stopped(before, now);

        if (still && is_worthwhile(&governor->cpu) && is_worthwhile(&governor->io)) {
            continue_all(now);
            governor->holding = false;
        }
    } else {
        /* The fastest that was seen is how fast it may go on. */
        governor->io.fastest = (double)io / (double)elapsed;
        if (is_overdrawn(&governor->cpu) || is_overdrawn(&governor->io)) {
            stop_all(now);
            governor->holding = true;
        }
    }
    return next_look(governor);
}
