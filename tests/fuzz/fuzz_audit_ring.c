/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_audit_ring.c - libFuzzer target: a ring that its process has filled with anything. What
 * comes out of it must be lines of one record each, that name the process which it belongs to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/audit_ring.h"
#include "kernel/audit_text.h"

#define CELLS 32

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static size_t count(const char *line, size_t size, const char *text)
{
    size_t found = 0;

    for (size_t i = 0; i + strlen(text) <= size; i++)
        found += memcmp(line + i, text, strlen(text)) == 0;
    return found;
}

static void check_line(const struct audit_record *record)
{
    static char line[AUDIT_LINE_MAX];
    size_t body = audit_line_format(line, "kernel", 4711, record);

    if (body == 0)
        return;
    size_t whole = audit_line_end(line, body, 18446744073709551615ul);
    require(whole <= AUDIT_LINE_MAX && line[whole - 1] == '\n');
    for (size_t i = 0; i + 1 < whole; i++)
        require((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
    /* Within a string a quote has a backslash before it: these are names. */
    require(count(line, whole, "\"pid\":") == 1);
    require(count(line, whole, ",\"pid\":4711,\"tid\":") == 1);
    require(count(line, whole, ",\"event\":") == 1 && count(line, whole, ",\"dropped\":") == 1);
}

/* The cells are the input; with an odd first byte, what an honest writer would have put: then the
 * input is the record's text. */
static void fill(struct audit_ring *ring, const uint8_t *bytes, size_t size)
{
    const struct audit_writer writer = {ring, CELLS, 0};
    struct audit_record record;
    uint64_t waiting;

    if (bytes[0] % 2 == 0) {
        size_t cells = CELLS * sizeof(ring->cells[0]);
        memcpy(ring->cells, bytes, size < cells ? size : cells);
        ring->header.head = 2 * CELLS;
        return;
    }
    memset(&record, 0, sizeof(record));
    record.head.size = (uint16_t)(size < AUDIT_TEXT_MAX ? size : AUDIT_TEXT_MAX);
    memcpy(record.text, bytes, record.head.size);
    audit_ring_put(&writer, &record, &waiting);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct audit_ring *ring = calloc(1, audit_ring_size(CELLS));
    static struct audit_record record;
    struct audit_reader reader;
    enum audit_reading reading;

    require(ring);
    audit_ring_init(ring, CELLS, 0);
    if (size > 0)
        fill(ring, bytes, size);
    /* The input's end, laid over the header: a ring is taken only if its numbers fit. */
    if (size > 0 && bytes[0] % 16 == 0)
        memcpy(&ring->header,
               bytes + size - (size < sizeof(ring->header) ? size : sizeof(ring->header)),
               size < sizeof(ring->header) ? size : sizeof(ring->header));
    if (audit_reader_start(&reader, &ring->header, ring->cells, CELLS)) {
        for (unsigned steps = 0; (reading = audit_reader_next(&reader, &record)) != AUDIT_END;
             steps++) {
            require(steps <= 2 * CELLS && reader.at <= reader.head);
            if (reading == AUDIT_READ)
                check_line(&record);
            if (reading == AUDIT_PENDING)
                audit_reader_skip(&reader);
        }
    }
    free(ring);
    return 0;
}
