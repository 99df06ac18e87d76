/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * store_image.c - see store_image.h: finds the trees, then reads every page that looks like one of
 * a tree, cell by cell.
 */
#include "registry/store_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_HEADER 100 /* in front of the first page's own */
#define MAX_DEPTH 20
#define MAX_PAYLOAD (UINT64_C(1) << 28)

enum page_kind { INDEX_INTERIOR = 2, TABLE_INTERIOR = 5, INDEX_LEAF = 10, TABLE_LEAF = 13 };

/* Marks of pages; below MARK_TREE the number of a table. */
#define MARK_TREE 0x20     /* reached from a root: the low bits are the table's number */
#define MARK_FREE 0x40     /* in the list of free pages */
#define MARK_OVERFLOW 0x80 /* holds the rest of a cell: the low bits say of how many */
#define MARK_TABLE 0x1f
#define MOST_USES 8

struct page {
    const unsigned char *bytes;
    uint32_t number;
    enum page_kind kind;
    size_t header; /* offset of the page's header */
    size_t pointers;
    uint32_t cell_count;
};

/* ---- pages ---- */

static bool is_leaf(enum page_kind kind)
{
    return kind == INDEX_LEAF || kind == TABLE_LEAF;
}

/* False for what cannot be a page of a tree. */
static bool open_page(const struct store_image *image, uint32_t number, struct page *page)
{
    const unsigned char *bytes = store_image_page(image, number);

    if (!bytes)
        return false;
    *page = (struct page){.bytes = bytes, .number = number};
    page->header = number == 1 ? FILE_HEADER : 0;
    page->kind = bytes[page->header];
    if (page->kind != INDEX_INTERIOR && page->kind != TABLE_INTERIOR && !is_leaf(page->kind))
        return false;
    page->cell_count = store_get16(bytes + page->header + 3);
    page->pointers = page->header + (is_leaf(page->kind) ? 8 : 12);
    return page->pointers + (size_t)page->cell_count * 2 <= image->usable;
}

/* The offset of a cell, 0 where it lies outside. */
static size_t cell_at(const struct store_image *image, const struct page *page, uint32_t index)
{
    size_t offset = store_get16(page->bytes + page->pointers + (size_t)index * 2);

    return offset >= page->pointers + (size_t)page->cell_count * 2 && offset + 4 <= image->usable
               ? offset
               : 0;
}

/* A child of an interior page; the one past the last cell is the rightmost. 0: none. */
static uint32_t child_of(const struct store_image *image, const struct page *page, uint32_t index)
{
    size_t offset = index == page->cell_count ? page->header + 8 : cell_at(image, page, index);
    uint32_t child = offset ? store_get32(page->bytes + offset) : 0;

    return child <= image->page_count ? child : 0;
}

/* ---- records ---- */

/* The bytes of a varint, 0 where it does not end. */
static size_t read_varint(const unsigned char *at, size_t room, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < 9 && i < room; i++) {
        if (i == 8) {
            *value = *value << 8 | at[i];
            return 9;
        }
        *value = *value << 7 | (at[i] & 0x7f);
        if (!(at[i] & 0x80))
            return i + 1;
    }
    return 0;
}

/* The size of a column of this serial type; false for types that no file holds. */
static bool column_size(uint64_t type, uint64_t *size)
{
    static const unsigned char sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};

    if (type == 10 || type == 11)
        return false;
    *size = type < 10 ? sizes[type] : (type - 12) / 2;
    return true;
}

static void read_column(uint64_t type, const unsigned char *at, size_t size,
                        struct store_column *column)
{
    uint64_t number = size && (at[0] & 0x80) ? UINT64_MAX : 0;

    *column = (struct store_column){.bytes = {at, size}};
    if (type >= 12) {
        column->kind = type % 2 ? STORE_TEXT : STORE_BLOB;
        return;
    }
    column->kind = type == 0 ? STORE_NULL : type == 7 ? STORE_REAL : STORE_INTEGER;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | at[i];
    column->integer = type == 9 ? 1 : (int64_t)number;
}

