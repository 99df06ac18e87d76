/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regf_fixture.h - what the tests of hive files share: trees of keys in memory, which are both a
 * source and a sink. Everything fails the test where it fails.
 */
#ifndef PWK_TESTS_REGF_FIXTURE_H
#define PWK_TESTS_REGF_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/regf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* The name of a u"" literal and its units. */
#define NAME(literal) .name = (literal), .name_units = COUNT(literal) - 1

struct branch {
    struct regf_key key; /* its own copies */
    struct regf_value *values;
    size_t value_count;
    size_t *subkeys; /* indexes of branches */
    size_t subkey_count;
    size_t parent;
};

/* Branch 0 is the root. Starts all zero. */
struct tree {
    struct branch *branches;
    size_t count;
    struct regf_hive hive; /* as a sink: what was told */
    size_t open;           /* as a sink: where values go */
    size_t depth;
    void *handed[3];     /* as a source: what lives until the next call */
    size_t calls;        /* of source or sink */
    size_t stop_at_call; /* 0: none; answers `answer` */
    int answer;
};

void tree_finish(struct tree *tree);
/* Copies the key; the index of its branch. `parent` says nothing for the first. */
size_t tree_add(struct tree *tree, size_t parent, const struct regf_key *key);
void tree_set(struct tree *tree, size_t branch, const struct regf_value *value);

struct regf_source tree_source(struct tree *tree);
struct regf_sink tree_sink(struct tree *tree);

/* The hive of a tree, to be freed. */
void *write_tree(struct tree *tree, size_t *size);
/* Parses a copy of exactly `size` bytes. */
int parse_into(struct tree *tree, const void *image, size_t size, struct regf_error *error);
void read_tree(struct tree *tree, const void *image, size_t size);

/* All the same but for the order of subkeys in `expected`; in `tree` they must be sorted. */
void assert_same_tree(const struct tree *expected, const struct tree *tree);

/* Every kind of content that a hive can hold. */
void plant_rich_tree(struct tree *tree);

#endif
