/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_table_internal.h - the layout of the table's file, for the files that work on it.
 */
#ifndef PWK_KERNEL_PROCESS_TABLE_INTERNAL_H
#define PWK_KERNEL_PROCESS_TABLE_INTERNAL_H

#include <limits.h>

#include "kernel/process_table.h"

#define SLOT_COUNT 4096
#define FOLDING UINT64_C(0x80000000) /* above any pid */

struct pwk_process_slot {
    _Atomic uint64_t owner; /* 0: free; else pid and start time, perhaps with FOLDING */
    _Atomic uint64_t start_time;
    _Atomic uint64_t counters[PWK_COUNTER_COUNT];
    _Atomic uint32_t ready; /* the fields below are filled in */
    _Atomic uint32_t windows;
    char program[120];
    _Atomic uint64_t birth;      /* what its parent knows it by; 0: nothing */
    _Atomic uint32_t windows_id; /* of the process, as Windows programs know it; 0: not known yet */
    _Atomic int32_t handles;     /* the descriptor of its handle table; -1: none */
    /* Counted by the thread that entered, which alone writes here and needs no locked addition:
     * that would be a fifth of the cost of a warm registry read. */
    _Atomic uint64_t by_entrant[PWK_COUNTER_COUNT];
};

struct table_file {
    _Atomic uint64_t magic;
    _Atomic uint64_t taken; /* the first process of this table has been told so */
    _Atomic uint64_t folds_begun;
    _Atomic uint64_t folds_ended;
    _Atomic uint64_t totals[PWK_COUNTER_COUNT]; /* of ended processes */
    _Atomic uint64_t touched;                   /* slots from here on were never taken */
    char unused[4096 - (5 + PWK_COUNTER_COUNT) * 8];
    struct pwk_process_slot slots[SLOT_COUNT];
};

_Static_assert(sizeof(struct pwk_process_slot) == 256, "the file's layout");
_Static_assert(sizeof(struct table_file) == 4096 + 256 * SLOT_COUNT, "the file's layout");

struct pwk_process_table {
    int fd;                  /* -1: there is no file, and nobody in it */
    struct table_file *file; /* mapped by those who take part; else NULL */
};

/* The path of a kernel's run-time file: one a state folder, however the path to that is written. */
int pwk_kernel_file_path(const char *runtime, const char *state, const char *kind,
                         char path[PATH_MAX], struct pwk_error *error);

/* Opens such a file for reading and writing: a regular one of this user's. With O_CREAT in `flags`
 * it is made where it is missing. A descriptor or a negative errno. */
int pwk_kernel_file_open(const char *path, int flags);

/* What stands in the word `owner` of a process's slot. */
uint64_t pwk_process_identity(pid_t pid, uint64_t start_time);

/* The number here of a process that names itself so in the table; 0: it has none. */
pid_t pwk_process_number_here(pid_t named);

/* All of a part of the table's file, or false. */
bool pwk_process_table_read(int fd, void *out, size_t size, off_t offset);

/* A copy of the whole table, to be freed, or NULL where the file holds none. */
struct table_file *pwk_process_table_copy(int fd);

/* Whether the process that took a slot lives; `owner` is what stood in the slot's word. */
bool pwk_process_owner_is_alive(uint64_t owner);

#endif