/* Of a record of which only `there` of `whole` bytes are left, the first columns. */
static bool read_record(const unsigned char *at, uint64_t there, uint64_t whole,
                        struct store_row *row)
{
    uint64_t header, body;
    size_t position = read_varint(at, there, &header);

    row->count = 0;
    row->cut = there < whole;
    if (!position || header < position || header > there)
        return false;
    for (body = header; position < header;) {
        uint64_t type, size;
        size_t length = read_varint(at + position, header - position, &type);

        if (!length || !column_size(type, &size) || size > whole - body ||
            row->count == STORE_IMAGE_COLUMNS)
            return false;
        position += length;
        if (size > there || body > there - size)
            return true;
        read_column(type, at + body, size, &row->columns[row->count++]);
        body += size;
    }
    return body == whole;
}

/* ---- cells ---- */

/* How much of a payload stands in the page itself. */
static size_t local_size(const struct store_image *image, enum page_kind kind, uint64_t payload)
{
    size_t usable = image->usable;
    size_t least = (usable - 12) * 32 / 255 - 23;
    size_t most = kind == TABLE_LEAF ? usable - 35 : (usable - 12) * 64 / 255 - 23;
    uint64_t local = least + (payload - least) % (usable - 4);

    return payload <= most ? (size_t)payload : local <= most ? (size_t)local : least;
}

/* Takes the next page of a chain; NULL where it cannot be one. A damaged chain may lead into a
 * sound one, which must not lose its pages by that; but there is an end to it. */
static const unsigned char *take_overflow(struct store_image *image, uint32_t number)
{
    const unsigned char *page = store_image_page(image, number);
    unsigned char mark = page ? image->marks[number] : 0;

    if (!page || (mark && !(mark & MARK_OVERFLOW)) || (mark & ~MARK_OVERFLOW) == MOST_USES)
        return NULL;
    image->marks[number] = (unsigned char)((mark | MARK_OVERFLOW) + 1);
    return page;
}

/* Puts a payload together; how much of it was found, or -ENOMEM. */
static int64_t join_payload(struct store_image *image, const unsigned char *local, size_t size,
                            uint64_t payload)
{
    uint32_t next = store_get32(local + size);
    uint64_t done = size;

    if (payload > image->payload_capacity) {
        unsigned char *larger = realloc(image->payload, payload);
        if (!larger)
            return -ENOMEM;
        image->payload = larger;
        image->payload_capacity = payload;
    }
    memcpy(image->payload, local, size);
    while (done < payload) {
        const unsigned char *page = take_overflow(image, next);
        uint64_t part = payload - done < image->usable - 4 ? payload - done : image->usable - 4;
        uint32_t following = page ? store_get32(page) : 0;

        /* The first word of a page that holds something else fits seldom. */
        if (!page || (following == 0) != (part == payload - done) || following > image->page_count)
            break;
        memcpy(image->payload + done, page + 4, part);
        done += part;
        next = following;
    }
    return (int64_t)done;
}

/* Reads the cell at `offset`: 1 where there is a row, 0 where it cannot be read, -ENOMEM. */
static int read_cell(struct store_image *image, const struct page *page, size_t offset,
                     struct store_row *row)
{
    const unsigned char *at = page->bytes;
    size_t end = image->usable, local, length;
    uint64_t payload, rowid = 0;
    int64_t there;

    if (page->kind == INDEX_INTERIOR)
        offset += 4;
    length = read_varint(at + offset, end - offset, &payload);
    offset += length;
    if (!length || payload > MAX_PAYLOAD || payload / image->usable > image->page_count)
        return 0;
    if (page->kind == TABLE_LEAF) {
        length = read_varint(at + offset, end - offset, &rowid);
        offset += length;
        if (!length)
            return 0;
    }
    local = local_size(image, page->kind, payload);
    there = (int64_t)local;
    if (local + (local < payload ? 4 : 0) > end - offset)
        return 0;
    at += offset;
    if (local < payload) {
        there = join_payload(image, at, local, payload);
        if (there < 0)
            return (int)there;
        at = image->payload;
    }
    row->has_rowid = page->kind == TABLE_LEAF;
    row->rowid = (int64_t)rowid;
    return read_record(at, (uint64_t)there, payload, row);
}

