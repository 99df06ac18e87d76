/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_call_site.c - the pure part of sandbox/call_site.h: which bytes are a site, and what becomes
 * of them; and the pure part of nt/native_line.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "nt/native_line.h"
#include "sandbox/call_site.h"
#include "sandbox/trap.h"

/* ret before it; then mov eax, 0x55; syscall */
static const unsigned char form[] = {0xc3, 0xb8, 0x55, 0x00, 0x00, 0x00, 0x0f, 0x05};

static void the_form_and_its_place(void **state)
{
    (void)state;
    for (uint64_t address = 0x400001; address < 0x400001 + 4096; address++) {
        uint64_t in_page = address & 4095;
        bool one_word = (address & ~7ull) == ((address + 4) & ~7ull);

        assert_int_equal(pwk_site_fits(address, form, 0x55),
                         one_word && in_page != 0 && in_page + 7 <= 4096);
    }
}

static void other_bytes(void **state)
{
    unsigned char bytes[8];

    (void)state;
    assert_true(pwk_site_fits(0x400008, form, 0x55));
    assert_false(pwk_site_fits(0x400008, form, 0x56));
    for (unsigned i = 1; i < sizeof form; i++) {
        memcpy(bytes, form, sizeof form);
        bytes[i] ^= 0x10;
        assert_false(pwk_site_fits(0x400008, bytes, 0x55));
    }
}

/* 41 b8 loads r8d, 48 b8 a 64-bit number, 66 b8 two bytes. */
static void what_stands_before(void **state)
{
    static const unsigned char prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x40, 0x41, 0x48, 0x4f,
                                             0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    unsigned refused = 0;
    unsigned char bytes[8];

    (void)state;
    memcpy(bytes, form, sizeof form);
    for (unsigned i = 0; i < sizeof prefixes; i++) {
        bytes[0] = prefixes[i];
        assert_false(pwk_site_fits(0x400008, bytes, 0x55));
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        bytes[0] = (unsigned char)byte;
        refused += !pwk_site_fits(0x400008, bytes, 0x55);
    }
    assert_int_equal(refused, 16 + 11);
}

static void numbers_of_the_table(void **state)
{
    unsigned char bytes[8];
    uint32_t number;

    (void)state;
    memcpy(bytes, form, sizeof form);
    number = PWK_SITE_NUMBERS - 1;
    memcpy(bytes + 2, &number, sizeof number);
    assert_true(pwk_site_fits(0x400008, bytes, number));
    number = PWK_SITE_NUMBERS;
    memcpy(bytes + 2, &number, sizeof number);
    assert_false(pwk_site_fits(0x400008, bytes, number));
}

/* For every place in a word and every number: five bytes change, the call's last two are `syscall`,
 * it calls through the number's pointer, and the way back leads to what was there. */
static void there_and_back(void **state)
{
    (void)state;
    for (uint64_t address = 0x400008; address <= 0x400008 + 3; address++) {
        for (uint32_t number = 0; number < PWK_SITE_NUMBERS; number++) {
            unsigned char memory[16], changed[16];
            unsigned at = (unsigned)(address % 8);
            uint64_t word, direct;
            uint32_t place;

            memset(memory, 0xa5, sizeof memory);
            memcpy(memory + at, form + 1, 7);
            memcpy(memory + at + 1, &number, sizeof number);
            memcpy(&word, memory, sizeof word);
            direct = pwk_site_word(word, address, number, true);
            memcpy(changed, memory, sizeof memory);
            memcpy(changed, &direct, sizeof direct);
            assert_memory_equal(changed, memory, at);
            assert_memory_equal(changed + at + 5, memory + at + 5, sizeof memory - at - 5);
            assert_memory_equal(changed + at, "\xff\x14\x25", 3);
            memcpy(&place, changed + at + 3, sizeof place);
            assert_int_equal(place, PWK_SITE_TABLE + number * 8ull);
            assert_true(pwk_site_is_direct(direct, address, number));
            assert_false(pwk_site_is_direct(direct, address, (number + 1) % PWK_SITE_NUMBERS));
            assert_false(pwk_site_is_direct(word, address, number));
            assert_true(pwk_site_word(direct, address, number, false) == word);
        }
    }
}

/* ---- the line ---- */

static void ranges_at_the_line(void **state)
{
    const uint64_t line = PWK_TRAP_LINE;

    (void)state;
    nt_personality.native_line = line;
    assert_false(nt_reaches_native(line - 4096, 4096));
    assert_true(nt_reaches_native(line - 4096, 4097));
    assert_true(nt_reaches_native(line, 1));
    assert_true(nt_reaches_native(0x1000, UINT64_MAX)); /* wraps round */
    assert_true(nt_reaches_native(UINT64_MAX - 1, 4));
    nt_personality.native_line = 0;
    assert_false(nt_reaches_native(line, 4096));
    assert_int_equal(nt_limit_bits(0), 0);
    nt_personality.native_line = line;
    assert_int_equal(nt_limit_bits(1), 1);
    assert_int_equal(nt_limit_bits(0x7fffffff), 0x7fffffff);
    assert_true(nt_limit_bits(0) != 0 && nt_limit_bits(0) < line);
    assert_true(nt_limit_bits(UINT64_MAX) < line);
    assert_true(nt_limit_bits(line) < line);
    nt_personality.native_line = 0;
}

static void parameters_with_a_limit(void **state)
{
    struct nt_address_requirements asked = {0x10000, 0x7ffffffeffff, 0x20000};
    struct nt_extended_parameter given[9] = {{2, 7}, {1, (uint64_t)&asked}};
    struct nt_limited_parameters limited;

    (void)state;
    nt_personality.native_line = PWK_TRAP_LINE;
    assert_int_equal(nt_limit_parameters(&limited, 0, 0), 1);
    assert_int_equal(limited.parameters[0].type, 1);
    assert_ptr_equal(limited.parameters[0].value, &limited.requirements);
    assert_true(limited.requirements.highest < PWK_TRAP_LINE);
    assert_int_equal(nt_limit_parameters(&limited, (uint64_t)given, 2), 2);
    assert_int_equal(limited.parameters[0].value, 7);
    assert_ptr_equal(limited.parameters[1].value, &limited.requirements);
    assert_int_equal(limited.requirements.lowest, 0x10000);
    assert_int_equal(limited.requirements.alignment, 0x20000);
    assert_true(limited.requirements.highest < PWK_TRAP_LINE);
    asked.highest = 0xffffff; /* stricter than ours */
    assert_int_equal(nt_limit_parameters(&limited, (uint64_t)given, 2), 2);
    assert_int_equal(limited.requirements.highest, 0xffffff);
    asked.highest = 0xfffffe; /* not the last byte of a page */
    assert_int_equal(nt_limit_parameters(&limited, (uint64_t)given, 2), -1);
    asked.highest = 0x7fffffff0fff; /* beyond the last page */
    assert_int_equal(nt_limit_parameters(&limited, (uint64_t)given, 2), -1);
    asked.highest = 0;
    given[0] = given[1]; /* twice */
    assert_int_equal(nt_limit_parameters(&limited, (uint64_t)given, 2), -1);
    assert_int_equal(nt_limit_parameters(&limited, 0, 1), -1);
    assert_int_equal(nt_limit_parameters(&limited, (uint64_t)given, 9), -1);
    nt_personality.native_line = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_and_its_place),  cmocka_unit_test(other_bytes),
        cmocka_unit_test(what_stands_before),      cmocka_unit_test(numbers_of_the_table),
        cmocka_unit_test(there_and_back),          cmocka_unit_test(ranges_at_the_line),
        cmocka_unit_test(parameters_with_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
