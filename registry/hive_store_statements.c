/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_statements.c - reading and writing the rows of the hive store.
 */
#include "registry/hive_store_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "registry/upcase.h"

#define KEY_COLUMNS "id, parent, last_write, flags, name, class, layer, security IS NOT NULL"

static const char *const statement_sql[HIVE_STATEMENT_COUNT] = {
    [HIVE_BEGIN] = "BEGIN IMMEDIATE",
    [HIVE_BEGIN_READING] = "BEGIN DEFERRED",
    [HIVE_COMMIT] = "COMMIT",
    [HIVE_FIND_KEY] = "SELECT id, flags, security IS NOT NULL FROM keys"
                      " WHERE parent=?1 AND sort=?2",
    [HIVE_READ_KEY] = "SELECT " KEY_COLUMNS " FROM keys WHERE id=?1",
    [HIVE_SUBKEYS] = "SELECT " KEY_COLUMNS " FROM keys WHERE parent=?1 ORDER BY sort",
    /* Sorted here: to go by the index costs a search for each value. */
    [HIVE_VALUES] = "SELECT name, type, data FROM key_values WHERE key=?1 ORDER BY +position",
    [HIVE_VALUES_UNORDERED] = "SELECT name, type, data, position FROM key_values WHERE key=?1",
    [HIVE_VALUES_BEHIND] = "SELECT name, type, data, position FROM key_values"
                           " INDEXED BY key_values_by_position WHERE key=?1 AND position>?2"
                           " ORDER BY position LIMIT ?3",
    [HIVE_VALUES_BEFORE] = "SELECT name, type, data, position FROM key_values"
                           " INDEXED BY key_values_by_position WHERE key=?1 AND position<?2"
                           " ORDER BY position DESC LIMIT ?3",
    [HIVE_VALUE_POSITION] = "SELECT position FROM key_values INDEXED BY key_values_by_position"
                            " WHERE key=?1 ORDER BY position LIMIT 1 OFFSET ?2",
    [HIVE_MEASURE_VALUES] = "SELECT count(*), max(length(name)), max(length(data))"
                            " FROM key_values WHERE key=?1",
    /* An id is no blob, and 0 comes before all. */
    [HIVE_SUBKEYS_BEHIND] = "SELECT id FROM keys INDEXED BY keys_by_name WHERE parent=?1 AND sort>"
                            " CASE WHEN ?2=0 THEN 0 ELSE (SELECT sort FROM keys WHERE id=?2) END "
                            "ORDER BY sort LIMIT ?3",
    [HIVE_SUBKEYS_BEFORE] = "SELECT id FROM keys INDEXED BY keys_by_name WHERE parent=?1 AND sort<"
                            " (SELECT sort FROM keys WHERE id=?2) ORDER BY sort DESC LIMIT ?3",
    [HIVE_SUBKEY_AT] = "SELECT id FROM keys INDEXED BY keys_by_name WHERE parent=?1 ORDER BY sort"
                       " LIMIT 1 OFFSET ?2",
    [HIVE_MEASURE_SUBKEYS] = "SELECT count(*), max(length(name)), max(length(class))"
                             " FROM keys WHERE parent=?1",
    [HIVE_FIND_VALUE] = "SELECT name, type, data FROM key_values WHERE key=?1 AND sort=?2",
    [HIVE_INSERT_KEY] = "INSERT INTO keys(parent, sort, name, class, flags, last_write, layer, id)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [HIVE_USE_KEY_ID] = "UPDATE sqlite_sequence SET seq=max(seq, ?1) WHERE name='keys'",
    [HIVE_UPDATE_KEY] = "UPDATE keys SET last_write=?2, flags=?3, class=?4 WHERE id=?1",
    [HIVE_TOUCH_KEY] = "UPDATE keys SET last_write=?2 WHERE id=?1",
    [HIVE_RENAME_KEY] = "UPDATE keys SET sort=?2, name=?3, layer=?4 WHERE id=?1",
    [HIVE_PUT_SECURITY] = "UPDATE keys SET security=?2 WHERE id=?1",
    [HIVE_READ_SECURITY] = "SELECT security FROM keys WHERE id=?1",
    [HIVE_PUT_HIVE] = "INSERT OR REPLACE INTO hives(key, file) VALUES(?1, ?2)",
    [HIVE_GET_HIVE] = "SELECT file FROM hives WHERE key=?1",
    [HIVE_DELETE_HIVE] = "DELETE FROM hives WHERE key=?1",
    [HIVE_SUBKEY_IDS] = "SELECT id FROM keys WHERE parent=?1",
    [HIVE_HAS_SUBKEYS] = "SELECT 1 FROM keys WHERE parent=?1 LIMIT 1",
    [HIVE_DELETE_VALUES] = "DELETE FROM key_values WHERE key=?1",
    [HIVE_DELETE_KEY] = "DELETE FROM keys WHERE id=?1 RETURNING layer, parent, sort, name",
    [HIVE_NEXT_POSITION] = "UPDATE keys SET last_write=?2, next_position=next_position+1"
                           " WHERE id=?1 RETURNING next_position, layer",
    [HIVE_PUT_VALUE] = "INSERT INTO key_values(key, sort, name, position, type, data, layer)"
                       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(key, sort)"
                       " DO UPDATE SET type=excluded.type, data=excluded.data,"
                       " layer=layer|excluded.layer",
    [HIVE_DELETE_VALUE] = "DELETE FROM key_values WHERE key=?1 AND sort=?2 RETURNING layer",
    [HIVE_HAS_VOLATILE] = "SELECT 1 FROM keys WHERE (flags & 1) <> 0 LIMIT 1",
    [HIVE_CLAIM_KEY] = "UPDATE keys SET layer=layer|2 WHERE id=?1 AND layer&2=0 RETURNING parent",
    [HIVE_RELEASE_KEY] = "UPDATE keys SET layer=1 WHERE id=?1 AND layer=3 AND security IS NULL"
                         " AND NOT EXISTS(SELECT 1 FROM key_values WHERE key=?1 AND layer&2)"
                         " AND NOT EXISTS(SELECT 1 FROM value_tombstones WHERE key=?1)"
                         " AND NOT EXISTS(SELECT 1 FROM key_tombstones WHERE parent=?1)"
                         " AND NOT EXISTS(SELECT 1 FROM keys WHERE parent=?1 AND layer&2)",
    [HIVE_SET_KEY_LAYER] = "UPDATE keys SET layer=?2 WHERE id=?1",
    [HIVE_SUPERSEDE_KEY] = "UPDATE keys SET layer=layer|10 WHERE id=?1",
    [HIVE_PUT_KEY_TOMBSTONE] = "INSERT OR REPLACE INTO key_tombstones(parent, sort, name)"
                               " VALUES(?1, ?2, ?3)",
    [HIVE_FIND_KEY_TOMBSTONE] = "SELECT 1 FROM key_tombstones WHERE parent=?1 AND sort=?2",
    [HIVE_HAS_KEY_TOMBSTONES] = "SELECT 1 FROM key_tombstones WHERE parent=?1 LIMIT 1",
    [HIVE_DELETE_KEY_TOMBSTONE] = "DELETE FROM key_tombstones WHERE parent=?1 AND sort=?2",
    [HIVE_PUT_VALUE_TOMBSTONE] = "INSERT OR REPLACE INTO value_tombstones(key, sort, name)"
                                 " VALUES(?1, ?2, ?3)",
    [HIVE_FIND_VALUE_TOMBSTONE] = "SELECT 1 FROM value_tombstones WHERE key=?1 AND sort=?2",
    [HIVE_DELETE_VALUE_TOMBSTONE] = "DELETE FROM value_tombstones WHERE key=?1 AND sort=?2",
    [HIVE_DELETE_TOMBSTONES_BELOW] = "DELETE FROM key_tombstones WHERE parent=?1",
    [HIVE_DELETE_TOMBSTONES_OF_VALUES] = "DELETE FROM value_tombstones WHERE key=?1",
    [HIVE_VALUE_LAYER] = "SELECT layer FROM key_values WHERE key=?1 AND sort=?2",
    [HIVE_SET_VALUE_LAYER] = "UPDATE key_values SET layer=?3 WHERE key=?1 AND sort=?2",
    [HIVE_VALUE_LAYERS] = "SELECT name, layer FROM key_values WHERE key=?1 ORDER BY +position",
    [HIVE_KEY_TOMBSTONES] = "SELECT name, 0 FROM key_tombstones WHERE parent=?1 ORDER BY sort",
    [HIVE_VALUE_TOMBSTONES] = "SELECT name, 0 FROM value_tombstones WHERE key=?1 ORDER BY sort",
    [HIVE_GET_MARK] = "SELECT value FROM marks WHERE name=?1",
    [HIVE_SET_MARK] = "INSERT OR REPLACE INTO marks(name, value) VALUES(?1, ?2)",
};

