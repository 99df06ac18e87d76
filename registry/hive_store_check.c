/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_check.c - see hive_store_check.h: SQLite's own check, then what the rows say.
 */
#include "registry/hive_store_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/hive_store_reattach.h"
#include "registry/upcase.h"

#define TOLD_OF_A_KIND 20
#define KEY_FLAGS (REGISTRY_VOLATILE | REGISTRY_CREATE_LINK)

/* Of statements that are always right, an error of no other kind tells of a damaged schema or
 * header. */
static int errno_of(int code)
{
    return code == SQLITE_ERROR ? -EUCLEAN : hive_store_errno(code);
}

/* ---- opening ---- */

static int query_number(hive_store_t *store, const char *sql, int64_t *value)
{
    return errno_of(hive_store_number(store, sql, value));
}

static int identify(hive_store_t *store, const char *path, struct registry_error *error)
{
    int64_t application, version, tables;
    int result = query_number(store, "PRAGMA application_id", &application);

    if (result == 0)
        result = query_number(store, "PRAGMA user_version", &version);
    if (result == 0)
        result = query_number(store, "SELECT count(*) FROM sqlite_schema", &tables);
    if (result < 0) {
        snprintf(error->text, sizeof error->text, "%s: %s", path, sqlite3_errmsg(store->db));
        return result;
    }
    if (application == hive_store_application_id && version > hive_store_schema_version) {
        snprintf(error->text, sizeof error->text,
                 "%s: made by a newer version of pwk (schema %lld); use that version", path,
                 (long long)version);
        return -EPROTO;
    }
    if (sqlite3_db_readonly(store->db, "main") == 1 && access(path, W_OK) == 0) {
        snprintf(error->text, sizeof error->text,
                 "%s: the file's header says that it cannot be written", path);
        return -EUCLEAN;
    }
    if (hive_store_has_column(store, "keys", "next_position"))
        return 0;
    if (tables > 0) {
        snprintf(error->text, sizeof error->text,
                 "%s: this is not a registry of pwk's; move it away", path);
        return -EPROTO;
    }
    snprintf(error->text, sizeof error->text, "%s: the file holds no registry any more", path);
    return -EUCLEAN;
}

static int open_database(const char *path, hive_store_t **out, struct registry_error *error)
{
    hive_store_t *store = calloc(1, sizeof *store);
    int code;

    if (!store)
        return -ENOMEM;
    code = hive_store_connect(path, 0, &store->db);
    if (errno_of(code) < 0) {
        snprintf(error->text, sizeof error->text, "%s: cannot be opened: %s", path,
                 store->db ? sqlite3_errmsg(store->db) : "no memory left");
        hive_store_close(store);
        return errno_of(code);
    }
    sqlite3_busy_timeout(store->db, 10000);
    sqlite3_exec(store->db, "PRAGMA query_only=1", NULL, NULL, NULL);
    *out = store;
    return 0;
}

int hive_store_open_for_check(const char *path, hive_store_t **out, struct registry_error *error)
{
    hive_store_t *store;
    int result;

    if (access(path, F_OK) < 0) {
        result = -errno;
        snprintf(error->text, sizeof error->text, "%s: %s", path, strerror(-result));
        return result;
    }
    result = open_database(path, &store, error);
    if (result < 0)
        return result;
    result = identify(store, path, error);
    if (result < 0) {
        hive_store_close(store);
        return result;
    }
    *out = store;
    return 0;
}

bool hive_store_is_unborn(const char *path)
{
    int64_t application, version, tables;
    struct registry_error unused;
    hive_store_t *store;
    bool unborn;

    if (open_database(path, &store, &unused) < 0)
        return false;
    unborn = query_number(store, "PRAGMA application_id", &application) == 0 &&
             query_number(store, "PRAGMA user_version", &version) == 0 &&
             query_number(store, "SELECT count(*) FROM sqlite_schema", &tables) == 0 &&
             application == 0 && version == 0 && tables == 0;
    hive_store_close(store);
    return unborn;
}

/* ---- findings ---- */

enum kind {
    FILE_DAMAGE,
    NO_PARENT,
    IN_A_CIRCLE,
    KEY_NAME,
    KEY_FIELDS,
    LASTING_BELOW_VOLATILE,
    NO_KEY,
    VALUE_NAME,
    VALUE_FIELDS,
    SAME_POSITION,
    LOOSE_ROW,
    NO_MARK,
    KIND_COUNT
};

struct work {
    hive_store_t *store;
    struct hive_check *check;
    bool layered;
    uint64_t counts[KIND_COUNT];
};

