/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_internal.h - what the files of the hive store share.
 */
#ifndef PWK_REGISTRY_HIVE_STORE_INTERNAL_H
#define PWK_REGISTRY_HIVE_STORE_INTERNAL_H

#include <sqlite3.h>

#include "registry/hive_store.h"

enum hive_statement {
    HIVE_BEGIN,
    HIVE_BEGIN_READING,
    HIVE_COMMIT,
    HIVE_FIND_KEY,
    HIVE_READ_KEY,
    HIVE_SUBKEYS,
    HIVE_VALUES,
    HIVE_FIND_VALUE,
    HIVE_VALUES_UNORDERED,
    HIVE_VALUES_BEHIND,
    HIVE_VALUES_BEFORE,
    HIVE_VALUE_POSITION,
    HIVE_MEASURE_VALUES,
    HIVE_SUBKEYS_BEHIND,
    HIVE_SUBKEYS_BEFORE,
    HIVE_SUBKEY_AT,
    HIVE_MEASURE_SUBKEYS,
    HIVE_INSERT_KEY,
    HIVE_USE_KEY_ID,
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
    HIVE_CLAIM_KEY,
    HIVE_RELEASE_KEY,
    HIVE_SET_KEY_LAYER,
    HIVE_SUPERSEDE_KEY,
    HIVE_PUT_KEY_TOMBSTONE,
    HIVE_FIND_KEY_TOMBSTONE,
    HIVE_HAS_KEY_TOMBSTONES,
    HIVE_DELETE_KEY_TOMBSTONE,
    HIVE_PUT_VALUE_TOMBSTONE,
    HIVE_FIND_VALUE_TOMBSTONE,
    HIVE_DELETE_VALUE_TOMBSTONE,
    HIVE_DELETE_TOMBSTONES_BELOW,
    HIVE_DELETE_TOMBSTONES_OF_VALUES,
    HIVE_VALUE_LAYER,
    HIVE_SET_VALUE_LAYER,
    HIVE_VALUE_LAYERS,
    HIVE_KEY_TOMBSTONES,
    HIVE_VALUE_TOMBSTONES,
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

/* What the file of a store of this version says that it is. */
extern const int64_t hive_store_application_id;
extern const int64_t hive_store_schema_version;

int hive_store_errno(int sqlite_code);
/* The first number that a query answers, 0 where it answers none. SQLite's code: SQLITE_ROW or
 * SQLITE_DONE where it went well. */
int hive_store_number(hive_store_t *store, const char *sql, int64_t *value);

/* Opens the database at `path` for reading and writing, SQLITE_OPEN_CREATE in `flags` where it may
 * be made, as sqlite3_open_v2 does (its codes; *db is to be closed in any case): with nothing in it
 * or beside it trusted. A transaction outside WAL mode needs journal_mode=MEMORY: no journal can be
 * made on the disk. */
int hive_store_connect(const char *path, int flags, sqlite3 **db);

/* How many units a name in a column has: no more than `most`, whatever a hostile program has
 * written there. */
static inline size_t hive_store_name_units(sqlite3_stmt *row, int column, size_t most)
{
    size_t units = (size_t)sqlite3_column_bytes(row, column) / 2;

    return units < most ? units : most;
}

/* The parts that the two files of statements share: see hive_store_statements.c. */
sqlite3_stmt *hive_store_prepare(hive_store_t *store, enum hive_statement which);
int hive_store_prepare_error(hive_store_t *store);
int hive_store_finish(sqlite3_stmt *statement);
void hive_store_read_value(sqlite3_stmt *statement, struct hive_value *out);
int hive_store_first_row(hive_store_t *store, sqlite3_stmt *statement);
int hive_store_row_of(hive_store_t *store, enum hive_statement which, uint64_t id,
                      sqlite3_stmt **statement);
int hive_store_bind_sort(hive_store_t *store, sqlite3_stmt *statement, int column,
                         const uint16_t *name, size_t units);
int hive_store_bind_bytes(sqlite3_stmt *statement, int column, const void *bytes, size_t size);
int hive_store_run_with_id(hive_store_t *store, enum hive_statement which, uint64_t id);

/* What is called from the kernel's own writes. `layer` of a key that comes into being at a name,
 * whose tombstone goes; of a value that is set in a key of that layer. */
int hive_store_uncover_key(hive_store_t *store, uint64_t parent, const uint16_t *name, size_t units,
                           uint32_t *layer);
int hive_store_uncover_value(hive_store_t *store, uint64_t key, uint32_t key_layer,
                             const struct hive_value *value, uint32_t *layer);
/* Deletes a key's row and what belongs to it, leaving a tombstone where the lower layer has one. */
int hive_store_bury_key(hive_store_t *store, uint64_t id);

/* Runs a statement without parameters; 1 where it answered a row. */
int hive_store_run(hive_store_t *store, enum hive_statement which);

#endif
