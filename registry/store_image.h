/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * store_image.h - the rows of a damaged SQLite database, read out of its raw bytes: whatever page
 * can still be read is, wherever in the file it stands and whether or not another page leads to it.
 *
 * Works on images of the database and of its write-ahead log; knows no registry and no SQLite
 * library. Follows SQLite's documentation, "Database File Format" (its "WAL-File Format" included).
 * The images may hold anything: every number is checked, and a page of an overflow chain is used
 * a few times at most, so that the work is bounded by the size.
 */
#ifndef PWK_REGISTRY_STORE_IMAGE_H
#define PWK_REGISTRY_STORE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_bytes {
    const unsigned char *at;
    size_t size;
};

#define STORE_IMAGE_TABLES 16

/* All zero but for the two images before store_image_open. */
struct store_image {
    struct store_bytes database;
    struct store_bytes log; /* empty: none */

    size_t page_size;
    size_t usable; /* bytes of a page that hold something */
    uint32_t page_count;
    uint32_t *frames;     /* by page: the number + 1 of its last frame in the log; 0: none */
    unsigned char *marks; /* by page: what it is used for */
    char tables[STORE_IMAGE_TABLES][24];
    uint32_t table_count;
    unsigned char *payload;
    size_t payload_capacity;

    /* What could not be read, so far. */
    uint32_t bad_frames; /* of the log, before its last commit */
    uint32_t bad_pages;
    uint32_t bad_cells; /* in pages that can be read */
};

enum store_column_kind { STORE_NULL, STORE_INTEGER, STORE_REAL, STORE_TEXT, STORE_BLOB };

struct store_column {
    enum store_column_kind kind;
    int64_t integer;
    struct store_bytes bytes; /* of text and blobs; any alignment */
};

#define STORE_IMAGE_COLUMNS 16

struct store_row {
    /* The table or index whose tree it stands in, where that is known; else NULL. */
    const char *table;
    bool has_rowid; /* a row of a rowid table; else an entry of an index (or WITHOUT ROWID) */
    int64_t rowid;
    bool cut; /* the end of it is lost: these are its first columns */
    size_t count;
    struct store_column columns[STORE_IMAGE_COLUMNS];
};

/* Finds the log's good frames, the trees and the free pages. -EINVAL where there is not one page,
 * -ENOMEM. To be finished in any case. */
int store_image_open(struct store_image *image);
void store_image_finish(struct store_image *image);

/* Tells all rows, those in newer frames of the log first. What a row points to lives until `row`
 * returns; a non-zero answer ends it and is returned; -ENOMEM. `progress` (may be NULL) is called
 * with the share of pages that were read. */
int store_image_visit(struct store_image *image,
                      int (*row)(void *context, const struct store_row *row),
                      void (*progress)(void *context, double share), void *context);

/* ---- shared by the files of the image ---- */

/* The bytes of a page, newest version; NULL where there are none. */
const unsigned char *store_image_page(const struct store_image *image, uint32_t number);

/* Finds the frames that count: sets frames, page_count, bad_frames. `page_size` is known. */
int store_log_open(struct store_image *image);
/* The page size that the log names; 0 where it names none. */
size_t store_log_page_size(const struct store_image *image);
uint32_t store_log_frame_count(const struct store_image *image);
/* The page of frame `index`, where that is the page's newest; else 0. */
uint32_t store_log_current(const struct store_image *image, uint32_t index);

static inline uint32_t store_get16(const unsigned char *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t store_get32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline bool store_is_page_size(size_t size)
{
    return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

#endif
