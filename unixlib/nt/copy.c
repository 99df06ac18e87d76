/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy.c - see copy.h.
 */
#include "nt/copy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_UNITS 32         /* up to here, units are copied one by one */
#define KEPT_BYTES (64u << 10) /* larger scratch memory is not kept for the next call */

struct scratch {
    size_t size;
    unsigned char bytes[];
};

static pthread_key_t scratch_key;

__attribute__((constructor)) static void make_key(void)
{
    /* The destructor gives the memory back when the thread ends, killed by Wine or not. */
    if (pthread_key_create(&scratch_key, free) != 0)
        abort();
}

/* Unit by unit into whole words: a name that was converted from ANSI just now still stands in the
 * processor's queue of stores as single units, and a wide load would wait until they are out; and
 * what is stored in words is read in words. Writes up to a multiple of four units. */
static void copy_short(uint16_t *to, const uint16_t *source, size_t units)
{
    const unsigned char *from = (const unsigned char *)source; /* at any address */

    for (size_t i = 0; i < units; i += 4) {
        uint64_t four = 0;

        for (size_t j = 0; j < 4 && i + j < units; j++) {
            uint16_t unit;

            memcpy(&unit, from + (i + j) * 2, sizeof unit);
            four |= (uint64_t)unit << 16 * j;
        }
        memcpy(to + i, &four, sizeof four);
    }
}

ntstatus nt_copy_name(struct nt_name *name, const struct unicode_string *source)
{
    struct unicode_string string;

    if (!source)
        return STATUS_ACCESS_VIOLATION;
    memcpy(&string, source, sizeof string);
    if (string.length & 1)
        return STATUS_OBJECT_NAME_INVALID;
    name->units = string.length / 2;
    if (name->units <= SHORT_UNITS)
        copy_short(name->text, string.buffer, name->units);
    else
        memcpy(name->text, string.buffer, string.length);
    return STATUS_SUCCESS;
}

void *nt_scratch(size_t size)
{
    struct scratch *scratch = pthread_getspecific(scratch_key);

    if (scratch && (scratch->size < size || scratch->size > KEPT_BYTES)) {
        pthread_setspecific(scratch_key, NULL);
        free(scratch);
        scratch = NULL;
    }
    if (!scratch) {
        size_t room = size < 4096 ? 4096 : size;
        scratch = malloc(sizeof *scratch + room);
        if (!scratch)
            return NULL;
        scratch->size = room;
        pthread_setspecific(scratch_key, scratch);
    }
    return scratch->bytes;
}

void *nt_copy_bytes(const void *source, size_t size)
{
    void *copy = nt_scratch(size);

    if (copy && size)
        memcpy(copy, source, size);
    return copy;
}
