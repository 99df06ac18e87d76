/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_image_exports.c - the exports added to Wine's own DLLs, on the DLLs of the Wine that is
 * installed, laid out in memory as its loader does: every old name still leads where it led, and
 * the new ones to pwk.dll. And thousands of damaged images, each ending at memory that cannot be
 * touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "nt/personality.h"
#include "wine/image_exports.h"

#define PAGE 4096u

/* ---- Wine's memory services ---- */

static struct {
    unsigned char *at;
    size_t size;
    unsigned refused; /* how many more places are taken already */
    unsigned made;
} given;

/* The list's end is the end of what can be touched. */
static ntstatus allocate(const uint64_t *arguments)
{
    uint64_t *place = (uint64_t *)arguments[1];
    size_t size = *(uint64_t *)arguments[3], whole = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
    unsigned char *at;

    if (given.refused) {
        given.refused--;
        return STATUS_INVALID_PARAMETER;
    }
    at = mmap((void *)*place, whole + PAGE, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == MAP_FAILED)
        return STATUS_INVALID_PARAMETER;
    mprotect(at + whole, PAGE, PROT_NONE);
    given.at = at;
    given.size = whole + PAGE;
    given.made++;
    *place = (uint64_t)(at + (whole - size) / 16 * 16);
    return STATUS_SUCCESS;
}

static ntstatus call(const char *name, const uint64_t *arguments, size_t count)
{
    if (!strcmp(name, "NtAllocateVirtualMemory")) {
        assert_int_equal(count, 6);
        return allocate(arguments);
    }
    assert_string_equal(name, "NtProtectVirtualMemory");
    *(uint32_t *)arguments[4] = 2;
    return STATUS_SUCCESS;
}

/* ---- an image in memory ---- */

struct image {
    unsigned char *base;
    size_t size;
};