void hive_store_release(hive_store_t *store)
{
    if (store->reading)
        sqlite3_reset(store->reading);
    store->reading = NULL;
}

/* The statement, ready to be bound; what an earlier one lent is taken back. */
sqlite3_stmt *hive_store_prepare(hive_store_t *store, enum hive_statement which)
{
    sqlite3_stmt **statement = &store->statements[which];

    hive_store_release(store);
    if (!*statement)
        sqlite3_prepare_v3(store->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                           statement, NULL);
    return *statement;
}

int hive_store_prepare_error(hive_store_t *store)
{
    int result = hive_store_errno(sqlite3_errcode(store->db));
    return result ? result : -EIO;
}

/* One step, its row not looked at: 1 where there was one. */
int hive_store_finish(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_ROW ? 1 : hive_store_errno(code);
}

/* One step of a statement whose row the caller reads: -ENOENT when there is none. */
int hive_store_first_row(hive_store_t *store, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    if (code == SQLITE_ROW) {
        store->reading = statement;
        return 0;
    }
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? -ENOENT : hive_store_errno(code);
}

/* The same of a statement whose one parameter is an id. */
int hive_store_row_of(hive_store_t *store, enum hive_statement which, uint64_t id,
                      sqlite3_stmt **statement)
{
    *statement = hive_store_prepare(store, which);
    if (!*statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(*statement, 1, (int64_t)id);
    return hive_store_first_row(store, *statement);
}

int hive_store_run(hive_store_t *store, enum hive_statement which)
{
    sqlite3_stmt *statement = hive_store_prepare(store, which);
    return statement ? hive_store_finish(statement) : hive_store_prepare_error(store);
}

int hive_store_bind_sort(hive_store_t *store, sqlite3_stmt *statement, int column,
                         const uint16_t *name, size_t units)
{
    if (units > REGISTRY_MAX_VALUE_NAME)
        return -EINVAL;
    if (store->scratch_size < units * 2 + 2) {
        unsigned char *grown = realloc(store->scratch, units * 2 + 2);
        if (!grown)
            return -ENOMEM;
        store->scratch = grown;
        store->scratch_size = units * 2 + 2;
    }
    for (size_t i = 0; i < units; i++) {
        uint16_t unit = registry_upcase(name[i]);
        store->scratch[2 * i] = unit >> 8;
        store->scratch[2 * i + 1] = unit & 0xff;
    }
    return hive_store_errno(
        sqlite3_bind_blob(statement, column, store->scratch, (int)(units * 2), SQLITE_STATIC));
}

/* An empty name or datum is an empty blob, never NULL. */
int hive_store_bind_bytes(sqlite3_stmt *statement, int column, const void *bytes, size_t size)
{
    if (size > REGISTRY_MAX_VALUE_SIZE)
        return -EINVAL;
    return hive_store_errno(
        sqlite3_bind_blob(statement, column, size ? bytes : "", (int)size, SQLITE_STATIC));
}

static void read_key_columns(sqlite3_stmt *statement, struct hive_key *out)
{
    out->id = (uint64_t)sqlite3_column_int64(statement, 0);
    out->parent = (uint64_t)sqlite3_column_int64(statement, 1);
    out->last_write = (uint64_t)sqlite3_column_int64(statement, 2);
    out->flags = (uint32_t)sqlite3_column_int64(statement, 3);
    out->name = sqlite3_column_blob(statement, 4);
    out->name_units = hive_store_name_units(statement, 4, REGISTRY_MAX_KEY_NAME);
    out->class_name = sqlite3_column_blob(statement, 5);
    out->class_units = (size_t)sqlite3_column_bytes(statement, 5) / 2;
    out->layer = (uint32_t)sqlite3_column_int64(statement, 6);
    out->secured = sqlite3_column_int(statement, 7) != 0;
}

void hive_store_read_value(sqlite3_stmt *statement, struct hive_value *out)
{
    out->name = sqlite3_column_blob(statement, 0);
    out->name_units = hive_store_name_units(statement, 0, REGISTRY_MAX_VALUE_NAME);
    out->type = (uint32_t)sqlite3_column_int64(statement, 1);
    out->data = sqlite3_column_blob(statement, 2);
    out->size = (size_t)sqlite3_column_bytes(statement, 2);
}

int hive_store_find_key(hive_store_t *store, uint64_t parent, const uint16_t *name, size_t units,
                        uint64_t *id, uint32_t *flags)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_FIND_KEY);
    int result;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)parent);
    result = hive_store_bind_sort(store, statement, 2, name, units);
    if (result == 0)
        result = hive_store_first_row(store, statement);
    if (result == 0) {
        *id = (uint64_t)sqlite3_column_int64(statement, 0);
        *flags = (uint32_t)sqlite3_column_int64(statement, 1) |
                 (sqlite3_column_int(statement, 2) ? HIVE_FOUND_SECURED : 0);
    }
    return result;
}

