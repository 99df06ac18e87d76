/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_write.h - writes changes into the prefix's own registry: a process of Wine's in the
 * prefix's shared session that runs no code of Windows' and asks wineserver for each change, so
 * that programs of the session see it at once and nothing that wineserver holds is overwritten.
 */
#ifndef PWK_WINE_PREFIX_WRITE_H
#define PWK_WINE_PREFIX_WRITE_H

#include "kernel/prefix_changes.h"

#define PWK_WRITE_SYMBOL "pwk_write"

/* Makes this process one that does the changes in descriptor `fd` and ends, before Wine's
 * __wine_main: to be called by the loader. 0 or a negative errno. */
int pwk_write(void *ntdll, const char *ntdll_dll, int fd);

#endif
