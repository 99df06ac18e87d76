/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_reattach.c - the second half of a salvage: out of rows a tree.
 */
#include "registry/hive_store_reattach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOLD_VALUES 100
#define LOST_AND_FOUND "Lost+Found"

static int execute(struct salvage_work *work, const char *sql)
{
    return hive_store_errno(sqlite3_exec(work->store->db, sql, NULL, NULL, NULL));
}

static int query_number(struct salvage_work *work, const char *sql, int64_t *number)
{
    return hive_store_errno(hive_store_number(work->store, sql, number));
}

/* Calls `take` for every row. */
static int each_row(struct salvage_work *work, const char *sql,
                    int (*take)(struct salvage_work *work, sqlite3_stmt *row))
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(work->store->db, sql, -1, &statement, NULL);
    int result = hive_store_errno(code);

    while (result == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW)
        result = take(work, statement);
    sqlite3_finalize(statement);
    return result ? result : hive_store_errno(code);
}

/* ---- keys out of the index ---- */

/* The upcased name, big-endian in the index, is all that is known. */
static int take_index_key(struct salvage_work *work, sqlite3_stmt *row)
{
    const unsigned char *sort = sqlite3_column_blob(row, 2);
    unsigned char name[REGISTRY_MAX_KEY_NAME * 2];
    struct salvage_key key = {
        .id = sqlite3_column_int64(row, 0),
        .parent = sqlite3_column_int64(row, 1),
        .name = {name, (size_t)sqlite3_column_bytes(row, 2) & ~(size_t)1},
    };
    int result;

    for (size_t i = 0; i + 1 < key.name.size; i += 2) {
        name[i] = sort[i + 1];
        name[i + 1] = sort[i];
        if (name[i] == '\\' && name[i + 1] == 0)
            return 0;
    }
    if (key.name.size == 0 || key.id == (int64_t)REGISTRY_ROOT_KEY)
        return 0;
    result = salvage_put_key(work, &key);
    work->salvage->capital_keys += result > 0;
    return result < 0 ? result : 0;
}

/* ---- places ---- */

static int cut_circle(void *context, uint64_t id)
{
    struct salvage_work *work = context;
    char sql[96];

    snprintf(sql, sizeof sql, "UPDATE keys SET parent=-id WHERE id=%llu", (unsigned long long)id);
    return execute(work, sql);
}

/* An ASCII name as the store has it. */
static struct store_bytes wide(const char *text, unsigned char *units)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        units[2 * i] = (unsigned char)text[i];
        units[2 * i + 1] = 0;
    }
    return (struct store_bytes){units, 2 * length};
}

/* A key for what has no place. Another may have the name, from an earlier repair. */
static int make_place(struct salvage_work *work, int64_t parent, int64_t id, const char *name)
{
    unsigned char units[2 * 64];
    char other[64];
    int64_t placed = 0;
    struct salvage_key key = {.id = id, .parent = parent, .name = wide(name, units)};
    int result = salvage_put_key(work, &key);

    if (result < 0)
        return result;
    snprintf(other, sizeof other, "SELECT parent FROM keys WHERE id=%lld", (long long)id);
    result = query_number(work, other, &placed);
    if (result < 0 || placed == parent)
        return result;
    snprintf(other, sizeof other, "DELETE FROM keys WHERE id=%lld", (long long)id);
    result = execute(work, other);
    snprintf(other, sizeof other, "%.28s-%lld", name, (long long)id);
    key.name = wide(other, units);
    return result < 0 ? result : salvage_put_key(work, &key) < 0 ? -EIO : 0;
}

/* The key of HIVE_LOST_AND_FOUND, made where there is none; its id goes into temp.places. */
static int make_lost_and_found(struct salvage_work *work, int64_t *id, int64_t *fresh)
{
    static const uint16_t name[] = u"" LOST_AND_FOUND;
    uint64_t found;
    uint32_t flags;
    int result = query_number(work,
                              "SELECT max(coalesce((SELECT max(id) FROM keys), 1),"
                              " coalesce((SELECT max(id) FROM temp.missing), 1)) + 1",
                              fresh);

    if (result < 0)
        return result;
    result = hive_store_find_key(work->store, REGISTRY_ROOT_KEY, name,
                                 sizeof name / sizeof name[0] - 1, &found, &flags);
    hive_store_release(work->store);
    if (result != -ENOENT) {
        *id = (int64_t)found;
        return result;
    }
    *id = (*fresh)++;
    return make_place(work, (int64_t)REGISTRY_ROOT_KEY, *id, LOST_AND_FOUND);
}

/* Ids that are referred to and gone get a key of that id; keys that could not stay get one around
 * them. */
