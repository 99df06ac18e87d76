/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_salvage.c - see hive_store_salvage.h: judges the rows that a store image tells, and
 * puts them into the new store. What is wrong with the tree is mended in hive_store_reattach.c.
 *
 * Newer rows come first, so that of two rows of one key or value the first is kept. Pages that no
 * tree leads to any more tell rows of unknown tables: what they are shows in their columns, and in
 * that one column is the upcased form of another.
 */
#include "registry/hive_store_reattach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/upcase.h"

#define MAX_ID (INT64_C(1) << 62)
#define KEY_FLAGS (REGISTRY_VOLATILE | REGISTRY_CREATE_LINK)

static const char *const salvage_sql[SALVAGE_STATEMENT_COUNT] = {
    [SALVAGE_KEY] = "INSERT OR IGNORE INTO keys(id, parent, sort, name, class, flags, last_write,"
                    " next_position, security) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [SALVAGE_TOP_KEY] = "UPDATE keys SET class=?5, flags=?6, last_write=?7, next_position=?8,"
                        " security=?9 WHERE id=?1",
    [SALVAGE_KEY_LAYER] = "UPDATE keys SET layer=?2 WHERE id=?1",
    [SALVAGE_HAS_KEY] = "SELECT 1 FROM keys WHERE id=?1",
    [SALVAGE_VALUE] = "INSERT OR IGNORE INTO key_values(key, sort, name, position, type, data)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [SALVAGE_VALUE_LAYER] = "UPDATE key_values SET layer=?3 WHERE key=?1 AND sort=?2",
    [SALVAGE_CUT] = "INSERT OR IGNORE INTO temp.cut_values(key, sort, name) VALUES(?1, ?2, ?3)",
    [SALVAGE_INDEX] = "INSERT OR IGNORE INTO temp.index_keys(id, parent, sort) VALUES(?1, ?2, ?3)",
    [SALVAGE_MARK] = "INSERT OR IGNORE INTO marks(name, value) VALUES(?1, ?2)",
    [SALVAGE_HIVE] = "INSERT OR IGNORE INTO hives(key, file) VALUES(?1, ?2)",
    [SALVAGE_KEY_TOMBSTONE] =
        "INSERT OR IGNORE INTO key_tombstones(parent, sort, name) VALUES(?1, ?2, ?3)",
    [SALVAGE_VALUE_TOMBSTONE] =
        "INSERT OR IGNORE INTO value_tombstones(key, sort, name) VALUES(?1, ?2, ?3)",
};

/* ---- statements ---- */

static sqlite3_stmt *prepare(struct salvage_work *work, enum salvage_statement which)
{
    sqlite3_stmt **statement = &work->statements[which];

    if (!*statement)
        sqlite3_prepare_v2(work->store->db, salvage_sql[which], -1, statement, NULL);
    if (*statement)
        sqlite3_clear_bindings(*statement);
    return *statement;
}

/* 1 where it changed a row, or answered one. */
static int run(struct salvage_work *work, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    sqlite3_reset(statement);
    if (code == SQLITE_ROW)
        return 1;
    return code == SQLITE_DONE ? sqlite3_changes(work->store->db) > 0 : hive_store_errno(code);
}

static void bind_blob(sqlite3_stmt *statement, int column, struct store_bytes bytes)
{
    sqlite3_bind_blob(statement, column, bytes.size ? (const void *)bytes.at : "", (int)bytes.size,
                      SQLITE_STATIC);
}

static struct store_bytes upcase(struct salvage_work *work, struct store_bytes name)
{
    for (size_t i = 0; i + 1 < name.size; i += 2) {
        uint16_t unit = registry_upcase((uint16_t)(name.at[i] | name.at[i + 1] << 8));
        work->sort[i] = (unsigned char)(unit >> 8);
        work->sort[i + 1] = unit & 0xff;
    }
    return (struct store_bytes){work->sort, name.size & ~(size_t)1};
}

/* ---- what rows may hold ---- */

static bool is_id(const struct store_column *column)
{
    return column->kind == STORE_INTEGER && column->integer > 0 && column->integer < MAX_ID;
}

