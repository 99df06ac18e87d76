/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regf_read.c - the reader of hive files: first all bins and the sizes of all cells, then the
 * keys from the root down.
 *
 * The first pass notes in a bitmap where cells in use begin; an offset is good when it names one
 * of them. Using a cell takes it out of the bitmap (shared descriptors excepted), so that no
 * record is told twice and hostile lists cannot lead in circles. Internal functions answer 0,
 * -EINVAL with the reason in the error, -ENOMEM, or what the sink answered.
 */
#include "registry/regf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/regf_format.h"

/* Lengths of names are 16 bits in the file, so that these hold any. */
struct names {
    uint16_t name[UINT16_MAX];
    uint16_t class_name[UINT16_MAX / 2];
};

struct reader {
    const struct regf_sink *sink;
    struct regf_error *error;
    const unsigned char *bins;
    uint32_t bins_size;
    uint32_t minor;
    uint32_t root;
    unsigned char *cells; /* the bitmap; a bit for each REGF_CELL_ALIGN bytes */
    struct names *names;
    unsigned char *data; /* big data, put together */
    size_t data_capacity;
};

struct cell {
    uint32_t offset;
    uint32_t size;
    const unsigned char *bytes;
};

/* `offset` is counted from the first bin. */
static int fail(struct reader *reader, uint32_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct reader *reader, uint32_t offset, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->error->text, sizeof(reader->error->text), format, arguments);
    va_end(arguments);
    reader->error->offset = (uint64_t)REGF_BLOCK + offset;
    return -EINVAL;
}

static int fail_base(struct reader *reader, uint64_t offset, const char *reason)
{
    snprintf(reader->error->text, sizeof(reader->error->text), "%s", reason);
    reader->error->offset = offset;
    return -EINVAL;
}

static int no_memory(struct reader *reader)
{
    fail_base(reader, 0, "out of memory");
    return -ENOMEM;
}

/* ---- base block, bins, cells ---- */

static int check_base(struct reader *reader, const unsigned char *image, size_t size,
                      struct regf_hive *hive)
{
    struct regf_base base;

    if (size < REGF_BLOCK)
        return fail_base(reader, 0, "not a hive: shorter than a base block");
    memcpy(&base, image, sizeof(base));
    if (memcmp(base.signature, "regf", 4))
        return fail_base(reader, 0, "not a hive: the file does not begin with 'regf'");
    if (base.checksum != regf_checksum(&base))
        return fail_base(reader, offsetof(struct regf_base, checksum),
                         "the checksum of the base block is wrong: the file is damaged");
    if (base.major != 1 || base.minor < 3 || base.minor > 6)
        return fail_base(reader, offsetof(struct regf_base, major),
                         "a version of hives other than 1.3 to 1.6");
    if (base.type != 0 || base.format != 1)
        return fail_base(reader, offsetof(struct regf_base, type),
                         "not a hive itself but its log, or of an unknown format");
    if (base.bins_size == 0 || base.bins_size % REGF_BLOCK || base.bins_size > REGF_MAX_BINS)
        return fail_base(reader, offsetof(struct regf_base, bins_size),
                         "the size of the bins is no number of whole blocks");
    if (base.bins_size > size - REGF_BLOCK)
        return fail_base(reader, size, "the file ends before its last bin: it was cut off");
    reader->bins = image + REGF_BLOCK;
    reader->bins_size = base.bins_size;
    reader->minor = base.minor;
    reader->root = base.root;
    hive->minor = base.minor;
    hive->dirty = base.primary_sequence != base.secondary_sequence;
    hive->last_written = base.last_written;
    return 0;
}

/* Notes the cells in use between two offsets. */
static int walk_cells(struct reader *reader, uint32_t at, uint32_t end)
{
    while (at < end) {
        uint32_t word, size;
        bool used;

        memcpy(&word, reader->bins + at, sizeof(word));
        used = word >> 31;
        size = used ? 0u - word : word;
        if (size == 0 || size % REGF_CELL_ALIGN || size > end - at)
            return fail(reader, at, "the size of a cell is %u: no multiple of %u that fits", size,
                        REGF_CELL_ALIGN);
        if (used) {
            uint32_t bit = at / REGF_CELL_ALIGN;

            reader->cells[bit / 8] |= (unsigned char)(1u << bit % 8);
        }
        at += size;
    }
    return 0;
}

