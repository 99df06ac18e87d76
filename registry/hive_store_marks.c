/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_marks.c - a key's mark changed by hand: merged with the layer below it, or set in its
 * place, alone or with all that is below; and what the kernel gives up.
 */
#include "registry/hive_store_internal.h"

#include <errno.h>

/* Runs statements that know ?1 as the key and ?2 as the mark. */
static int run_all(hive_store_t *store, const char *const *sql, size_t count, uint64_t id,
                   uint32_t mark)
{
    int code = SQLITE_OK;

    hive_store_release(store);
    for (size_t i = 0; code == SQLITE_OK && i < count; i++) {
        sqlite3_stmt *statement;
        code = sqlite3_prepare_v2(store->db, sql[i], -1, &statement, NULL);
        if (code != SQLITE_OK)
            break;
        if (sqlite3_bind_parameter_count(statement) > 0)
            sqlite3_bind_int64(statement, 1, (int64_t)id);
        if (sqlite3_bind_parameter_count(statement) > 1)
            sqlite3_bind_int64(statement, 2, mark);
        sqlite3_step(statement);
        code = sqlite3_finalize(statement);
    }
    return hive_store_errno(code);
}

/* What the kernel wrote or deleted in the branch, and what leads to it, stays. Keys below that are
 * the lower layer's alone are gone, but for those above one that is the kernel's. */
static int hide_below(hive_store_t *store, uint64_t id)
{
    static const char *const sql[] = {
        "CREATE TEMP TABLE branch(id INTEGER PRIMARY KEY)",
        "CREATE TEMP TABLE kept(id INTEGER PRIMARY KEY)",
        "INSERT INTO temp.branch WITH RECURSIVE tree(id) AS (SELECT id FROM keys WHERE parent=?1"
        " UNION SELECT keys.id FROM keys JOIN tree ON keys.parent=tree.id) SELECT id FROM tree",
        "INSERT INTO temp.kept WITH RECURSIVE up(id) AS (SELECT id FROM keys WHERE layer&2<>0"
        " AND id IN (SELECT id FROM temp.branch) UNION SELECT keys.parent FROM keys JOIN up ON"
        " keys.id=up.id WHERE keys.parent IN (SELECT id FROM temp.branch)) SELECT id FROM up",
        "DELETE FROM key_values WHERE layer=1 AND key IN (SELECT id FROM temp.branch)",
        "UPDATE key_values SET layer=2 WHERE key IN (SELECT id FROM temp.branch)",
        "DELETE FROM keys WHERE id IN (SELECT id FROM temp.branch)"
        " AND id NOT IN (SELECT id FROM temp.kept)",
        "UPDATE keys SET layer=2 WHERE id IN (SELECT id FROM temp.kept)",
        "DELETE FROM key_tombstones WHERE parent IN (SELECT id FROM temp.branch)"
        " AND parent NOT IN (SELECT id FROM temp.kept)",
        "DELETE FROM value_tombstones WHERE key IN (SELECT id FROM temp.branch)"
        " AND key NOT IN (SELECT id FROM temp.kept)",
        "DROP TABLE temp.branch",
        "DROP TABLE temp.kept",
    };
    return run_all(store, sql, sizeof sql / sizeof sql[0], id, 0);
}

int hive_store_supersede_key(hive_store_t *store, uint64_t id, uint32_t mark)
{
    static const char *const sql[] = {
        "DELETE FROM key_values WHERE key=?1 AND layer=1",
        "UPDATE key_values SET layer=2 WHERE key=?1",
        "UPDATE keys SET layer=(layer&3)|2|?2 WHERE id=?1",
    };
    int result = hive_store_claim_key(store, id);

    if (result == 0 && mark == HIVE_SUPERSEDE_TREE)
        result = hide_below(store, id);
    return result ? result : run_all(store, sql, sizeof sql / sizeof sql[0], id, mark);
}

int hive_store_merge_key(hive_store_t *store, uint64_t id)
{
    /* What the layer below has there is not known any more: all of it is taken in anew. */
    static const char *const sql[] = {
        "UPDATE keys SET layer=layer&~12 WHERE id=?1",
        "DELETE FROM marks WHERE name IN ('lower_instance', 'lower_hash')",
    };
    return run_all(store, sql, sizeof sql / sizeof sql[0], id, 0);
}

int hive_store_release_key(hive_store_t *store, uint64_t id)
{
    return hive_store_run_with_id(store, HIVE_RELEASE_KEY, id);
}

int hive_store_drop_branch(hive_store_t *store, uint64_t id)
{
    /* A key that stays is the kernel's: what the lower layer has there is not known here. */
    static const char *const sql[] = {
        "CREATE TEMP TABLE branch(id INTEGER PRIMARY KEY)",
        "CREATE TEMP TABLE loaded(id INTEGER PRIMARY KEY)",
        "CREATE TEMP TABLE kept(id INTEGER PRIMARY KEY)",
        "INSERT INTO temp.branch WITH RECURSIVE tree(id) AS (SELECT id FROM keys WHERE id=?1"
        " UNION SELECT keys.id FROM keys JOIN tree ON keys.parent=tree.id WHERE keys.parent<>1"
        " OR keys.sort<>x'0041') SELECT id FROM tree",
        "INSERT INTO temp.loaded WITH RECURSIVE tree(id) AS (SELECT key FROM hives"
        " UNION SELECT keys.id FROM keys JOIN tree ON keys.parent=tree.id) SELECT id FROM tree",
        "DELETE FROM temp.branch WHERE id IN (SELECT id FROM temp.loaded)",
        "INSERT INTO temp.kept WITH RECURSIVE up(id) AS (SELECT parent FROM keys WHERE id IN"
        " (SELECT key FROM hives) UNION SELECT keys.parent FROM keys JOIN up ON keys.id=up.id)"
        " SELECT id FROM up",
        "INSERT OR IGNORE INTO temp.kept VALUES(1)",
        "DELETE FROM key_values WHERE key IN (SELECT id FROM temp.branch)",
        "DELETE FROM value_tombstones WHERE key IN (SELECT id FROM temp.branch)",
        "DELETE FROM key_tombstones WHERE parent IN (SELECT id FROM temp.branch)",
        "DELETE FROM keys WHERE id IN (SELECT id FROM temp.branch)"
        " AND id NOT IN (SELECT id FROM temp.kept)",
        "UPDATE keys SET layer=2, flags=0, class=NULL, security=NULL WHERE id IN"
        " (SELECT id FROM temp.branch)",
        "DROP TABLE temp.branch",
        "DROP TABLE temp.loaded",
        "DROP TABLE temp.kept",
    };
    return run_all(store, sql, sizeof sql / sizeof sql[0], id, 0);
}
