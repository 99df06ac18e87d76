/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_windows_process_kernel.c - kernels of wpk_create and their registry, natively: with a prefix
 * made by hand, without one, and under a booted kernel.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process_kernel_internal.h"
#include "kernel/state.h"

#define REG_SZ 1
#define REG_BINARY 3
#define REG_DWORD 4

static char folder[64];
static const windows_pk_config_t with_registry = {.windows_version = WIN_VERSION_10,
                                                  .enable_registry = true};

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **context)
{
    char path[128];

    (void)context;
    strcpy(folder, "/tmp/pwk-windows-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    setenv("WINEPREFIX", folder, 1);
    snprintf(path, sizeof(path), "%s/run", folder);
    setenv("XDG_RUNTIME_DIR", path, 1);
    return mkdir(path, 0700);
}

static int tear_down(void **context)
{
    (void)context;
    pk_shutdown();
    return pwk_state_remove(folder, NULL);
}

static void make_prefix(void)
{
    write_file("system.reg", "WINE REGISTRY Version 2\n"
                             ";; All keys relative to \\\\Machine\n\n#arch=win64\n\n"
                             "[Software\\\\Pwk Test] 1700000000\n#time=1da18b5a0c3d2e0\n"
                             "@=\"standard\"\n\"Name\"=\"J\\x00f6rg\"\n\"Number\"=dword:0000002a\n"
                             "\"Bytes\"=hex:01,02,ff\n\n");
    write_file("user.reg", "WINE REGISTRY Version 2\n"
                           ";; All keys relative to \\\\User\\\\S-1-5-21-0-0-0-1000\n\n"
                           "[Console] 1700000000\n\"Size\"=dword:00000007\n\n");
}

static process_kernel_t *new_kernel(void)
{
    process_kernel_t *kernel = wpk_create(&with_registry);

    if (kernel == NULL) {
        fail_msg("wpk_create: %s", strerror(errno));
    }
    return kernel;
}

static int count_folders(void)
{
    char path[128];
    int count = 0;

    snprintf(path, sizeof(path), "%s/run/pwk", folder);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
        count += strncmp(entry->d_name, "api-", 4) == 0;
    }
    if (directory) {
        closedir(directory);
    }
    return count;
}

static void a_configuration_is_checked(void **context)
{
    (void)context;
    windows_pk_config_t config = {.windows_version = WIN_VERSION_11};
    int bad = 4;

    errno = 0;
    assert_null(wpk_create(NULL));
    assert_int_equal(errno, EINVAL);
    process_kernel_t *a = wpk_create(&config);
    process_kernel_t *b = wpk_create(&config);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->type, PK_TYPE_WINDOWS);
    assert_non_null(a->windows_bridge);
    assert_string_not_equal(a->name, b->name);
    memcpy(&config.windows_version, &bad, sizeof(bad));
    errno = 0;
    assert_null(wpk_create(&config));
    assert_int_equal(errno, EINVAL);
}

static void nothing_runs_without_what_was_asked(void **context)
{
    (void)context;
    const windows_pk_config_t configs[] = {
        {.windows_version = WIN_VERSION_10, .max_memory = 2ULL << 30},
        {.windows_version = WIN_VERSION_10, .max_handles = 1},
        {.windows_version = WIN_VERSION_10, .max_threads = 1},
        {.windows_version = WIN_VERSION_10, .enable_drivers = true},
        {.windows_version = WIN_VERSION_10, .enable_services = true},
        {.windows_version = WIN_VERSION_10, .enable_wow64 = true},
    };
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
        process_kernel_t *kernel = wpk_create(&configs[i]);
        assert_non_null(kernel);
        assert_int_equal(pk_attach(kernel, 0), -ENOSYS);
        assert_null(pk_get_current());
        assert_int_equal(wpk_load_driver(kernel, "a.sys"),
                         configs[i].enable_drivers ? -ENOSYS : -ENODEV);
    }
    const windows_pk_config_t plain = {.windows_version = WIN_VERSION_7};
    process_kernel_t *kernel = wpk_create(&plain);
    assert_int_equal(pk_attach(kernel, 0), 0);
    assert_ptr_equal(pk_get_current(), kernel);
}