static int walk_bins(struct reader *reader)
{
    struct regf_bin bin;
    int result = 0;

    for (uint32_t at = 0; result == 0 && at < reader->bins_size; at += bin.size) {
        memcpy(&bin, reader->bins + at, sizeof(bin));
        if (memcmp(bin.signature, "hbin", 4) || bin.offset != at)
            return fail(reader, at, "no bin where one must begin");
        if (bin.size == 0 || bin.size % REGF_BLOCK || bin.size > reader->bins_size - at)
            return fail(reader, at, "the size of a bin is %u: no whole blocks that fit", bin.size);
        result = walk_cells(reader, at + (uint32_t)sizeof(bin), at + bin.size);
    }
    return result;
}

/* A cell in use of at least `minimum` bytes that begins with `signature` (NULL: with anything).
 * `shared` leaves it for others to use too. */
static int find_cell(struct reader *reader, uint32_t offset, const char *what,
                     const char *signature, size_t minimum, bool shared, struct cell *cell)
{
    uint32_t bit = offset / REGF_CELL_ALIGN;
    unsigned char mask = (unsigned char)(1u << bit % 8);
    uint32_t word;

    if (offset >= reader->bins_size || offset % REGF_CELL_ALIGN || !(reader->cells[bit / 8] & mask))
        return fail(reader, offset, "%s should be here, but there is none or it has been used",
                    what);
    if (!shared)
        reader->cells[bit / 8] &= (unsigned char)~mask;
    memcpy(&word, reader->bins + offset, sizeof(word));
    cell->offset = offset;
    cell->size = 0u - word - (uint32_t)sizeof(word);
    cell->bytes = reader->bins + offset + sizeof(word);
    if (cell->size < minimum)
        return fail(reader, offset, "%s has a cell of %u bytes where %zu are needed", what,
                    cell->size, minimum);
    if (signature && memcmp(cell->bytes, signature, 2))
        return fail(reader, offset, "%s should be here, but there is no '%s'", what, signature);
    return 0;
}

static uint32_t read_offset(const struct cell *cell, size_t at)
{
    uint32_t offset;

    memcpy(&offset, cell->bytes + at, sizeof(offset));
    return offset;
}

/* Reads the `size` bytes of a name behind the first `at` bytes of a cell. */
static int read_name(struct reader *reader, const struct cell *cell, size_t at, uint16_t size,
                     bool latin1, uint16_t *name, size_t *units)
{
    if (size > cell->size - at)
        return fail(reader, cell->offset, "a name of %u bytes does not fit into its cell", size);
    if (latin1) {
        for (size_t i = 0; i < size; i++)
            name[i] = cell->bytes[at + i];
        *units = size;
        return 0;
    }
    if (size % sizeof(*name))
        return fail(reader, cell->offset, "a name in UTF-16 has half a unit");
    memcpy(name, cell->bytes + at, size);
    *units = size / sizeof(*name);
    return 0;
}

/* ---- values ---- */

/* Puts the segments of big data together. */
static int read_big_data(struct reader *reader, const struct cell *cell, uint32_t size)
{
    struct regf_db db;
    struct cell list, segment;
    uint32_t done = 0;
    int result;

    if (cell->size < sizeof(db) || memcmp(cell->bytes, "db", 2))
        return fail(reader, cell->offset, "data of %u bytes do not fit into their cell", size);
    memcpy(&db, cell->bytes, sizeof(db));
    if (size > reader->bins_size || db.count != (size + REGF_SEGMENT - 1) / REGF_SEGMENT)
        return fail(reader, cell->offset, "%u segments for data of %u bytes", db.count, size);
    if ((result = find_cell(reader, db.segments, "the list of a value's segments", NULL,
                            db.count * sizeof(uint32_t), false, &list)))
        return result;
    if (size > reader->data_capacity) {
        free(reader->data);
        reader->data_capacity = 0;
        if (!(reader->data = malloc(size)))
            return no_memory(reader);
        reader->data_capacity = size;
    }
    for (size_t i = 0; i < db.count; i++) {
        uint32_t part = size - done < REGF_SEGMENT ? size - done : REGF_SEGMENT;

        if ((result = find_cell(reader, read_offset(&list, i * sizeof(uint32_t)),
                                "a segment of a value", NULL, part, false, &segment)))
            return result;
        memcpy(reader->data + done, segment.bytes, part);
        done += part;
    }
    return 0;
}