/* True where `sort` is the upcased form of `name`, which no registry finds too long. */
static bool is_name(struct salvage_work *work, const struct store_column *sort,
                    const struct store_column *name, size_t most_units)
{
    struct store_bytes upcased;

    if (sort->kind != STORE_BLOB || name->kind != STORE_BLOB || name->bytes.size % 2 ||
        name->bytes.size / 2 > most_units || sort->bytes.size != name->bytes.size)
        return false;
    upcased = upcase(work, name->bytes);
    return upcased.size == 0 || memcmp(upcased.at, sort->bytes.at, upcased.size) == 0;
}

static bool has_separator(struct store_bytes name)
{
    for (size_t i = 0; i + 1 < name.size; i += 2)
        if (name.at[i] == '\\' && name.at[i + 1] == 0)
            return true;
    return false;
}

static bool is_table(const struct store_row *row, const char *name)
{
    return !row->table || strcmp(row->table, name) == 0;
}

static int64_t layer_of(const struct store_row *row, size_t column)
{
    return row->count > column && row->columns[column].kind == STORE_INTEGER &&
                   row->columns[column].integer >= 0 &&
                   row->columns[column].integer <= HIVE_LAST_LAYER
               ? row->columns[column].integer
               : HIVE_OWN_LAYER;
}

/* ---- rows ---- */

/* keys: id (the rowid), parent, sort, name, class, flags, last_write, next_position, security,
 * layer; the last two are younger than some rows. */
static bool is_key_row(struct salvage_work *work, const struct store_row *row)
{
    const struct store_column *column = row->columns;
    bool top = row->rowid == (int64_t)REGISTRY_ROOT_KEY;

    if (!row->has_rowid || !is_table(row, "keys") || row->count < 8 || row->rowid <= 0 ||
        row->rowid >= MAX_ID || column[0].kind != STORE_NULL ||
        (column[4].kind != STORE_NULL && column[4].kind != STORE_BLOB) ||
        !is_name(work, &column[2], &column[3], REGISTRY_MAX_KEY_NAME))
        return false;
    for (size_t i = 5; i < 8; i++)
        if (column[i].kind != STORE_INTEGER)
            return false;
    return column[1].kind == STORE_INTEGER && !has_separator(column[3].bytes) &&
           (column[3].bytes.size == 0) == top;
}

static int put_layer(struct salvage_work *work, enum salvage_statement which, int64_t key,
                     struct store_bytes sort, int64_t layer)
{
    sqlite3_stmt *statement;

    if (!work->layered || layer == HIVE_OWN_LAYER)
        return 0;
    statement = prepare(work, which);
    if (!statement)
        return hive_store_prepare_error(work->store);
    sqlite3_bind_int64(statement, 1, key);
    if (which == SALVAGE_KEY_LAYER) {
        sqlite3_bind_int64(statement, 2, layer);
    } else {
        bind_blob(statement, 2, sort);
        sqlite3_bind_int64(statement, 3, layer);
    }
    return run(work, statement);
}

int salvage_has_key(struct salvage_work *work, int64_t id)
{
    sqlite3_stmt *statement = prepare(work, SALVAGE_HAS_KEY);
    int code;

    if (!statement)
        return hive_store_prepare_error(work->store);
    sqlite3_bind_int64(statement, 1, id);
    code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_ROW ? 1 : hive_store_errno(code);
}

int salvage_put_key(struct salvage_work *work, const struct salvage_key *key)
{
    int64_t parent = key->parent;
    int result = salvage_has_key(work, key->id);
    bool top = key->id == (int64_t)REGISTRY_ROOT_KEY;

    if (result < 0 || (result > 0 && (!top || work->top_key_found)))
        return result < 0 ? result : 0;
    work->top_key_found = work->top_key_found || top;
    /* Where another key has the place, or none can: to be reattached. */
    if (!top && (parent <= 0 || parent == key->id || parent >= MAX_ID))
        parent = -key->id;
    for (int tries = 0; tries < 2; tries++, parent = -key->id) {
        sqlite3_stmt *statement = prepare(work, top ? SALVAGE_TOP_KEY : SALVAGE_KEY);
        if (!statement)
            return hive_store_prepare_error(work->store);
        sqlite3_bind_int64(statement, 1, key->id);
        if (!top) {
            sqlite3_bind_int64(statement, 2, parent);
            bind_blob(statement, 3, upcase(work, key->name));
            bind_blob(statement, 4, key->name);
        }
        if (key->class_name.at)
            bind_blob(statement, 5, key->class_name);
        sqlite3_bind_int64(statement, 6, key->flags & KEY_FLAGS);
        sqlite3_bind_int64(statement, 7, key->last_write);
        sqlite3_bind_int64(statement, 8, key->next_position);
        if (key->security.size)
            bind_blob(statement, 9, key->security);
        result = run(work, statement);
        if (result != 0)
            break;
    }
    return result;
}

