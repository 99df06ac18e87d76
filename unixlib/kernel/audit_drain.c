/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_drain.c - from a ring into the log. What is about to be written is noted in the ring before
 * and taken back behind it: where a drainer is killed in between, the next one looks in the log
 * for what had got there, so that every record stands there once.
 */
#include "kernel/audit_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STALL_TIME NANOSECONDS           /* after it, a thread that has not published is given up */
#define FAILED_PAUSE NANOSECONDS         /* until a log that could not be written is tried again */
#define LOCKED_PAUSE (NANOSECONDS / 200) /* the same, where another process was writing */

void audit_block_signals(sigset_t *before)
{
    sigset_t set;

    sigfillset(&set);
    sigdelset(&set, SIGSYS);
    pthread_sigmask(SIG_SETMASK, &set, before);
}

/* A field of the drainer's, in the ring and, of another process's, in the file. False where the
 * file cannot be written. */
static bool set_field(const struct ring_source *source, _Atomic uint64_t *field, uint64_t value)
{
    size_t offset = (size_t)((char *)field - (char *)source->header);

    atomic_store_explicit(field, value, memory_order_release);
    return source->fd < 0 || pwrite(source->fd, &value, sizeof(value),
                                    source->offset + (off_t)offset) == sizeof(value);
}

/* The line of a record without what closes it, or 0, as audit_line_format. */
static size_t format(pwk_audit_t *audit, const struct ring_source *source, char *line,
                     struct audit_record *record)
{
    pid_t pid = source->pid;

    if (source->speaks_for_others) {
        audit_record_take_pid(record, &pid);
    }
    return audit_line_format(line, audit->kernel, pid, record);
}

/* How many records are lost and not told of. Both numbers may be anything. */
static uint64_t untold(uint64_t dropped, uint64_t told)
{
    return dropped - told <= INT64_MAX ? dropped - told : 0;
}

/* ---- after a crash ---- */

/* Where the line with this body ends in `text`, or NULL. */
static const char *find_line(const char *text, const char *end, const char *body, size_t size)
{
    while (text < end) {
        const char *found = memmem(text, (size_t)(end - text), body, size);
        if (found == NULL || found + size == end) {
            return NULL;
        }
        const char *stop = memchr(found, '\n', (size_t)(end - found));
        if (stop != NULL && (found[size] == '}' || found[size] == ',')) {
            return stop + 1;
        }
        text = found + 1;
    }
    return NULL;
}

/* A drainer was killed while it wrote: what of it is in the log is passed over. */
static void recover(pwk_audit_t *audit, const struct ring_source *source,
                    struct audit_reader *reader)
{
    uint64_t writing = atomic_load(&source->header->writing);
    char *line = audit->batch.text;
    struct audit_record record;
    size_t size;
    char *text = audit_log_read_from(&audit->log, atomic_load(&source->header->writing_inode),
                                     atomic_load(&source->header->writing_offset), &size);
    const char *at = text;

    while (text != NULL && reader->at < writing) {
        struct audit_reader before = *reader;
        enum audit_reading reading = audit_reader_next(reader, &record);

        if (reading == AUDIT_DAMAGED) {
            continue;
        }
        size_t body = reading == AUDIT_READ ? format(audit, source, line, &record) : 0;
        const char *next = body > 0 ? find_line(at, text + size, line, body) : NULL;
        if (next == NULL) {
            *reader = before;
            break;
        }
        at = next;
        set_field(source, &source->header->dropped_told,
                  atomic_load(&source->header->writing_told));
        set_field(source, &source->header->tail, reader->at);
    }
    free(text);
    set_field(source, &source->header->writing, 0);
}

/* ---- batches ---- */

/* Whether the thread that has claimed the next position is to be waited for no longer. */
static bool is_given_up(const struct ring_source *source, uint64_t position)
{
    struct audit_stall *stall = source->stall;
    uint64_t now = audit_now();

    if (source->is_final) {
        return true;
    }
    if (stall == NULL) {
        return false; /* another one will see to it */
    }
    if (stall->at != position) {
        *stall = (struct audit_stall){position, now};
    }
    return now - stall->since > STALL_TIME;
}

/* A record that was claimed and never comes, or that is none. What another process has dropped is
 * counted by that one alone: here one less is told. */
static void note_loss(pwk_audit_t *audit, const struct ring_source *source, uint64_t *told)
{
    if (source->fd < 0) {
        atomic_fetch_add(&source->header->dropped, 1);
        pwk_count(audit->slot, PWK_AUDIT_DROPPED, 1);
    } else {
        --*told;
    }
}

/* Fills the batch with lines, which tell of what was dropped beyond `told`. */
static void fill_batch(pwk_audit_t *audit, const struct ring_source *source,
                       struct audit_reader *reader, uint64_t *told)
{
    struct audit_batch *batch = &audit->batch;
    struct audit_record record;

