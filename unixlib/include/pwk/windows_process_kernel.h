/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_process_kernel.h - process kernels for Windows programs: a Windows version, a registry
 * of their own, and what else a configuration asks for. Types and signatures of the first part are
 * those of the project's founding document ("Custom Process Kernels", phase 2), to the letter;
 * what stands behind "additions" is pwk's own.
 *
 * Errors, threads and ownership are as in process_kernel.h.
 */
#ifndef WINDOWS_PROCESS_KERNEL_H
#define WINDOWS_PROCESS_KERNEL_H

#include "process_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* All zero but the version is a valid configuration. What this version cannot carry out is kept,
 * and pk_attach then refuses the kernel with -ENOSYS, so that nothing ever runs without what was
 * asked for. That is so for enable_drivers, enable_services, enable_wow64 and the three limits. */
typedef struct windows_pk_config {
    enum {
        WIN_VERSION_7,
        WIN_VERSION_8,
        WIN_VERSION_10,
        WIN_VERSION_11,
    } windows_version; /* what the program is told by every road */

    bool enable_registry; /* wpk_registry_get and wpk_registry_set work */
    bool enable_drivers;  /* wpk_load_driver */
    bool enable_services; /* Windows services of the kernel's own */
    bool enable_wow64;    /* 32-bit programs */

    size_t max_memory;    /* bytes; 0: no limit */
    uint32_t max_handles; /* 0: no limit */
    uint32_t max_threads; /* 0: no limit */

} windows_pk_config_t;

/* A new kernel of type PK_TYPE_WINDOWS with a name of its own; `config` is copied.
 *
 * With enable_registry: in a process that runs under a kernel (pwk-wine) the registry is that
 * kernel's. Elsewhere it is a private one, in a folder of run-time files that goes with the kernel:
 * a copy of the Wine prefix's registry ($WINEPREFIX, else ~/.wine) as last saved there, or an
 * empty one where there is no prefix. The copying takes up to a second.
 *
 * NULL with errno EINVAL (config NULL, unknown version), ENOSPC (64 kernels), ENODEV (a registry
 * is asked for in a process whose kernel has none), ENOMEM, or what the host answers when the
 * store cannot be made. */
process_kernel_t *wpk_create(const windows_pk_config_t *config);

/* Would load the Windows driver in file `driver_path` into the kernel. Not in this version:
 * -ENOSYS, or -EINVAL (kernel; path NULL or ""), or -ENODEV (not from wpk_create, or drivers are
 * not enabled). */
int wpk_load_driver(process_kernel_t *kernel, const char *driver_path);

/* Would carry out the Windows function `api_name`. Not in this version: -ENOSYS, or -EINVAL
 * (kernel; name NULL or ""). `args` and `result` are not looked at. */
int wpk_windows_api_call(process_kernel_t *kernel, const char *api_name, void *args, void *result);

/* Reads a value of the kernel's registry.
 *
 * `key`: UTF-8, components between backslashes. It begins with HKLM, HKCU, HKCR, HKU or HKCC, with
 * the long name of one of these (HKEY_LOCAL_MACHINE), or with \Registry; letter case is of no
 * matter. HKCU is the registry of Wine's user. `value`: UTF-8; NULL or "" is the key's default
 * value. `data`: receives the bytes as stored: text is UTF-16LE, numbers are little-endian.
 * `size`: on entry the bytes that `data` has room for, on return those of the value; with `data`
 * NULL only the size is asked for.
 *
 * -EINVAL (kernel, key, value or size); -ENODEV (the kernel has no registry); -ENOENT (no such key
 * or value); -ERANGE (no room: `size` says how much is needed, what `data` holds is of no use);
 * -EXDEV (the key lives in Wine, outside the kernel's registry); -EIDRM (deleted meanwhile);
 * -ELOOP (links in a circle); -EIO, -EUCLEAN, -ENOMEM, -ETIMEDOUT as the store answers. */
int wpk_registry_get(process_kernel_t *kernel, const char *key, const char *value, void *data,
                     size_t *size);

/* Writes a value; keys that are missing on the way are made. An existing value keeps its type, a
 * new one is REG_BINARY. On return the value would survive the end of every process. `key`,
 * `value` and errors as above, and: -EINVAL (data NULL with a size; more than 64 MiB); -ECHILD
 * (a key would have to be made below a volatile one); -EROFS, -ENOSPC. */
int wpk_registry_set(process_kernel_t *kernel, const char *key, const char *value, const void *data,
                     size_t size);

/* ---- additions ---- */

/* The same with the value's type (REG_SZ is 1, REG_BINARY 3, REG_DWORD 4). `type` may be NULL in
 * the first; it is set whenever `size` is. */
int wpk_registry_get_typed(process_kernel_t *kernel, const char *key, const char *value,
                           uint32_t *type, void *data, size_t *size);
int wpk_registry_set_typed(process_kernel_t *kernel, const char *key, const char *value,
                           uint32_t type, const void *data, size_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* WINDOWS_PROCESS_KERNEL_H */
