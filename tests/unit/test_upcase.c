/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_upcase.c - the upper-case table against the one that the installed Wine uses, and the
 * order and the hash of names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <uchar.h>

#include <cmocka.h>

#include "registry/upcase.h"

#ifndef WINE_DATADIR
#define WINE_DATADIR "/usr/share/wine"
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the table ---- */

/* The words of l_intl.nls, or NULL where no Wine is installed. */
static uint16_t *read_wine_table(size_t *count)
{
    FILE *file = fopen(WINE_DATADIR "/nls/l_intl.nls", "rb");
    const size_t capacity = 0x20000;
    uint16_t *words;

    if (!file)
        return NULL;
    words = malloc(capacity * sizeof(*words));
    assert_non_null(words);
    *count = fread(words, sizeof(*words), capacity, file);
    fclose(file);
    return words;
}

static uint16_t word_at(const uint16_t *words, size_t count, size_t index)
{
    assert_true(index < count);
    return words[index];
}

/* Word 0 is the place of the upper-case table; its first word is its length. Behind it come
 * three levels (high byte, next four bits, last four bits); what stands in the last is added. */
static void every_unit_agrees_with_wine(void **state)
{
    size_t count;
    uint16_t *words = read_wine_table(&count);
    size_t table;
    unsigned different = 0;

    (void)state;
    if (!words)
        skip();
    table = word_at(words, count, 0) + 1;
    for (unsigned unit = 0; unit < 0x10000; unit++) {
        size_t middle = word_at(words, count, table + (unit >> 8));
        size_t last = word_at(words, count, table + middle + (unit >> 4 & 15));
        uint16_t delta = word_at(words, count, table + last + (unit & 15));
        uint16_t expected = (uint16_t)(unit + delta);

        if (registry_upcase((uint16_t)unit) != expected) {
            print_error("U+%04X becomes U+%04X, in Wine U+%04X\n", unit,
                        registry_upcase((uint16_t)unit), expected);
            different++;
        }
    }
    free(words);
    assert_int_equal(different, 0);
}

static void known_units(void **state)
{
    static const struct {
        uint16_t unit;
        uint16_t capital;
    } known[] = {
        {'a', 'A'},       {'z', 'Z'},       {'A', 'A'},       {'`', '`'},       {'{', '{'},
        {'@', '@'},       {'\\', '\\'},     {0, 0},           {0x7f, 0x7f},     {0xe4, 0xc4},
        {0xff, 0x178},    {0xb5, 0xb5},     {0xdf, 0xdf},     {0x131, 0x131},   {0x17f, 0x17f},
        {0x1c5, 0x1c5},   {0x1c6, 0x1c4},   {0x3c2, 0x3c2},   {0x3c3, 0x3a3},   {0x44f, 0x42f},
        {0x1f80, 0x1f88}, {0x2170, 0x2160}, {0x4e00, 0x4e00}, {0xd83d, 0xd83d}, {0xdc28, 0xdc28},
        {0xff41, 0xff21}, {0xffff, 0xffff}, {0xab70, 0x13a0}, {0x10d0, 0x1c90}, {0x212a, 0x212a},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(known); i++)
        assert_int_equal(registry_upcase(known[i].unit), known[i].capital);
}

static void a_capital_stays(void **state)
{
    (void)state;
    for (unsigned unit = 0; unit < 0x10000; unit++) {
        uint16_t capital = registry_upcase((uint16_t)unit);

        assert_int_equal(registry_upcase(capital), capital);
    }
}

