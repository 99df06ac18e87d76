/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_sites.h - hot native call sites made direct calls (sandbox/call_site.h), in memory that
 * Wine manages.
 */
#ifndef PWK_WINE_NATIVE_SITES_H
#define PWK_WINE_NATIVE_SITES_H

#include <stdint.h>

#include "kernel/error.h"

/* Before Wine places anything. `numbers` as in sandbox/trap.h; stays valid. */
int pwk_native_sites_start(const uint16_t *numbers, uint64_t dispatcher_place,
                           uint8_t return_offset, struct pwk_error *error);

#endif
