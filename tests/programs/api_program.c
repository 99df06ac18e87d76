/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_program.c - a Windows program that goes through the whole API of pwk.dll and prints
 * "ok N - what" or "not ok N - what" for each check. It tells by itself whether it runs under a
 * kernel (with a registry or without) or under stock Wine, where it switches itself over at the
 * end.
 */
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pwk.h>

#define KEY "HKCU\\Software\\PwkApiProgram"
#define THREADS 4
#define ROUNDS 20000

static int number;
static int failures;

static void check(int good, const char *what)
{
    number++;
    failures += !good;
    printf("%sok %d - %s\n", good ? "" : "not ", number, what);
    fflush(stdout);
}

/* ---- kernels ---- */

static void check_creation(void)
{
    char name[65];
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "first");

    check(pk_init() == 0 && pk_init() == 0, "pk_init, any number of times");
    check(kernel != NULL && strcmp(kernel->name, "first") == 0 && kernel->pid == 0 &&
              kernel->type == PK_TYPE_CUSTOM && kernel->private_data == NULL,
          "pk_create fills in the kernel");
    errno = 0;
    SetLastError(0);
    check(pk_create(PK_TYPE_CUSTOM, "") == NULL && GetLastError() == ERROR_INVALID_PARAMETER,
          "an empty name is refused");
    check(pk_create(PK_TYPE_CUSTOM, NULL) == NULL, "no name is refused");
    memset(name, 'n', 64);
    name[64] = '\0';
    check(pk_create(PK_TYPE_CUSTOM, name) == NULL, "a name of 64 bytes is refused");
    check(pk_create((process_kernel_type_t)9, "a") == NULL, "an unknown type is refused");
    check(pk_detach(kernel) == -ESRCH, "a kernel that is not attached cannot be detached");
    pk_destroy(kernel);
    pk_destroy(NULL);
    check(pk_attach(kernel, 0) == -EINVAL && pk_attach(NULL, 0) == -EINVAL &&
              pk_attach((process_kernel_t *)&name, 0) == -EINVAL,
          "what is no kernel is refused");
}

static void check_capacity(void)
{
    static process_kernel_t *kernels[65];
    int count = 0;
    int own_counts = 1;

    SetLastError(0);
    while (count < 65 && (kernels[count] = pk_create(PK_TYPE_GENERIC, "many")) != NULL) {
        kernels[count]->free_fn(kernels[count]->malloc_fn((size_t)count + 1));
        count++;
    }
    check(count >= 62 && count <= 64 && GetLastError() == ERROR_DISK_FULL,
          "a process has room for 64 kernels");
    while (count > 0) {
        count--;
        own_counts &= kernels[count]->stats.memory_allocated == (UINT64)count + 1;
        pk_destroy(kernels[count]);
    }
    check(own_counts, "each kernel's callbacks count for it");
}

static void check_attachment(process_kernel_t *outside)
{
    process_kernel_t *a = pk_create(PK_TYPE_CUSTOM, "a");
    process_kernel_t *b = pk_create(PK_TYPE_CUSTOM, "b");

    check(pk_attach(a, -1) == -EINVAL, "a negative process id is refused");
    check(pk_attach(a, (int)GetCurrentProcessId() + 4) == -ENOSYS,
          "another process is not in this version");
    check(pk_attach(a, (int)GetCurrentProcessId()) == 0 && a->pid == (int)GetCurrentProcessId(),
          "pk_attach to the own process");
    check(pk_get_current() == a, "the attached kernel is the current one");
    check(pk_attach(b, 0) == -EBUSY, "one kernel is attached at a time");
    check(pk_detach(a) == 0 && a->pid == 0 && pk_get_current() == outside, "pk_detach");
    pk_destroy(a);
    pk_destroy(b);
}

struct visit {
    process_kernel_t *inner;
    process_kernel_t *seen[3];
};

static void __cdecl look(void *context)
{
    struct visit *visit = context;
    visit->seen[1] = pk_get_current();
}

static void __cdecl enter(void *context)
{
    struct visit *visit = context;
    visit->seen[0] = pk_get_current();
    pk_execute(visit->inner, look, visit);
    visit->seen[2] = pk_get_current();
}