static uint32_t word(const unsigned char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static unsigned char *read_dll(const char *name, size_t *size)
{
    char path[512];
    struct stat status;
    unsigned char *file;
    int fd;

    snprintf(path, sizeof path, "%s/x86_64-windows/%s", PWK_WINE_LIBDIR, name);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    file = malloc((size_t)status.st_size);
    assert_true(file && read(fd, file, (size_t)status.st_size) == status.st_size);
    close(fd);
    *size = (size_t)status.st_size;
    return file;
}

/* "PE Format": headers and sections at their places, with a page behind that is not there. */
static struct image lay_out(const char *name)
{
    size_t file_size;
    unsigned char *file = read_dll(name, &file_size), *pe = file + word(file + 0x3c);
    struct image image = {.size = word(pe + 80)};
    unsigned count = word(pe + 6) & 0xffff;
    unsigned char *section = pe + 24 + (word(pe + 20) & 0xffff);

    /* Far from everything else (the heaps of the sanitizers too), so that there is room behind. */
    image.base = mmap((void *)0x300000000000, image.size + PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_true(image.base != MAP_FAILED);
    mprotect(image.base + image.size, PAGE, PROT_NONE);
    memcpy(image.base, file, word(pe + 84));
    for (unsigned i = 0; i < count; i++, section += 40)
        memcpy(image.base + word(section + 12), file + word(section + 20), word(section + 16));
    free(file);
    return image;
}

static void remove_image(const struct image *image)
{
    munmap(image->base, image->size + PAGE);
    if (given.at)
        munmap(given.at, given.size);
    given.at = NULL;
}

/* ---- a list of exports, as a loader reads it ---- */

static const unsigned char *list_of(const struct image *image, uint32_t *rva, uint32_t *size)
{
    const unsigned char *entry = image->base + word(image->base + 0x3c) + 136;

    *rva = word(entry);
    *size = word(entry + 4);
    return image->base + *rva;
}

static const char *name_of(const struct image *image, uint32_t i)
{
    uint32_t rva, size;
    const unsigned char *list = list_of(image, &rva, &size);

    return (const char *)image->base + word(image->base + word(list + 32) + 4 * i);
}

static uint32_t count_names(const struct image *image)
{
    uint32_t rva, size;

    return word(list_of(image, &rva, &size) + 24);
}

/* The address within the image, or the forwarder; what `ordinal` (without the base) leads to. */
static const char *target_of(const struct image *image, uint32_t ordinal, uint32_t *function)
{
    uint32_t rva, size;
    const unsigned char *list = list_of(image, &rva, &size);

    assert_true(ordinal < word(list + 20));
    *function = word(image->base + word(list + 28) + 4 * ordinal);
    return *function >= rva && *function < rva + size ? (const char *)image->base + *function
                                                      : NULL;
}

static uint32_t ordinal_of(const struct image *image, uint32_t i)
{
    uint32_t rva, size;
    const unsigned char *list = list_of(image, &rva, &size);

    return word(image->base + word(list + 36) + 2 * i) & 0xffff;
}

/* By a binary search, as loaders do; false where there is no such name. */
static bool find(const struct image *image, const char *name, uint32_t *index)
{
    uint32_t from = 0, to = count_names(image);

    while (from < to) {
        uint32_t middle = (from + to) / 2;
        int order = strcmp(name, name_of(image, middle));

        if (order == 0) {
            *index = middle;
            return true;
        }
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return false;
}

/* ---- true images ---- */

static void is_extended(const char *dll, const char *const *functions, bool missing_only)
{
    struct image before = lay_out(dll), after;
    unsigned char *copy = malloc(before.size);
    uint32_t names = count_names(&before), index, old_function, new_function, added = 0;

    memcpy(copy, before.base, before.size);
    given.refused = 3;
    pwk_image_exports_add((uint64_t)before.base, before.size);
    after = before;
    before.base = copy;
    for (uint32_t i = 0; functions[i]; i++) {
        char forwarder[96];

        snprintf(forwarder, sizeof forwarder, "pwk.pwk_%s", functions[i]);
        if (find(&before, functions[i], &index) && missing_only)
            continue;
        added += !find(&before, functions[i], &index);
        assert_true(find(&after, functions[i], &index));
        assert_string_equal(target_of(&after, ordinal_of(&after, index), &new_function), forwarder);
    }
    assert_int_equal(count_names(&after), names + added);
    for (uint32_t i = 1; i < names + added; i++)
        assert_true(strcmp(name_of(&after, i - 1), name_of(&after, i)) < 0);
    for (uint32_t i = 0; i < names; i++) {
        const char *old_text = target_of(&before, ordinal_of(&before, i), &old_function), *text;
        bool replaced = false;

        for (uint32_t j = 0; functions[j]; j++)
            replaced |= !missing_only && !strcmp(functions[j], name_of(&before, i));
        assert_true(find(&after, name_of(&before, i), &index));
        assert_int_equal(ordinal_of(&after, index), ordinal_of(&before, i));
        text = target_of(&after, ordinal_of(&after, index), &new_function);
        if (replaced)
            continue;
        assert_int_equal(old_text != NULL, text != NULL);
        if (text)
            assert_string_equal(text, old_text);
        else
            assert_int_equal(new_function, old_function);
    }
    remove_image(&after);
    free(copy);
}

static void wines_dlls_are_extended(void **state)
{
    static const char *const advapi32[] = {
        "RegCreateKeyTransactedA", "RegCreateKeyTransactedW", "RegDeleteKeyTransactedA",
        "RegDeleteKeyTransactedW", "RegLoadAppKeyA",          "RegLoadAppKeyW",
        "RegOpenKeyTransactedA",   "RegOpenKeyTransactedW",   NULL};
    static const char *const kernelbase[] = {"RegLoadAppKeyA", "RegLoadAppKeyW", NULL};
    static const char *const ktmw32[] = {
        "CommitTransaction",   "CommitTransactionAsync",    "CreateTransaction",
        "GetTransactionId",    "GetTransactionInformation", "OpenTransaction",
        "RollbackTransaction", "RollbackTransactionAsync",  NULL};

    static const char *const ntdll[] = {"NtCommitTransaction",
                                        "NtCompactKeys",
                                        "NtCompressKey",
                                        "NtCreateTransaction",
                                        "NtLockRegistryKey",
                                        "NtOpenTransaction",
                                        "NtQueryInformationTransaction",
                                        "NtQueryOpenSubKeys",
                                        "NtQueryOpenSubKeysEx",
                                        "NtRollbackTransaction",
                                        "NtSaveKeyEx",
                                        "NtSaveMergedKeys",
                                        "NtUnloadKey2",
                                        "NtUnloadKeyEx",
                                        NULL};

    (void)state;
    is_extended("advapi32.dll", advapi32, false);
    is_extended("kernelbase.dll", kernelbase, false);
    is_extended("ktmw32.dll", ktmw32, false);
    is_extended("ntdll.dll", ntdll, true);
}

static void is_left_alone(struct image *image)
{
    unsigned char *copy = malloc(image->size);
    unsigned made = given.made;

    memcpy(copy, image->base, image->size);
    pwk_image_exports_add((uint64_t)image->base, image->size);
    assert_memory_equal(copy, image->base, image->size);
    assert_int_equal(given.made, made);
    free(copy);
}

static void others_are_left_alone(void **state)
{
    struct image image = lay_out("version.dll");
    unsigned char *list;
    uint32_t rva, size;

    (void)state;
    is_left_alone(&image);
    remove_image(&image);
    /* By the same name, but not Wine's own: a native DLL that was put beside the program. */
    image = lay_out("ktmw32.dll");
    image.base[0x40] ^= 1;
    is_left_alone(&image);
    image.base[0x40] ^= 1;
    /* A list that says more than there is. */
    list = (unsigned char *)(uintptr_t)list_of(&image, &rva, &size);
    list[22] = 0xff;
    is_left_alone(&image);
    /* What cannot be read at all. */
    mprotect(image.base, image.size, PROT_NONE);
    pwk_image_exports_add((uint64_t)image.base, image.size);
    remove_image(&image);
}

/* Loaded again where it was: the list that was made is used again. */
static void a_second_time_costs_no_memory(void **state)
{
    struct image image = lay_out("ktmw32.dll");
    uint32_t rva, size, again, index;

    (void)state;
    pwk_image_exports_add((uint64_t)image.base, image.size);
    list_of(&image, &rva, &size);
    munmap(image.base, image.size + PAGE);
    image = lay_out("ktmw32.dll");
    given.made = 0;
    pwk_image_exports_add((uint64_t)image.base, image.size);
    list_of(&image, &again, &size);
    assert_int_equal(again, rva);
    assert_int_equal(given.made, 0);
    assert_true(find(&image, "OpenTransaction", &index));
    remove_image(&image);
}

/* ---- damaged images ---- */

static void damage_is_borne(void **state)
{
    struct image image = lay_out("ktmw32.dll");
    unsigned char *copy = malloc(image.size), *list;
    unsigned extended = 0, alone = 0;
    uint32_t rva, size;

    (void)state;
    memcpy(copy, image.base, image.size);
    list = (unsigned char *)(uintptr_t)list_of(&image, &rva, &size);
    srand(1);
    for (int round = 0; round < 20000; round++) {
        unsigned made = given.made;

        for (int i = rand() % 4; i >= 0; i--) {
            unsigned char *at = rand() % 3 ? list + rand() % size : image.base + rand() % 0x200;

            *at = rand() % 2 ? (unsigned char)rand() : (unsigned char)(*at ^ 1 << rand() % 8);
        }
        pwk_image_exports_add((uint64_t)image.base, image.size);
        extended += given.made > made;
        alone += given.made == made;
        if (given.at)
            munmap(given.at, given.size);
        given.at = NULL;
        memcpy(image.base, copy, image.size);
    }
    assert_true(extended > 100 && alone > 100);
    free(copy);
    remove_image(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wines_dlls_are_extended),
        cmocka_unit_test(others_are_left_alone),
        cmocka_unit_test(a_second_time_costs_no_memory),
        cmocka_unit_test(damage_is_borne),
    };

    nt_personality.host.call = call;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
