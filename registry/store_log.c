/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * store_log.c - the write-ahead log of a store image: which of its frames count.
 *
 * SQLite stops at the first frame whose checksum is wrong. A frame's checksum goes on from that of
 * the frame before, which stands in the file: so each frame is judged by itself here, and those
 * behind a damaged one are still used.
 */
#include "registry/store_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_HEADER 32
#define FRAME_HEADER 24
#define LOG_MAGIC 0x377f0682u /* the lowest bit: sums are over big-endian words */
#define MAX_PAGES (UINT32_C(1) << 24)

struct sum {
    uint32_t a, b;
};

struct log {
    const unsigned char *at;
    size_t stride;
    uint32_t frame_count;
    bool big_endian;
    bool header_holds; /* its checksum fits */
    unsigned char salts[8];
};

static uint32_t word(const unsigned char *at, bool big_endian)
{
    return big_endian
               ? store_get32(at)
               : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static struct sum add(struct sum sum, const unsigned char *at, size_t size, bool big_endian)
{
    for (size_t i = 0; i + 8 <= size; i += 8) {
        sum.a += word(at + i, big_endian) + sum.b;
        sum.b += word(at + i + 4, big_endian) + sum.a;
    }
    return sum;
}

static struct sum stored_sum(const unsigned char *at)
{
    return (struct sum){store_get32(at), store_get32(at + 4)};
}

static bool same_sum(struct sum one, struct sum other)
{
    return one.a == other.a && one.b == other.b;
}

static const unsigned char *frame_at(const struct log *log, uint32_t index)
{
    return log->at + LOG_HEADER + (size_t)index * log->stride;
}

/* Of the log's header nothing is needed but what the first frame has too. */
static bool open_log(const struct store_image *image, struct log *log)
{
    const unsigned char *at = image->log.at;
    const struct sum nothing = {0, 0};

    *log = (struct log){.at = at, .stride = FRAME_HEADER + image->page_size};
    log->frame_count = store_log_frame_count(image);
    if (!log->frame_count)
        return false;
    log->big_endian = store_get32(at) == (LOG_MAGIC | 1);
    log->header_holds = (store_get32(at) & ~1u) == LOG_MAGIC &&
                        store_get32(at + 8) == image->page_size &&
                        same_sum(add(nothing, at, 24, log->big_endian), stored_sum(at + 24));
    memcpy(log->salts, log->header_holds ? at + 16 : frame_at(log, 0) + 8, sizeof log->salts);
    return true;
}

static bool of_this_log(const struct log *log, uint32_t index)
{
    return memcmp(frame_at(log, index) + 8, log->salts, sizeof log->salts) == 0;
}

static bool frame_holds(const struct log *log, uint32_t index)
{
    const unsigned char *frame = frame_at(log, index);
    struct sum sum;

    if (!of_this_log(log, index) || store_get32(frame) == 0 || store_get32(frame) > MAX_PAGES)
        return false;
    if (index == 0 && !log->header_holds)
        return log->frame_count > 1 && of_this_log(log, 1);
    sum = stored_sum(index == 0 ? log->at + 24 : frame_at(log, index - 1) + 16);
    sum = add(sum, frame, 8, log->big_endian);
    sum = add(sum, frame + FRAME_HEADER, log->stride - FRAME_HEADER, log->big_endian);
    return same_sum(sum, stored_sum(frame + 16));
}

/* Which frames hold; how many there are up to the last that commits, which sets the page count. */
static uint32_t judge_frames(struct store_image *image, const struct log *log, unsigned char *good)
{
    uint32_t committed = 0;

    for (uint32_t i = 0; i < log->frame_count; i++) {
        uint32_t pages = store_get32(frame_at(log, i) + 4);
        good[i] = frame_holds(log, i);
        if (good[i] && pages && pages <= MAX_PAGES) {
            committed = i + 1;
            image->page_count = pages;
        }
    }
    return committed;
}

int store_log_open(struct store_image *image)
{
    struct log log;
    unsigned char *good = NULL;
    uint32_t committed = 0;
    size_t pages = image->database.size / image->page_size;

    image->page_count = pages < MAX_PAGES ? (uint32_t)pages : MAX_PAGES;
    if (open_log(image, &log)) {
        good = malloc(log.frame_count);
        if (!good)
            return -ENOMEM;
        committed = judge_frames(image, &log, good);
    }
    image->frames = calloc((size_t)image->page_count + 1, sizeof *image->frames);
    image->marks = calloc((size_t)image->page_count + 1, 1);
    for (uint32_t i = 0; image->frames && i < committed; i++) {
        uint32_t page = store_get32(frame_at(&log, i));
        if (!good[i])
            image->bad_frames++;
        else if (page <= image->page_count)
            image->frames[page] = i + 1;
    }
    free(good);
    return image->frames && image->marks ? 0 : -ENOMEM;
}

size_t store_log_page_size(const struct store_image *image)
{
    size_t size = image->log.size >= LOG_HEADER ? store_get32(image->log.at + 8) : 0;

    return store_is_page_size(size) ? size : 0;
}

uint32_t store_log_frame_count(const struct store_image *image)
{
    size_t count = image->log.size < LOG_HEADER
                       ? 0
                       : (image->log.size - LOG_HEADER) / (FRAME_HEADER + image->page_size);

    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

uint32_t store_log_current(const struct store_image *image, uint32_t index)
{
    size_t offset = LOG_HEADER + (size_t)index * (FRAME_HEADER + image->page_size);
    uint32_t page = store_get32(image->log.at + offset);

    return page && page <= image->page_count && image->frames[page] == index + 1 ? page : 0;
}

const unsigned char *store_image_page(const struct store_image *image, uint32_t number)
{
    size_t size = image->page_size;

    if (number == 0 || number > image->page_count)
        return NULL;
    if (image->frames[number])
        return image->log.at + LOG_HEADER +
               (size_t)(image->frames[number] - 1) * (FRAME_HEADER + size) + FRAME_HEADER;
    return number <= image->database.size / size ? image->database.at + (size_t)(number - 1) * size
                                                 : NULL;
}