static void check_execution(process_kernel_t *outside)
{
    process_kernel_t *outer = pk_create(PK_TYPE_CUSTOM, "outer");
    struct visit visit = {pk_create(PK_TYPE_CUSTOM, "inner"), {NULL, NULL, NULL}};

    check(pk_execute(outer, enter, &visit) == 0 && visit.seen[0] == outer &&
              visit.seen[1] == visit.inner && visit.seen[2] == outer,
          "pk_execute nests");
    check(pk_get_current() == outside, "pk_execute puts back what was current");
    check(pk_execute(outer, NULL, NULL) == -EINVAL, "pk_execute without a function is refused");
    pk_destroy(visit.inner);
    pk_destroy(outer);
}

/* ---- callbacks ---- */

static size_t asked;

static void *__cdecl own_malloc(UINT64 size)
{
    asked = (size_t)size;
    return size == 13 ? NULL : malloc((size_t)size);
}

static INT64 __cdecl own_read(int fd, void *buf, UINT64 count)
{
    memset(buf, 'r', (size_t)count);
    return fd == 77 ? (INT64)count : -1;
}

static INT64 __cdecl own_write(int fd, const void *buf, UINT64 count)
{
    (void)buf;
    return fd + (INT64)count;
}

static int __cdecl own_ioctl(int fd, ULONG request, void *arg)
{
    *(int *)arg = fd;
    return (int)request;
}

static void check_allocator(void)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "memory");

    check(pk_register_allocator(kernel, own_malloc, NULL) == -EINVAL,
          "half an allocator is refused");
    check(pk_register_allocator(kernel, own_malloc, free) == 0, "pk_register_allocator");
    void *memory = kernel->malloc_fn(100);
    check(memory != NULL && asked == 100, "malloc_fn calls the registered allocator");
    kernel->free_fn(memory);
    check(kernel->malloc_fn(13) == NULL && kernel->stats.memory_allocated == 100 &&
              kernel->stats.errors == 1,
          "memory and failures are counted");
    pk_register_allocator(kernel, NULL, NULL);
    asked = 0;
    kernel->free_fn(kernel->malloc_fn(5));
    check(asked == 0 && kernel->stats.memory_allocated == 105, "the default allocator is back");
    pk_destroy(kernel);
}

static void check_io(void)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "io");
    char bytes[4] = "";
    int value = 0;
    pk_stats stats;

    check(kernel->ioctl_fn(0, 1, NULL) == -1, "ioctl_fn has no default");
    check(pk_register_io(kernel, own_read, own_write, own_ioctl) == 0, "pk_register_io");
    check(kernel->read_fn(77, bytes, 2) == 2 && memcmp(bytes, "rr", 3) == 0,
          "read_fn is redirected");
    check(kernel->write_fn(5, bytes, 2) == 7, "write_fn is redirected");
    check(kernel->ioctl_fn(6, 9, &value) == 9 && value == 6, "ioctl_fn is redirected");
    kernel->read_fn(1, bytes, 1);
    pk_get_stats(kernel, &stats);
    check(stats.io_operations == 5 && stats.errors == 2 && stats.memory_allocated == 0 &&
              stats.syscalls_intercepted == 0,
          "I/O and failures are counted");
    pk_destroy(kernel);
}

static DWORD WINAPI use_a_lot(void *context)
{
    process_kernel_t *kernel = context;
    for (int i = 0; i < ROUNDS; i++) {
        kernel->free_fn(kernel->malloc_fn(3));
        kernel->write_fn(1, NULL, 0);
    }
    return 0;
}

static void check_threads(void)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "threads");
    HANDLE threads[THREADS];
    pk_stats stats;

    pk_register_io(kernel, NULL, own_write, NULL);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = CreateThread(NULL, 0, use_a_lot, kernel, 0, NULL);
    }
    WaitForMultipleObjects(THREADS, threads, TRUE, INFINITE);
    pk_get_stats(kernel, &stats);
    check(stats.memory_allocated == 3 * THREADS * ROUNDS && stats.io_operations == THREADS * ROUNDS,
          "counters are exact with many threads");
    pk_destroy(kernel);
}

/* The number, and the arguments' last digits one behind the other. */
static int __cdecl own_call(int nr, void *args)
{
    const UINT64 *arguments = args;
    int sum = 0;

    for (int i = 0; i < 6; i++)
        sum = sum * 10 + (int)(arguments[i] % 10);
    return nr + sum;
}

