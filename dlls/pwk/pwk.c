/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pwk.c - pwk.dll: the API of process_kernel.h and windows_process_kernel.h for Windows programs,
 * marshalled to the Unix side. What runs code of the program (callbacks, pk_execute) stays here.
 */
#include "mirror.h"

#include <errno.h>
#include <string.h>
#include <winternl.h>

#include "unix_side.h"

#define MEMORY_WINE_UNIX_FUNCS 1000 /* an information class of Wine's NtQueryVirtualMemory */
#define LINUX_EFAULT 14
#define LINUX_ENODEV 19
#define LINUX_EINVAL 22
#define LINUX_ENOSPC 28

typedef NTSTATUS(WINAPI *query_virtual_memory)(HANDLE, LPCVOID, int, void *, SIZE_T, SIZE_T *);
typedef NTSTATUS(WINAPI *unix_call_dispatcher)(UINT64, unsigned int, void *);

static UINT64 unix_handle;
static unix_call_dispatcher dispatcher;      /* NULL: there is no Unix side that fits */
static DWORD executing = TLS_OUT_OF_INDEXES; /* struct mirror *, by pk_execute */

/* Numbers of Linux, of this C runtime, and of Windows. Where 0 stands, there is no better than
 * EIO. */
static const struct {
    int linux_number;
    int number;
    DWORD code;
} errors[] = {
    {1, EPERM, ERROR_ACCESS_DENIED},
    {2, ENOENT, ERROR_FILE_NOT_FOUND},
    {3, ESRCH, ERROR_NOT_FOUND},
    {10, ECHILD, ERROR_CHILD_MUST_BE_VOLATILE},
    {12, ENOMEM, ERROR_NOT_ENOUGH_MEMORY},
    {13, EACCES, ERROR_ACCESS_DENIED},
    {LINUX_EFAULT, EFAULT, ERROR_NOACCESS},
    {16, EBUSY, ERROR_BUSY},
    {17, EEXIST, ERROR_ALREADY_EXISTS},
    {18, EXDEV, ERROR_NOT_SUPPORTED},
    {LINUX_ENODEV, ENODEV, ERROR_BAD_UNIT},
    {20, ENOTDIR, ERROR_PATH_NOT_FOUND},
    {LINUX_EINVAL, EINVAL, ERROR_INVALID_PARAMETER},
    {LINUX_ENOSPC, ENOSPC, ERROR_DISK_FULL},
    {30, EROFS, ERROR_WRITE_PROTECT},
    {34, ERANGE, ERROR_MORE_DATA},
    {36, ENAMETOOLONG, ERROR_FILENAME_EXCED_RANGE},
    {38, ENOSYS, ERROR_CALL_NOT_IMPLEMENTED},
    {40, ELOOP, ERROR_CANT_RESOLVE_FILENAME},
    {43, EIDRM, ERROR_KEY_DELETED},
    {110, ETIMEDOUT, ERROR_TIMEOUT},
};

/* The answer of the Unix side in this side's numbers. */
static int translate(int32_t result, DWORD *code)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].linux_number == -result) {
            *code = errors[i].code;
            return -errors[i].number;
        }
    }
    *code = ERROR_IO_DEVICE;
    return result < 0 ? -EIO : 0;
}

/* What `result` says when the call never gets to set it. */
static int32_t preset(void)
{
    return dispatcher != NULL ? -LINUX_EFAULT : -LINUX_ENODEV;
}

bool has_unix_side(void)
{
    return dispatcher != NULL;
}

void call_unix(enum pwk_unix_call call, void *params)
{
    if (dispatcher != NULL) {
        dispatcher(unix_handle, call, params);
    }
}

static int answer(int32_t result)
{
    DWORD code;

    return translate(result, &code);
}

static void *fail(int32_t result)
{
    DWORD code;

    errno = -translate(result, &code);
    SetLastError(code);
    return NULL;
}

/* A call that takes the kernel alone. */
static int32_t kernel_call(enum pwk_unix_call call, uint32_t handle)
{
    struct pwk_kernel_params params = {.handle = handle, .result = preset()};

    call_unix(call, &params);
    return params.result;
}

/* ---- process_kernel.h ---- */