static void later_rooms_say_so(void **context)
{
    (void)context;
    const windows_pk_config_t config = {.windows_version = WIN_VERSION_10, .enable_drivers = true};
    process_kernel_t *kernel = wpk_create(&config);
    process_kernel_t *generic = pk_create(PK_TYPE_GENERIC, "generic");

    assert_int_equal(wpk_load_driver(NULL, "a.sys"), -EINVAL);
    assert_int_equal(wpk_load_driver(kernel, NULL), -EINVAL);
    assert_int_equal(wpk_load_driver(kernel, ""), -EINVAL);
    assert_int_equal(wpk_load_driver(generic, "a.sys"), -ENODEV);
    assert_int_equal(wpk_windows_api_call(kernel, "CreateFileW", NULL, NULL), -ENOSYS);
    assert_int_equal(wpk_windows_api_call(kernel, "", NULL, NULL), -EINVAL);
    assert_int_equal(wpk_windows_api_call(kernel, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(wpk_windows_api_call(NULL, "a", NULL, NULL), -EINVAL);
}

static void the_prefix_is_copied(void **context)
{
    (void)context;
    unsigned char data[64];
    size_t size = sizeof(data);
    uint32_t type = 0;

    make_prefix();
    process_kernel_t *kernel = new_kernel();
    assert_int_equal(
        wpk_registry_get_typed(kernel, "HKLM\\Software\\Pwk Test", "Name", &type, data, &size), 0);
    assert_int_equal(type, REG_SZ);
    assert_int_equal(size, 10);
    assert_memory_equal(data, "J\0\xf6\0r\0g\0\0", 10);

    static const char *const spellings[] = {
        "HKLM\\Software\\Pwk Test", "hkey_local_machine\\SOFTWARE\\pwk test\\",
        "\\Registry\\Machine\\Software\\\\Pwk Test", "\\REGISTRY\\MACHINE\\software\\Pwk Test"};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        size = sizeof(data);
        assert_int_equal(wpk_registry_get(kernel, spellings[i], "nUMBER", data, &size), 0);
        assert_int_equal(size, 4);
        assert_memory_equal(data, "\x2a\0\0", 4);
    }
    size = sizeof(data);
    assert_int_equal(wpk_registry_get(kernel, spellings[0], NULL, data, &size), 0);
    assert_int_equal(size, 18);
    size = sizeof(data);
    assert_int_equal(wpk_registry_get(kernel, spellings[0], "", data, &size), 0);
    assert_int_equal(size, 18);
    size = sizeof(data);
    assert_int_equal(wpk_registry_get_typed(kernel, "HKCU\\Console", "Size", &type, data, &size),
                     0);
    assert_int_equal(type, REG_DWORD);
    size = sizeof(data);
    assert_int_equal(
        wpk_registry_get(kernel, "HKEY_USERS\\S-1-5-21-0-0-0-1000\\Console", "Size", data, &size),
        0);
}

static void sizes_are_told(void **context)
{
    (void)context;
    unsigned char data[4] = {9, 9, 9, 9};
    size_t size = 2;

    make_prefix();
    process_kernel_t *kernel = new_kernel();
    const char *key = "HKLM\\Software\\Pwk Test";
    assert_int_equal(wpk_registry_get(kernel, key, "Bytes", data, &size), -ERANGE);
    assert_int_equal(size, 3);
    assert_int_equal(data[2], 9);
    size = 0;
    assert_int_equal(wpk_registry_get(kernel, key, "Bytes", NULL, &size), 0);
    assert_int_equal(size, 3);
    assert_int_equal(wpk_registry_get(kernel, key, "Bytes", data, &size), 0);
    assert_memory_equal(data, "\1\2\xff\x9", 4);
    assert_int_equal(wpk_registry_get(kernel, key, "Bytes", data, NULL), -EINVAL);
}

static void what_is_not_there_is_not_found(void **context)
{
    (void)context;
    unsigned char data[4];
    size_t size = 77;
    char name[REGISTRY_MAX_VALUE_NAME + 2];
    static const char *const bad[] = {
        NULL, "", "Software", "HKXX\\a", "HKLMx\\a", "\\Registryx", "HKLM/Software", "HKLM\\\xff"};

    make_prefix();
    process_kernel_t *kernel = new_kernel();
    assert_int_equal(wpk_registry_get(kernel, "HKLM\\Software\\Pwk Test", "No", data, &size),
                     -ENOENT);
    assert_int_equal(wpk_registry_get(kernel, "HKLM\\Software\\No", "Name", data, &size), -ENOENT);
    assert_int_equal(wpk_registry_get(kernel, "HKLM\\No\\No\\No", "Name", data, &size), -ENOENT);
    assert_int_equal(size, 77);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(wpk_registry_get(kernel, bad[i], "Name", data, &size), -EINVAL);
        assert_int_equal(wpk_registry_set(kernel, bad[i], "Name", data, 1), -EINVAL);
    }
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(wpk_registry_get(kernel, "HKLM", name, data, &size), -EINVAL);
    assert_int_equal(wpk_registry_get(NULL, "HKLM", "a", data, &size), -EINVAL);

    process_kernel_t *none = pk_create(PK_TYPE_WINDOWS, "none");
    assert_int_equal(wpk_registry_get(none, "HKLM", "a", data, &size), -ENODEV);
    assert_int_equal(wpk_registry_set(none, "HKLM", "a", data, 1), -ENODEV);
}

