/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * upcase.c - the upper-case table, expanded from its ranges, and what compares and hashes by it.
 *
 * The table has two levels: most of the 256 pages of 256 units hold no small letter and share
 * page 0. It is filled by a constructor, so that readers need no lock and no test.
 */
#include "registry/upcase.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_UNITS 256
#define PAGE_CAPACITY 24 /* pages with small letters, and page 0, which has none */

static const struct upcase_range {
    uint16_t first;
    uint16_t last;
    uint16_t step;
    int32_t delta;
} upcase_ranges[] = {
#include "registry/upcase_ranges.inc"
};

static uint8_t page_of[0x10000 / PAGE_UNITS];
static uint16_t deltas[PAGE_CAPACITY][PAGE_UNITS]; /* added modulo 65536 */

/* Rows that do not fit are a mistake in the table that every test run would meet. */
static void set_delta(unsigned unit, uint16_t delta)
{
    static unsigned used_pages = 1;
    uint8_t *page = &page_of[unit / PAGE_UNITS];

    if (*page == 0) {
        if (used_pages == PAGE_CAPACITY)
            abort();
        *page = (uint8_t)used_pages++;
    }
    deltas[*page][unit % PAGE_UNITS] = delta;
}

__attribute__((constructor)) static void expand_ranges(void)
{
    for (size_t i = 0; i < sizeof(upcase_ranges) / sizeof(upcase_ranges[0]); i++) {
        const struct upcase_range *range = &upcase_ranges[i];

        for (unsigned unit = range->first; unit <= range->last; unit += range->step)
            set_delta(unit, (uint16_t)range->delta);
    }
}

uint16_t registry_upcase_wide(uint16_t unit)
{
    return (uint16_t)(unit + deltas[page_of[unit / PAGE_UNITS]][unit % PAGE_UNITS]);
}

int registry_name_compare(const uint16_t *a, size_t a_units, const uint16_t *b, size_t b_units)
{
    size_t common = a_units < b_units ? a_units : b_units;
    size_t i = 0;

    for (uint64_t four[2]; common - i >= 4; i += 4) {
        memcpy(&four[0], a + i, sizeof(four[0]));
        memcpy(&four[1], b + i, sizeof(four[1]));
        if (four[0] != four[1])
            break;
    }
    for (; i < common; i++) {
        if (a[i] != b[i]) {
            int difference = registry_upcase(a[i]) - registry_upcase(b[i]);

            if (difference)
                return difference;
        }
    }
    return (a_units > b_units) - (a_units < b_units);
}

static uint64_t upcase_four(uint64_t four)
{
    uint16_t units[4];

    if (__builtin_expect(registry_four_are_ascii(four), 1))
        return registry_upcase_four_ascii(four);
    memcpy(units, &four, sizeof(units));
    for (size_t i = 0; i < 4; i++)
        units[i] = registry_upcase(units[i]);
    memcpy(&four, units, sizeof(units));
    return four;
}

uint64_t registry_name_hash(const uint16_t *name, size_t units)
{
    uint64_t state = registry_hash_begin(units);
    uint64_t four;

    for (; units >= 4; units -= 4, name += 4) {
        memcpy(&four, name, sizeof(four));
        state = registry_hash_add(state, upcase_four(four));
    }
    /* Not by way of memory: a processor waits for narrow stores before a wide load of them. */
    four = 0;
    switch (units) {
    case 3:
        four = (uint64_t)name[2] << 32;
        /* fall through */
    case 2:
        four |= (uint64_t)name[1] << 16;
        /* fall through */
    case 1:
        state = registry_hash_add(state, upcase_four(four | name[0]));
    }
    return registry_hash_end(state);
}
