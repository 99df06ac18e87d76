/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_table.h - the processes of one kernel, in shared memory: who runs, under which Windows
 * version, and the counters of the founding document's statistics.
 *
 * The file lies in the run-time folder and is mapped by every process of the kernel; pwk-wine and
 * pwkctl, which a program must not end by cutting it short, read it. What it holds may have been
 * written by a hostile program: readers check every number. A process holds a shared flock on the
 * file for its whole life; the exclusive lock is had only when no process is left, and then the
 * table is made anew.
 */
#ifndef PWK_KERNEL_PROCESS_TABLE_H
#define PWK_KERNEL_PROCESS_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/error.h"

enum pwk_counter {
    PWK_SYSCALLS_INTERCEPTED, /* calls that came through our service rows */
    PWK_MEMORY_ALLOCATED,     /* bytes: committed by NtAllocateVirtualMemory or the allocator */
    PWK_IO_OPERATIONS,        /* reads, writes and device controls */
    PWK_ERRORS,               /* of those calls, how many answered an error */
    PWK_DENIALS,              /* refused by the kernel itself */
    PWK_AUDIT_DROPPED,        /* audit records that were lost */
    PWK_COUNTER_COUNT
};

struct pwk_process_slot; /* one process; 256 bytes of shared memory */
typedef struct pwk_process_table pwk_process_table_t;

struct pwk_process_info {
    pid_t pid;
    uint64_t start_time; /* clock ticks after boot, /proc/PID/stat field 22 */
    uint32_t windows;    /* enum pwk_windows */
    char program[128];   /* UTF-8 */
    uint64_t counters[PWK_COUNTER_COUNT];
};

/* Clock ticks after boot at which a process started (/proc/PID/stat, field 22). 0: it is gone, or a
 * zombie. Where /proc cannot tell, a process that can be signalled counts as alive with start time
 * 1. */
uint64_t pwk_process_start_time(pid_t pid);

/* Tables of a kernel in a session of its own name processes by their numbers inside. A process
 * outside that reads such files (pwkctl) says with this how they are called where it is: `outside`
 * answers the number there, or 0 where there is no such process (any more). NULL: they are called
 * alike, as at first. For the whole process, which must have one thread. */
void pwk_process_numbers_from(pid_t (*outside)(void *context, pid_t inside), void *context);

/* Opens or makes the table of the kernel whose state is `state` in folder `runtime`.
 * `hold`: take part (the shared lock is held until close). `first`, where not NULL, tells whether
 * no process of the kernel was running. */
int pwk_process_table_open(const char *runtime, const char *state, bool hold,
                           pwk_process_table_t **out, bool *first, struct pwk_error *error);
void pwk_process_table_close(pwk_process_table_t *table);

/* Takes part in the table without a place in it: a descriptor, to be closed, while which is open
 * nobody else does; -EBUSY where somebody does now. Nothing of it is mapped. */
int pwk_process_table_alone(const char *runtime, const char *state);

/* Removes the table's file, and that of the audit log's rings (audit.h). To be called only when no
 * process of the kernel can be running or starting. A file that is not there is no error. */
int pwk_process_table_remove(const char *runtime, const char *state, struct pwk_error *error);

/* Enters the calling process; slots of dead processes are reclaimed, their counters kept in the
 * kernel's totals. NULL when the table (4096 slots) is full: counters then go nowhere. */
struct pwk_process_slot *pwk_process_table_enter(pwk_process_table_t *table, uint32_t windows,
                                                 const char *program);
/* A slot of this process alone, in no table: for a kernel that was attached late. One a process. */
struct pwk_process_slot *pwk_process_slot_private(void);

/* Adds a slot's counters to `counters`; `slot` may be NULL. */
void pwk_process_slot_add(const struct pwk_process_slot *slot,
                          uint64_t counters[PWK_COUNTER_COUNT]);

/* Leaves: the counters go into the kernel's totals. */
void pwk_process_table_leave(pwk_process_table_t *table, struct pwk_process_slot *slot);

/* Async-signal-safe, lock-free, exact; in general registers alone. `slot` may be NULL. */
__attribute__((target("general-regs-only"))) void
pwk_count(struct pwk_process_slot *slot, enum pwk_counter counter, uint64_t amount);

/* ---- how processes of the kernel find each other's handle tables ---- */

/* Says by which descriptor of its own the calling process's handle table can be opened (-1: none),
 * and the number that its parent gave it, `birth` (0: none). `slot` may be NULL. */
void pwk_process_slot_set_handles(struct pwk_process_slot *slot, uint64_t birth, int handles);

/* Says under which id Windows programs know the process of `slot`, which may be NULL. It is found
 * by that id from now on: its handle table must have been set before. */
void pwk_process_slot_set_windows_id(struct pwk_process_slot *slot, uint32_t windows_id);

/* The slot of a live process by the number that its parent gave it, or NULL. */
struct pwk_process_slot *pwk_process_table_find_born(pwk_process_table_t *table, uint64_t birth);

/* Opens the handle table of a live process for reading and writing. Answers a descriptor (of what
 * may be anything, if the process is hostile), -ESRCH where no process of the kernel has that id or
 * it has no handle table, or another negative errno. */
int pwk_process_table_open_handles(pwk_process_table_t *table, uint32_t windows_id);

/* Fills up to `capacity` live processes; returns how many there are. */
size_t pwk_process_table_list(pwk_process_table_t *table, struct pwk_process_info *out,
                              size_t capacity);

/* The kernel's sums since its first process started, those of ended processes included. */
void pwk_process_table_totals(pwk_process_table_t *table, uint64_t totals[PWK_COUNTER_COUNT]);

/* True when this process is the only one that holds the table (used at the end of the last). */
bool pwk_process_table_last(pwk_process_table_t *table);

#endif
