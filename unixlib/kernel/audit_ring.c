/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_ring.c - see audit_ring.h.
 */
#include "kernel/audit_ring.h"

#include <string.h>
#include <time.h>

#define RING_MAGIC UINT64_C(0x31676e6972647561) /* "audring1" */

enum cell_kind { CELL_FIRST = 1, CELL_MORE = 2 };

static uint64_t cell_word(uint64_t salt, uint64_t position, enum cell_kind kind)
{
    return (position << 2 | kind) ^ salt;
}

static size_t record_size(const struct audit_record *record)
{
    return sizeof(record->head) + record->head.size;
}

static uint64_t cells_for(size_t size)
{
    return (size + AUDIT_CELL_PAYLOAD - 1) / AUDIT_CELL_PAYLOAD;
}

/* No secret: it tells records that two threads have written over each other, which takes a thread
 * that was stopped in the middle of a put while the ring went round. */
static uint64_t checksum(struct audit_record *record, uint64_t seed)
{
    const unsigned char *at = (const unsigned char *)record;
    size_t size = record_size(record);
    uint64_t sum = seed;

    _Static_assert(AUDIT_RECORD_MAX % sizeof(uint64_t) == 0, "room for the zeros behind the text");
    memset((char *)record + size, 0, -size % sizeof(uint64_t));
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, at + i, sizeof(word));
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 32;
    }
    return sum;
}

void audit_ring_init(struct audit_ring *ring, size_t cells, uint64_t salt)
{
    memset(&ring->header, 0, sizeof(ring->header));
    ring->header.salt = salt;
    ring->header.cells = cells;
    /* Not from 0: a cell of zeros with a salt of zero would be a word of its first round. */
    ring->header.head = cells;
    ring->header.tail = cells;
    ring->header.magic = RING_MAGIC;
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The clock is read between the load of `head` and the swap that finds it unchanged, so that nobody
 * has claimed a position in between. */
static bool claim(const struct audit_writer *writer, struct audit_record *record, uint64_t count,
                  uint64_t *position, uint64_t *waiting)
{
    struct audit_ring_header *header = &writer->ring->header;
    uint64_t head = atomic_load_explicit(&header->head, memory_order_acquire);

    do {
        *waiting = head - atomic_load_explicit(&header->tail, memory_order_acquire);
        if (*waiting > writer->cells || writer->cells - *waiting < count) {
            return false;
        }
        record->head.time = now();
    } while (!atomic_compare_exchange_weak_explicit(&header->head, &head, head + count,
                                                    memory_order_acq_rel, memory_order_acquire));
    *position = head;
    *waiting += count;
    return true;
}

bool audit_ring_put(const struct audit_writer *writer, struct audit_record *record,
                    uint64_t *waiting)
{
    size_t left = record_size(record);
    uint64_t count = cells_for(left);
    uint64_t position;

    if (!claim(writer, record, count, &position, waiting)) {
        atomic_fetch_add_explicit(&writer->ring->header.dropped, 1, memory_order_relaxed);
        return false;
    }
    record->head.sum = 0;
    record->head.sum = checksum(record, writer->salt ^ position);
    const unsigned char *from = (const unsigned char *)record;
    struct audit_cell *first = &writer->ring->cells[position & (writer->cells - 1)];
    for (uint64_t i = 0; i < count; i++) {
        struct audit_cell *cell = &writer->ring->cells[(position + i) & (writer->cells - 1)];
        size_t step = left < AUDIT_CELL_PAYLOAD ? left : AUDIT_CELL_PAYLOAD;

        memcpy(cell->payload, from, step);
        from += step;
        left -= step;
        if (i > 0) {
            atomic_store_explicit(&cell->word, cell_word(writer->salt, position + i, CELL_MORE),
                                  memory_order_release);
        }
    }
    atomic_store_explicit(&first->word, cell_word(writer->salt, position, CELL_FIRST),
                          memory_order_release);
    return true;
}

/* Each number is read once: the process may change it while it is looked at. */
bool audit_reader_start(struct audit_reader *reader, const struct audit_ring_header *header,
                        const struct audit_cell *cells, uint64_t capacity)
{
    uint64_t head = atomic_load_explicit(&header->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&header->tail, memory_order_relaxed);
    uint64_t count = __atomic_load_n(&header->cells, __ATOMIC_RELAXED);
    uint64_t salt = __atomic_load_n(&header->salt, __ATOMIC_RELAXED);

    if (header->magic != RING_MAGIC || count == 0 || count > capacity ||
        (count & (count - 1)) != 0 || tail < count || head - tail > count || head < tail) {
        return false;
    }
    *reader = (struct audit_reader){cells, count, salt, head, tail};
    return true;
}

static bool is_cell(const struct audit_reader *reader, uint64_t position, enum cell_kind kind)
{
    const struct audit_cell *cell = &reader->cells[position & (reader->count - 1)];

    return atomic_load_explicit(&cell->word, memory_order_acquire) ==
           cell_word(reader->salt, position, kind);
}

/* Strings in pairs, the first of them event and verdict; the last byte ends the last one. */
static bool texts_are_whole(const struct audit_record *record)
{
    size_t strings = 0;

    if (record->head.size == 0 || record->text[record->head.size - 1] != '\0') {
        return false;
    }
    for (size_t i = 0; i < record->head.size; i++) {
        strings += record->text[i] == '\0';
    }
    return strings >= 2 && strings % 2 == 0;
}

/* The first cell is copied whole before anything in it is looked at: it may change meanwhile. */
static bool copy_out(const struct audit_reader *reader, struct audit_record *record)
{
    const uint64_t mask = reader->count - 1;

    memcpy(record, reader->cells[reader->at & mask].payload, AUDIT_CELL_PAYLOAD);
    if (record->head.size > AUDIT_TEXT_MAX) {
        return false;
    }
    uint64_t count = cells_for(record_size(record));
    if (count > reader->head - reader->at) {
        return false;
    }
    for (uint64_t i = 1; i < count; i++) {
        if (!is_cell(reader, reader->at + i, CELL_MORE)) {
            return false;
        }
        memcpy((char *)record + i * AUDIT_CELL_PAYLOAD,
               reader->cells[(reader->at + i) & mask].payload, AUDIT_CELL_PAYLOAD);
    }
    uint64_t sum = record->head.sum;
    record->head.sum = 0;
    return checksum(record, reader->salt ^ reader->at) == sum && texts_are_whole(record);
}

enum audit_reading audit_reader_next(struct audit_reader *reader, struct audit_record *record)
{
    if (reader->at >= reader->head) {
        return AUDIT_END;
    }
    if (!is_cell(reader, reader->at, CELL_FIRST)) {
        return AUDIT_PENDING;
    }
    if (!copy_out(reader, record)) {
        reader->at++;
        audit_reader_skip(reader);
        return AUDIT_DAMAGED;
    }
    reader->at += cells_for(record_size(record));
    return AUDIT_READ;
}

void audit_reader_skip(struct audit_reader *reader)
{
    while (reader->at < reader->head && !is_cell(reader, reader->at, CELL_FIRST)) {
        reader->at++;
    }
}
