/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_branches.c - what the hive store does with whole branches: loaded hives, removal of
 * a branch and of what is volatile.
 */
#include "registry/hive_store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int hive_store_put_hive(hive_store_t *store, uint64_t key, const char *file)
{
    sqlite3_stmt *statement = hive_store_prepare(store, HIVE_PUT_HIVE);
    int result;

    if (!statement)
        return hive_store_prepare_error(store);
    sqlite3_bind_int64(statement, 1, (int64_t)key);
    sqlite3_bind_text(statement, 2, file, -1, SQLITE_STATIC);
    result = hive_store_finish(statement);
    return result ? result : hive_store_run_with_id(store, HIVE_SUPERSEDE_KEY, key);
}

int hive_store_get_hive(hive_store_t *store, uint64_t key, char *file, size_t size)
{
    sqlite3_stmt *statement;
    int result = hive_store_row_of(store, HIVE_GET_HIVE, key, &statement);

    if (result < 0)
        return result;
    if ((size_t)snprintf(file, size, "%s", (const char *)sqlite3_column_text(statement, 0)) >= size)
        return -ENAMETOOLONG;
    return 0;
}

struct id_list {
    uint64_t *ids;
    size_t count, capacity;
};

static int add_id(struct id_list *list, uint64_t id)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 64;
        uint64_t *grown = realloc(list->ids, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        list->ids = grown;
        list->capacity = capacity;
    }
    list->ids[list->count++] = id;
    return 0;
}

/* Breadth first: a list from which every key's subkeys are added at its end. */
static int list_branch(hive_store_t *store, struct id_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        sqlite3_stmt *statement = hive_store_prepare(store, HIVE_SUBKEY_IDS);
        int code, result = 0;

        if (!statement)
            return hive_store_prepare_error(store);
        sqlite3_bind_int64(statement, 1, (int64_t)list->ids[i]);
        while (result == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW)
            result = add_id(list, (uint64_t)sqlite3_column_int64(statement, 0));
        sqlite3_reset(statement);
        if (result == 0 && code != SQLITE_DONE)
            result = hive_store_errno(code);
        if (result < 0)
            return result;
    }
    return 0;
}

/* The key stays, empty, and shows nothing of the lower layer any more. */
static int supersede(hive_store_t *store, uint64_t id)
{
    int result = hive_store_run_with_id(store, HIVE_DELETE_VALUES, id);

    if (result == 0)
        result = hive_store_claim_key(store, id);
    return result ? result : hive_store_run_with_id(store, HIVE_SUPERSEDE_KEY, id);
}

int hive_store_remove_branch(hive_store_t *store, uint64_t id, bool whole)
{
    struct id_list list = {0};
    int result = add_id(&list, id);

    if (result == 0)
        result = list_branch(store, &list);
    for (size_t i = list.count; result == 0 && i-- > 0;) {
        if (i == 0)
            result = whole ? hive_store_bury_key(store, id) : supersede(store, id);
        else
            result = hive_store_drop_key(store, list.ids[i]);
        if (result == 0 && (whole || i > 0))
            result = hive_store_run_with_id(store, HIVE_DELETE_HIVE, list.ids[i]);
    }
    free(list.ids);
    return result;
}

int hive_store_remove_volatile(hive_store_t *store)
{
    static const char sql[] = "CREATE TEMP TABLE gone AS WITH RECURSIVE tree(id) AS ("
                              " SELECT id FROM keys WHERE (flags & 1) <> 0"
                              " UNION SELECT keys.id FROM keys JOIN tree ON keys.parent = tree.id)"
                              " SELECT id FROM tree;"
                              /* One that was made over a tombstone gives it back; through one
                               * that was there first the lower layer's shows again: the mark that
                               * says what that is goes. */
                              "INSERT OR REPLACE INTO key_tombstones SELECT parent, sort, name"
                              " FROM keys WHERE id IN (SELECT id FROM gone) AND (layer & 9) = 9"
                              " AND parent NOT IN (SELECT id FROM gone);"
                              "DELETE FROM marks WHERE name IN ('lower_instance', 'lower_hash')"
                              " AND EXISTS(SELECT 1 FROM keys WHERE (layer & 9) = 1"
                              " AND id IN (SELECT id FROM gone));"
                              "DELETE FROM key_tombstones WHERE parent IN (SELECT id FROM gone);"
                              "DELETE FROM value_tombstones WHERE key IN (SELECT id FROM gone);"
                              "DELETE FROM key_values WHERE key IN (SELECT id FROM gone);"
                              "DELETE FROM keys WHERE id IN (SELECT id FROM gone);"
                              "DROP TABLE gone;";

    _Static_assert(REGISTRY_VOLATILE == 1, "the flag is spelled out in the statements");
    int result = hive_store_run(store, HIVE_HAS_VOLATILE);

    if (result <= 0)
        return result;
    return hive_store_errno(sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}