static int make_places(struct salvage_work *work)
{
    int64_t missing, displaced, lost, fresh, id = 0;
    char name[32], sql[128];
    int result = query_number(work, "SELECT count(*) FROM temp.missing", &missing);

    if (result == 0)
        result = query_number(work, "SELECT count(*) FROM keys WHERE parent < 0", &displaced);
    if (result < 0 || missing + displaced == 0)
        return result;
    work->salvage->lost_and_found = (uint64_t)(missing + displaced);
    result = make_lost_and_found(work, &lost, &fresh);
    for (int64_t i = 0; result == 0 && i < missing; i++) {
        snprintf(sql, sizeof sql, "SELECT min(id) FROM temp.missing WHERE id > %lld",
                 (long long)id);
        result = query_number(work, sql, &id);
        snprintf(name, sizeof name, "key-%lld", (long long)id);
        if (result == 0)
            result = make_place(work, lost, id, name);
    }
    for (int64_t i = 0; result == 0 && i < displaced; i++, fresh++) {
        result = query_number(work, "SELECT max(parent) FROM keys WHERE parent < 0", &id);
        snprintf(name, sizeof name, "key-%lld", (long long)-id);
        if (result == 0)
            result = make_place(work, lost, fresh, name);
        snprintf(sql, sizeof sql, "UPDATE keys SET parent=%lld WHERE parent=%lld", (long long)fresh,
                 (long long)id);
        if (result == 0)
            result = execute(work, sql);
    }
    return result;
}

/* ---- values, flags, marks ---- */

static int mend_values(struct salvage_work *work)
{
    return execute(work,
                   "CREATE TEMP TABLE renumbered AS SELECT key, sort,"
                   " row_number() OVER (PARTITION BY key ORDER BY position, sort) AS number"
                   " FROM key_values WHERE key IN (SELECT key FROM key_values GROUP BY key"
                   " HAVING count(DISTINCT position) < count(*) OR min(position) < 1);"
                   "UPDATE key_values SET position = renumbered.number FROM temp.renumbered"
                   " WHERE key_values.key = renumbered.key AND key_values.sort = renumbered.sort;"
                   "UPDATE keys SET next_position = last.position FROM"
                   " (SELECT key, max(position) AS position FROM key_values GROUP BY key) AS last"
                   " WHERE keys.id = last.key AND keys.next_position < last.position;"
                   "DELETE FROM hives WHERE key NOT IN (SELECT id FROM keys)");
}

/* A lasting key below a volatile one would go with it. */
static int mend_flags(struct salvage_work *work)
{
    int result;

    do {
        result = execute(work, "UPDATE keys SET flags = flags & ~1 WHERE (flags & 1) <> 0 AND"
                               " id IN (SELECT parent FROM keys WHERE (flags & 1) = 0)");
    } while (result == 0 && sqlite3_changes(work->store->db) > 0);
    return result;
}

static int tell_cut_value(struct salvage_work *work, sqlite3_stmt *row)
{
    struct hive_salvage *salvage = work->salvage;
    char key[512], name[512], line[1200];

    if (salvage->cut_values++ >= TOLD_VALUES || !salvage->say)
        return 0;
    hive_store_describe_key(work->store, (uint64_t)sqlite3_column_int64(row, 0), key, sizeof key);
    hive_store_describe_name(sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1),
                             name, sizeof name);
    hive_store_release(work->store);
    snprintf(line, sizeof line, "lost: the data of %s, %s%s", key,
             name[0] ? "value " : "the default value", name);
    salvage->say(salvage->context, line);
    return 0;
}

static int count_all(struct salvage_work *work)
{
    int64_t keys, values;
    int result = query_number(work, "SELECT count(*) FROM keys WHERE id <> 1", &keys);

    if (result == 0)
        result = query_number(work, "SELECT count(*) FROM key_values", &values);
    if (result < 0)
        return result;
    work->salvage->keys = (uint64_t)keys;
    work->salvage->values = (uint64_t)values;
    return keys + values == 0 && !work->top_key_found ? -ENODATA : 0;
}

int salvage_reattach(struct salvage_work *work)
{
    int result = each_row(work, "SELECT id, parent, sort FROM temp.index_keys", take_index_key);

    if (result == 0)
        result = count_all(work);
    if (result == 0)
        result = hive_store_visit_circles(work->store, cut_circle, work);
    if (result == 0)
        result =
            execute(work, "CREATE TEMP TABLE missing(id INTEGER PRIMARY KEY);"
                          "INSERT OR IGNORE INTO missing SELECT parent FROM keys WHERE parent > 0"
                          " AND parent NOT IN (SELECT id FROM keys);"
                          "INSERT OR IGNORE INTO missing SELECT key FROM key_values"
                          " WHERE key NOT IN (SELECT id FROM keys)");
    if (result == 0)
        result = make_places(work);
    if (result == 0)
        result = mend_values(work);
    if (result == 0)
        result = mend_flags(work);
    /* Without the mark the prefix would be imported once more, over what is here. */
    if (result == 0 && work->salvage->keys > 0)
        result = execute(work, "INSERT OR IGNORE INTO marks(name, value) VALUES('imported', 1)");
    if (result == 0)
        result = each_row(work,
                          "SELECT key, name FROM temp.cut_values AS cut WHERE NOT EXISTS"
                          " (SELECT 1 FROM key_values WHERE key=cut.key AND sort=cut.sort)",
                          tell_cut_value);
    if (result == 0 && work->salvage->progress)
        work->salvage->progress(work->salvage->context, 1.0);
    return result;
}
