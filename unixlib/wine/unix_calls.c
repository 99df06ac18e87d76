/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unix_calls.c - the Unix side of pwk.dll: what Wine finds in pwk.so as __wine_unix_call_funcs.
 *
 * Nothing of the PE side is trusted: kernels are looked up by handle, lengths are bounded, and
 * memory is touched before anything is held, since Wine leaves a Unix call that faults without
 * unwinding it. From then on signals are blocked, by which Wine suspends and ends threads.
 */
#include "unixlib.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/process_kernel_internal.h"
#include "wine/boot.h"
#include "wine/service_call.h"

#define STATUS_SUCCESS 0
#define STATUS_NOT_IMPLEMENTED ((int32_t)0xc0000002)

#define TEXT_MAX (128u << 10) /* bytes of a name or path: 32,767 UTF-16 units and more */

/* ---- handles ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uint32_t handle; /* 0: free */
    process_kernel_t *kernel;
} handles[PK_POOL_SIZE];
static uint32_t last_handle;

static process_kernel_t *handle_to_kernel(uint32_t handle)
{
    process_kernel_t *kernel = NULL;

    pthread_mutex_lock(&mutex);
    for (size_t i = 0; handle != 0 && i < PK_POOL_SIZE; i++) {
        if (handles[i].handle == handle) {
            kernel = handles[i].kernel;
        }
    }
    pthread_mutex_unlock(&mutex);
    return kernel;
}

/* The kernel's handle, which it gets here the first time. There is a place for each kernel. A
 * `fresh` kernel has none yet: what is found was its predecessor's in the same memory. */
static uint32_t kernel_to_handle(process_kernel_t *kernel, bool fresh)
{
    uint32_t handle = 0;
    size_t place = PK_POOL_SIZE;

    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < PK_POOL_SIZE; i++) {
        if (handles[i].handle != 0 && handles[i].kernel == kernel) {
            handle = fresh ? 0 : handles[i].handle;
            place = i;
            break;
        }
        place = handles[i].handle == 0 ? i : place;
    }
    if (handle == 0 && place < PK_POOL_SIZE) {
        last_handle += last_handle == UINT32_MAX ? 2 : 1;
        handle = last_handle;
        handles[place].handle = handle;
        handles[place].kernel = kernel;
    }
    pthread_mutex_unlock(&mutex);
    return handle;
}

static void forget_handle(uint32_t handle)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < PK_POOL_SIZE; i++) {
        if (handles[i].handle == handle) {
            handles[i].handle = 0;
        }
    }
    pthread_mutex_unlock(&mutex);
}

/* ---- memory of the PE side ---- */

/* Faults here, and not later, where memory cannot be read. */
static void touch_for_reading(uint64_t address, uint64_t size)
{
    const volatile char *bytes = (const volatile char *)(uintptr_t)address;

    for (uint64_t at = 0; at < size; at += 4096) {
        (void)bytes[at];
    }
    if (size > 0) {
        (void)bytes[size - 1];
    }
}

static void touch_for_writing(uint64_t address, uint64_t size)
{
    volatile char *bytes = (volatile char *)(uintptr_t)address;

    for (uint64_t at = 0; at < size; at += 4096) {
        bytes[at] = bytes[at];
    }
    if (size > 0) {
        bytes[size - 1] = bytes[size - 1];
    }
}

static sigset_t block_signals(void)
{
    sigset_t all;
    sigset_t saved;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    return saved;
}

