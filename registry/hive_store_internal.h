/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_internal.h - what the two files of the hive store share.
 */
#ifndef PWK_REGISTRY_HIVE_STORE_INTERNAL_H
#define PWK_REGISTRY_HIVE_STORE_INTERNAL_H

#include <sqlite3.h>

#include "registry/hive_store.h"

enum hive_statement {
    HIVE_BEGIN,
    HIVE_COMMIT,
    HIVE_FIND_KEY,
    HIVE_READ_KEY,
    HIVE_SUBKEYS,
    HIVE_VALUES,
    HIVE_MEASURE_VALUES,
    HIVE_FIND_VALUE,
    HIVE_INSERT_KEY,
    HIVE_UPDATE_KEY,
    HIVE_TOUCH_KEY,
    HIVE_RENAME_KEY,
    HIVE_PUT_SECURITY,
    HIVE_READ_SECURITY,
    HIVE_PUT_HIVE,
    HIVE_GET_HIVE,
    HIVE_DELETE_HIVE,
    HIVE_SUBKEY_IDS,
    HIVE_HAS_SUBKEYS,
    HIVE_DELETE_VALUES,
    HIVE_DELETE_KEY,
    HIVE_NEXT_POSITION,
    HIVE_PUT_VALUE,
    HIVE_DELETE_VALUE,
    HIVE_HAS_VOLATILE,
    HIVE_GET_MARK,
    HIVE_SET_MARK,
    HIVE_STATEMENT_COUNT
};

struct hive_store {
    sqlite3 *db;
    sqlite3_stmt *statements[HIVE_STATEMENT_COUNT];
    sqlite3_stmt *reading;  /* whose columns a caller may still look at */
    unsigned char *scratch; /* the sort form of one name */
    size_t scratch_size;
    bool set_for_writing;
};

int hive_store_errno(int sqlite_code);

/* The parts that the two files of statements share: see hive_store_statements.c. */
sqlite3_stmt *hive_store_prepare(hive_store_t *store, enum hive_statement which);
int hive_store_prepare_error(hive_store_t *store);
int hive_store_finish(sqlite3_stmt *statement);
int hive_store_first_row(hive_store_t *store, sqlite3_stmt *statement);
int hive_store_run_with_id(hive_store_t *store, enum hive_statement which, uint64_t id);

/* Runs a statement without parameters; 1 where it answered a row. */
int hive_store_run(hive_store_t *store, enum hive_statement which);

#endif