static void values_are_set_and_keep_their_type(void **context)
{
    (void)context;
    unsigned char data[8];
    size_t size = sizeof(data);
    uint32_t type = 0;
    const char *key = "HKCU\\Software\\A\\B\\C \xf0\x9f\x8e\xb2";

    make_prefix();
    process_kernel_t *kernel = new_kernel();
    assert_int_equal(wpk_registry_set(kernel, key, "New", "abc", 3), 0);
    assert_int_equal(wpk_registry_get_typed(kernel, key, "new", &type, data, &size), 0);
    assert_int_equal(type, REG_BINARY);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "abc", 3);

    const char *old = "HKLM\\Software\\Pwk Test";
    assert_int_equal(wpk_registry_set(kernel, old, "Number", "\7\0\0\0", 4), 0);
    size = sizeof(data);
    assert_int_equal(wpk_registry_get_typed(kernel, old, "Number", &type, data, &size), 0);
    assert_int_equal(type, REG_DWORD);
    assert_int_equal(data[0], 7);
    assert_int_equal(wpk_registry_set_typed(kernel, old, "Number", REG_SZ, "x\0\0", 4), 0);
    size = sizeof(data);
    assert_int_equal(wpk_registry_get_typed(kernel, old, "Number", &type, data, &size), 0);
    assert_int_equal(type, REG_SZ);
    assert_int_equal(wpk_registry_set(kernel, old, "Empty", NULL, 0), 0);
    size = sizeof(data);
    assert_int_equal(wpk_registry_get(kernel, old, "Empty", data, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(wpk_registry_set(kernel, old, "a", NULL, 1), -EINVAL);
    assert_int_equal(wpk_registry_set(kernel, old, "a", data, REGISTRY_MAX_VALUE_SIZE + 1ul),
                     -EINVAL);

    /* Every kernel has a registry of its own. */
    process_kernel_t *other = new_kernel();
    size = sizeof(data);
    assert_int_equal(wpk_registry_get(other, key, "New", data, &size), -ENOENT);
}

static void without_a_prefix_the_registry_is_empty(void **context)
{
    (void)context;
    unsigned char data[4];
    size_t size = sizeof(data);
    char missing[128];

    snprintf(missing, sizeof(missing), "%s/nowhere", folder);
    setenv("WINEPREFIX", missing, 1);
    process_kernel_t *kernel = new_kernel();
    assert_int_equal(wpk_registry_get(kernel, "HKLM", "a", data, &size), -ENOENT);
    assert_int_equal(wpk_registry_set(kernel, "HKCU\\Software", "a", "1", 1), 0);
    assert_int_equal(wpk_registry_get(kernel, "HKCU\\Software", "a", data, &size), 0);
    assert_int_equal(access(missing, F_OK), -1);
}

static void a_damaged_prefix_is_an_error(void **context)
{
    (void)context;
    char path[128];

    make_prefix();
    write_file("user.reg", "WINE REGISTRY Version 2\n;; All keys relative to \\\\User\\\\X\n\n"
                           "[Console] 1\n\"Size\"=\"never end");
    errno = 0;
    assert_null(wpk_create(&with_registry));
    assert_int_not_equal(errno, 0);
    assert_int_equal(count_folders(), 0);

    snprintf(path, sizeof(path), "%s/user.reg", folder);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(wpk_create(&with_registry));
    assert_int_equal(errno, EINVAL);
    unlink(path);
    assert_non_null(wpk_create(&with_registry));
}

/* A child that makes a kernel and ends in the way `end` says. */
static void make_kernel_in_a_child(void (*end)(void))
{
    pid_t child = fork();

    if (child == 0) {
        process_kernel_t *kernel = wpk_create(&with_registry);
        if (kernel != NULL && wpk_registry_set(kernel, "HKLM\\A", "a", "1", 1) == 0) {
            end();
        }
        _exit(9);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void end_by_kill(void)
{
    kill(getpid(), SIGKILL);
}

static void end_by_exit(void)
{
    exit(0);
}

static void no_folder_stays_behind(void **context)
{
    (void)context;
    make_prefix();
    process_kernel_t *kernel = new_kernel();
    assert_int_equal(count_folders(), 1);
    pk_destroy(kernel);
    assert_int_equal(count_folders(), 0);

    make_kernel_in_a_child(end_by_exit);
    assert_int_equal(count_folders(), 0);

    kernel = new_kernel();
    make_kernel_in_a_child(end_by_kill);
    make_kernel_in_a_child(end_by_exit);
    assert_int_equal(count_folders(), 1); /* the second child has swept what the first one left */
    make_kernel_in_a_child(end_by_kill);
    assert_int_equal(count_folders(), 2);
    process_kernel_t *second = new_kernel();
    assert_int_equal(count_folders(), 2);
    pk_destroy(second);
    assert_int_equal(count_folders(), 1);
    assert_int_equal(wpk_registry_set(kernel, "HKLM\\A", "a", "1", 1), 0);
}

static void *set_and_get(void *context)
{
    process_kernel_t *kernel = context;
    char name[16];
    int number;

    snprintf(name, sizeof(name), "%lx", (unsigned long)pthread_self() & 0xffffffff);
    for (int i = 0; i < 50; i++) {
        size_t size = sizeof(number);
        int result = wpk_registry_set(kernel, "HKLM\\Software\\Threads", name, &i, sizeof(i));
        if (result == 0) {
            result = wpk_registry_get(kernel, "HKLM\\Software\\Threads", name, &number, &size);
        }
        if (result == -EINVAL) {
            return NULL; /* destroyed meanwhile */
        }
        if (result != 0 || number != i) {
            return context;
        }
    }
    return NULL;
}

static void destruction_waits_for_calls_under_way(void **context)
{
    (void)context;
    make_prefix();
    for (int round = 0; round < 5; round++) {
        process_kernel_t *kernel = new_kernel();
        pthread_t threads[4];
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, set_and_get, kernel), 0);
        }
        pk_destroy(kernel);
        for (size_t i = 0; i < 4; i++) {
            void *failed;
            pthread_join(threads[i], &failed);
            assert_null(failed);
        }
        assert_int_equal(count_folders(), 0);
    }
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("line %d: %s\n", __LINE__, #condition);                                    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void boot(registry_t *registry)
{
    struct pwk_booted_kernel booted = {
        .name = "games", .registry = registry, .windows = PWK_WINDOWS_10};
    pwk_set_booted_kernel(&booted);
}

static void under_a_kernel_with_a_registry(void)
{
    registry_t *registry;
    struct registry_options options = {.create = true};
    struct registry_error error;
    windows_pk_config_t config = with_registry;
    unsigned char data[4];
    size_t size = sizeof(data);

    CHECK(registry_open(folder, &options, &registry, &error) == 0);
    process_kernel_t *before = wpk_create(&with_registry);
    boot(registry);
    process_kernel_t *stand_in = pk_get_current();
    CHECK(wpk_registry_set(stand_in, "HKLM\\Software\\Pwk", "a", "1", 1) == 0);
    process_kernel_t *kernel = wpk_create(&with_registry);
    CHECK(wpk_registry_get(kernel, "HKLM\\Software\\Pwk", "a", data, &size) == 0);
    CHECK(size == 1 && data[0] == '1');
    CHECK(pk_attach(kernel, 0) == 0);
    pk_destroy(kernel);
    CHECK(wpk_registry_get(stand_in, "HKLM\\Software\\Pwk", "a", data, &size) == 0);

    CHECK(before != NULL && pk_attach(before, 0) == -EBUSY); /* its registry is another one */
    config.windows_version = WIN_VERSION_7;
    CHECK(pk_attach(wpk_create(&config), 0) == -EBUSY);
    config.enable_registry = false;
    CHECK(pk_attach(wpk_create(&config), 0) == -EBUSY);
    config.windows_version = WIN_VERSION_10;
    CHECK(pk_attach(wpk_create(&config), 0) == 0);
    pk_shutdown();
    registry_close(registry);
}

static void under_a_kernel_without_a_registry(void)
{
    size_t size = 0;

    boot(NULL);
    errno = 0;
    CHECK(wpk_create(&with_registry) == NULL && errno == ENODEV);
    CHECK(wpk_registry_get(pk_get_current(), "HKLM", "a", NULL, &size) == -ENODEV);
}

static void in_a_child(void (*test)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        test();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_booted_kernel_lends_its_registry(void **context)
{
    (void)context;
    in_a_child(under_a_kernel_with_a_registry);
    in_a_child(under_a_kernel_without_a_registry);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_configuration_is_checked),
        TEST(nothing_runs_without_what_was_asked),
        TEST(later_rooms_say_so),
        TEST(the_prefix_is_copied),
        TEST(sizes_are_told),
        TEST(what_is_not_there_is_not_found),
        TEST(values_are_set_and_keep_their_type),
        TEST(without_a_prefix_the_registry_is_empty),
        TEST(a_damaged_prefix_is_an_error),
        TEST(no_folder_stays_behind),
        TEST(destruction_waits_for_calls_under_way),
        TEST(a_booted_kernel_lends_its_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
