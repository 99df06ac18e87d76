/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_windows_numbers.c - the table of Windows' numbers keeps the rules by which Windows makes
 * them and agrees with tables that others made; and translation to the numbers of an ntdll.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/windows_build.h"
#include "nt/services.h"
#include "nt/windows_numbers.h"
#include "wine/number_translation.h"

#define ____ NT_NO_WINDOWS_NUMBER

/* Services in each kernel: numbers are 0 to that less one. */
static const uint16_t counts[NT_WINDOWS_TABLE_COUNT] = {401, 429, 433, 441, 444, 450, 456, 460,
                                                        462, 463, 464, 471, 473, 482, 486, 489};
/* How many services stand before the fixed list of 96. */
static const uint16_t shifts[NT_WINDOWS_TABLE_COUNT] = {0, 1, 2, 3, 3, 3, 3, 3,
                                                        3, 3, 3, 3, 3, 3, 3, 3};

static const struct nt_windows_service *find(const char *name)
{
    for (size_t i = 0; i < nt_windows_service_count; i++)
        if (strcmp(nt_windows_services[i].name, name) == 0)
            return &nt_windows_services[i];
    fail_msg("%s is not in the table", name);
    return NULL;
}

static void numbers_are_in_range_and_single(void **state)
{
    (void)state;
    assert_true(nt_windows_service_count > 240);
    for (int table = 0; table < NT_WINDOWS_TABLE_COUNT; table++) {
        const char *owners[NT_WINDOWS_NUMBER_LIMIT] = {NULL};

        assert_true(counts[table] <= NT_WINDOWS_NUMBER_LIMIT);
        for (size_t i = 0; i < nt_windows_service_count; i++) {
            uint16_t number = nt_windows_services[i].numbers[table];

            if (number == NT_NO_WINDOWS_NUMBER)
                continue;
            assert_true(number < counts[table]);
            if (owners[number])
                fail_msg("%s and %s have the number 0x%x in table %d", owners[number],
                         nt_windows_services[i].name, number, table);
            owners[number] = nt_windows_services[i].name;
        }
    }
}

/* Behind the fixed list numbers follow the names. */
static void order_is_that_of_the_names(void **state)
{
    (void)state;
    for (int table = 0; table < NT_WINDOWS_TABLE_COUNT; table++) {
        int last = -1;

        for (size_t i = 0; i < nt_windows_service_count; i++) {
            const struct nt_windows_service *service = &nt_windows_services[i];
            uint16_t number = service->numbers[table];

            if (i > 0)
                assert_true(strcmp(nt_windows_services[i - 1].name, service->name) < 0);
            if (number == NT_NO_WINDOWS_NUMBER || number < 0x60 + shifts[table])
                continue;
            if (number <= last)
                fail_msg("%s is out of order in table %d", service->name, table);
            last = number;
        }
    }
}

static void the_fixed_list_moves_as_a_whole(void **state)
{
    size_t members = 0;

    (void)state;
    for (size_t i = 0; i < nt_windows_service_count; i++) {
        const struct nt_windows_service *service = &nt_windows_services[i];

        if (service->numbers[0] >= 0x60)
            continue;
        members++;
        for (int table = 0; table < NT_WINDOWS_TABLE_COUNT; table++)
            assert_int_equal(service->numbers[table], service->numbers[0] + shifts[table]);
    }
    assert_true(members > 70);
}

/* What is there in Windows 10 stays, and new services can only push it up: by at most as many as
 * have come. */
static void numbers_go_up_from_windows_10_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < nt_windows_service_count; i++) {
        const struct nt_windows_service *service = &nt_windows_services[i];

        for (int table = 4; table < NT_WINDOWS_TABLE_COUNT; table++) {
            uint16_t before = service->numbers[table - 1], now = service->numbers[table];

            if (before == NT_NO_WINDOWS_NUMBER)
                continue;
            if (now < before || now - before > counts[table] - counts[table - 1] + 1)
                fail_msg("%s goes from 0x%x to 0x%x in table %d", service->name, before, now,
                         table);
        }
    }
}

/* Two neighbours in the file that both stay move together or the second further. */
static void later_names_move_no_less(void **state)
{
    (void)state;
    for (int table = 4; table < NT_WINDOWS_TABLE_COUNT; table++) {
        int moved = 0;

        for (size_t i = 0; i < nt_windows_service_count; i++) {
            uint16_t before = nt_windows_services[i].numbers[table - 1];
            uint16_t now = nt_windows_services[i].numbers[table];

            if (before == NT_NO_WINDOWS_NUMBER || before < 0x63)
                continue;
            /* NtLoadHotPatch went in 1809: one name less. */
            assert_true(now - before >= moved - (table == 9));
            moved = now - before;
        }
    }
}