static int take_key(struct salvage_work *work, const struct store_row *row)
{
    const struct store_column *column = row->columns;
    struct salvage_key key = {
        .id = row->rowid,
        .parent = column[1].integer,
        .name = column[3].bytes,
        .class_name = column[4].bytes,
        .flags = column[5].integer,
        .last_write = column[6].integer,
        .next_position = column[7].integer > 0 ? column[7].integer : 0,
    };
    int result;

    if (column[4].kind == STORE_NULL || column[4].bytes.size % 2)
        key.class_name = (struct store_bytes){NULL, 0};
    if (row->count > 8 && column[8].kind == STORE_BLOB)
        key.security = column[8].bytes;
    result = salvage_put_key(work, &key);
    if (result > 0)
        result = put_layer(work, SALVAGE_KEY_LAYER, key.id, key.name, layer_of(row, 9));
    return result;
}

/* key_values: key, sort, name, position, type, data, layer. */
static bool is_value_row(struct salvage_work *work, const struct store_row *row)
{
    const struct store_column *column = row->columns;

    return !row->has_rowid && is_table(row, "key_values") && row->count >= (row->cut ? 5 : 6) &&
           is_id(&column[0]) && is_name(work, &column[1], &column[2], REGISTRY_MAX_VALUE_NAME) &&
           column[3].kind == STORE_INTEGER && column[4].kind == STORE_INTEGER &&
           (row->count < 6 || column[5].kind == STORE_BLOB);
}

static int take_value(struct salvage_work *work, const struct store_row *row)
{
    const struct store_column *column = row->columns;
    bool whole = row->count >= 6;
    sqlite3_stmt *statement = prepare(work, whole ? SALVAGE_VALUE : SALVAGE_CUT);
    int result;

    if (!statement)
        return hive_store_prepare_error(work->store);
    sqlite3_bind_int64(statement, 1, column[0].integer);
    bind_blob(statement, 2, column[1].bytes);
    bind_blob(statement, 3, column[2].bytes);
    if (whole) {
        sqlite3_bind_int64(statement, 4, column[3].integer);
        sqlite3_bind_int64(statement, 5, (uint32_t)column[4].integer);
        bind_blob(statement, 6, column[5].bytes);
    }
    result = run(work, statement);
    if (result > 0 && whole)
        result = put_layer(work, SALVAGE_VALUE_LAYER, column[0].integer, column[1].bytes,
                           layer_of(row, 6));
    return result;
}

/* keys_by_name: parent, sort, id. */
static int take_index_entry(struct salvage_work *work, const struct store_row *row)
{
    sqlite3_stmt *statement = prepare(work, SALVAGE_INDEX);

    if (!statement)
        return hive_store_prepare_error(work->store);
    sqlite3_bind_int64(statement, 1, row->columns[2].integer);
    sqlite3_bind_int64(statement, 2, row->columns[0].integer);
    bind_blob(statement, 3, row->columns[1].bytes);
    return run(work, statement);
}

/* Both tables of tombstones look the same. In a page that no tree leads to they are taken for
 * both: one that hides nothing does no harm. */
static int take_tombstone(struct salvage_work *work, const struct store_row *row)
{
    static const char *const tables[] = {"key_tombstones", "value_tombstones"};
    int result = 0;

    for (int i = 0; work->tombstones && result >= 0 && i < 2; i++) {
        sqlite3_stmt *statement;
        if (!is_table(row, tables[i]))
            continue;
        statement = prepare(work, SALVAGE_KEY_TOMBSTONE + i);
        if (!statement)
            return hive_store_prepare_error(work->store);
        sqlite3_bind_int64(statement, 1, row->columns[0].integer);
        bind_blob(statement, 2, row->columns[1].bytes);
        bind_blob(statement, 3, row->columns[2].bytes);
        result = run(work, statement);
    }
    return result;
}