int __cdecl pk_init(void)
{
    struct pwk_init_params params = {PWK_UNIX_INTERFACE, preset()};

    call_unix(PWK_UNIX_INIT, &params);
    return answer(params.result);
}

/* Ties the mirror to the kernel that has been made, or gives it up. */
static process_kernel_t *adopt(struct mirror *mirror, uint32_t handle, int32_t result)
{
    if (result != 0) {
        mirror_end(mirror);
        mirror_release(mirror);
        return fail(result);
    }
    mirror->handle = handle;
    mirror_release(mirror);
    return &mirror->public;
}

process_kernel_t *__cdecl pk_create(process_kernel_type_t type, const char *name)
{
    struct pwk_create_params params = {.type = type, .result = preset()};

    if (name == NULL) {
        return fail(-LINUX_EINVAL);
    }
    struct mirror *mirror = mirror_create(type, name, 0);
    if (mirror == NULL) {
        return fail(-LINUX_ENOSPC);
    }
    params.name = address(name);
    params.name_size = strlen(name);
    call_unix(PWK_UNIX_CREATE, &params);
    return adopt(mirror, params.handle, params.result);
}

int __cdecl pk_attach(process_kernel_t *kernel, int pid)
{
    struct mirror *mirror = mirror_hold(kernel);
    int result;

    if (mirror == NULL) {
        return -EINVAL;
    }
    if (pid < 0) {
        result = -EINVAL;
    } else if (pid != 0 && (DWORD)pid != GetCurrentProcessId()) {
        result = -ENOSYS;
    } else {
        result = answer(kernel_call(PWK_UNIX_ATTACH, mirror->handle));
    }
    if (result == 0) {
        mirror->public.pid = (int)GetCurrentProcessId();
        result = native_handlers_start(mirror);
        if (result != 0 && answer(kernel_call(PWK_UNIX_DETACH, mirror->handle)) == 0) {
            mirror->public.pid = 0;
        }
    }
    mirror_release(mirror);
    return result;
}

int __cdecl pk_detach(process_kernel_t *kernel)
{
    struct mirror *mirror = mirror_hold(kernel);

    if (mirror == NULL) {
        return -EINVAL;
    }
    int result = answer(kernel_call(PWK_UNIX_DETACH, mirror->handle));
    if (result == 0) {
        native_handlers_stop(mirror);
        mirror->public.pid = 0;
    }
    mirror_release(mirror);
    return result;
}

/* -EBUSY is the answer for the kernel that the process lives with: it stays. */
static void destroy(struct mirror *mirror)
{
    if (answer(kernel_call(PWK_UNIX_DESTROY, mirror->handle)) != -EBUSY) {
        mirror_end(mirror);
    }
    mirror_release(mirror);
}

void __cdecl pk_destroy(process_kernel_t *kernel)
{
    struct mirror *mirror = mirror_hold(kernel);

    if (mirror != NULL) {
        destroy(mirror);
    }
}

void __cdecl pk_shutdown(void)
{
    for (unsigned i = 0; i < MIRROR_COUNT; i++) {
        struct mirror *mirror = mirror_hold_index(i);
        if (mirror != NULL) {
            destroy(mirror);
        }
    }
}

process_kernel_t *__cdecl pk_get_current(void)
{
    struct pwk_get_current_params params = {.result = preset()};
    struct mirror *mirror = TlsGetValue(executing);

    if (mirror != NULL) {
        return &mirror->public;
    }
    call_unix(PWK_UNIX_GET_CURRENT, &params);
    if (params.result != 0 || params.handle == 0) {
        return NULL;
    }
    /* A new one is for the kernel that the process was started under, seen for the first time. */
    mirror = mirror_create((process_kernel_type_t)params.type, params.name, params.handle);
    if (mirror == NULL) {
        return NULL;
    }
    mirror->public.pid = (int)GetCurrentProcessId();
    mirror_release(mirror);
    return &mirror->public;
}

int __cdecl pk_execute(process_kernel_t *kernel, void(__cdecl *fn)(void *), void *arg)
{
    struct mirror *mirror = fn != NULL ? mirror_hold(kernel) : NULL;
    void *outer = TlsGetValue(executing);

    if (mirror == NULL) {
        return -EINVAL;
    }
    TlsSetValue(executing, mirror);
    fn(arg);
    TlsSetValue(executing, outer);
    mirror_release(mirror);
    return 0;
}

