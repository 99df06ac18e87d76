/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_windows_numbers.c - the table of Windows' numbers keeps the rules by which Windows makes
 * them and agrees with tables that others made; and translation to the numbers of an ntdll.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

/* ---- the rule itself ---- */

static const char *const fixed_list[] = {
#define FIXED(name) #name,
#define OTHER(name)
#define SINCE(table, name)
#define FROM_TO(first, last, name)
#include "windows_services.def"
#undef FIXED
#undef OTHER
#undef SINCE
#undef FROM_TO
};

static const struct {
    const char *name;
    int first, last; /* tables */
} others[] = {
#define FIXED(name)
#define OTHER(name) {#name, 0, NT_WINDOWS_TABLE_COUNT - 1},
#define SINCE(table, name) {#name, table, NT_WINDOWS_TABLE_COUNT - 1},
#define FROM_TO(first, last, name) {#name, first, last},
#include "windows_services.def"
#undef FIXED
#undef OTHER
#undef SINCE
#undef FROM_TO
};

struct numbering {
    const char *names[NT_WINDOWS_NUMBER_LIMIT]; /* by number */
    size_t count;
};

static void give_number(struct numbering *numbering, const char *name)
{
    assert_true(numbering->count < NT_WINDOWS_NUMBER_LIMIT);
    numbering->names[numbering->count++] = name;
}

static bool has_number(const struct numbering *numbering, const char *name)
{
    for (size_t i = 0; i < numbering->count; i++)
        if (strcmp(numbering->names[i], name) == 0)
            return true;
    return false;
}

/* What stands before the fixed list: nothing in 7, then one, two and from Windows 10 on three. */
static const char *const leaders[4][3] = {
    {NULL},
    {"NtWorkerFactoryWorkerReady"},
    {"NtWorkerFactoryWorkerReady", "NtAcceptConnectPort"},
    {"NtAccessCheck", "NtWorkerFactoryWorkerReady", "NtAcceptConnectPort"},
};

/* In Windows 10 2004 to 22H2 NtLoadKey3 stands at the end: as the last, and since 21H2 before the
 * last. */
#define TABLE_2004 11
#define TABLE_21H2 12

