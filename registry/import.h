/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * import.h - Wine's registry text into a key, for the registry room itself.
 */
#ifndef PWK_REGISTRY_IMPORT_H
#define PWK_REGISTRY_IMPORT_H

#include "registry/registry.h"

/* Inside a transaction: what the text holds goes below `base`, whatever its own base is. */
int registry_import_text_below(registry_t *registry, uint64_t base, const char *text, size_t size,
                               struct registry_error *error);

/* Makes the keys that a registry has even without a prefix, and those whose place in an
 * enumeration must be kept though they live elsewhere, where they are missing. Inside a write. */
int registry_make_fixed_keys(registry_t *registry);

#endif
