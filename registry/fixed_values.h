/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fixed_values.h - values that are served in place of stored ones (registry_set_fixed_values):
 * which of them belong to a key.
 */
#ifndef PWK_REGISTRY_FIXED_VALUES_H
#define PWK_REGISTRY_FIXED_VALUES_H

#include "registry/registry.h"

struct fixed_values {
    const struct registry_fixed_value *values;
    size_t count;
};

/* True where `path` (full) is matched by `pattern`, in which a component `*` is any one. */
bool fixed_values_match(const uint16_t *pattern, size_t pattern_units, const uint16_t *path,
                        size_t path_units);

/* True where the last component of such a path could be `name`: a cheap first question. */
bool fixed_values_may_match(const uint16_t *pattern, size_t pattern_units, const uint16_t *name,
                            size_t units);

/* True where the last component of any value's path could be `name`. */
bool fixed_values_concern(const struct fixed_values *fixed, const uint16_t *name, size_t units);

#endif