struct fact {
    const char *name;
    uint16_t numbers[9];
};

/* From DynamoRIO's core/win32/syscallx.h, which was made from the dlls of each release: the 64-bit
 * numbers of 7, 8, 8.1, 1507, 1511, 1607, 1703, 1709 and 1803. */
static const struct fact dynamorio[] = {
    {"NtAllocateVirtualMemoryEx", {____, ____, ____, ____, ____, ____, ____, ____, 0x74}},
    {"NtAlertResumeThread", {0x69, 0x6c, 0x6c, 0x6c, 0x6c, 0x6c, 0x6d, 0x6d, 0x6d}},
    {"NtContinue", {0x40, 0x41, 0x42, 0x43, 0x43, 0x43, 0x43, 0x43, 0x43}},
    {"NtCallbackReturn", {0x02, 0x03, 0x04, 0x05, 0x05, 0x05, 0x05, 0x05, 0x05}},
    {"NtSetContextThread", {0x150, 0x165, 0x168, 0x16f, 0x172, 0x178, 0x17e, 0x181, 0x183}},
    {"NtGetContextThread", {0xca, 0xdd, 0xe0, 0xe3, 0xe4, 0xe6, 0xe9, 0xea, 0xeb}},
    {"NtCreateUserProcess", {0xaa, 0xb5, 0xb7, 0xba, 0xbb, 0xbd, 0xc0, 0xc1, 0xc2}},
    {"NtTerminateProcess", {0x29, 0x2a, 0x2b, 0x2c, 0x2c, 0x2c, 0x2c, 0x2c, 0x2c}},
    {"NtCreateThreadEx", {0xa5, 0xaf, 0xb0, 0xb3, 0xb4, 0xb6, 0xb9, 0xba, 0xbb}},
    {"NtSuspendThread", {0x17b, 0x193, 0x198, 0x1a0, 0x1a3, 0x1a9, 0x1af, 0x1b2, 0x1b4}},
    {"NtAllocateVirtualMemory", {0x15, 0x16, 0x17, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18}},
    {"NtSetInformationVirtualMemory",
     {____, 0x177, 0x17a, 0x182, 0x185, 0x18b, 0x191, 0x194, 0x196}},
    {"NtFlushInstructionCache", {0xc2, 0xd4, 0xd6, 0xd9, 0xda, 0xdc, 0xdf, 0xe0, 0xe1}},
    {"NtClose", {0x0c, 0x0d, 0x0e, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f}},
    {"NtTestAlert", {0x17e, 0x196, 0x19b, 0x1a3, 0x1a6, 0x1ac, 0x1b2, 0x1b6, 0x1b8}},
    {"NtRaiseException", {0x12f, 0x143, 0x146, 0x14c, 0x14f, 0x153, 0x159, 0x15c, 0x15e}},
    {"NtCreateFile", {0x52, 0x53, 0x54, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}},
    {"NtOpenKey", {0x0f, 0x10, 0x11, 0x12, 0x12, 0x12, 0x12, 0x12, 0x12}},
};

