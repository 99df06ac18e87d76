/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix.h - makes a Wine prefix where there is none.
 */
#ifndef PWK_LAUNCHER_PREFIX_H
#define PWK_LAUNCHER_PREFIX_H

#include <stdbool.h>

#include "kernel/error.h"
#include "wine/location.h"

/* True where `prefix` has been set up and saved once. */
bool pwk_prefix_exists(const char *prefix);

/* True also while wineserver has not saved the prefix's registry for the first time. */
bool pwk_prefix_is_set_up(const char *prefix);

/* Sets `prefix` up with stock Wine, without a kernel, and says so in one line on stderr. Waits
 * while another process does it. What stock Wine complains about is not shown. */
int pwk_prefix_create(const char *prefix, const struct pwk_wine_location *location,
                      const char *runtime, struct pwk_error *error);

#endif