static void check_system_calls(void)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "calls");

    check(pk_register_syscall(kernel, -1, own_call) == -EINVAL &&
              pk_register_syscall(kernel, 0x4000, own_call) == -EINVAL &&
              pk_register_syscall(kernel, 1, kernel->syscall_intercept) == -EINVAL &&
              pk_register_syscall(kernel, 1, NULL) == -EINVAL,
          "pk_register_syscall checks its arguments");
    check(kernel->syscall_intercept(1, NULL) == -ENOSYS && kernel->stats.syscalls_intercepted == 1,
          "syscall_intercept counts");
    UINT64 arguments[6] = {1, 2, 3, 4, 5, 6};
    check(pk_register_syscall(kernel, 1, own_call) == 0 &&
              kernel->syscall_intercept(1, arguments) == 1 + 123456 &&
              kernel->stats.syscalls_intercepted == 2 && kernel->stats.errors == 1,
          "syscall_intercept runs what is registered");
    pk_destroy(kernel);
}

/* ---- Windows kernels ---- */

static void check_configuration(void)
{
    windows_pk_config_t config = {
        .windows_version = WIN_VERSION_10, .enable_drivers = TRUE, .max_memory = 2ULL << 30};
    process_kernel_t *kernel = wpk_create(&config);

    check(kernel != NULL && kernel->type == PK_TYPE_WINDOWS && kernel->name[0] != '\0',
          "wpk_create");
    check(pk_attach(kernel, 0) == -ENOSYS, "nothing runs without the limits that were asked for");
    check(wpk_load_driver(kernel, "C:\\a.sys") == -ENOSYS, "drivers are not in this version");
    check(wpk_load_driver(kernel, "") == -EINVAL && wpk_load_driver(kernel, NULL) == -EINVAL,
          "wpk_load_driver checks its arguments");
    check(wpk_windows_api_call(kernel, "CreateFileW", NULL, NULL) == -ENOSYS &&
              wpk_windows_api_call(kernel, NULL, NULL, NULL) == -EINVAL,
          "wpk_windows_api_call is not in this version");
    check(wpk_registry_set(kernel, KEY, "a", "1", 1) == -ENODEV,
          "no registry, where none was asked");
    pk_destroy(kernel);
    config.windows_version = 17;
    SetLastError(0);
    check(wpk_create(&config) == NULL && GetLastError() == ERROR_INVALID_PARAMETER,
          "an unknown version is refused");
    check(wpk_create(NULL) == NULL, "no configuration is refused");
}

static void check_reading(process_kernel_t *kernel)
{
    WCHAR text[16] = {0};
    unsigned char data[4] = {9, 9, 9, 9};
    UINT64 size = sizeof(text);
    unsigned int type = 0;

    check(wpk_registry_set_typed(kernel, KEY "\\Caf\xc3\xa9", "text", REG_SZ, L"J\xf6rg", 10) == 0,
          "wpk_registry_set_typed makes key and value");
    check(wpk_registry_get_typed(kernel, KEY "\\CAF\xc3\x89\\", "TEXT", &type, text, &size) == 0 &&
              type == REG_SZ && size == 10 && wcscmp(text, L"J\xf6rg") == 0,
          "wpk_registry_get_typed, without regard to case");
    check(wpk_registry_set(kernel, KEY, "bytes", "\1\2\3", 3) == 0, "wpk_registry_set");
    size = 2;
    check(wpk_registry_get(kernel, KEY, "bytes", data, &size) == -ERANGE && size == 3 &&
              data[2] == 9,
          "a small buffer is told the size");
    size = 0;
    check(wpk_registry_get(kernel, KEY, "bytes", NULL, &size) == 0 && size == 3, "the size alone");
    check(wpk_registry_get_typed(kernel, KEY, "bytes", &type, data, &size) == 0 &&
              memcmp(data, "\1\2\3\x9", 4) == 0 && type == REG_BINARY,
          "wpk_registry_get");
    wpk_registry_set(kernel, KEY "\\Caf\xc3\xa9", "text", L"x", 4);
    size = sizeof(text);
    wpk_registry_get_typed(kernel, KEY "\\Caf\xc3\xa9", "text", &type, text, &size);
    check(type == REG_SZ && size == 4, "an existing value keeps its type");
    check(wpk_registry_set(kernel, KEY, NULL, "d", 1) == 0, "the default value is set");
    size = sizeof(data);
    check(wpk_registry_get(kernel, KEY, "", data, &size) == 0 && size == 1 && data[0] == 'd',
          "the default value is read");
    size = sizeof(text);
    check(wpk_registry_get(kernel, "HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion",
                           "CurrentVersion", text, &size) == 0,
          "what stood in the prefix is there");
}

