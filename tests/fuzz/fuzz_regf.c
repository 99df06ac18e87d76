/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_regf.c - libFuzzer target: the reader of hives, with a sink that reads every byte it is
 * given, holds the reader to the order that regf.h promises and to work bounded by the size.
 *
 * A hive has checksums and is larger than inputs should be, so one is made of each input:
 * "regf...": a base block of 512 bytes, as it is, and what is in its bins.
 * Anything else: the minor version, the number of blocks, 4 bytes of the root's offset, and the
 * cells of one bin; what is missing is zero, and what is no chain of cells is made a free one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/regf.h"
#include "registry/regf_format.h"

#define MAX_BLOCKS 16u
#define HEAD 6u /* bytes of an input before its cells */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct seen {
    size_t hives;
    size_t depth;
    size_t roots;
    size_t told; /* bytes */
    bool values_allowed;
    volatile uint8_t sum; /* volatile: the reading must not be optimized away */
};

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void touch(struct seen *seen, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    require(data || size == 0);
    for (size_t i = 0; i < size; i++)
        seen->sum ^= bytes[i];
}

static int see_hive(void *context, const struct regf_hive *hive)
{
    struct seen *seen = context;

    require(seen->hives++ == 0 && seen->roots == 0);
    require(hive->minor >= 3 && hive->minor <= 6);
    return 0;
}

static int see_enter(void *context, const struct regf_key *key)
{
    struct seen *seen = context;

    require(seen->hives == 1);
    require(seen->depth || seen->roots++ == 0);
    require(++seen->depth <= REGF_MAX_DEPTH);
    touch(seen, key->name, key->name_units * sizeof(*key->name));
    touch(seen, key->class_name, key->class_units * sizeof(*key->class_name));
    touch(seen, key->security, key->security_size);
    seen->told += key->name_units + key->class_units;
    seen->values_allowed = true;
    return 0;
}

static int see_value(void *context, const struct regf_value *value)
{
    struct seen *seen = context;

    require(seen->values_allowed);
    touch(seen, value->name, value->name_units * sizeof(*value->name));
    touch(seen, value->data, value->size);
    seen->told += value->name_units + value->size;
    return 0;
}

static int see_leave(void *context)
{
    struct seen *seen = context;

    require(seen->depth-- > 0);
    seen->values_allowed = false;
    return 0;
}

static void parse(const uint8_t *image, size_t size)
{
    struct seen seen = {0};
    const struct regf_sink sink = {&seen, see_hive, see_enter, see_value, see_leave};
    struct regf_error error;
    int result = regf_parse(image, size, &sink, &error);

    require(memchr(error.text, 0, sizeof(error.text)));
    require((result == 0) == (error.text[0] == '\0'));
    require(result || (seen.hives == 1 && seen.roots == 1 && seen.depth == 0));
    require(seen.told <= size);
}

static void repair_cells(uint8_t *bin, uint32_t at, uint32_t end)
{
    while (at < end) {
        uint32_t size;

        memcpy(&size, bin + at, sizeof(size));
        if (size >> 31)
            size = 0u - size;
        if (size == 0 || size % REGF_CELL_ALIGN || size > end - at) {
            size = end - at;
            memcpy(bin + at, &size, sizeof(size));
        }
        at += size;
    }
}

static void wrap(uint8_t *image, const uint8_t *bytes, size_t size, uint32_t bins_size)
{
    struct regf_bin bin = {.signature = {'h', 'b', 'i', 'n'}, .size = bins_size};
    struct regf_base base = {.signature = {'r', 'e', 'g', 'f'},
                             .major = 1,
                             .minor = bytes[0],
                             .format = 1,
                             .bins_size = bins_size};

    memcpy(&base.root, bytes + 2, sizeof(base.root));
    base.checksum = regf_checksum(&base);
    memcpy(image, &base, sizeof(base));
    memcpy(image + REGF_BLOCK, &bin, sizeof(bin));
    memcpy(image + REGF_BLOCK + sizeof(bin), bytes + HEAD, size - HEAD);
    repair_cells(image + REGF_BLOCK, sizeof(bin), bins_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    bool whole = size >= sizeof(struct regf_base) && memcmp(bytes, "regf", 4) == 0;
    size_t head = whole ? sizeof(struct regf_base) : HEAD;
    size_t blocks;
    uint8_t *image;

    if (size < head)
        return 0;
    blocks = (size - head + sizeof(struct regf_bin) + REGF_BLOCK - 1) / REGF_BLOCK;
    if (!whole && blocks < bytes[1] % MAX_BLOCKS)
        blocks = bytes[1] % MAX_BLOCKS;
    image = calloc(blocks + 1, REGF_BLOCK);
    require(image);
    if (whole) {
        memcpy(image, bytes, head);
        memcpy(image + REGF_BLOCK, bytes + head, size - head);
    } else {
        wrap(image, bytes, size, (uint32_t)blocks * REGF_BLOCK);
    }
    parse(image, (blocks + 1) * REGF_BLOCK);
    free(image);
    return 0;
}
