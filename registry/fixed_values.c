/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fixed_values.c - see fixed_values.h.
 */
#include "registry/fixed_values.h"

#include "registry/upcase.h"

/* The component that starts at `*position`, which moves behind it. */
static size_t next_component(const uint16_t *path, size_t units, size_t *position)
{
    size_t start;

    while (*position < units && path[*position] == '\\')
        ++*position;
    start = *position;
    while (*position < units && path[*position] != '\\')
        ++*position;
    return start;
}

static bool component_matches(const uint16_t *pattern, size_t pattern_units, const uint16_t *name,
                              size_t units)
{
    if (pattern_units == 1 && pattern[0] == '*')
        return units != 0;
    return pattern_units == units && registry_name_compare(pattern, units, name, units) == 0;
}

bool fixed_values_match(const uint16_t *pattern, size_t pattern_units, const uint16_t *path,
                        size_t path_units)
{
    size_t in_pattern = 0, in_path = 0;

    do {
        size_t a = next_component(pattern, pattern_units, &in_pattern);
        size_t b = next_component(path, path_units, &in_path);
        if (in_pattern == a && in_path == b)
            return true;
        if (!component_matches(pattern + a, in_pattern - a, path + b, in_path - b))
            return false;
    } while (1);
}

bool fixed_values_may_match(const uint16_t *pattern, size_t pattern_units, const uint16_t *name,
                            size_t units)
{
    size_t start = pattern_units;

    while (start > 0 && pattern[start - 1] != '\\')
        start--;
    return component_matches(pattern + start, pattern_units - start, name, units);
}

bool fixed_values_concern(const struct fixed_values *fixed, const uint16_t *name, size_t units)
{
    for (size_t i = 0; i < fixed->count; i++) {
        const struct registry_fixed_value *value = &fixed->values[i];
        if (fixed_values_may_match(value->path, value->path_units, name, units))
            return true;
    }
    return false;
}
