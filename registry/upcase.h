/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * upcase.h - names without regard to case: Windows' simple upper-casing of single UTF-16 units,
 * and the order and the hash of names that follow from it.
 *
 * Surrogates and everything outside the table are left as they are; no unit becomes two.
 * All functions may be called from any thread; none allocates or fails.
 */
#ifndef PWK_REGISTRY_UPCASE_H
#define PWK_REGISTRY_UPCASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* registry_upcase for units outside ASCII; use that one. */
uint16_t registry_upcase_wide(uint16_t unit);

static inline uint16_t registry_upcase(uint16_t unit)
{
    if (unit < 0x80)
        return unit >= 'a' && unit <= 'z' ? (uint16_t)(unit - 0x20) : unit;
    return registry_upcase_wide(unit);
}

/* Less than, equal to or greater than 0: by upcased units, then the shorter name first. */
int registry_name_compare(const uint16_t *a, size_t a_units, const uint16_t *b, size_t b_units);

/* The same for names that compare as equal; every bit of it is well mixed. Depends on the
 * machine's byte order and may change: for memory only, never for a file. */
uint64_t registry_name_hash(const uint16_t *name, size_t units);

/* ---- four units at a time, in one 64-bit word as they lie in memory ---- */

/* The same 16-bit number in each quarter. */
#define REGISTRY_EACH_UNIT(x) ((uint64_t)(x)*UINT64_C(0x0001000100010001))

static inline bool registry_four_are_ascii(uint64_t four)
{
    return (four & REGISTRY_EACH_UNIT(0xff80)) == 0;
}

/* All four are ASCII: then bit 7 of the two sums tells for each unit whether it is at least 'a'
 * and whether it is beyond 'z'. */
static inline uint64_t registry_upcase_four_ascii(uint64_t four)
{
    uint64_t from_a = four + REGISTRY_EACH_UNIT(0x80 - 'a');
    uint64_t beyond_z = four + REGISTRY_EACH_UNIT(0x80 - 'z' - 1);

    return four - ((from_a & ~beyond_z & REGISTRY_EACH_UNIT(0x80)) >> 2);
}

/* The steps of registry_name_hash: begin, the upcased words (the last one filled up with 0), end.
 * Both halves of the full product are folded into one: each bit of the state reaches all others. */
static inline uint64_t registry_hash_add(uint64_t state, uint64_t upcased_four)
{
    unsigned __int128 product =
        (unsigned __int128)(state ^ upcased_four) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t registry_hash_begin(size_t units)
{
    return UINT64_C(0x243f6a8885a308d3) + units;
}

static inline uint64_t registry_hash_end(uint64_t state)
{
    return registry_hash_add(state, UINT64_C(0xd1342543de82ef95));
}

#endif