static void restore_signals(const sigset_t *saved)
{
    pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* A terminated copy to be freed; NULL with `result` set. The memory has been touched. */
static char *copy_text(uint64_t address, uint64_t size, int32_t *result)
{
    char *copy = malloc(size + 1);

    if (copy == NULL) {
        *result = -ENOMEM;
        return NULL;
    }
    memcpy(copy, (const void *)(uintptr_t)address, size);
    copy[size] = '\0';
    if (strlen(copy) != size) {
        free(copy);
        *result = -EINVAL;
        return NULL;
    }
    return copy;
}

/* What a later room will bring is told apart from success by the status too. */
static int32_t status_of(int32_t result)
{
    return result == -ENOSYS ? STATUS_NOT_IMPLEMENTED : STATUS_SUCCESS;
}

/* ---- calls ---- */

static int32_t call_init(void *args)
{
    struct pwk_init_params *params = args;

    params->result = params->interface_number == PWK_UNIX_INTERFACE ? pk_init() : -EPROTO;
    return STATUS_SUCCESS;
}

static int32_t call_create(void *args)
{
    struct pwk_create_params *params = args;

    if (params->name_size > TEXT_MAX) {
        params->result = -EINVAL;
        return STATUS_SUCCESS;
    }
    touch_for_reading(params->name, params->name_size);
    sigset_t saved = block_signals();
    char *name = copy_text(params->name, params->name_size, &params->result);
    if (name != NULL) {
        process_kernel_t *kernel = pk_create((process_kernel_type_t)params->type, name);
        params->result = kernel != NULL ? 0 : -errno;
        params->handle = kernel != NULL ? kernel_to_handle(kernel, true) : 0;
    }
    free(name);
    restore_signals(&saved);
    return STATUS_SUCCESS;
}

static int32_t call_create_windows(void *args)
{
    struct pwk_create_windows_params *params = args;
    windows_pk_config_t config = {
        .enable_registry = params->enable_registry != 0,
        .enable_drivers = params->enable_drivers != 0,
        .enable_services = params->enable_services != 0,
        .enable_wow64 = params->enable_wow64 != 0,
        .max_memory = params->max_memory,
        .max_handles = params->max_handles,
        .max_threads = params->max_threads,
    };

    if (params->windows_version > WIN_VERSION_11) {
        params->result = -EINVAL;
        return STATUS_SUCCESS;
    }
    memcpy(&config.windows_version, &params->windows_version, sizeof(config.windows_version));
    params->result = pwk_boot_find_wine();
    if (params->result != 0)
        return STATUS_SUCCESS;
    sigset_t saved = block_signals();
    process_kernel_t *kernel = wpk_create(&config);
    params->result = kernel != NULL ? 0 : -errno;
    if (kernel != NULL) {
        params->handle = kernel_to_handle(kernel, true);
        memcpy(params->name, kernel->name, sizeof(params->name));
    }
    restore_signals(&saved);
    return STATUS_SUCCESS;
}

/* Attaches, and switches the process over where it does not run under a kernel yet. */
static int attach(process_kernel_t *kernel)
{
    windows_pk_config_t config;
    registry_t *registry;
    int result = pk_attach(kernel, 0);

    if (result != 0 || pwk_get_booted_kernel() != NULL ||
        !wpk_get_parts(kernel, &config, &registry)) {
        return result;
    }
    result = pwk_boot_attach(kernel);
    if (result != 0) {
        pk_detach(kernel);
    }
    return result;
}

static int32_t call_attach(void *args)
{
    struct pwk_kernel_params *params = args;
    sigset_t saved = block_signals();

    params->result = attach(handle_to_kernel(params->handle));
    restore_signals(&saved);
    return status_of(params->result);
}

static int32_t call_detach(void *args)
{
    struct pwk_kernel_params *params = args;
    sigset_t saved = block_signals();

    params->result = pk_detach(handle_to_kernel(params->handle));
    restore_signals(&saved);
    return STATUS_SUCCESS;
}

/* -EBUSY where the process lives with the kernel, whose handle then stays good. */
static int32_t call_destroy(void *args)
{
    struct pwk_kernel_params *params = args;
    sigset_t saved = block_signals();
    process_kernel_t *kernel = handle_to_kernel(params->handle);
    struct pk_kernel *held = pk_hold(kernel);

    params->result = held == NULL ? -EINVAL : held->pinned ? -EBUSY : 0;
    if (params->result == 0) {
        forget_handle(params->handle);
        pk_destroy(kernel);
    }
    if (held != NULL) {
        pk_release(held);
    }
    restore_signals(&saved);
    return STATUS_SUCCESS;
}

static int32_t call_get_current(void *args)
{
    struct pwk_get_current_params *params = args;
    sigset_t saved = block_signals();
    struct pk_kernel *held = pk_hold(pk_get_current());

    params->handle = 0;
    params->result = 0;
    if (held != NULL) {
        params->handle = kernel_to_handle(&held->public, false);
        params->type = held->public.type;
        memcpy(params->name, held->public.name, sizeof(params->name));
        pk_release(held);
    }
    restore_signals(&saved);
    return STATUS_SUCCESS;
}

static int32_t call_get_stats(void *args)
{
    struct pwk_get_stats_params *params = args;
    struct pk_stats stats;
    sigset_t saved = block_signals();
    process_kernel_t *kernel = handle_to_kernel(params->handle);

    pk_get_stats(kernel, &stats);
    restore_signals(&saved);
    params->syscalls_intercepted = stats.syscalls_intercepted;
    params->memory_allocated = stats.memory_allocated;
    params->io_operations = stats.io_operations;
    params->errors = stats.errors;
    params->result = kernel != NULL ? 0 : -EINVAL;
    return STATUS_SUCCESS;
}

static int32_t named_call(struct pwk_named_params *params, bool driver)
{
    if (params->name_size > TEXT_MAX) {
        params->result = -EINVAL;
        return STATUS_SUCCESS;
    }
    touch_for_reading(params->name, params->name_size);
    sigset_t saved = block_signals();
    process_kernel_t *kernel = handle_to_kernel(params->handle);
    char *name = copy_text(params->name, params->name_size, &params->result);
    if (name != NULL) {
        params->result = driver
                             ? wpk_load_driver(kernel, name)
                             : wpk_windows_api_call(kernel, name, (void *)(uintptr_t)params->args,
                                                    (void *)(uintptr_t)params->output);
    }
    free(name);
    restore_signals(&saved);
    return status_of(params->result);
}

static int32_t call_load_driver(void *args)
{
    return named_call(args, true);
}

static int32_t call_api_call(void *args)
{
    return named_call(args, false);
}

/* Through memory of our own: the registry may hold locks while it fills it. */
static int registry_get(process_kernel_t *kernel, const char *key, const char *value,
                        struct pwk_registry_params *params)
{
    size_t size = params->size <= REGISTRY_MAX_VALUE_SIZE ? params->size : REGISTRY_MAX_VALUE_SIZE;
    void *data = params->data != 0 ? malloc(size > 0 ? size : 1) : NULL;

    if (params->data != 0 && data == NULL) {
        return -ENOMEM;
    }
    int result = wpk_registry_get_typed(kernel, key, value, &params->type, data, &size);
    if (result == 0 && data != NULL) {
        memcpy((void *)(uintptr_t)params->data, data, size);
    }
    if (result == 0 || result == -ERANGE) {
        params->size = size;
    }
    free(data);
    return result;
}

static int registry_set(process_kernel_t *kernel, const char *key, const char *value,
                        const struct pwk_registry_params *params)
{
    size_t size = params->size;
    void *data = malloc(size > 0 ? size : 1);
    int result;

    if (data == NULL) {
        return -ENOMEM;
    }
    memcpy(data, (const void *)(uintptr_t)params->data, size);
    if (params->keep_type) {
        result = wpk_registry_set(kernel, key, value, data, size);
    } else {
        result = wpk_registry_set_typed(kernel, key, value, params->type, data, size);
    }
    free(data);
    return result;
}

static int32_t registry_call(struct pwk_registry_params *params, bool set)
{
    bool too_long = params->key_size > TEXT_MAX || params->value_size > TEXT_MAX;

    if (too_long || (set && (params->size > REGISTRY_MAX_VALUE_SIZE ||
                             (params->data == 0 && params->size > 0)))) {
        params->result = -EINVAL;
        return STATUS_SUCCESS;
    }
    touch_for_reading(params->key, params->key_size);
    touch_for_reading(params->value, params->value_size);
    if (set) {
        touch_for_reading(params->data, params->size);
    } else if (params->data != 0) {
        touch_for_writing(params->data, params->size < REGISTRY_MAX_VALUE_SIZE
                                            ? params->size
                                            : REGISTRY_MAX_VALUE_SIZE);
    }
    sigset_t saved = block_signals();
    process_kernel_t *kernel = handle_to_kernel(params->handle);
    char *key = copy_text(params->key, params->key_size, &params->result);
    char *value = copy_text(params->value, params->value_size, &params->result);
    if (key != NULL && value != NULL) {
        params->result = set ? registry_set(kernel, key, value, params)
                             : registry_get(kernel, key, value, params);
    }
    free(key);
    free(value);
    restore_signals(&saved);
    return STATUS_SUCCESS;
}

static int32_t call_registry_get(void *args)
{
    return registry_call(args, false);
}

static int32_t call_registry_set(void *args)
{
    return registry_call(args, true);
}

static int32_t call_shutdown(void *args)
{
    struct pwk_kernel_params *params = args;
    sigset_t saved = block_signals();

    pk_shutdown();
    pthread_mutex_lock(&mutex);
    memset(handles, 0, sizeof(handles));
    pthread_mutex_unlock(&mutex);
    restore_signals(&saved);
    params->result = 0;
    return STATUS_SUCCESS;
}

typedef int32_t (*unix_call)(void *args);
extern const unix_call __wine_unix_call_funcs[];

__attribute__((visibility("default"))) const unix_call __wine_unix_call_funcs[] = {
    [PWK_UNIX_INIT] = call_init,
    [PWK_UNIX_CREATE] = call_create,
    [PWK_UNIX_CREATE_WINDOWS] = call_create_windows,
    [PWK_UNIX_ATTACH] = call_attach,
    [PWK_UNIX_DETACH] = call_detach,
    [PWK_UNIX_DESTROY] = call_destroy,
    [PWK_UNIX_GET_CURRENT] = call_get_current,
    [PWK_UNIX_GET_STATS] = call_get_stats,
    [PWK_UNIX_LOAD_DRIVER] = call_load_driver,
    [PWK_UNIX_API_CALL] = call_api_call,
    [PWK_UNIX_REGISTRY_GET] = call_registry_get,
    [PWK_UNIX_REGISTRY_SET] = call_registry_set,
    [PWK_UNIX_SHUTDOWN] = call_shutdown,
    [PWK_UNIX_SERVICE] = pwk_service_call,
    [PWK_UNIX_HANDLE_NUMBER] = pwk_handle_number_call,
};

_Static_assert(sizeof(__wine_unix_call_funcs) / sizeof(__wine_unix_call_funcs[0]) ==
                   PWK_UNIX_CALL_COUNT,
               "one function a call");