/* ---- trees ---- */

/* Marks the pages of a tree that can still be reached. */
static void mark_tree(struct store_image *image, uint32_t number, unsigned char mark, int depth)
{
    struct page page;

    if (number && number <= image->page_count && image->marks[number])
        return;
    if (!number || depth > MAX_DEPTH || !open_page(image, number, &page)) {
        image->bad_pages++;
        return;
    }
    image->marks[number] = mark;
    for (uint32_t i = 0; !is_leaf(page.kind) && i <= page.cell_count; i++)
        mark_tree(image, child_of(image, &page, i), mark, depth + 1);
}

/* A row of the schema: type, name, table, root page, SQL. */
static void note_table(struct store_image *image, const struct store_row *row)
{
    const struct store_bytes *name = &row->columns[1].bytes;
    char *out = image->tables[image->table_count];

    if (row->count < 4 || !row->has_rowid || row->columns[1].kind != STORE_TEXT ||
        row->columns[3].kind != STORE_INTEGER || row->columns[3].integer < 2 ||
        row->columns[3].integer > UINT32_MAX || name->size >= sizeof image->tables[0] ||
        image->table_count == STORE_IMAGE_TABLES)
        return;
    memcpy(out, name->at, name->size);
    out[name->size] = 0;
    mark_tree(image, (uint32_t)row->columns[3].integer,
              (unsigned char)(MARK_TREE | image->table_count), 0);
    image->table_count++;
}

static int read_schema(struct store_image *image, uint32_t number, int depth)
{
    struct page page;
    int result = 0;

    if (!number || depth > 2 || !open_page(image, number, &page)) {
        image->bad_pages++;
        return 0;
    }
    if (image->marks[number])
        return 0;
    image->marks[number] = MARK_TREE | MARK_TABLE;
    for (uint32_t i = 0; !is_leaf(page.kind) && result == 0 && i <= page.cell_count; i++)
        result = read_schema(image, child_of(image, &page, i), depth + 1);
    for (uint32_t i = 0; page.kind == TABLE_LEAF && result >= 0 && i < page.cell_count; i++) {
        struct store_row row;
        size_t offset = cell_at(image, &page, i);
        result = offset ? read_cell(image, &page, offset, &row) : 0;
        if (result > 0)
            note_table(image, &row);
    }
    return result < 0 ? result : 0;
}

/* The list of free pages is believed only as a whole: none of its pages is a tree's. */
static bool is_free_trunk(const struct store_image *image, const unsigned char *trunk)
{
    uint32_t count = trunk ? store_get32(trunk + 4) : 0;

    if (!trunk || store_get32(trunk) > image->page_count || count > image->usable / 4 - 2)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t leaf = store_get32(trunk + 8 + (size_t)i * 4);
        if (leaf == 0 || leaf > image->page_count || image->marks[leaf])
            return false;
    }
    return true;
}

static void mark_free_pages(struct store_image *image)
{
    const unsigned char *first = store_image_page(image, 1);
    uint32_t next = first ? store_get32(first + 32) : 0;

    while (next && next <= image->page_count && !image->marks[next]) {
        const unsigned char *trunk = store_image_page(image, next);
        if (!is_free_trunk(image, trunk))
            return;
        image->marks[next] = MARK_FREE;
        for (uint32_t i = 0; i < store_get32(trunk + 4); i++)
            image->marks[store_get32(trunk + 8 + (size_t)i * 4)] = MARK_FREE;
        next = store_get32(trunk);
    }
}

/* ---- the whole ---- */

/* How many pages of this size look like a tree's, with all their cells: too large a size misses
 * pages, too small a one their cells. */