/* Data that are not in the value's record itself. Those that fit into the cell are taken from it
 * whatever their size: other programs than Windows write large ones so, in any version. */
static int read_data(struct reader *reader, const struct regf_vk *vk, struct regf_value *value)
{
    struct cell cell;
    int result = find_cell(reader, vk->data, "the data of a value", NULL, 0, false, &cell);

    if (result)
        return result;
    value->data = cell.bytes;
    if (value->size > cell.size) {
        if (value->size <= REGF_SEGMENT || reader->minor < 4)
            return fail(reader, cell.offset, "data of %zu bytes do not fit into their cell",
                        value->size);
        result = read_big_data(reader, &cell, vk->size);
        value->data = reader->data;
    }
    return result;
}

static int read_value(struct reader *reader, uint32_t offset)
{
    struct regf_value value = {.name = reader->names->name};
    uint64_t aligned;
    struct regf_vk vk;
    struct cell cell;
    int result = find_cell(reader, offset, "a value", "vk", sizeof(vk), false, &cell);

    if (result)
        return result;
    memcpy(&vk, cell.bytes, sizeof(vk));
    if (vk.flags & REGF_VALUE_TOMBSTONE)
        return fail(reader, offset, "a value's tombstone: the file is a layer, no hive of its own");
    if ((result = read_name(reader, &cell, sizeof(vk), vk.name_size, vk.flags & REGF_VALUE_LATIN1,
                            reader->names->name, &value.name_units)))
        return result;
    value.type = vk.type;
    value.size = vk.size & ~REGF_INLINE;
    if (vk.size & REGF_INLINE) {
        if (value.size > sizeof(vk.data))
            return fail(reader, offset, "data of %zu bytes cannot be in the value itself",
                        value.size);
        aligned = vk.data;
        value.data = &aligned;
    } else if (value.size) {
        result = read_data(reader, &vk, &value);
    }
    return result ? result : reader->sink->value(reader->sink->context, &value);
}

static int read_values(struct reader *reader, uint32_t offset, uint32_t count)
{
    struct cell list;
    int result;

    if (count == 0)
        return 0;
    result = find_cell(reader, offset, "the list of a key's values", NULL, count * sizeof(uint32_t),
                       false, &list);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = read_value(reader, read_offset(&list, i * sizeof(uint32_t)));
    return result;
}

/* ---- keys ---- */

static int read_security(struct reader *reader, uint32_t offset, struct regf_key *key)
{
    struct regf_sk sk;
    struct cell cell;
    int result;

    if (offset == REGF_NONE)
        return 0;
    if ((result =
             find_cell(reader, offset, "a security descriptor", "sk", sizeof(sk), true, &cell)))
        return result;
    memcpy(&sk, cell.bytes, sizeof(sk));
    if (sk.size > cell.size - sizeof(sk))
        return fail(reader, offset, "a security descriptor of %u bytes does not fit into its cell",
                    sk.size);
    key->security = cell.bytes + sizeof(sk);
    key->security_size = sk.size;
    return 0;
}