int hive_store_read_key(hive_store_t *store, uint64_t id, struct hive_key *out)
{
    sqlite3_stmt *statement;
    int result = hive_store_row_of(store, HIVE_READ_KEY, id, &statement);

    if (result == 0)
        read_key_columns(statement, out);
    return result;
}

int hive_store_visit_subkeys(hive_store_t *store, uint64_t parent,
                             int (*visit)(void *context, const struct hive_key *key), void *context)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_SUBKEYS);
    int code, result = 0;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)parent);
    while (result == 0 && (code = sqlite3_step(statement)) != SQLITE_DONE) {
        struct hive_key key;
        if (code != SQLITE_ROW) {
            result = hive_store_errno(code);
            break;
        }
        read_key_columns(statement, &key);
        result = visit(context, &key);
    }
    sqlite3_reset(statement);
    return result;
}

int hive_store_visit_values(hive_store_t *store, uint64_t key,
                            int (*visit)(void *context, const struct hive_value *value),
                            void *context)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_VALUES);
    int code, result = 0;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key);
    while (result == 0 && (code = sqlite3_step(statement)) != SQLITE_DONE) {
        struct hive_value value;
        if (code != SQLITE_ROW) {
            result = hive_store_errno(code);
            break;
        }
        hive_store_read_value(statement, &value);
        result = visit(context, &value);
    }
    sqlite3_reset(statement);
    return result;
}

