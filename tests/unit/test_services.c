/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_services.c - the list of services beside the Wine that is installed, and the reader of its
 * service numbers: on the true ntdll.dll, and on thousands of damaged ones.
 */
#include <dlfcn.h>
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

#include "nt/services.h"
#include "wine/stub_numbers.h"

static const char ntdll_dll[] = PWK_WINE_LIBDIR "/x86_64-windows/ntdll.dll";
static const char ntdll_so[] = PWK_WINE_LIBDIR "/x86_64-unix/ntdll.so";

static struct pwk_stub_numbers stubs;

static int read_stubs(void **state)
{
    struct pwk_error error = {""};
    int code = pwk_stub_numbers_read(ntdll_dll, &stubs, &error);

    (void)state;
    if (code)
        fprintf(stderr, "%d: %s\n", code, error.text);
    return code;
}

static const struct nt_service *find_service(const char *name)
{
    for (size_t i = 0; i < nt_service_count; i++)
        if (strcmp(nt_services[i].name, name) == 0)
            return &nt_services[i];
    return NULL;
}

/* ---- the list ---- */

static void names_are_listed_once(void **state)
{
    (void)state;
    assert_true(nt_service_count > nt_served_count);
    for (size_t i = 0; i < nt_service_count; i++) {
        assert_memory_equal(nt_services[i].name, "Nt", 2);
        if (find_service(nt_services[i].name) != &nt_services[i])
            fail_msg("%s is listed twice", nt_services[i].name);
    }
}

static void rows_say_who_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < nt_service_count; i++) {
        const struct nt_service *service = &nt_services[i];

        assert_true(service->family && service->family[0]);
        if (i < nt_served_count) {
            assert_non_null(service->handler);
            assert_null(service->reason);
            assert_in_range(service->arguments, 1, NT_MAX_ARGUMENTS);
            assert_true(nt_row(service->handler) <= i);
            assert_true(nt_services[nt_row(service->handler)].handler == service->handler);
        } else {
            assert_null(service->handler);
            assert_true(service->reason && service->reason[0]);
        }
    }
}

/* ---- the installed Wine ---- */

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void numbers_are_unique(void **state)
{
    static uint32_t numbers[PWK_MAX_STUBS];

    (void)state;
    assert_in_range(stubs.count, 200, PWK_MAX_STUBS - 1);
    for (size_t i = 0; i < stubs.count; i++)
        numbers[i] = stubs.stubs[i].number;
    qsort(numbers, stubs.count, sizeof(numbers[0]), compare_numbers);
    for (size_t i = 1; i < stubs.count; i++)
        assert_true(numbers[i] != numbers[i - 1]);
}

static void stubs_are_found_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < stubs.count; i++) {
        if (i)
            assert_true(strcmp(stubs.stubs[i - 1].name, stubs.stubs[i].name) < 0);
        assert_ptr_equal(pwk_stub_find(&stubs, stubs.stubs[i].name), &stubs.stubs[i]);
    }
    assert_non_null(pwk_stub_find(&stubs, "NtQueryValueKey"));
    assert_null(pwk_stub_find(&stubs, ""));
    assert_null(pwk_stub_find(&stubs, "NtNoSuchService"));
    assert_null(pwk_stub_find(&stubs, "NtCurrentTeb"));
    assert_null(pwk_stub_find(&stubs, "Zz"));
}

/* A service that Wine has and we do not know would be passed on without anyone's decision. */
static void every_service_of_wine_is_listed(void **state)
{
    void *library = dlopen(ntdll_so, RTLD_LAZY | RTLD_LOCAL);
    size_t exported = 0, missing = 0;

    (void)state;
    if (!library)
        fail_msg("%s", dlerror());
    for (size_t i = 0; i < stubs.count; i++) {
        const char *name = stubs.stubs[i].name;

        if (!dlsym(library, name))
            continue;
        exported++;
        if (!find_service(name)) {
            print_error("%s is not in services.def\n", name);
            missing++;
        }
    }
    assert_true(exported > 200);
    assert_int_equal(missing, 0);
    dlclose(library);
}

static void what_is_served_is_a_service_of_wine(void **state)
{
    static const char *const must[] = {"NtOpenKey",     "NtOpenKeyEx",     "NtCreateKey",
                                       "NtClose",       "NtQueryValueKey", "NtSetValueKey",
                                       "NtEnumerateKey"};

    (void)state;
    for (size_t i = 0; i < sizeof(must) / sizeof(must[0]); i++) {
        assert_non_null(find_service(must[i]));
        assert_non_null(find_service(must[i])->handler);
        assert_non_null(pwk_stub_find(&stubs, must[i]));
    }
}

/* Rows that no Wine has a number for are taken over nowhere: they must do no harm. */
static void rows_may_have_no_number(void **state)
{
    static const char *const beyond[] = {"NtCompactKeys",      "NtCompressKey", "NtLockRegistryKey",
                                         "NtQueryOpenSubKeys", "NtSaveKeyEx",   "NtSaveMergedKeys",
                                         "NtUnloadKey2",       "NtUnloadKeyEx"};

    (void)state;
    for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
        assert_non_null(find_service(beyond[i]));
        assert_non_null(find_service(beyond[i])->handler);
        assert_null(pwk_stub_find(&stubs, beyond[i]));
    }
}

/* ---- damaged files ---- */

static int damaged = -1; /* a file in memory */
static char damaged_path[64];
static unsigned char *image;
static size_t image_size;