static void agrees_with_dynamorio(void **state)
{
    static const int tables[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    for (size_t i = 0; i < sizeof(dynamorio) / sizeof(dynamorio[0]); i++) {
        const struct nt_windows_service *service = find(dynamorio[i].name);

        for (int j = 0; j < 9; j++)
            if (service->numbers[tables[j]] != dynamorio[i].numbers[j])
                fail_msg("%s: table %d has 0x%x, DynamoRIO 0x%x", service->name, tables[j],
                         service->numbers[tables[j]], dynamorio[i].numbers[j]);
    }
}

/* From hfiref0x's SyscallTables, 19044.txt, read from the kernel of an early 21H2: that had no
 * NtQueueApcThreadEx2 yet, so what sorts behind it is one lower there. */
static void agrees_with_hfiref0x(void **state)
{
    static const struct {
        const char *name;
        uint16_t number;
    } facts[] = {
        {"NtAccessCheck", 0},          {"NtAllocateVirtualMemoryEx", 118},
        {"NtCancelIoFileEx", 146},     {"NtCommitTransaction", 153},
        {"NtCompareObjects", 155},     {"NtContinueEx", 161},
        {"NtCreateUserProcess", 201},  {"NtDeleteValueKey", 215},
        {"NtGetNextThread", 249},      {"NtLoadKeyEx", 266},
        {"NtLockRegistryKey", 269},    {"NtMapViewOfSectionEx", 277},
        {"NtOpenKeyTransacted", 290},  {"NtOpenTransaction", 305},
        {"NtQueryLicenseValue", 340},  {"NtQueryOpenSubKeysEx", 344},
        {"NtQueueApcThreadEx", 358},   {"NtWaitForMultipleObjects", 91},
        {"NtRaiseException", 359 + 1}, {"NtRenameKey", 371 + 1},
        {"NtSaveKeyEx", 388 + 1},      {"NtSetInformationToken", 412 + 1},
        {"NtUnloadKeyEx", 458 + 1},    {"NtWaitForAlertByThreadId", 465 + 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        assert_int_equal(find(facts[i].name)->numbers[12], facts[i].number);
}

/* Every build that can be shown has a table, and each table a build. */
static void every_build_has_a_table(void **state)
{
    unsigned used = 0;

    (void)state;
    for (size_t i = 0; i < pwk_windows_build_count; i++) {
        int table = nt_windows_table(pwk_windows_builds[i].build);

        assert_true(table >= 0);
        used |= 1u << table;
    }
    assert_int_equal(used, (1u << NT_WINDOWS_TABLE_COUNT) - 1);
    assert_int_equal(nt_windows_table(7600), -1);
    assert_int_equal(nt_windows_table(18363), nt_windows_table(18362));
    assert_int_equal(nt_windows_table(19045), nt_windows_table(19044));
    assert_int_not_equal(nt_windows_table(19043), nt_windows_table(19044));
    assert_int_equal(nt_windows_table(30000), NT_WINDOWS_TABLE_COUNT - 1);
}

/* A service of ours without a number would be out of a native call's reach for no reason. */
static void services_have_numbers(void **state)
{
    (void)state;
    for (size_t row = 0; row < nt_service_count; row++)
        if (strcmp(nt_services[row].name, "NtGetTickCount") != 0) /* Wine's own */
            find(nt_services[row].name);
}

static uint16_t lacking_number(const char *name)
{
    return strcmp(name, "NtSaveKeyEx") == 0 ? 0x2005 : PWK_NO_SERVICE;
}

static void translation_leads_to_the_ntdll_in_use(void **state)
{
    static struct pwk_stub_numbers stubs = {
        .count = 4,
        .stubs = {{"NtAAA", 7, 0},
                  {"NtClose", 0x1b, 0},
                  {"NtOpenProcess", 0xd0, 0},
                  {"NtZZZ", 8, 0}},
    };
    uint16_t out[NT_WINDOWS_NUMBER_LIMIT];
    size_t served = 0;

    (void)state;
    pwk_number_translation_fill(19045, &stubs, lacking_number, out);
    assert_int_equal(out[0x0f], 0x1b);
    assert_int_equal(out[0x26], 0xd0);
    assert_int_equal(out[0x185], 0x2005);
    for (size_t i = 0; i < NT_WINDOWS_NUMBER_LIMIT; i++)
        served += out[i] != PWK_NO_SERVICE;
    assert_int_equal(served, 3);
    pwk_number_translation_fill(7601, &stubs, NULL, out);
    assert_int_equal(out[0x0c], 0x1b);
    assert_int_equal(out[0x23], 0xd0);
    assert_int_equal(out[0x0f], PWK_NO_SERVICE);
    assert_int_equal(out[0x14a], PWK_NO_SERVICE);
    pwk_number_translation_fill(6002, &stubs, lacking_number, out);
    for (size_t i = 0; i < NT_WINDOWS_NUMBER_LIMIT; i++)
        assert_int_equal(out[i], PWK_NO_SERVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_in_range_and_single),
        cmocka_unit_test(order_is_that_of_the_names),
        cmocka_unit_test(the_fixed_list_moves_as_a_whole),
        cmocka_unit_test(numbers_go_up_from_windows_10_on),
        cmocka_unit_test(later_names_move_no_less),
        cmocka_unit_test(agrees_with_dynamorio),
        cmocka_unit_test(agrees_with_hfiref0x),
        cmocka_unit_test(every_build_has_a_table),
        cmocka_unit_test(services_have_numbers),
        cmocka_unit_test(translation_leads_to_the_ntdll_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