static void check_registry_errors(process_kernel_t *kernel)
{
    unsigned char data[4];
    UINT64 size = sizeof(data);

    check(wpk_registry_get(kernel, KEY "\\No\\No", "a", data, &size) == -ENOENT &&
              wpk_registry_get(kernel, KEY, "no", data, &size) == -ENOENT,
          "what is missing is not found");
    check(wpk_registry_get(kernel, "Nowhere\\a", "a", data, &size) == -EINVAL &&
              wpk_registry_get(kernel, NULL, "a", data, &size) == -EINVAL &&
              wpk_registry_get(kernel, KEY, "a", data, NULL) == -EINVAL &&
              wpk_registry_set(kernel, KEY, "a", NULL, 1) == -EINVAL &&
              wpk_registry_set(kernel, KEY, "a", data, (64ULL << 20) + 1) == -EINVAL,
          "bad arguments are refused");
    void *hole = VirtualAlloc(NULL, 65536, MEM_RESERVE, PAGE_NOACCESS);
    check(wpk_registry_set(kernel, KEY, "a", hole, 8) == -EFAULT, "unreadable memory is refused");
    size = 8;
    check(wpk_registry_get(kernel, KEY, "bytes", hole, &size) == -EFAULT,
          "unwritable memory is refused");
    check(wpk_registry_get(kernel, KEY, "no", data, &size) == -ENOENT, "and no lock stays behind");
}

/* The program's own road to the registry meets wpk_registry_set's. */
static int sees_the_kernel(void)
{
    unsigned char data[8] = {0};
    DWORD size = sizeof(data);
    DWORD type = 0;
    HKEY key;

    if (RegOpenKeyExA(HKEY_CURRENT_USER, "Software\\PwkApiProgram", 0, KEY_READ, &key) != 0) {
        return 0;
    }
    int result = RegQueryValueExA(key, "bytes", NULL, &type, data, &size) == 0 &&
                 type == REG_BINARY && size == 3 && memcmp(data, "\1\2\3", 3) == 0;
    RegCloseKey(key);
    return result;
}

static UINT64 intercepted(process_kernel_t *kernel)
{
    pk_stats stats;

    pk_get_stats(kernel, &stats);
    return stats.syscalls_intercepted;
}

static int make_calls(process_kernel_t *kernel)
{
    UINT64 before = intercepted(kernel);

    for (int i = 0; i < 100; i++) {
        sees_the_kernel();
    }
    return intercepted(kernel) >= before + 200;
}

/* Under pwk-wine: the kernel that is there lends its registry, and only a configuration that fits
 * it is attached. */
static void check_under_kernel(process_kernel_t *running, int has_registry)
{
    windows_pk_config_t config = {.enable_registry = TRUE};
    int attached = 0;
    int refused = 0;

    check(running->type == PK_TYPE_WINDOWS && running->pid == (int)GetCurrentProcessId(),
          "the running kernel stands for itself");
    check(pk_detach(running) == -EBUSY, "the running kernel cannot be left");
    pk_destroy(running);
    check(pk_get_current() == running, "the running kernel cannot be destroyed");
    if (!has_registry) {
        SetLastError(0);
        check(wpk_create(&config) == NULL && GetLastError() == ERROR_BAD_UNIT,
              "a kernel without a registry lends none");
        return;
    }
    check_reading(running);
    check_registry_errors(running);
    check(sees_the_kernel(), "the program sees what was set");
    check(make_calls(running), "calls of the program are counted");
    for (int version = WIN_VERSION_7; version <= WIN_VERSION_11; version++) {
        memcpy(&config.windows_version, &version, sizeof(version));
        process_kernel_t *kernel = wpk_create(&config);
        UINT64 size = 0;
        int same = wpk_registry_get(kernel, KEY, "bytes", NULL, &size) == 0 && size == 3;
        int result = pk_attach(kernel, 0);
        attached += same && result == 0 && pk_get_current() == kernel;
        refused += same && result == -EBUSY;
        pk_destroy(kernel);
    }
    check(attached + refused == 4 && attached <= 1, "only the version that runs is attached");
    check(pk_get_current() == running, "the running kernel is current again");
}