/* marks (name, value) and hives (key, file). */
static int take_text(struct salvage_work *work, const struct store_row *row)
{
    bool hive = row->has_rowid;
    const struct store_bytes *text = &row->columns[hive ? 1 : 0].bytes;
    sqlite3_stmt *statement = prepare(work, hive ? SALVAGE_HIVE : SALVAGE_MARK);

    if (!statement)
        return hive_store_prepare_error(work->store);
    sqlite3_bind_int64(statement, hive ? 1 : 2, hive ? row->rowid : row->columns[1].integer);
    sqlite3_bind_text(statement, hive ? 2 : 1, (const char *)text->at, (int)text->size,
                      SQLITE_STATIC);
    return run(work, statement);
}

static int take_row(void *context, const struct store_row *row)
{
    struct salvage_work *work = context;
    const struct store_column *column = row->columns;
    int result = 0;

    if (is_key_row(work, row))
        result = take_key(work, row);
    else if (is_value_row(work, row))
        result = take_value(work, row);
    else if (row->cut)
        return 0;
    else if (!row->has_rowid && row->count == 3 && is_table(row, "keys_by_name") &&
             is_id(&column[0]) && column[1].kind == STORE_BLOB && is_id(&column[2]) &&
             column[1].bytes.size > 0 && column[1].bytes.size <= 2 * REGISTRY_MAX_KEY_NAME)
        result = take_index_entry(work, row);
    else if (!row->has_rowid && row->count == 3 && is_id(&column[0]) &&
             is_name(work, &column[1], &column[2], REGISTRY_MAX_VALUE_NAME))
        result = take_tombstone(work, row);
    else if (row->has_rowid && row->count == 2 && is_table(row, "hives") && row->rowid > 0 &&
             column[0].kind == STORE_NULL && column[1].kind == STORE_TEXT)
        result = take_text(work, row);
    else if (!row->has_rowid && row->count == 2 && is_table(row, "marks") &&
             column[0].kind == STORE_TEXT && column[1].kind == STORE_INTEGER)
        result = take_text(work, row);
    return result < 0 ? result : 0;
}

/* ---- the whole ---- */

static void tell_progress(void *context, double share)
{
    struct salvage_work *work = context;

    if (work->salvage->progress)
        work->salvage->progress(work->salvage->context, share * 0.9);
}

static int salvage_all(struct salvage_work *work, struct store_image *image)
{
    int result = hive_store_errno(sqlite3_exec(
        work->store->db,
        "CREATE TEMP TABLE index_keys(id INTEGER PRIMARY KEY, parent INTEGER, sort BLOB);"
        "CREATE TEMP TABLE cut_values(key INTEGER, sort BLOB, name BLOB, PRIMARY KEY(key, sort))",
        NULL, NULL, NULL));

    if (result == 0)
        result = hive_store_begin(work->store);
    if (result < 0)
        return result;
    result = store_image_visit(image, take_row, tell_progress, work);
    if (result == 0)
        result = salvage_reattach(work);
    if (result == 0)
        result = hive_store_commit(work->store);
    if (result < 0)
        hive_store_rollback(work->store);
    return result;
}

int hive_store_salvage(hive_store_t *store, struct store_image *image, struct hive_salvage *salvage)
{
    struct salvage_work *work = calloc(1, sizeof *work);
    int result;

    if (!work)
        return -ENOMEM;
    work->store = store;
    work->salvage = salvage;
    work->layered = hive_store_has_column(store, "keys", "layer");
    work->tombstones = hive_store_has_column(store, "key_tombstones", NULL);
    result = salvage_all(work, image);
    for (size_t i = 0; i < SALVAGE_STATEMENT_COUNT; i++)
        sqlite3_finalize(work->statements[i]);
    free(work);
    return result < 0 ? result : hive_store_settle(store);
}

int hive_store_settle(hive_store_t *store)
{
    int left = 0;
    int code;

    hive_store_release(store);
    code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, NULL);
    if (code != SQLITE_OK)
        return hive_store_errno(code);
    return left > 0 ? -ETIMEDOUT : 0;
}