int __cdecl pk_register_syscall(process_kernel_t *kernel, int syscall_nr,
                                int(__cdecl *handler)(int nr, void *args))
{
    struct mirror *mirror = mirror_hold(kernel);

    if (mirror == NULL) {
        return -EINVAL;
    }
    int result = native_handlers_register(mirror, syscall_nr, handler);
    mirror_release(mirror);
    return result;
}

int __cdecl pk_register_allocator(process_kernel_t *kernel, void *(__cdecl *malloc_fn)(UINT64),
                                  void(__cdecl *free_fn)(void *))
{
    struct mirror *mirror = mirror_hold(kernel);

    if (mirror == NULL) {
        return -EINVAL;
    }
    bool valid = (malloc_fn == NULL) == (free_fn == NULL);
    if (valid) {
        bound_callbacks_set_allocator(mirror, malloc_fn, free_fn);
    }
    mirror_release(mirror);
    return valid ? 0 : -EINVAL;
}

int __cdecl pk_register_io(process_kernel_t *kernel, INT64(__cdecl *read_fn)(int, void *, UINT64),
                           INT64(__cdecl *write_fn)(int, const void *, UINT64),
                           int(__cdecl *ioctl_fn)(int, ULONG, void *))
{
    struct mirror *mirror = mirror_hold(kernel);

    if (mirror == NULL) {
        return -EINVAL;
    }
    bound_callbacks_set_io(mirror, read_fn, write_fn, ioctl_fn);
    mirror_release(mirror);
    return 0;
}

static void add_stats(struct mirror *mirror, pk_stats *stats)
{
    struct pwk_get_stats_params params = {.handle = mirror->handle, .result = preset()};
    UINT64 *own = &mirror->public.stats.syscalls_intercepted;

    call_unix(PWK_UNIX_GET_STATS, &params);
    stats->syscalls_intercepted =
        params.syscalls_intercepted + __atomic_load_n(&own[0], __ATOMIC_ACQUIRE);
    stats->memory_allocated = params.memory_allocated + __atomic_load_n(&own[1], __ATOMIC_ACQUIRE);
    stats->io_operations = params.io_operations + __atomic_load_n(&own[2], __ATOMIC_ACQUIRE);
    stats->errors = params.errors + __atomic_load_n(&own[3], __ATOMIC_ACQUIRE);
}

/* Counters only grow: two readings that are equal show one moment. */
void __cdecl pk_get_stats(process_kernel_t *kernel, void *stats_out)
{
    struct mirror *mirror = mirror_hold(kernel);
    pk_stats stats[2] = {0};

    if (mirror != NULL) {
        unsigned tries = 0;
        do {
            add_stats(mirror, &stats[0]);
            add_stats(mirror, &stats[1]);
        } while (memcmp(&stats[0], &stats[1], sizeof(stats[0])) != 0 && ++tries < 32);
        mirror_release(mirror);
    }
    if (stats_out != NULL) {
        memcpy(stats_out, &stats[0], sizeof(stats[0]));
    }
}

/* ---- windows_process_kernel.h ---- */

process_kernel_t *__cdecl wpk_create(const windows_pk_config_t *config)
{
    struct pwk_create_windows_params params = {.result = preset()};

    if (config == NULL) {
        return fail(-LINUX_EINVAL);
    }
    struct mirror *mirror = mirror_create(PK_TYPE_WINDOWS, "", 0);
    if (mirror == NULL) {
        return fail(-LINUX_ENOSPC);
    }
    params.max_memory = config->max_memory;
    params.max_handles = config->max_handles;
    params.max_threads = config->max_threads;
    params.windows_version = config->windows_version;
    params.enable_registry = config->enable_registry != 0;
    params.enable_drivers = config->enable_drivers != 0;
    params.enable_services = config->enable_services != 0;
    params.enable_wow64 = config->enable_wow64 != 0;
    call_unix(PWK_UNIX_CREATE_WINDOWS, &params);
    memcpy(mirror->public.name, params.name, sizeof(params.name));
    return adopt(mirror, params.handle, params.result);
}