#define NO_SERVICE 0x3ffe        /* no service's number, nor a Linux call's */
#define NOT_IN_LINUX (-38)       /* ENOSYS */
#define NOT_IN_KERNEL 0xc000001c /* STATUS_INVALID_SYSTEM_SERVICE */

/* A system call of the program's own. */
static LONGLONG call_natively(void)
{
    LONGLONG answer;

    __asm__ volatile("syscall" : "=a"(answer) : "a"(NO_SERVICE) : "rcx", "r11", "memory");
    return answer;
}

static HANDLE older_thread_may_call;

static DWORD CALLBACK call_in_older_thread(void *answer)
{
    WaitForSingleObject(older_thread_may_call, INFINITE);
    CloseHandle(CreateEventA(NULL, FALSE, FALSE, NULL));
    *(LONGLONG *)answer = call_natively();
    return 0;
}

/* Under stock Wine: the registry is private, until the process is switched over for good. */
static void check_under_stock_wine(void)
{
    windows_pk_config_t config = {.windows_version = WIN_VERSION_10, .enable_registry = TRUE};
    process_kernel_t *other = wpk_create(&config);
    process_kernel_t *kernel = wpk_create(&config);
    char product[64] = "";
    DWORD product_size = sizeof(product);
    LONGLONG answer = 0;
    UINT64 size = 0;
    HANDLE older;

    check(kernel != NULL && other != NULL, "wpk_create with a registry");
    if (kernel == NULL || other == NULL) {
        return;
    }
    check_reading(kernel);
    check_registry_errors(kernel);
    check(wpk_registry_get(other, KEY, "bytes", NULL, &size) == -ENOENT,
          "another kernel has another registry");
    check(!sees_the_kernel(), "the program does not see a kernel that is not attached");
    check(call_natively() == NOT_IN_LINUX, "a native call reaches Linux");
    older_thread_may_call = CreateEventA(NULL, TRUE, FALSE, NULL);
    older = CreateThread(NULL, 0, call_in_older_thread, &answer, 0, NULL);
    check(pk_attach(kernel, 0) == 0 && pk_get_current() == kernel,
          "pk_attach switches the process over");
    check(call_natively() == NOT_IN_KERNEL, "a native call does not reach Linux any more");
    SetEvent(older_thread_may_call);
    WaitForSingleObject(older, INFINITE);
    check(answer == NOT_IN_KERNEL, "nor does one of an older thread behind an ordinary call");
    check(sees_the_kernel(), "the program sees what was set");
    RegGetValueA(HKEY_LOCAL_MACHINE, "Software\\Microsoft\\Windows NT\\CurrentVersion",
                 "ProductName", RRF_RT_REG_SZ, NULL, product, &product_size);
    check(strncmp(product, "Windows 10", 10) == 0, "its registry tells the kernel's version");
    check(pk_detach(kernel) == -EBUSY, "this cannot be undone");
    pk_destroy(kernel);
    check(pk_get_current() == kernel, "the kernel stays");
    check(pk_attach(other, 0) == -EBUSY, "there is no second switch");
    pk_destroy(other);
}

int main(void)
{
    process_kernel_t *running = pk_get_current();
    UINT64 size = 0;
    int has_registry =
        running != NULL && wpk_registry_get(running, "HKLM", "", NULL, &size) != -ENODEV;

    printf("# %s\n", running == NULL ? "under stock Wine"
                     : has_registry  ? "under a kernel"
                                     : "under a kernel without a registry");
    check_creation();
    check_capacity();
    check_attachment(running);
    check_execution(running);
    check_allocator();
    check_io();
    check_threads();
    check_system_calls();
    check_configuration();
    if (running != NULL) {
        check_under_kernel(running, has_registry);
    } else {
        check_under_stock_wine();
    }
    pk_shutdown();
    check(pk_create(PK_TYPE_CUSTOM, "after") != NULL, "pk_shutdown can be followed by pk_create");
    printf("1..%d\n", number);
    return failures != 0;
}