/* ---- names ---- */

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void names_are_ordered_by_upcased_units(void **state)
{
    static const struct {
        const char16_t *a;
        size_t a_units;
        const char16_t *b;
        size_t b_units;
        int order;
    } pairs[] = {
        {u"", 0, u"", 0, 0},
        {u"", 0, u"a", 1, -1},
        {u"Software", 8, u"SOFTWARE", 8, 0},
        {u"Software", 8, u"software", 8, 0},
        {u"Software", 8, u"Softwar", 7, 1},
        {u"a", 1, u"B", 1, -1},
        {u"_", 1, u"a", 1, 1}, /* it lies between the capitals and the small letters */
        {u"ab", 2, u"B", 1, -1},
        {u"\u00e4", 1, u"\u00c4", 1, 0},
        {u"\u00ff", 1, u"\u0178", 1, 0},
        {u"\u00ff", 1, u"\u0100", 1, 1}, /* U+0178 is beyond U+0100 */
        {u"a\0b", 3, u"A\0B", 3, 0},
        {u"a\0b", 3, u"A\0C", 3, -1},
        {u"\uffff", 1, u"\x0001", 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const uint16_t *a = (const uint16_t *)pairs[i].a;
        const uint16_t *b = (const uint16_t *)pairs[i].b;
        int order = registry_name_compare(a, pairs[i].a_units, b, pairs[i].b_units);
        int reverse = registry_name_compare(b, pairs[i].b_units, a, pairs[i].a_units);

        assert_int_equal(sign(order), pairs[i].order);
        assert_int_equal(sign(reverse), -pairs[i].order);
    }
}

/* A fixed sequence, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Mostly ASCII, sometimes anything, so that both ways of upcasing four units are taken. */
static uint16_t random_unit(uint32_t *seed)
{
    uint32_t random = next_random(seed);

    return (uint16_t)(random % 16 ? random >> 8 & 0x7f : random >> 8);
}

static void the_hash_is_that_of_the_upcased_name(void **state)
{
    uint32_t seed = 2463534242u;
    uint16_t storage[41];
    uint16_t upcased[40];

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t units = next_random(&seed) % 41;
        uint16_t *name = storage + (round & 1); /* aligned to a unit, not always to more */

        for (size_t i = 0; i < units; i++) {
            name[i] = random_unit(&seed);
            upcased[i] = registry_upcase(name[i]);
        }
        assert_true(registry_name_hash(name, units) == registry_name_hash(upcased, units));
        assert_int_equal(registry_name_compare(name, units, upcased, units), 0);
    }
}

static void every_unit_and_the_length_count(void **state)
{
    uint16_t name[33] = {0};

    (void)state;
    for (size_t units = 0; units < 32; units++) {
        uint64_t hash = registry_name_hash(name, units);

        assert_true(hash != registry_name_hash(name, units + 1));
        for (size_t i = 0; i < units; i++) {
            name[i] = 'x';
            assert_true(hash != registry_name_hash(name, units));
            name[i] = 0;
        }
    }
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Names that differ in a counter only, the worst that a registry brings: no two hashes are the
 * same, and the 256 buckets of each byte of the hash are filled evenly (about 390 each). */
static void similar_names_are_spread_evenly(void **state)
{
    enum {
        NAMES = 100000,
    };
    static unsigned buckets[8][256];
    uint64_t *hashes = malloc(NAMES * sizeof(*hashes));

    (void)state;
    assert_non_null(hashes);
    for (unsigned i = 0; i < NAMES; i++) {
        char text[32];
        uint16_t name[32];
        int length = snprintf(text, sizeof(text), "{44BBA855-CC51-%08X}", i);

        for (int j = 0; j < length; j++)
            name[j] = (unsigned char)text[j];
        hashes[i] = registry_name_hash(name, (size_t)length);
        for (unsigned byte = 0; byte < 8; byte++)
            buckets[byte][hashes[i] >> 8 * byte & 0xff]++;
    }
    qsort(hashes, NAMES, sizeof(*hashes), compare_hashes);
    for (unsigned i = 1; i < NAMES; i++)
        assert_true(hashes[i - 1] != hashes[i]);
    free(hashes);
    for (unsigned byte = 0; byte < 8; byte++) {
        for (unsigned i = 0; i < 256; i++)
            assert_in_range(buckets[byte][i], 250, 550);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_agrees_with_wine),
        cmocka_unit_test(known_units),
        cmocka_unit_test(a_capital_stays),
        cmocka_unit_test(names_are_ordered_by_upcased_units),
        cmocka_unit_test(the_hash_is_that_of_the_upcased_name),
        cmocka_unit_test(every_unit_and_the_length_count),
        cmocka_unit_test(similar_names_are_spread_evenly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
