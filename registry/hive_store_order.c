/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_order.c - the values and the subkeys of one large key by their order, a few at a time.
 */
#include "registry/hive_store_internal.h"

static int measure(hive_store_t *store, enum hive_statement which, uint64_t key,
                   struct hive_measures *out)
{
    sqlite3_stmt *statement;
    int result = hive_store_row_of(store, which, key, &statement);

    if (result == 0)
        *out = (struct hive_measures){
            .count = (uint32_t)sqlite3_column_int64(statement, 0),
            .max_name = (uint32_t)sqlite3_column_int64(statement, 1),
            .max_data = (uint32_t)sqlite3_column_int64(statement, 2),
        };
    return result;
}

int hive_store_measure_values(hive_store_t *store, uint64_t key, struct hive_measures *out)
{
    return measure(store, HIVE_MEASURE_VALUES, key, out);
}

int hive_store_measure_subkeys(hive_store_t *store, uint64_t parent, struct hive_measures *out)
{
    int result = measure(store, HIVE_MEASURE_SUBKEYS, parent, out);

    /* As names and classes are read. */
    if (result == 0 && out->max_name > REGISTRY_MAX_KEY_NAME * 2)
        out->max_name = REGISTRY_MAX_KEY_NAME * 2;
    if (result == 0)
        out->max_data &= ~1u;
    return result;
}

/* The first column of the row with that index. */
static int read_at(hive_store_t *store, enum hive_statement which, uint64_t key, uint32_t index,
                   int64_t *found)
{
    sqlite3_stmt *statement = hive_store_prepare(store, which);
    int result;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key);
    sqlite3_bind_int64(statement, 2, index);
    result = hive_store_first_row(store, statement);
    if (result == 0)
        *found = sqlite3_column_int64(statement, 0);
    return result;
}

int hive_store_value_position(hive_store_t *store, uint64_t key, uint32_t index, int64_t *position)
{
    return read_at(store, HIVE_VALUE_POSITION, key, index, position);
}

int hive_store_subkey_at(hive_store_t *store, uint64_t parent, uint32_t index, uint64_t *id)
{
    return read_at(store, HIVE_SUBKEY_AT, parent, index, (int64_t *)id);
}

int hive_store_visit_subkeys_from(hive_store_t *store, uint64_t parent, uint64_t subkey,
                                  bool backwards, uint32_t limit,
                                  int (*visit)(void *context, uint64_t id), void *context)
{
    sqlite3_stmt *statement =
        hive_store_prepare(store, backwards ? HIVE_SUBKEYS_BEFORE : HIVE_SUBKEYS_BEHIND);
    int code = SQLITE_DONE, result = 0;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)parent);
    sqlite3_bind_int64(statement, 2, (int64_t)subkey);
    sqlite3_bind_int64(statement, 3, limit);
    while (result == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW)
        result = visit(context, (uint64_t)sqlite3_column_int64(statement, 0));
    sqlite3_reset(statement);
    return result == 0 ? hive_store_errno(code) : result;
}

static int visit_rows(sqlite3_stmt *statement,
                      int (*visit)(void *context, const struct hive_value *value, int64_t position),
                      void *context)
{
    int code, result = 0;

    while (result == 0 && (code = sqlite3_step(statement)) != SQLITE_DONE) {
        struct hive_value value;

        if (code != SQLITE_ROW) {
            result = hive_store_errno(code);
            break;
        }
        hive_store_read_value(statement, &value);
        result = visit(context, &value, sqlite3_column_int64(statement, 3));
    }
    sqlite3_reset(statement);
    return result;
}

int hive_store_visit_values_from(
    hive_store_t *store, uint64_t key, int64_t position, bool backwards, uint32_t limit,
    int (*visit)(void *context, const struct hive_value *value, int64_t position), void *context)
{
    sqlite3_stmt *statement =
        hive_store_prepare(store, backwards ? HIVE_VALUES_BEFORE : HIVE_VALUES_BEHIND);

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key);
    sqlite3_bind_int64(statement, 2, position);
    sqlite3_bind_int64(statement, 3, limit);
    return visit_rows(statement, visit, context);
}

int hive_store_visit_values_unordered(hive_store_t *store, uint64_t key,
                                      int (*visit)(void *context, const struct hive_value *value,
                                                   int64_t position),
                                      void *context)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_VALUES_UNORDERED);

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key);
    return visit_rows(statement, visit, context);
}
