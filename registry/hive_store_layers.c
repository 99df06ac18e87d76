/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_layers.c - the kernel's registry as a layer over the prefix's: marks and tombstones.
 * The model is that of Windows' own layered keys: a key is merged, or supersedes what is below it,
 * or is hidden by a tombstone; a key that is made anew over a tombstone starts empty.
 */
#include "registry/hive_store_internal.h"

#include <errno.h>
#include <stdlib.h>

/* The statement with id and sort bound, or NULL with `*result` set. */
static sqlite3_stmt *with_name(hive_store_t *store, enum hive_statement which, uint64_t id,
                               const uint16_t *name, size_t units, int *result)
{
    sqlite3_stmt *statement = hive_store_prepare(store, which);

    if (!statement) {
        *result = hive_store_prepare_error(store);
        return NULL;
    }
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    *result = hive_store_bind_sort(store, statement, 2, name, units);
    return *result ? NULL : statement;
}

/* 1 where the statement answered a row. */
static int run_with_name(hive_store_t *store, enum hive_statement which, uint64_t id,
                         const uint16_t *name, size_t units)
{
    int result;
    sqlite3_stmt *statement = with_name(store, which, id, name, units, &result);

    return statement ? hive_store_finish(statement) : result;
}

/* A deletion: 1 where there was something to delete. */
static int delete_with_name(hive_store_t *store, enum hive_statement which, uint64_t id,
                            const uint16_t *name, size_t units)
{
    int result = run_with_name(store, which, id, name, units);
    return result < 0 ? result : sqlite3_changes(store->db) > 0;
}

static int put_tombstone(hive_store_t *store, enum hive_statement which, uint64_t id,
                         const uint16_t *name, size_t units)
{
    int result;
    sqlite3_stmt *statement = with_name(store, which, id, name, units, &result);

    if (statement)
        result = hive_store_bind_bytes(statement, 3, name, units * 2);
    return result ? result : hive_store_finish(statement);
}

/* ---- keys ---- */

int hive_store_claim_key(hive_store_t *store, uint64_t id)
{
    for (;;) {
        sqlite3_stmt *statement = hive_store_prepare(store, HIVE_CLAIM_KEY);
        int result;

        if (!statement)
            return hive_store_prepare_error(store);
        sqlite3_bind_int64(statement, 1, (int64_t)id);
        result = hive_store_first_row(store, statement);
        if (result < 0)
            return result == -ENOENT ? 0 : result;
        id = (uint64_t)sqlite3_column_int64(statement, 0);
    }
}

int hive_store_set_key_layer(hive_store_t *store, uint64_t id, uint32_t layer)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_SET_KEY_LAYER);

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    sqlite3_bind_int64(statement, 2, layer);
    return hive_store_finish(statement);
}

int hive_store_key_is_hidden(hive_store_t *store, uint64_t parent, const uint16_t *name,
                             size_t units)
{
    return run_with_name(store, HIVE_FIND_KEY_TOMBSTONE, parent, name, units);
}

int hive_store_hides_keys(hive_store_t *store, uint64_t parent)
{
    return hive_store_run_with_id(store, HIVE_HAS_KEY_TOMBSTONES, parent);
}

int hive_store_uncover_key(hive_store_t *store, uint64_t parent, const uint16_t *name, size_t units,
                           uint32_t *layer)
{
    int result = hive_store_claim_key(store, parent);

    if (result == 0)
        result = delete_with_name(store, HIVE_DELETE_KEY_TOMBSTONE, parent, name, units);
    *layer = result > 0 ? HIVE_UPPER | HIVE_LOWER | HIVE_SUPERSEDE_TREE : HIVE_UPPER;
    return result < 0 ? result : 0;
}

static int delete_tombstones_in(hive_store_t *store, uint64_t id)
{
    int result = hive_store_run_with_id(store, HIVE_DELETE_TOMBSTONES_BELOW, id);
    return result ? result : hive_store_run_with_id(store, HIVE_DELETE_TOMBSTONES_OF_VALUES, id);
}

/* What a deleted row answered, in memory of its own: the tombstone is another statement's. */
struct buried {
    uint64_t parent;
    uint32_t layer;
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    size_t units;
};

static int delete_row(hive_store_t *store, uint64_t id, struct buried *buried)
{
    sqlite3_stmt *statement;
    const uint16_t *name;
    int result = hive_store_row_of(store, HIVE_DELETE_KEY, id, &statement);

    if (result < 0)
        return result;
    buried->layer = (uint32_t)sqlite3_column_int64(statement, 0);
    buried->parent = (uint64_t)sqlite3_column_int64(statement, 1);
    name = sqlite3_column_blob(statement, 3);
    buried->units = hive_store_name_units(statement, 3, REGISTRY_MAX_KEY_NAME);
    for (size_t i = 0; i < buried->units; i++)
        buried->name[i] = name[i];
    hive_store_release(store);
    return 0;
}