static int make_damaged(void **state)
{
    struct stat status;
    int fd = open(ntdll_dll, O_RDONLY | O_CLOEXEC);

    (void)state;
    damaged = memfd_create("ntdll.dll", MFD_CLOEXEC);
    snprintf(damaged_path, sizeof(damaged_path), "/proc/self/fd/%d", damaged);
    if (fd < 0 || damaged < 0 || fstat(fd, &status) < 0)
        return -1;
    image_size = (size_t)status.st_size;
    image = malloc(image_size);
    if (!image || read(fd, image, image_size) != (ssize_t)image_size)
        return -1;
    return close(fd);
}

static int close_damaged(void **state)
{
    (void)state;
    free(image);
    return close(damaged);
}

/* Reads the first `size` bytes of the image as a file; says whether stubs were found in it. */
static bool read_damaged(size_t size)
{
    static struct pwk_stub_numbers found;
    struct pwk_error error = {""};
    int code;

    assert_int_equal(ftruncate(damaged, 0), 0);
    assert_int_equal(pwrite(damaged, image, size, 0), size);
    code = pwk_stub_numbers_read(damaged_path, &found, &error);
    if (code) {
        assert_int_equal(code, -EINVAL);
        assert_non_null(strstr(error.text, damaged_path));
        assert_null(strchr(error.text, '\n'));
        return false;
    }
    assert_in_range(found.count, 1, PWK_MAX_STUBS);
    for (size_t i = 0; i < found.count; i++)
        assert_non_null(memchr(found.stubs[i].name, 0, sizeof(found.stubs[i].name)));
    pwk_stub_find(&found, "NtClose");
    return true;
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1103515245u + 12345u;
    return *random >> 4;
}

static void the_whole_file_is_read(void **state)
{
    (void)state;
    assert_true(read_damaged(image_size));
}

static void files_that_were_cut_off(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (size_t size = 0; size < 0x200; size += 3)
        assert_false(read_damaged(size));
    for (int i = 0; i < 300; i++)
        read_damaged(next_random(&random) % image_size);
    assert_false(read_damaged(0x1000));
}

static uint32_t word_at(size_t at)
{
    uint32_t word;

    assert_true(at + sizeof(word) <= image_size);
    memcpy(&word, image + at, sizeof(word));
    return word;
}

/* Where the export directory is in the file. */
static size_t find_exports(size_t header)
{
    uint32_t address = word_at(header + 24 + 112);
    size_t sections = header + 24 + (word_at(header + 20) & 0xffff);

    for (unsigned i = 0; i < (word_at(header + 6) & 0xffff); i++) {
        size_t section = sections + i * 40;
        uint32_t start = word_at(section + 12);

        if (address >= start && address - start < word_at(section + 16))
            return word_at(section + 20) + (address - start);
    }
    fail_msg("%s has no exports", ntdll_dll);
    return 0;
}

/* Bytes of the header, the section table and the export directory changed, few at a time. */
static void files_with_wrong_bytes(void **state)
{
    size_t header = word_at(0x3c);
    const struct {
        size_t start, length;
    } areas[] = {
        {0, 64}, {header, 24 + 240}, {header + 24 + 240, 400}, {find_exports(header), 400}};
    uint32_t random = 2;

    (void)state;
    for (int i = 0; i < 600; i++) {
        size_t at[3];
        unsigned char was[3];

        for (int k = 0; k < 3; k++) {
            uint32_t area = next_random(&random) % 4;

            at[k] = areas[area].start + next_random(&random) % areas[area].length;
            was[k] = image[at[k]];
            image[at[k]] = (unsigned char)next_random(&random);
        }
        read_damaged(image_size);
        for (int k = 3; k-- > 0;)
            image[at[k]] = was[k];
    }
    assert_true(read_damaged(image_size));
}

static void files_of_another_kind(void **state)
{
    struct pwk_error error = {""};
    uint16_t machine = 0x14c;
    uint32_t header;

    (void)state;
    assert_int_equal(pwk_stub_numbers_read("/no/such/ntdll.dll", &stubs, &error), -ENOENT);
    assert_non_null(strstr(error.text, "/no/such/ntdll.dll"));
    assert_int_equal(pwk_stub_numbers_read("/", &stubs, &error), -EINVAL);
    assert_int_equal(pwk_stub_numbers_read(ntdll_so, &stubs, &error), -EINVAL);
    memcpy(&header, image + 0x3c, sizeof(header));
    memcpy(image + header + 4, &machine, sizeof(machine));
    assert_false(read_damaged(image_size));
    machine = 0x8664;
    memcpy(image + header + 4, &machine, sizeof(machine));
}

int main(void)
{
    static const struct CMUnitTest list_tests[] = {
        cmocka_unit_test(names_are_listed_once),
        cmocka_unit_test(rows_say_who_answers),
        cmocka_unit_test(numbers_are_unique),
        cmocka_unit_test(stubs_are_found_by_name),
        cmocka_unit_test(every_service_of_wine_is_listed),
        cmocka_unit_test(what_is_served_is_a_service_of_wine),
        cmocka_unit_test(rows_may_have_no_number),
    };
    static const struct CMUnitTest reader_tests[] = {
        cmocka_unit_test(the_whole_file_is_read),
        cmocka_unit_test(files_that_were_cut_off),
        cmocka_unit_test(files_with_wrong_bytes),
        cmocka_unit_test(files_of_another_kind),
    };

    alarm(300); /* a hang is a failure, not a wait for good */
    return cmocka_run_group_tests(list_tests, read_stubs, NULL) +
           cmocka_run_group_tests(reader_tests, make_damaged, close_damaged);
}
