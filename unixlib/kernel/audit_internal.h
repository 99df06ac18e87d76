/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_internal.h - the audit log of a process, for the files that work on it: audit.c takes
 * records, audit_drain.c writes them, audit_rings.c keeps the file of rings, audit_thread.c the
 * writer.
 */
#ifndef PWK_KERNEL_AUDIT_INTERNAL_H
#define PWK_KERNEL_AUDIT_INTERNAL_H

#include <signal.h>
#include <sys/types.h>
#include <time.h>

#include "kernel/audit.h"
#include "kernel/audit_log.h"
#include "kernel/audit_ring.h"
#include "kernel/audit_text.h"

#define NANOSECONDS UINT64_C(1000000000)

/* What `writer` of struct pwk_audit holds, a futex. */
enum writer_state {
    WRITER_NONE,
    WRITER_STARTING,
    WRITER_POLLS,  /* sleeps for a few milliseconds between its looks at the ring */
    WRITER_HURRY,  /* the same, woken because the ring fills */
    WRITER_SLEEPS, /* until it is woken */
    WRITER_FAILED, /* no thread could be made */
};

#define BATCH_TEXT 65536
#define BATCH_RECORDS 512

/* Lines on their way into the log, and where in the ring each of them ends. */
struct audit_batch {
    size_t size;
    size_t count;
    struct {
        size_t text;       /* bytes up to here */
        uint64_t position; /* of the record behind it */
    } ends[BATCH_RECORDS];
    char text[BATCH_TEXT];
};

/* The log that the user has named besides. */
struct other_log {
    int fd; /* -1: none */
    _Atomic uint64_t dropped;
    atomic_bool torn; /* the last write ended within a line */
};

/* A position of a ring that was claimed and not published, and when that was first seen. */
struct audit_stall {
    uint64_t at;
    uint64_t since; /* nanoseconds of CLOCK_REALTIME */
};

struct pwk_audit {
    enum pwk_audit_level level;
    bool
        apart; /* no log is open: what is in the ring stays there until another process writes it */
    char kernel[64];
    struct audit_log log;
    struct other_log other;
    _Atomic uint64_t dropped; /* records that were to be written at once and were not */

    /* The ring; `writer.ring` is mapped for good. */
    atomic_bool has_ring;
    struct audit_writer writer;
    int rings;    /* the file of rings; -1: none */
    size_t place; /* in it */
    pid_t pid;
    struct pwk_process_slot *slot; /* where lost records are counted */

    /* Who has `draining` set may take the log's lock, with signals blocked: to drain the ring, or,
     * where there is none, to write at once. */
    atomic_bool draining;
    atomic_bool drain_again;
    _Atomic uint64_t drain_not_before; /* nanoseconds of CLOCK_REALTIME */
    struct audit_stall stall;          /* of the own ring */
    _Atomic uint64_t drains_since;     /* how many drains of putting threads there were, */
    _Atomic unsigned drains;           /* and since when */
    _Atomic uint32_t writer_state;     /* enum writer_state; a futex */

    /* Of a collector; one a place, else NULL. Owned by it. */
    struct audit_stall *stalls;
    uint64_t waiting; /* cells in the fullest ring that the last collection found */
    /* Last, and not cleared: most programs end without having touched it. */
    struct audit_batch batch;
};

static inline uint64_t audit_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

/* All but SIGSYS: a thread that drains must be neither ended nor suspended, but its own calls may
 * be ones that the kernel's policy traps. */
void audit_block_signals(sigset_t *before);

/* A ring to be drained: the process's own where `fd` is -1, else a copy of another one's, whose
 * header is written back to the file. */
struct ring_source {
    struct audit_ring_header *header;
    const struct audit_cell *cells;
    uint64_t capacity; /* in cells */
    pid_t pid;
    bool speaks_for_others;    /* records say by their first pair whose they are */
    struct audit_stall *stall; /* NULL: a thread that has not published is not given up */
    bool is_final;             /* nobody puts any more: what is not published never will be */
    int fd;
    off_t offset; /* of the header in `fd` */
};

/* Writes what is in the ring. Log's lock held, `draining` set, signals blocked. 0 where all that
 * can be written now is, or a negative errno; -EUCLEAN: that is no ring. */
int audit_drain_source(pwk_audit_t *audit, const struct ring_source *source);

/* pwk_audit_collect with the file of rings open, and signals blocked. Also notes `waiting`. */
int audit_collect_rings(pwk_audit_t *audit, int fd, bool live);
/* Whether there would be anything to write. */
bool audit_rings_are_due(int fd);

/* Drains the process's own ring, unless somebody does already; never waits. */
void audit_drain(pwk_audit_t *audit);
struct ring_source audit_own_source(pwk_audit_t *audit);

/* Writes whole lines, `count` of them, to the user's log. */
void audit_write_other(pwk_audit_t *audit, const char *text, size_t size, size_t count);

/* Sees to it that the writer thread looks at the ring soon: it is started where there is none.
 * False where there can be none. In a signal handler it is not started, only woken. */
bool audit_wake_writer(pwk_audit_t *audit, uint64_t waiting, bool may_start);

#endif
