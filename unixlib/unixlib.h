/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unixlib.h - the one header that the PE side (pwk.dll) and the Unix side (pwk.so) share: a number
 * and a params struct for each call. All fields have the same size and place on both sides.
 *
 * Kernels are named by handles, which the Unix side hands out and looks up; 0 is none. `result` is
 * 0 or a negative errno of Linux; the caller presets it, and a call that faults leaves it alone.
 * Text is UTF-8 with its length in bytes and need not be terminated.
 */
#ifndef PWK_UNIXLIB_H
#define PWK_UNIXLIB_H

#include <stdint.h>

/* Grows with every change here: a pwk.dll and a pwk.so that differ refuse each other. */
#define PWK_UNIX_INTERFACE 3

enum pwk_unix_call {
    PWK_UNIX_INIT,
    PWK_UNIX_CREATE,
    PWK_UNIX_CREATE_WINDOWS,
    PWK_UNIX_ATTACH,
    PWK_UNIX_DETACH,
    PWK_UNIX_DESTROY,
    PWK_UNIX_GET_CURRENT,
    PWK_UNIX_GET_STATS,
    PWK_UNIX_LOAD_DRIVER,
    PWK_UNIX_API_CALL,
    PWK_UNIX_REGISTRY_GET,
    PWK_UNIX_REGISTRY_SET,
    PWK_UNIX_SHUTDOWN,
    PWK_UNIX_SERVICE,
    PWK_UNIX_HANDLE_NUMBER,
    PWK_UNIX_CALL_COUNT
};

/* ATTACH, DETACH, DESTROY and SHUTDOWN (which looks at no handle) take this. */
struct pwk_kernel_params {
    uint32_t handle;
    int32_t result;
};

struct pwk_init_params {
    uint32_t interface_number; /* in: the caller's PWK_UNIX_INTERFACE */
    int32_t result;
};

struct pwk_create_params {
    uint64_t name; /* in: const char * */
    uint64_t name_size;
    uint32_t type;   /* in: process_kernel_type_t */
    uint32_t handle; /* out */
    int32_t result;
};

struct pwk_create_windows_params {
    uint64_t max_memory;
    uint32_t max_handles;
    uint32_t max_threads;
    uint32_t windows_version;
    uint8_t enable_registry; /* 0 or 1, as the next three */
    uint8_t enable_drivers;
    uint8_t enable_services;
    uint8_t enable_wow64;
    char name[64];   /* out, terminated */
    uint32_t handle; /* out */
    int32_t result;
};

struct pwk_get_current_params {
    char name[64];   /* out, terminated */
    uint32_t type;   /* out: process_kernel_type_t */
    uint32_t handle; /* out: 0 where the process has none */
    int32_t result;
};

struct pwk_get_stats_params {
    uint64_t syscalls_intercepted; /* out, as the next three */
    uint64_t memory_allocated;
    uint64_t io_operations;
    uint64_t errors;
    uint32_t handle;
    int32_t result;
};

/* LOAD_DRIVER and API_CALL. */
struct pwk_named_params {
    uint64_t name; /* in: const char *, the driver's path or the function's name */
    uint64_t name_size;
    uint64_t args; /* API_CALL: the caller's two pointers */
    uint64_t output;
    uint32_t handle;
    int32_t result;
};

/* REGISTRY_GET and REGISTRY_SET. */
struct pwk_registry_params {
    uint64_t key; /* in: const char * */
    uint64_t key_size;
    uint64_t value; /* in: const char * */
    uint64_t value_size;
    uint64_t data; /* GET: void *, may be 0; SET: const void * */
    uint64_t size; /* GET: in room, out size; SET: in */
    uint32_t type; /* GET: out; SET: in, where keep_type is 0 */
    uint32_t keep_type;
    uint32_t handle;
    int32_t result;
};

/* SERVICE: NT services that not every ntdll of Wine has. */
enum pwk_service {
    PWK_SERVICE_CREATE_TRANSACTION,
    PWK_SERVICE_OPEN_TRANSACTION,
    PWK_SERVICE_COMMIT_TRANSACTION,
    PWK_SERVICE_ROLLBACK_TRANSACTION,
    PWK_SERVICE_QUERY_INFORMATION_TRANSACTION,
    PWK_SERVICE_COMPACT_KEYS,
    PWK_SERVICE_COMPRESS_KEY,
    PWK_SERVICE_LOCK_REGISTRY_KEY,
    PWK_SERVICE_QUERY_OPEN_SUBKEYS,
    PWK_SERVICE_QUERY_OPEN_SUBKEYS_EX,
    PWK_SERVICE_SAVE_KEY_EX,
    PWK_SERVICE_SAVE_MERGED_KEYS,
    PWK_SERVICE_UNLOAD_KEY2,
    PWK_SERVICE_UNLOAD_KEY_EX,
    PWK_SERVICE_COUNT
};

struct pwk_service_params {
    uint32_t service;       /* in: enum pwk_service */
    uint32_t status;        /* out: NTSTATUS */
    uint64_t arguments[12]; /* in: as the service takes them */
};

/* HANDLE_NUMBER: native system calls of a number go to `entry`, or to their service again. */
struct pwk_handle_number_params {
    uint64_t entry;  /* in: the same in all calls; how it is entered: trap.h */
    uint32_t number; /* in */
    uint32_t handle; /* in: 0 or 1 */
    int32_t result;
};

#endif