static void number_services(int table, struct numbering *numbering)
{
    bool at_end = table == TABLE_2004 || table == TABLE_21H2;

    numbering->count = 0;
    for (int i = 0; i < shifts[table]; i++)
        give_number(numbering, leaders[shifts[table]][i]);
    for (size_t i = 0; i < sizeof(fixed_list) / sizeof(fixed_list[0]); i++)
        give_number(numbering, fixed_list[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        bool is_load_key = strcmp(others[i].name, "NtLoadKey3") == 0;

        if (table == TABLE_21H2 && strcmp(others[i].name, "NtWaitLowEventPair") == 0)
            give_number(numbering, "NtLoadKey3");
        if (table >= others[i].first && table <= others[i].last && !(at_end && is_load_key) &&
            !has_number(numbering, others[i].name))
            give_number(numbering, others[i].name);
    }
    if (table == TABLE_2004)
        give_number(numbering, "NtLoadKey3");
}

static void numbers_follow_from_the_rule(void **state)
{
    (void)state;
    for (int table = 0; table < NT_WINDOWS_TABLE_COUNT; table++) {
        struct numbering numbering;
        size_t named = 0, expected = 0;

        number_services(table, &numbering);
        assert_int_equal(numbering.count, counts[table]);
        for (size_t i = 0; i < nt_windows_service_count; i++) {
            const struct nt_windows_service *service = &nt_windows_services[i];
            uint16_t number = service->numbers[table];

            expected += has_number(&numbering, service->name);
            if (number == NT_NO_WINDOWS_NUMBER)
                continue;
            named++;
            if (number >= numbering.count || strcmp(numbering.names[number], service->name) != 0)
                fail_msg("%s has 0x%x in table %d, and not by the rule", service->name, number,
                         table);
        }
        assert_int_equal(named, expected);
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

/* From hfiref0x's SyscallTables, read from kernels of three builds that are each one service off
 * one of ours: an early 19044 (21H2) without NtQueueApcThreadEx2, 22523 (before 11 22H2) without
 * NtCopyFileChunk, and 28120 (after 11 25H2) with NtManageWobTicket. What sorts behind that service
 * is one lower or higher there. */
static const struct neighbour {
    int table;
    const char *service;
    int difference;
} neighbours[3] = {
    {12, "NtQueueApcThreadEx2", -1}, {14, "NtCopyFileChunk", -1}, {15, "NtManageWobTicket", 1}};

static const struct {
    const char *name;
    uint16_t numbers[3];
} hfiref0x[] = {
    {"NtAccessCheck", {0, 0, 0}},
    {"NtAlertThread", {111, 111, 112}},
    {"NtAllocateVirtualMemoryEx", {118, 118, 120}},
    {"NtCancelIoFileEx", {146, 146, 148}},
    {"NtCommitTransaction", {153, 155, 157}},
    {"NtCompareObjects", {155, 157, 159}},
    {"NtCompressKey", {159, 161, 163}},
    {"NtContinueEx", {161, 163, 165}},
    {"NtCreateJobObject", {174, 177, 180}},
    {"NtCreatePagingFile", {182, 185, 188}},
    {"NtCreateSemaphore", {192, 196, 199}},
    {"NtCreateThreadEx", {194, 198, 201}},
    {"NtCreateTransaction", {199, 204, 207}},
    {"NtCreateUserProcess", {201, 206, 209}},
    {"NtDeleteValueKey", {215, 220, 223}},
    {"NtFlushProcessWriteBuffers", {235, 240, 243}},
    {"NtGetContextThread", {243, 248, 251}},
    {"NtGetNextThread", {249, 254, 257}},
    {"NtLoadKeyEx", {266, 272, 275}},
    {"NtLockRegistryKey", {269, 275, 278}},
    {"NtMakeTemporaryObject", {272, 278, 281}},
    {"NtMapViewOfSectionEx", {277, 283, 287}},
    {"NtNotifyChangeKey", {282, 288, 292}},
    {"NtOpenKeyTransacted", {290, 297, 301}},
    {"NtOpenThread", {303, 310, 314}},
    {"NtOpenTransaction", {305, 312, 316}},
    {"NtQueryInformationTransaction", {334, 342, 346}},
    {"NtQueryLicenseValue", {340, 349, 353}},
    {"NtQueryOpenSubKeysEx", {344, 353, 357}},
    {"NtQueryTimerResolution", {355, 364, 368}},
    {"NtQueueApcThreadEx", {358, 367, 371}},
    {"NtRaiseException", {359, 369, 373}},
    {"NtRenameKey", {371, 382, 386}},
    {"NtResumeProcess", {380, 391, 395}},
    {"NtRollbackTransaction", {385, 396, 400}},
    {"NtSaveKeyEx", {388, 399, 403}},
    {"NtSetContextThread", {396, 407, 411}},
    {"NtSetInformationDebugObject", {406, 418, 423}},
    {"NtSetInformationToken", {412, 425, 430}},
    {"NtSetIoCompletionEx", {419, 432, 437}},
    {"NtSetVolumeInformationFile", {435, 448, 453}},
    {"NtSuspendThread", {445, 459, 464}},
    {"NtTerminateJobObject", {448, 462, 467}},
    {"NtUnloadKeyEx", {458, 472, 477}},
    {"NtUnmapViewOfSectionEx", {461, 475, 480}},
    {"NtWaitForAlertByThreadId", {465, 479, 484}},
    {"NtWaitForKeyedEvent", {467, 481, 486}},
};

static void agrees_with_hfiref0x(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hfiref0x) / sizeof(hfiref0x[0]); i++) {
        const struct nt_windows_service *service = find(hfiref0x[i].name);

        for (int j = 0; j < 3; j++) {
            bool behind =
                hfiref0x[i].numbers[j] >= 0x63 && strcmp(service->name, neighbours[j].service) > 0;

            assert_int_equal(hfiref0x[i].numbers[j], service->numbers[neighbours[j].table] +
                                                         (behind ? neighbours[j].difference : 0));
        }
    }
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
        cmocka_unit_test(numbers_go_up_from_windows_10_on),
        cmocka_unit_test(numbers_follow_from_the_rule),
        cmocka_unit_test(agrees_with_dynamorio),
        cmocka_unit_test(agrees_with_hfiref0x),
        cmocka_unit_test(every_build_has_a_table),
        cmocka_unit_test(services_have_numbers),
        cmocka_unit_test(translation_leads_to_the_ntdll_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