int hive_store_find_value(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units,
                          struct hive_value *out)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_FIND_VALUE);
    int result;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key);
    result = hive_store_bind_sort(store, statement, 2, name, units);
    if (result == 0)
        result = hive_store_first_row(store, statement);
    if (result == 0)
        hive_store_read_value(statement, out);
    return result;
}

int hive_store_insert_key(hive_store_t *store, const struct hive_key *key, uint64_t *id)
{
    sqlite3_stmt *statement;
    uint32_t layer = key->layer;
    int result =
        layer ? 0 : hive_store_uncover_key(store, key->parent, key->name, key->name_units, &layer);

    if (result < 0)
        return result;
    statement = hive_store_prepare(store, HIVE_INSERT_KEY);
    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key->parent);
    result = hive_store_bind_sort(store, statement, 2, key->name, key->name_units);
    if (result == 0)
        result = hive_store_bind_bytes(statement, 3, key->name, key->name_units * 2);
    if (result == 0)
        result = hive_store_bind_bytes(statement, 4, key->class_name, key->class_units * 2);
    if (result < 0)
        return result;
    sqlite3_bind_int64(statement, 5, key->flags);
    sqlite3_bind_int64(statement, 6, (int64_t)key->last_write);
    sqlite3_bind_int64(statement, 7, layer);
    if (key->id)
        sqlite3_bind_int64(statement, 8, (int64_t)key->id);
    else
        sqlite3_bind_null(statement, 8);
    result = hive_store_finish(statement);
    if (result == 0)
        *id = (uint64_t)sqlite3_last_insert_rowid(store->db);
    return result;
}

int hive_store_use_key_id(hive_store_t *store, uint64_t id)
{
    return hive_store_run_with_id(store, HIVE_USE_KEY_ID, id);
}

int hive_store_update_key(hive_store_t *store, uint64_t id, uint64_t last_write, uint32_t flags,
                          const uint16_t *class_name, size_t class_units)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_UPDATE_KEY);
    int result;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    sqlite3_bind_int64(statement, 2, (int64_t)last_write);
    sqlite3_bind_int64(statement, 3, flags);
    result = hive_store_bind_bytes(statement, 4, class_name, class_units * 2);
    return result ? result : hive_store_finish(statement);
}

