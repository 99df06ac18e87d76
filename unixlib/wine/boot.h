/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * boot.h - the kernel's start and end inside a process of Wine's.
 */
#ifndef PWK_WINE_BOOT_H
#define PWK_WINE_BOOT_H

#include "pwk/process_kernel.h"

/* The name under which the loader finds pwk_boot in pwk.so. */
#define PWK_BOOT_SYMBOL "pwk_boot"

/* Boots the kernel that the environment names (boot_record.h) in this process, before Wine's
 * __wine_main: opens its registry, audit log and process table and takes over the service table
 * of `ntdll` (a dlopen handle). `program` is argv[1], for the process table.
 * On return *environment is what Wine is to see: the environment without the boot record.
 * 0, or a negative errno after a line on stderr: then nothing may run. */
int pwk_boot(void *ntdll, const char *ntdll_dll, const char *program, char ***environment);

/* Finds the Wine of a process that runs without a kernel, on a thread of Wine's, so that kernels
 * made there start from wineserver's registry. Does nothing where a kernel was booted. 0 or a
 * negative errno. */
int pwk_boot_find_wine(void);

/* Switches a process that runs without a kernel over to one made by wpk_create, on a thread of
 * Wine's: from here on the service rows are the kernel's. Key handles that are open already stay
 * wineserver's, but what is opened below them is the kernel's. 0 or a negative errno. */
int pwk_boot_attach(process_kernel_t *kernel);

#endif
