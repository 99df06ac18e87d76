/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * branch_source.h - a branch of the hive store as a source for the regf writer. Volatile keys are
 * left out.
 */
#ifndef PWK_REGISTRY_BRANCH_SOURCE_H
#define PWK_REGISTRY_BRANCH_SOURCE_H

#include "registry/hive_store.h"
#include "registry/regf.h"

struct branch_value {
    uint32_t type;
    size_t name_units, size, offset; /* the name, then the data, in the list's bytes */
};

/* What is read of one key at a time, and the subkeys of all keys on the way to it. */
struct branch_source {
    hive_store_t *store;
    struct branch_level {
        uint64_t key;
        uint64_t *ids;
        size_t count, capacity;
    } levels[REGF_MAX_DEPTH + 1];
    size_t depth;
    uint64_t values_of;
    struct branch_value *values;
    size_t value_count, value_capacity;
    unsigned char *bytes;
    size_t used, room;
    void *record; /* name, class and descriptor of the key last asked for */
};

struct regf_source branch_source_regf(struct branch_source *branch);
void branch_source_finish(struct branch_source *branch);

#endif
