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

#endif
