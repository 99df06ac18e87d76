/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_store_image.c - the reader of damaged databases: the input is a database and its log, parted
 * by a number (little-endian, two bytes, in units of 64 bytes) at its front.
 */
#include <stdlib.h>
#include <string.h>

#include "registry/store_image.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Looks at every byte of a row, so that the sanitizers see those that are not the image's. */
static int see_row(void *context, const struct store_row *row)
{
    size_t *sum = context;

    require(row->count <= STORE_IMAGE_COLUMNS);
    require(!row->table || memchr(row->table, 0, sizeof(((struct store_image *)0)->tables[0])));
    for (size_t i = 0; i < row->count; i++)
        for (size_t at = 0; at < row->columns[i].bytes.size; at++)
            *sum += row->columns[i].bytes.at[at];
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct store_image image = {0};
    size_t split, sum = 0;

    if (size < 2)
        return 0;
    split = ((size_t)bytes[0] | (size_t)bytes[1] << 8) * 64;
    bytes += 2;
    size -= 2;
    split = split < size ? split : size;
    image.database = (struct store_bytes){bytes, split};
    image.log = (struct store_bytes){bytes + split, size - split};
    if (store_image_open(&image) == 0) {
        require(image.usable <= image.page_size);
        require(store_image_visit(&image, see_row, NULL, &sum) == 0);
    }
    store_image_finish(&image);
    return 0;
}