    batch->size = 0;
    batch->count = 0;
    while (batch->count < BATCH_RECORDS && batch->size + AUDIT_LINE_MAX <= BATCH_TEXT) {
        enum audit_reading reading = audit_reader_next(reader, &record);
        if (reading == AUDIT_END ||
            (reading == AUDIT_PENDING && !is_given_up(source, reader->at))) {
            break;
        }
        if (reading == AUDIT_PENDING) {
            audit_reader_skip(reader);
        }
        char *line = batch->text + batch->size;
        size_t body = reading == AUDIT_READ ? format(audit, source, line, &record) : 0;
        if (body == 0) {
            note_loss(audit, source, told);
            continue;
        }
        uint64_t dropped = atomic_load(&source->header->dropped);
        batch->size += audit_line_end(line, body, untold(dropped, *told));
        *told = dropped;
        batch->ends[batch->count].text = batch->size;
        batch->ends[batch->count++].position = reader->at;
    }
}

static int write_batch(pwk_audit_t *audit, const struct ring_source *source, uint64_t end,
                       uint64_t told)
{
    struct audit_batch *batch = &audit->batch;
    struct audit_ring_header *header = source->header;
    uint64_t offset, inode;
    size_t count = batch->count;
    int result = audit_log_prepare(&audit->log, batch->size, &offset, &inode);

    if (result == 0 && !(set_field(source, &header->writing_offset, offset) &&
                         set_field(source, &header->writing_inode, inode) &&
                         set_field(source, &header->writing_told, told) &&
                         set_field(source, &header->writing, end))) {
        result = -EIO;
    }
    if (result != 0) {
        return result;
    }
    size_t written = audit_log_append(&audit->log, batch->text, batch->size);
    if (written < batch->size) {
        result = -ENOSPC;
        while (count > 0 && batch->ends[count - 1].text > written) {
            count--;
        }
    }
    if (count > 0) {
        set_field(source, &header->dropped_told, told);
        set_field(source, &header->tail, result == 0 ? end : batch->ends[count - 1].position);
        audit_write_other(audit, batch->text, batch->ends[count - 1].text, count);
    }
    set_field(source, &header->writing, 0);
    return result;
}

/* What a process that is gone had dropped behind its last record is told in a line of its own. */
static int write_last_loss(pwk_audit_t *audit, const struct ring_source *source)
{
    struct audit_batch *batch = &audit->batch;
    uint64_t dropped = atomic_load(&source->header->dropped);
    uint64_t lost = untold(dropped, atomic_load(&source->header->dropped_told));
    uint64_t end = atomic_load(&source->header->tail);
    struct audit_record record;

    if (lost == 0) {
        return 0;
    }
    audit_record_fill_plain(&record, "audit", "dropped");
    record.head.tid = (uint32_t)source->pid;
    record.head.time = audit_now();
    batch->size = audit_line_format(batch->text, audit->kernel, source->pid, &record);
    batch->size = audit_line_end(batch->text, batch->size, lost);
    batch->ends[0].text = batch->size;
    batch->ends[0].position = end;
    batch->count = 1;
    return write_batch(audit, source, end, dropped);
}

int audit_drain_source(pwk_audit_t *audit, const struct ring_source *source)
{
    struct audit_ring_header *header = source->header;
    struct audit_reader reader;
    int result = 0;

    while (result == 0) {
        if (!audit_reader_start(&reader, header, source->cells, source->capacity)) {
            return -EUCLEAN;
        }
        if (atomic_load(&header->writing) != 0) {
            recover(audit, source, &reader);
        }
        uint64_t told = atomic_load(&header->dropped_told);
        uint64_t start = reader.at;
        fill_batch(audit, source, &reader, &told);
        if (audit->batch.count > 0) {
            result = write_batch(audit, source, reader.at, told);
        } else if (reader.at != start) {
            set_field(source, &header->dropped_told, told);
            set_field(source, &header->tail, reader.at);
        } else {
            break;
        }
    }
    return result == 0 && source->is_final && source->fd >= 0 ? write_last_loss(audit, source)
                                                              : result;
}

/* ---- the process's own ring ---- */

struct ring_source audit_own_source(pwk_audit_t *audit)
{
    return (struct ring_source){.header = &audit->writer.ring->header,
                                .cells = audit->writer.ring->cells,
                                .capacity = audit->writer.cells,
                                .pid = audit->pid,
                                .stall = &audit->stall,
                                .fd = -1};
}

static void drain_once(pwk_audit_t *audit)
{
    struct ring_source source = audit_own_source(audit);
    uint64_t pause = LOCKED_PAUSE;
    int result;

    if (!atomic_load(&audit->has_ring)) {
        return; /* it was given back just now */
    }
    result = audit_log_lock(&audit->log);
    if (result == 0) {
        result = audit_drain_source(audit, &source);
        audit_log_unlock(&audit->log);
        pause = result == -EAGAIN ? LOCKED_PAUSE : FAILED_PAUSE;
    }
    atomic_store(&audit->drain_not_before, result == 0 ? 0 : audit_now() + pause);
    if (result != 0) {
        atomic_fetch_or(&pwk_audit_attention, PWK_AUDIT_WAITING);
    }
}

/* Whoever comes while another one drains leaves word, and the other one goes round again. */
void audit_drain(pwk_audit_t *audit)
{
    uint64_t not_before = atomic_load(&audit->drain_not_before);
    sigset_t before;

    if (not_before != 0 && audit_now() < not_before) {
        return;
    }
    audit_block_signals(&before);
    atomic_store(&audit->drain_again, true);
    while (atomic_load(&audit->drain_again) && !atomic_exchange(&audit->draining, true)) {
        atomic_store(&audit->drain_again, false);
        drain_once(audit);
        atomic_store(&audit->draining, false);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
