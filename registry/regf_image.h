/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regf_image.h - a hive image while it is made: cells are handed out of bins, never taken back,
 * and equal security descriptors share one cell.
 *
 * Functions that answer int answer 0, -EFBIG or -ENOMEM, with the reason in the error.
 */
#ifndef PWK_REGISTRY_REGF_IMAGE_H
#define PWK_REGISTRY_REGF_IMAGE_H

#include "registry/regf.h"

/* Starts all zero but for the error. */
struct regf_image {
    struct regf_error *error;
    unsigned char *bytes; /* base block and whole bins */
    size_t size;
    size_t capacity;
    uint32_t free_at; /* what is left of the bin that is being filled: offsets as in the file */
    uint32_t free_end;
    uint32_t *security;    /* a hash table of cells; 0: an unused place */
    size_t security_slots; /* a power of two, or 0 */
    size_t security_count;
    uint32_t first_security; /* of the ring of descriptors */
};

/* Frees what the image holds, its bytes too. */
void regf_image_finish(struct regf_image *image);

/* Hands out a cell for `size` bytes, which are zero. */
int regf_image_add(struct regf_image *image, size_t size, uint32_t *offset);

/* Where the bytes of a cell are until the next regf_image_add or regf_image_share. */
void *regf_image_at(const struct regf_image *image, uint32_t offset);

/* The cell of a security descriptor, with one more reference to it. */
int regf_image_share(struct regf_image *image, const void *descriptor, size_t size,
                     uint32_t *offset);

/* Completes the image: nothing may be added after this. */
void regf_image_seal(struct regf_image *image, uint32_t minor, uint32_t root,
                     uint64_t last_written);

#endif