int hive_store_drop_key(hive_store_t *store, uint64_t id)
{
    struct buried buried;
    int result = hive_store_run_with_id(store, HIVE_DELETE_VALUES, id);

    if (result == 0)
        result = delete_tombstones_in(store, id);
    return result ? result : delete_row(store, id, &buried);
}

int hive_store_bury_key(hive_store_t *store, uint64_t id)
{
    struct buried buried;
    int result = hive_store_run_with_id(store, HIVE_DELETE_VALUES, id);

    if (result == 0)
        result = delete_row(store, id, &buried);
    if (result < 0)
        return result == -ENOENT ? 0 : result;
    if (buried.layer == HIVE_UPPER)
        return 0;
    result = delete_tombstones_in(store, id);
    if (result == 0 && buried.layer & HIVE_LOWER) {
        result =
            put_tombstone(store, HIVE_PUT_KEY_TOMBSTONE, buried.parent, buried.name, buried.units);
        if (result == 0)
            result = hive_store_claim_key(store, buried.parent);
    }
    return result;
}

/* Makes everything below a key, whatever layer it came from, the kernel's. */
static int take_branch_over(hive_store_t *store, uint64_t id)
{
    static const char *const sql[] = {
        "UPDATE keys SET layer=2 WHERE id IN (SELECT id FROM temp.branch) AND id<>?1",
        "UPDATE key_values SET layer=2 WHERE key IN (SELECT id FROM temp.branch)",
        "DELETE FROM key_tombstones WHERE parent IN (SELECT id FROM temp.branch)",
        "DELETE FROM value_tombstones WHERE key IN (SELECT id FROM temp.branch)",
    };
    static const char collect[] = "INSERT INTO temp.branch WITH RECURSIVE tree(id) AS (VALUES(?1)"
                                  " UNION SELECT keys.id FROM keys JOIN tree ON"
                                  " keys.parent = tree.id) SELECT id FROM tree";
    int code = sqlite3_exec(store->db, "CREATE TEMP TABLE branch(id INTEGER PRIMARY KEY)", NULL,
                            NULL, NULL);

    for (size_t i = 0; code == SQLITE_OK && i <= sizeof sql / sizeof sql[0]; i++) {
        sqlite3_stmt *statement;
        code = sqlite3_prepare_v2(store->db, i ? sql[i - 1] : collect, -1, &statement, NULL);
        if (code != SQLITE_OK)
            break;
        if (sqlite3_bind_parameter_count(statement))
            sqlite3_bind_int64(statement, 1, (int64_t)id);
        sqlite3_step(statement);
        code = sqlite3_finalize(statement);
    }
    if (code == SQLITE_OK)
        code = sqlite3_exec(store->db, "DROP TABLE temp.branch", NULL, NULL, NULL);
    return hive_store_errno(code);
}

/* The old name gets a tombstone where the lower layer has it; the key stands at its new name with
 * all that it had, and nothing of the lower layer shows through there. */
int hive_store_rename_key(hive_store_t *store, uint64_t id, const uint16_t *name, size_t units)
{
    struct hive_key row;
    struct buried old = {0};
    sqlite3_stmt *statement;
    uint32_t layer;
    int result = hive_store_read_key(store, id, &row);

    if (result < 0)
        return result;
    old.parent = row.parent;
    old.layer = row.layer;
    old.units = row.name_units < REGISTRY_MAX_KEY_NAME ? row.name_units : REGISTRY_MAX_KEY_NAME;
    for (size_t i = 0; i < old.units; i++)
        old.name[i] = row.name[i];
    result = hive_store_uncover_key(store, old.parent, name, units, &layer);
    if (result == 0 && old.layer != HIVE_UPPER)
        result = take_branch_over(store, id);
    if (result < 0)
        return result;
    if (old.layer != HIVE_UPPER)
        layer |= HIVE_SUPERSEDE_TREE;
    statement = with_name(store, HIVE_RENAME_KEY, id, name, units, &result);
    if (statement)
        result = hive_store_bind_bytes(statement, 3, name, units * 2);
    if (result < 0)
        return result;
    sqlite3_bind_int64(statement, 4, layer);
    result = hive_store_finish(statement);
    if (result == 0 && old.layer & HIVE_LOWER)
        result = put_tombstone(store, HIVE_PUT_KEY_TOMBSTONE, old.parent, old.name, old.units);
    return result;
}

/* ---- values ---- */

int hive_store_value_is_hidden(hive_store_t *store, uint64_t key, const uint16_t *name,
                               size_t units)
{
    return run_with_name(store, HIVE_FIND_VALUE_TOMBSTONE, key, name, units);
}

