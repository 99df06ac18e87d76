/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regf_image.c - see regf_image.h.
 */
#include "registry/regf_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/regf_format.h"

#define FIRST_CAPACITY (64u << 10)
#define FIRST_SECURITY_SLOTS 64u

static int no_memory(struct regf_image *image)
{
    snprintf(image->error->text, sizeof(image->error->text), "out of memory");
    return -ENOMEM;
}

void regf_image_finish(struct regf_image *image)
{
    free(image->bytes);
    free(image->security);
    memset(image, 0, sizeof(*image));
}

void *regf_image_at(const struct regf_image *image, uint32_t offset)
{
    return image->bytes + REGF_BLOCK + offset + sizeof(uint32_t);
}

/* ---- bins and cells ---- */

static int reserve(struct regf_image *image, size_t size)
{
    size_t capacity = image->capacity ? image->capacity : FIRST_CAPACITY;
    unsigned char *bytes;

    if (size <= image->capacity)
        return 0;
    while (capacity < size)
        capacity += capacity / 2;
    bytes = realloc(image->bytes, capacity);
    if (!bytes)
        return no_memory(image);
    image->bytes = bytes;
    image->capacity = capacity;
    return 0;
}

/* Makes what is left of a bin one cell that is not in use. */
static void close_bin(struct regf_image *image, uint32_t at, uint32_t end)
{
    uint32_t size = end - at;

    if (size)
        memcpy(image->bytes + REGF_BLOCK + at, &size, sizeof(size));
}

/* Appends a bin with room for a cell of `cell_size` bytes. */
static int add_bin(struct regf_image *image, size_t cell_size, struct regf_bin *bin)
{
    size_t start = image->size ? image->size : REGF_BLOCK;
    size_t size = (sizeof(*bin) + cell_size + REGF_BLOCK - 1) / REGF_BLOCK * REGF_BLOCK;
    int result;

    if (size > REGF_MAX_BINS - (start - REGF_BLOCK)) {
        snprintf(image->error->text, sizeof(image->error->text),
                 "what is to be written is larger than a hive can be (2 GiB)");
        return -EFBIG;
    }
    if ((result = reserve(image, start + size)))
        return result;
    memset(image->bytes + image->size, 0, start + size - image->size);
    image->size = start + size;
    memset(bin, 0, sizeof(*bin));
    memcpy(bin->signature, "hbin", 4);
    bin->offset = (uint32_t)(start - REGF_BLOCK);
    bin->size = (uint32_t)size;
    memcpy(image->bytes + start, bin, sizeof(*bin));
    return 0;
}

int regf_image_add(struct regf_image *image, size_t size, uint32_t *offset)
{
    size_t needed;
    struct regf_bin bin;
    uint32_t used, end;
    int result;

    if (size > REGF_MAX_BINS)
        size = REGF_MAX_BINS; /* which add_bin refuses */
    needed = (sizeof(uint32_t) + size + REGF_CELL_ALIGN - 1) / REGF_CELL_ALIGN * REGF_CELL_ALIGN;
    if (needed <= image->free_end - image->free_at) {
        *offset = image->free_at;
        image->free_at += (uint32_t)needed;
    } else {
        if ((result = add_bin(image, needed, &bin)))
            return result;
        *offset = bin.offset + (uint32_t)sizeof(bin);
        used = *offset + (uint32_t)needed;
        end = bin.offset + bin.size;
        /* What comes next goes where more is left. */
        if (end - used >= image->free_end - image->free_at) {
            close_bin(image, image->free_at, image->free_end);
            image->free_at = used;
            image->free_end = end;
        } else {
            close_bin(image, used, end);
        }
    }
    used = 0u - (uint32_t)needed;
    memcpy(image->bytes + REGF_BLOCK + *offset, &used, sizeof(used));
    return 0;
}

/* ---- security descriptors ---- */

static size_t hash_bytes(const unsigned char *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

/* The place in the table of a descriptor, or that where it belongs. */
static uint32_t *find_slot(struct regf_image *image, const void *descriptor, size_t size)
{
    size_t at = hash_bytes(descriptor, size);

    for (;; at++) {
        uint32_t *slot = &image->security[at & (image->security_slots - 1)];
        const struct regf_sk *sk;

        if (*slot == 0)
            return slot;
        sk = regf_image_at(image, *slot);
        if (sk->size == size && memcmp(sk + 1, descriptor, size) == 0)
            return slot;
    }
}

/* Keeps at least half of the table free. */
static int grow_table(struct regf_image *image)
{
    size_t old_slots = image->security_slots;
    uint32_t *old = image->security;
    uint32_t *table;

    if (image->security_count * 2 < old_slots)
        return 0;
    table = calloc(old_slots ? old_slots * 2 : FIRST_SECURITY_SLOTS, sizeof(*table));
    if (!table)
        return no_memory(image);
    image->security = table;
    image->security_slots = old_slots ? old_slots * 2 : FIRST_SECURITY_SLOTS;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i]) {
            const struct regf_sk *sk = regf_image_at(image, old[i]);

            *find_slot(image, sk + 1, sk->size) = old[i];
        }
    }
    free(old);
    return 0;
}

/* Puts a new descriptor in the ring, before the first one. */
static void link_security(struct regf_image *image, uint32_t offset)
{
    struct regf_sk *sk = regf_image_at(image, offset);
    struct regf_sk *first;

    if (!image->first_security)
        image->first_security = sk->previous = offset;
    first = regf_image_at(image, image->first_security);
    sk->next = image->first_security;
    sk->previous = first->previous;
    ((struct regf_sk *)regf_image_at(image, first->previous))->next = offset;
    first->previous = offset;
}

int regf_image_share(struct regf_image *image, const void *descriptor, size_t size,
                     uint32_t *offset)
{
    struct regf_sk *sk;
    uint32_t *slot;
    int result = grow_table(image);

    if (result)
        return result;
    slot = find_slot(image, descriptor, size);
    if (*slot == 0) {
        if ((result = regf_image_add(image, sizeof(*sk) + size, slot)))
            return result;
        image->security_count++;
        sk = regf_image_at(image, *slot);
        memcpy(sk->signature, "sk", 2);
        sk->size = (uint32_t)size;
        memcpy(sk + 1, descriptor, size);
        link_security(image, *slot);
    }
    *offset = *slot;
    ((struct regf_sk *)regf_image_at(image, *slot))->references++;
    return 0;
}

/* ---- the base block ---- */

void regf_image_seal(struct regf_image *image, uint32_t minor, uint32_t root, uint64_t last_written)
{
    struct regf_base base = {
        .signature = {'r', 'e', 'g', 'f'},
        .primary_sequence = 1,
        .secondary_sequence = 1,
        .last_written = last_written,
        .major = 1,
        .minor = minor,
        .format = 1,
        .root = root,
        .bins_size = (uint32_t)(image->size - REGF_BLOCK),
        .clustering = 1,
    };

    close_bin(image, image->free_at, image->free_end);
    memcpy(image->bytes + REGF_BLOCK + offsetof(struct regf_bin, last_written), &last_written,
           sizeof(last_written));
    base.checksum = regf_checksum(&base);
    memcpy(image->bytes, &base, sizeof(base));
}