int hive_store_touch_key(hive_store_t *store, uint64_t id, uint64_t last_write)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_TOUCH_KEY);

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    sqlite3_bind_int64(statement, 2, (int64_t)last_write);
    return hive_store_finish(statement);
}

int hive_store_put_security(hive_store_t *store, uint64_t id, const void *descriptor, size_t size)
{
    sqlite3_stmt *statement;
    int result = hive_store_claim_key(store, id);

    if (result < 0)
        return result;
    statement = hive_store_prepare(store, HIVE_PUT_SECURITY);
    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    result = size ? hive_store_bind_bytes(statement, 2, descriptor, size)
                  : hive_store_errno(sqlite3_bind_null(statement, 2));
    return result ? result : hive_store_finish(statement);
}

int hive_store_read_security(hive_store_t *store, uint64_t id, const void **descriptor,
                             size_t *size)
{
    sqlite3_stmt *statement;
    int result = hive_store_row_of(store, HIVE_READ_SECURITY, id, &statement);

    if (result < 0)
        return result;
    *descriptor = sqlite3_column_blob(statement, 0);
    *size = (size_t)sqlite3_column_bytes(statement, 0);
    return *size ? 0 : -ENODATA;
}

int hive_store_run_with_id(hive_store_t *store, enum hive_statement which, uint64_t id)
{
    sqlite3_stmt *statement = hive_store_prepare(store, which);

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    return hive_store_finish(statement);
}

int hive_store_has_subkeys(hive_store_t *store, uint64_t id)
{
    return hive_store_run_with_id(store, HIVE_HAS_SUBKEYS, id);
}

int hive_store_remove_key(hive_store_t *store, uint64_t id)
{
    int result = hive_store_has_subkeys(store, id);

    if (result != 0)
        return result < 0 ? result : -ENOTEMPTY;
    return hive_store_bury_key(store, id);
}

/* The place of a value that is new, with the key touched; its key's layer. */
static int next_position(hive_store_t *store, uint64_t key, uint64_t last_write, int64_t *position,
                         uint32_t *layer)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_NEXT_POSITION);
    int result;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key);
    sqlite3_bind_int64(statement, 2, (int64_t)last_write);
    result = hive_store_first_row(store, statement);
    if (result < 0)
        return result == -ENOENT ? -EIDRM : result;
    *position = sqlite3_column_int64(statement, 0);
    *layer = (uint32_t)sqlite3_column_int64(statement, 1);
    return 0;
}

static int write_value(hive_store_t *store, uint64_t key, const struct hive_value *value,
                       int64_t position, uint32_t layer)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_PUT_VALUE);
    int result;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key);
    result = hive_store_bind_sort(store, statement, 2, value->name, value->name_units);
    if (result == 0)
        result = hive_store_bind_bytes(statement, 3, value->name, value->name_units * 2);
    sqlite3_bind_int64(statement, 4, position);
    sqlite3_bind_int64(statement, 5, value->type);
    sqlite3_bind_int64(statement, 7, layer);
    if (result == 0)
        result = hive_store_bind_bytes(statement, 6, value->data, value->size);
    return result ? result : hive_store_finish(statement);
}

int hive_store_put_value(hive_store_t *store, uint64_t key, const struct hive_value *value,
                         uint64_t last_write)
{
    uint32_t key_layer, layer = HIVE_UPPER;
    int64_t position;
    int result = next_position(store, key, last_write, &position, &key_layer);

    if (result == 0 && key_layer != HIVE_UPPER)
        result = hive_store_uncover_value(store, key, key_layer, value, &layer);
    return result ? result : write_value(store, key, value, position, layer);
}

int hive_store_put_lower_value(hive_store_t *store, uint64_t key, const struct hive_value *value,
                               uint64_t last_write)
{
    uint32_t key_layer;
    int64_t position;
    int result = next_position(store, key, last_write, &position, &key_layer);

    return result ? result : write_value(store, key, value, position, HIVE_LOWER);
}

int hive_store_get_mark(hive_store_t *store, const char *name, int64_t *value)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_GET_MARK);
    int result;

    *value = 0;
    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    result = hive_store_first_row(store, statement);
    if (result == 0)
        *value = sqlite3_column_int64(statement, 0);
    return result == -ENOENT ? 0 : result;
}

int hive_store_set_mark(hive_store_t *store, const char *name, int64_t value)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_SET_MARK);

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, value);
    return hive_store_finish(statement);
}