static void find(struct work *work, enum kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find(struct work *work, enum kind kind, const char *format, ...)
{
    char line[1200];
    va_list arguments;

    work->check->findings++;
    if (++work->counts[kind] > TOLD_OF_A_KIND)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    line[strcspn(line, "\r\n")] = 0;
    work->check->say(work->check->context, line);
}

/* A finding about a key, and one of its names where there is one. */
static void find_at(struct work *work, enum kind kind, sqlite3_stmt *row, int name,
                    const char *what)
{
    char key[512], text[300] = "";

    if (work->counts[kind] < TOLD_OF_A_KIND) {
        hive_store_describe_key(work->store, (uint64_t)sqlite3_column_int64(row, 0), key,
                                sizeof key);
        hive_store_release(work->store);
        if (name >= 0)
            hive_store_describe_name(sqlite3_column_blob(row, name),
                                     (size_t)sqlite3_column_bytes(row, name), text, sizeof text);
    }
    find(work, kind, "%s%s%s: %s", key,
         name < 0  ? ""
         : text[0] ? ", value "
                   : ", default value",
         text, what);
}

static void tell_the_rest(struct work *work)
{
    uint64_t more = 0;
    char line[64];

    for (int i = 0; i < KIND_COUNT; i++)
        if (work->counts[i] > TOLD_OF_A_KIND)
            more += work->counts[i] - TOLD_OF_A_KIND;
    if (!more)
        return;
    snprintf(line, sizeof line, "and %llu more of these kinds", (unsigned long long)more);
    work->check->say(work->check->context, line);
}

static int each_row(struct work *work, const char *sql,
                    void (*look)(struct work *work, sqlite3_stmt *row))
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(work->store->db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK) {
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
            look(work, statement);
        sqlite3_finalize(statement);
    }
    if (errno_of(code) == -EUCLEAN)
        find(work, FILE_DAMAGE, "the file: %s", sqlite3_errmsg(work->store->db));
    return errno_of(code);
}

/* ---- rows ---- */

/* `sort` must be the name, upcased, big-endian. */
static bool name_fits(sqlite3_stmt *row, int sort, int name, size_t least, size_t most)
{
    const unsigned char *upcased, *bytes;
    size_t size = (size_t)sqlite3_column_bytes(row, name);

    if (sqlite3_column_type(row, name) != SQLITE_BLOB || size % 2 || size / 2 < least ||
        size / 2 > most || (size_t)sqlite3_column_bytes(row, sort) != size)
        return false;
    upcased = sqlite3_column_blob(row, sort);
    bytes = sqlite3_column_blob(row, name);
    for (size_t i = 0; i < size; i += 2) {
        uint16_t unit = registry_upcase((uint16_t)(bytes[i] | bytes[i + 1] << 8));
        if (upcased[i] != unit >> 8 || upcased[i + 1] != (unit & 0xff))
            return false;
    }
    return true;
}

static bool has_separator(const unsigned char *name, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2)
        if (name[i] == '\\' && name[i + 1] == 0)
            return true;
    return false;
}

static bool layer_fits(const struct work *work, sqlite3_stmt *row, int column)
{
    int64_t layer = work->layered ? sqlite3_column_int64(row, column) : HIVE_OWN_LAYER;

    return layer >= 0 && layer <= HIVE_LAST_LAYER;
}

/* id, parent, sort, name, flags, next_position, flags of the parent (NULL: none), length of the
 * class, layer */
static void look_at_key(struct work *work, sqlite3_stmt *row)
{
    bool top = sqlite3_column_int64(row, 0) == (int64_t)REGISTRY_ROOT_KEY;
    int64_t flags = sqlite3_column_int64(row, 4);

    work->check->keys += !top;
    if (!top && sqlite3_column_type(row, 6) == SQLITE_NULL)
        find_at(work, NO_PARENT, row, -1, "its parent does not exist");
    if (!name_fits(row, 2, 3, !top, top ? 0 : REGISTRY_MAX_KEY_NAME) ||
        has_separator(sqlite3_column_blob(row, 3), (size_t)sqlite3_column_bytes(row, 3)))
        find_at(work, KEY_NAME, row, -1, "its name is none, or not what it is sorted by");
    if (flags < 0 || flags & ~(int64_t)KEY_FLAGS || sqlite3_column_int64(row, 5) < 0 ||
        sqlite3_column_int64(row, 7) % 2 || !layer_fits(work, row, 8))
        find_at(work, KEY_FIELDS, row, -1, "its flags, layer, class or position are none");
    if (!(flags & REGISTRY_VOLATILE) && !top && sqlite3_column_int64(row, 6) & REGISTRY_VOLATILE)
        find_at(work, LASTING_BELOW_VOLATILE, row, -1, "lasts, but stands below a volatile key");
}

/* key, sort, name, position, type, next_position of the key (NULL: none), layer */
static void look_at_value(struct work *work, sqlite3_stmt *row)
{
    int64_t position = sqlite3_column_int64(row, 3), type = sqlite3_column_int64(row, 4);

    work->check->values++;
    if (sqlite3_column_type(row, 5) == SQLITE_NULL)
        find_at(work, NO_KEY, row, 2, "its key does not exist");
    else if (position < 1 || position > sqlite3_column_int64(row, 5) || type < 0 ||
             type > UINT32_MAX || !layer_fits(work, row, 6))
        find_at(work, VALUE_FIELDS, row, 2, "its type, layer or position is none");
    if (!name_fits(row, 1, 2, 0, REGISTRY_MAX_VALUE_NAME))
        find_at(work, VALUE_NAME, row, 2, "its name is none, or not what it is sorted by");
}