static int named_call(enum pwk_unix_call call, process_kernel_t *kernel, const char *name,
                      void *args, void *output)
{
    struct pwk_named_params params = {.result = preset()};
    struct mirror *mirror = name != NULL ? mirror_hold(kernel) : NULL;

    if (mirror == NULL) {
        return -EINVAL;
    }
    params.name = address(name);
    params.name_size = strlen(name);
    params.args = address(args);
    params.output = address(output);
    params.handle = mirror->handle;
    call_unix(call, &params);
    mirror_release(mirror);
    return answer(params.result);
}

int __cdecl wpk_load_driver(process_kernel_t *kernel, const char *driver_path)
{
    return named_call(PWK_UNIX_LOAD_DRIVER, kernel, driver_path, NULL, NULL);
}

int __cdecl wpk_windows_api_call(process_kernel_t *kernel, const char *api_name, void *args,
                                 void *result)
{
    return named_call(PWK_UNIX_API_CALL, kernel, api_name, args, result);
}

static int registry_call(enum pwk_unix_call call, process_kernel_t *kernel, const char *key,
                         const char *value, struct pwk_registry_params *params)
{
    struct mirror *mirror = key != NULL ? mirror_hold(kernel) : NULL;

    if (mirror == NULL) {
        return -EINVAL;
    }
    params->key = address(key);
    params->key_size = strlen(key);
    params->value = address(value);
    params->value_size = value != NULL ? strlen(value) : 0;
    params->handle = mirror->handle;
    params->result = preset();
    call_unix(call, params);
    mirror_release(mirror);
    return answer(params->result);
}

int __cdecl wpk_registry_get_typed(process_kernel_t *kernel, const char *key, const char *value,
                                   unsigned int *type, void *data, UINT64 *size)
{
    struct pwk_registry_params params = {.data = address(data)};

    if (size == NULL) {
        return -EINVAL;
    }
    params.size = data != NULL ? *size : 0;
    int result = registry_call(PWK_UNIX_REGISTRY_GET, kernel, key, value, &params);
    if (result == 0 || result == -ERANGE) {
        *size = params.size;
        if (type != NULL) {
            *type = params.type;
        }
    }
    return result;
}

int __cdecl wpk_registry_get(process_kernel_t *kernel, const char *key, const char *value,
                             void *data, UINT64 *size)
{
    return wpk_registry_get_typed(kernel, key, value, NULL, data, size);
}

int __cdecl wpk_registry_set_typed(process_kernel_t *kernel, const char *key, const char *value,
                                   unsigned int type, const void *data, UINT64 size)
{
    struct pwk_registry_params params = {.data = address(data), .size = size, .type = type};

    return registry_call(PWK_UNIX_REGISTRY_SET, kernel, key, value, &params);
}

int __cdecl wpk_registry_set(process_kernel_t *kernel, const char *key, const char *value,
                             const void *data, UINT64 size)
{
    struct pwk_registry_params params = {.data = address(data), .size = size, .keep_type = 1};

    return registry_call(PWK_UNIX_REGISTRY_SET, kernel, key, value, &params);
}

/* ---- loading ---- */

/* Where Wine gives no Unix side, or one of another version, every function answers -ENODEV. */
static void find_unix_side(HINSTANCE module)
{
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    query_virtual_memory query =
        (query_virtual_memory)(void *)GetProcAddress(ntdll, "NtQueryVirtualMemory");
    unix_call_dispatcher *pointer = (void *)GetProcAddress(ntdll, "__wine_unix_call_dispatcher");

    if (query == NULL || pointer == NULL ||
        query(GetCurrentProcess(), module, MEMORY_WINE_UNIX_FUNCS, &unix_handle,
              sizeof(unix_handle), NULL) != 0) {
        return;
    }
    dispatcher = *pointer;
    if (pk_init() != 0) {
        dispatcher = NULL;
    }
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    switch (reason) {
    case DLL_PROCESS_ATTACH:
        DisableThreadLibraryCalls(module);
        executing = TlsAlloc();
        if (executing == TLS_OUT_OF_INDEXES) {
            return FALSE;
        }
        find_unix_side(module);
        break;
    case DLL_PROCESS_DETACH:
        /* At the end of the process other threads are gone, and may have taken locks of this side
         * with them. */
        kernel_call(PWK_UNIX_SHUTDOWN, 0);
        if (reserved == NULL) {
            TlsFree(executing);
        }
        break;
    }
    return TRUE;
}