static size_t count_pages(const struct store_image *image, size_t size)
{
    struct store_image trial = {.database = image->database, .page_size = size, .usable = size};
    struct page page;
    size_t found = 0;

    if (store_log_open(&trial) == 0) {
        for (uint32_t i = 2; i <= trial.page_count; i++) {
            uint32_t cells = 0;
            if (!open_page(&trial, i, &page))
                continue;
            while (cells < page.cell_count && cell_at(&trial, &page, cells))
                cells++;
            found += cells > 0 && cells == page.cell_count;
        }
    }
    store_image_finish(&trial);
    return found;
}

static size_t guess_page_size(const struct store_image *image)
{
    size_t best = 4096, most = count_pages(image, best);

    for (size_t size = 512; size <= 65536; size *= 2) {
        size_t found = count_pages(image, size);
        if (found > most) {
            most = found;
            best = size;
        }
    }
    return best;
}

/* From the header, else from the log, else the size with which most of the file makes sense. */
static void find_page_size(struct store_image *image)
{
    static const char magic[16] = "SQLite format 3";
    static const unsigned char fractions[] = {64, 32, 32}; /* the same in every file */
    const struct store_bytes *file = &image->database;

    if (file->size >= FILE_HEADER && !memcmp(file->at, magic, sizeof magic) &&
        !memcmp(file->at + 21, fractions, sizeof fractions)) {
        image->page_size = store_get16(file->at + 16) == 1 ? 65536 : store_get16(file->at + 16);
        image->usable = image->page_size - file->at[20];
        if (store_is_page_size(image->page_size) && image->usable >= 480)
            return;
    }
    image->page_size = store_log_page_size(image);
    if (!image->page_size)
        image->page_size = guess_page_size(image);
    image->usable = image->page_size;
}

int store_image_open(struct store_image *image)
{
    int result;

    find_page_size(image);
    result = store_log_open(image);
    if (result == 0 && image->page_count == 0)
        result = -EINVAL;
    if (result == 0)
        result = read_schema(image, 1, 0);
    if (result == 0)
        mark_free_pages(image);
    return result;
}

void store_image_finish(struct store_image *image)
{
    free(image->frames);
    free(image->marks);
    free(image->payload);
    image->frames = NULL;
    image->marks = NULL;
    image->payload = NULL;
}

struct visit {
    struct store_image *image;
    int (*row)(void *context, const struct store_row *row);
    void (*progress)(void *context, double share);
    void *context;
    uint32_t done;
};

static int visit_page(struct visit *visit, uint32_t number)
{
    struct store_image *image = visit->image;
    unsigned char mark = image->marks[number];
    struct store_row row = {0};
    struct page page;
    int result = 0;

    if (visit->progress && visit->done++ % 1024 == 0)
        visit->progress(visit->context, (double)visit->done / image->page_count);
    if (mark & (MARK_FREE | MARK_OVERFLOW) || !open_page(image, number, &page) ||
        page.kind == TABLE_INTERIOR)
        return 0;
    if (mark & MARK_TREE && (mark & MARK_TABLE) < image->table_count)
        row.table = image->tables[mark & MARK_TABLE];
    for (uint32_t i = 0; i < page.cell_count; i++) {
        size_t offset = cell_at(image, &page, i);
        int found = offset ? read_cell(image, &page, offset, &row) : 0;
        if (found < 0)
            return found;
        image->bad_cells += !found || row.cut;
        result = found ? visit->row(visit->context, &row) : 0;
        if (result)
            return result;
    }
    return 0;
}

int store_image_visit(struct store_image *image,
                      int (*row)(void *context, const struct store_row *row),
                      void (*progress)(void *context, double share), void *context)
{
    struct visit visit = {image, row, progress, context, 0};
    int result = 0;

    for (uint32_t i = store_log_frame_count(image); result == 0 && i-- > 0;) {
        uint32_t page = store_log_current(image, i);
        if (page)
            result = visit_page(&visit, page);
    }
    for (uint32_t page = 1; result == 0 && page <= image->page_count; page++)
        if (!image->frames[page])
            result = visit_page(&visit, page);
    return result;
}