/* Tells the key alone; `nk` is then what its values and subkeys are found by. */
static int enter_key(struct reader *reader, uint32_t offset, struct regf_nk *nk)
{
    struct regf_key key = {.name = reader->names->name};
    struct cell cell, class_cell;
    int result = find_cell(reader, offset, "a key", "nk", sizeof(*nk), false, &cell);

    if (result)
        return result;
    memcpy(nk, cell.bytes, sizeof(*nk));
    if (reader->minor >= 6 && nk->access & REGF_LAYER_MASK)
        return fail(reader, offset, "a key of a layer: the file is no hive of its own");
    if ((result = read_name(reader, &cell, sizeof(*nk), nk->name_size, nk->flags & REGF_KEY_LATIN1,
                            reader->names->name, &key.name_units)) ||
        (result = read_security(reader, nk->security, &key)))
        return result;
    if (nk->class_size) {
        if ((result = find_cell(reader, nk->class_name, "the class of a key", NULL, nk->class_size,
                                false, &class_cell)) ||
            (result = read_name(reader, &class_cell, 0, nk->class_size, false,
                                reader->names->class_name, &key.class_units)))
            return result;
        key.class_name = reader->names->class_name;
    }
    key.last_write = nk->last_write;
    key.link = nk->flags & REGF_KEY_LINK;
    if (nk->flags & REGF_KEY_PREDEFINED) {
        key.predefined_handle = nk->value_count;
        nk->value_count = 0;
    }
    return reader->sink->enter(reader->sink->context, &key);
}

static int read_key(struct reader *reader, uint32_t offset, unsigned depth);

/* Reads the keys of a list, in an ri those of its lists, and counts them. Recursion is bounded by
 * REGF_MAX_DEPTH: about 200 KiB of stack. */
static int read_list(struct reader *reader, uint32_t offset, unsigned depth, bool in_ri,
                     uint32_t *count)
{
    struct regf_list header;
    struct cell list;
    bool lists, hashes;
    size_t step;
    int result = find_cell(reader, offset, "a list of subkeys", NULL, sizeof(header), false, &list);

    if (result)
        return result;
    memcpy(&header, list.bytes, sizeof(header));
    lists = memcmp(header.signature, "ri", 2) == 0;
    hashes = memcmp(header.signature, "lh", 2) == 0 || memcmp(header.signature, "lf", 2) == 0;
    if (lists ? in_ri : !hashes && memcmp(header.signature, "li", 2))
        return fail(reader, offset, "a list of subkeys should be here, but there is none");
    step = hashes ? sizeof(struct regf_list_entry) : sizeof(uint32_t);
    if (header.count * step > list.size - sizeof(header))
        return fail(reader, offset, "a list of %u subkeys does not fit into its cell",
                    header.count);
    for (size_t i = 0; result == 0 && i < header.count; i++) {
        uint32_t entry = read_offset(&list, sizeof(header) + i * step);

        if (lists)
            result = read_list(reader, entry, depth, true, count);
        else
            result = read_key(reader, entry, depth);
    }
    *count += lists ? 0 : header.count;
    return result;
}

static int read_key(struct reader *reader, uint32_t offset, unsigned depth)
{
    struct regf_nk nk;
    uint32_t count = 0;
    int result;

    if (depth > REGF_MAX_DEPTH)
        return fail(reader, offset, "keys are nested more than %u deep", REGF_MAX_DEPTH);
    if ((result = enter_key(reader, offset, &nk)) ||
        (result = read_values(reader, nk.values, nk.value_count)))
        return result;
    if (nk.subkey_count) {
        if ((result = read_list(reader, nk.subkeys, depth + 1, false, &count)))
            return result;
        if (count != nk.subkey_count)
            return fail(reader, offset, "the key says that it has %u subkeys, its lists have %u",
                        nk.subkey_count, count);
    }
    return reader->sink->leave(reader->sink->context);
}

/* ---- the whole ---- */

static int read_hive(struct reader *reader, const void *image, size_t size)
{
    struct regf_hive hive;
    int result = check_base(reader, image, size, &hive);

    if (result)
        return result;
    reader->cells = calloc(reader->bins_size / REGF_CELL_ALIGN / 8, 1);
    reader->names = malloc(sizeof(*reader->names));
    if (!reader->cells || !reader->names)
        return no_memory(reader);
    if ((result = walk_bins(reader)) || (result = reader->sink->hive(reader->sink->context, &hive)))
        return result;
    return read_key(reader, reader->root, 1);
}

int regf_parse(const void *image, size_t size, const struct regf_sink *sink,
               struct regf_error *error)
{
    struct regf_error unwanted;
    struct reader reader = {.sink = sink, .error = error ? error : &unwanted};
    int result;

    reader.error->offset = 0;
    reader.error->text[0] = '\0';
    result = read_hive(&reader, image, size);
    free(reader.cells);
    free(reader.names);
    free(reader.data);
    return result;
}
