/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_ring.h - the ring of one process: records on their way to the audit log, in memory that is
 * a file's, so that what was put survives kill -9.
 *
 * The ring consists of cells; a record takes one or several, and each cell says by its word for
 * which position of the ring it was written and whether a record begins in it. A thread that puts a
 * record claims its positions with one compare-and-swap, fills the cells, and publishes the first
 * word last. A thread that ends in between leaves cells that are never published: a reader passes
 * them over.
 *
 * Who reads a ring trusts nothing in it: the process that it belongs to may be hostile.
 */
#ifndef PWK_KERNEL_AUDIT_RING_H
#define PWK_KERNEL_AUDIT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_CELL_PAYLOAD 120
#define AUDIT_RECORD_CELLS 64 /* of one record at most */

struct audit_cell {
    _Atomic uint64_t word;
    unsigned char payload[AUDIT_CELL_PAYLOAD];
};

/* Positions count cells since the ring was made and never wrap. The fields from `tail` on are the
 * drainer's. */
struct audit_ring_header {
    uint64_t magic;
    uint64_t salt;  /* part of every word: what an earlier owner left in a cell is no word */
    uint64_t cells; /* a power of two */
    uint64_t unused[5];
    _Atomic uint64_t head;    /* the next position to be claimed */
    _Atomic uint64_t dropped; /* records that found no room, ever */
    uint64_t unused_too[6];
    _Atomic uint64_t tail;         /* the next position to be written to the log */
    _Atomic uint64_t dropped_told; /* of `dropped`, how many the log says */
    /* What is being written: up to which position, behind which byte of which log, and what
     * `dropped_told` is then. `writing` is 0 at all other times. */
    _Atomic uint64_t writing;
    _Atomic uint64_t writing_offset;
    _Atomic uint64_t writing_inode;
    _Atomic uint64_t writing_told;
    uint64_t unused_last[10];
};

struct audit_ring {
    struct audit_ring_header header;
    struct audit_cell cells[];
};

/* A record by itself. `text` holds strings one behind the other, each with its zero: event,
 * verdict, then names and values. */
struct audit_record_head {
    uint64_t time; /* nanoseconds of CLOCK_REALTIME */
    uint64_t sum;
    uint32_t tid;
    uint16_t size; /* of `text` */
    uint16_t cut;  /* something was left out */
};

#define AUDIT_RECORD_MAX (AUDIT_RECORD_CELLS * AUDIT_CELL_PAYLOAD)
#define AUDIT_TEXT_MAX (AUDIT_RECORD_MAX - sizeof(struct audit_record_head))

struct audit_record {
    struct audit_record_head head;
    char text[AUDIT_TEXT_MAX];
};

_Static_assert(sizeof(struct audit_cell) == 128, "the ring's layout");
_Static_assert(sizeof(struct audit_ring_header) == 256, "the ring's layout");
_Static_assert(sizeof(struct audit_record) == AUDIT_RECORD_MAX, "the ring's layout");

static inline size_t audit_ring_size(size_t cells)
{
    return sizeof(struct audit_ring_header) + cells * sizeof(struct audit_cell);
}

/* Makes `ring` an empty one of `cells` cells. Nobody else may be using it. */
void audit_ring_init(struct audit_ring *ring, size_t cells, uint64_t salt);

/* Where the process that owns a ring puts records. */
struct audit_writer {
    struct audit_ring *ring;
    uint64_t cells;
    uint64_t salt;
};

/* Puts the record, whose `head.time` and `head.sum` are filled in; times of one ring never
 * decrease with the position. False where there is no room, which is counted. `waiting` receives
 * how many cells wait to be written. Any thread, also in a signal handler; never waits. */
bool audit_ring_put(const struct audit_writer *writer, struct audit_record *record,
                    uint64_t *waiting);

/* A reader of a ring or of a copy of one. */
struct audit_reader {
    const struct audit_cell *cells;
    uint64_t count; /* of cells */
    uint64_t salt;
    uint64_t head;
    uint64_t at; /* the next position to be read */
};

/* False where `header` is no ring's that fits into `capacity` cells, or its positions are none. */
bool audit_reader_start(struct audit_reader *reader, const struct audit_ring_header *header,
                        const struct audit_cell *cells, uint64_t capacity);

enum audit_reading {
    AUDIT_END,     /* no more */
    AUDIT_PENDING, /* claimed, and not published (yet, or ever) */
    AUDIT_DAMAGED, /* published, and no record; passed over */
    AUDIT_READ,    /* `record` is filled in: texts within bounds, each ended, in pairs */
};
enum audit_reading audit_reader_next(struct audit_reader *reader, struct audit_record *record);

/* Passes over what is pending, up to the next record that was published. */
void audit_reader_skip(struct audit_reader *reader);

#endif