int hive_store_uncover_value(hive_store_t *store, uint64_t key, uint32_t key_layer,
                             const struct hive_value *value, uint32_t *layer)
{
    int result = key_layer & HIVE_UPPER ? 0 : hive_store_claim_key(store, key);

    *layer = HIVE_UPPER;
    if (result == 0 && key_layer & HIVE_LOWER)
        result = delete_with_name(store, HIVE_DELETE_VALUE_TOMBSTONE, key, value->name,
                                  value->name_units);
    if (result > 0)
        *layer |= HIVE_LOWER;
    return result < 0 ? result : 0;
}

int hive_store_value_layer(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units,
                           uint32_t *layer)
{
    int result;
    sqlite3_stmt *statement = with_name(store, HIVE_VALUE_LAYER, key, name, units, &result);

    if (statement)
        result = hive_store_first_row(store, statement);
    if (result == 0)
        *layer = (uint32_t)sqlite3_column_int64(statement, 0);
    return result;
}

int hive_store_set_value_layer(hive_store_t *store, uint64_t key, const uint16_t *name,
                               size_t units, uint32_t layer)
{
    int result;
    sqlite3_stmt *statement = with_name(store, HIVE_SET_VALUE_LAYER, key, name, units, &result);

    if (!statement)
        return result;
    sqlite3_bind_int64(statement, 3, layer);
    return hive_store_finish(statement);
}

/* Deletes the row and tells its layer; -ENOENT. */
static int delete_value(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units,
                        uint32_t *layer)
{
    int result;
    sqlite3_stmt *statement = with_name(store, HIVE_DELETE_VALUE, key, name, units, &result);

    if (statement)
        result = hive_store_first_row(store, statement);
    if (result == 0)
        *layer = (uint32_t)sqlite3_column_int64(statement, 0);
    hive_store_release(store);
    return result;
}

int hive_store_drop_value(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units)
{
    uint32_t layer;
    return delete_value(store, key, name, units, &layer);
}

int hive_store_remove_value(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units)
{
    uint32_t layer;
    int result = delete_value(store, key, name, units, &layer);

    if (result < 0 || !(layer & HIVE_LOWER))
        return result;
    result = put_tombstone(store, HIVE_PUT_VALUE_TOMBSTONE, key, name, units);
    return result ? result : hive_store_claim_key(store, key);
}

/* ---- tombstones that hide nothing any more ---- */

int hive_store_drop_key_tombstone(hive_store_t *store, uint64_t parent, const uint16_t *name,
                                  size_t units)
{
    return run_with_name(store, HIVE_DELETE_KEY_TOMBSTONE, parent, name, units);
}

int hive_store_drop_value_tombstone(hive_store_t *store, uint64_t key, const uint16_t *name,
                                    size_t units)
{
    return run_with_name(store, HIVE_DELETE_VALUE_TOMBSTONE, key, name, units);
}

/* ---- looking at layers ---- */

static int visit_layers(hive_store_t *store, enum hive_statement which, uint64_t id,
                        int (*visit)(void *context, const struct hive_layered *entry),
                        void *context)
{
    sqlite3_stmt *statement = hive_store_prepare(store, which);
    int code = SQLITE_DONE, result = 0;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    while (result == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct hive_layered entry = {
            .name = sqlite3_column_blob(statement, 0),
            .name_units = hive_store_name_units(statement, 0, REGISTRY_MAX_VALUE_NAME),
            .layer = (uint32_t)sqlite3_column_int64(statement, 1),
        };
        result = visit(context, &entry);
    }
    sqlite3_reset(statement);
    return result == 0 && code != SQLITE_DONE ? hive_store_errno(code) : result;
}

int hive_store_visit_value_layers(hive_store_t *store, uint64_t key,
                                  int (*visit)(void *context, const struct hive_layered *entry),
                                  void *context)
{
    return visit_layers(store, HIVE_VALUE_LAYERS, key, visit, context);
}

int hive_store_visit_key_tombstones(hive_store_t *store, uint64_t parent,
                                    int (*visit)(void *context, const struct hive_layered *entry),
                                    void *context)
{
    return visit_layers(store, HIVE_KEY_TOMBSTONES, parent, visit, context);
}

int hive_store_visit_value_tombstones(hive_store_t *store, uint64_t key,
                                      int (*visit)(void *context, const struct hive_layered *entry),
                                      void *context)
{
    return visit_layers(store, HIVE_VALUE_TOMBSTONES, key, visit, context);
}

int hive_store_forget_lower(hive_store_t *store)
{
    static const char sql[] = "DELETE FROM key_values WHERE layer=1;"
                              "DELETE FROM keys WHERE layer=1 AND id<>1;"
                              "UPDATE key_values SET layer=2 WHERE layer=3;"
                              "UPDATE keys SET layer=layer&~1 WHERE layer&1;";

    _Static_assert(HIVE_LOWER == 1 && HIVE_UPPER == 2, "the marks are spelled out");
    hive_store_release(store);
    return hive_store_errno(sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}
