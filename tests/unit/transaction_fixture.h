/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_fixture.h - what the tests of transactions share: a store that is open during each
 * test, and short forms of the calls that they make over and over.
 */
#ifndef PWK_TESTS_TRANSACTION_FIXTURE_H
#define PWK_TESTS_TRANSACTION_FIXTURE_H

#include "tests/unit/registry_fixture.h"
#include "registry/transaction.h"

/* The test's own; a test that closes it opens it anew. */
extern registry_t *registry;
int open_registry(void **state);
int close_registry(void **state);

/* A transaction without a time limit. */
uint64_t begin(registry_t *in);
/* The key as the transaction sees it. */
uint64_t inside(uint64_t key, uint64_t transaction);

int delete_named(registry_t *in, uint64_t key, const char *name);
int rename_to(registry_t *in, uint64_t key, const char *name);
/* -ENOENT where there is no such value. */
int missing(registry_t *in, uint64_t key, const char *name);

#endif