static void look_at_position(struct work *work, sqlite3_stmt *row)
{
    find_at(work, SAME_POSITION, row, -1, "two of its values have one position");
}

static void look_at_loose_row(struct work *work, sqlite3_stmt *row)
{
    find_at(work, LOOSE_ROW, row, -1, (const char *)sqlite3_column_text(row, 1));
}

static void look_at_page(struct work *work, sqlite3_stmt *row)
{
    const char *text = (const char *)sqlite3_column_text(row, 0);

    /* The first row has a line of its own in front that names the database. */
    if (text && text[0] == '*' && strchr(text, '\n'))
        text = strchr(text, '\n') + 1;
    if (text && strcmp(text, "ok") != 0)
        find(work, FILE_DAMAGE, "the file: %s", text);
}

static int look_at_circle(void *context, uint64_t id)
{
    find(context, IN_A_CIRCLE, "key %llu: its parents lead in a circle", (unsigned long long)id);
    return 0;
}

/* ---- the whole ---- */

static int look_at_rows(struct work *work)
{
    int result =
        each_row(work,
                 work->layered ? "SELECT k.id, k.parent, k.sort, k.name, k.flags, k.next_position,"
                                 " p.flags, coalesce(length(k.class), 0), k.layer"
                                 " FROM keys AS k LEFT JOIN keys AS p ON p.id = k.parent"
                               : "SELECT k.id, k.parent, k.sort, k.name, k.flags, k.next_position,"
                                 " p.flags, coalesce(length(k.class), 0)"
                                 " FROM keys AS k LEFT JOIN keys AS p ON p.id = k.parent",
                 look_at_key);

    if (result == 0)
        result = each_row(work,
                          work->layered
                              ? "SELECT v.key, v.sort, v.name, v.position, v.type,"
                                " k.next_position, v.layer"
                                " FROM key_values AS v LEFT JOIN keys AS k ON k.id = v.key"
                              : "SELECT v.key, v.sort, v.name, v.position, v.type, k.next_position"
                                " FROM key_values AS v LEFT JOIN keys AS k ON k.id = v.key",
                          look_at_value);
    if (result == 0)
        result = each_row(work,
                          "SELECT key FROM key_values GROUP BY key"
                          " HAVING count(DISTINCT position) < count(*)",
                          look_at_position);
    if (result == 0)
        result = hive_store_visit_circles(work->store, look_at_circle, work);
    return result;
}

static int look_at_other_tables(struct work *work)
{
    int64_t imported;
    int result = 0;

    if (hive_store_has_column(work->store, "hives", NULL))
        result = each_row(work,
                          "SELECT key, 'noted as a loaded hive, but does not exist' FROM hives"
                          " WHERE key NOT IN (SELECT id FROM keys)",
                          look_at_loose_row);
    if (result == 0 && hive_store_has_column(work->store, "key_tombstones", NULL))
        result = each_row(work,
                          "SELECT parent, 'has removed subkeys, but does not exist'"
                          " FROM key_tombstones WHERE parent NOT IN (SELECT id FROM keys)"
                          " UNION SELECT key, 'has removed values, but does not exist'"
                          " FROM value_tombstones WHERE key NOT IN (SELECT id FROM keys)",
                          look_at_loose_row);
    if (result == 0)
        result = hive_store_get_mark(work->store, "imported", &imported);
    if (result == 0 && !imported && work->check->keys > 0)
        find(work, NO_MARK, "the mark is missing that says that the prefix was taken in");
    hive_store_release(work->store);
    return result;
}

int hive_store_check_all(hive_store_t *store, struct hive_check *check)
{
    struct work work = {.store = store, .check = check};
    int64_t keys;
    int result = errno_of(sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL));

    work.layered = hive_store_has_column(store, "keys", "layer");
    if (result == 0)
        result = each_row(&work, "PRAGMA integrity_check(100)", look_at_page);
    /* Of a damaged file the rows say little; the repair looks at each. */
    if (result == 0 && !check->findings)
        result = look_at_rows(&work);
    if (result == 0 && !check->findings)
        result = look_at_other_tables(&work);
    if (result == 0 && !check->findings)
        result = query_number(store, "SELECT count(*) FROM keys WHERE id=1 AND parent=0", &keys);
    if (result == 0 && !check->findings && keys != 1)
        find(&work, NO_PARENT, "the top key is missing");
    hive_store_rollback(store);
    tell_the_rest(&work);
    return result == -EUCLEAN && check->findings ? 0 : result;
}
