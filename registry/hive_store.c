/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store.c - opening, schema, migration, checks and transactions of the hive store.
 * The rows are read and written in hive_store_statements.c.
 */
#include "registry/hive_store_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x70776b52 /* "pwkR" */
#define SCHEMA_VERSION 5
#define BUSY_TIMEOUT_MS 10000
#define PAGE_CACHE_KIB "-1024"    /* SQLite's own, beside the registry's: negative for KiB */
#define KEPT_LOG_BYTES (64 << 10) /* a log up to this size stays when the store is closed */

/* `migrations[n]` leads from schema version n to n + 1. */
static const char *const migrations[SCHEMA_VERSION] = {
    "CREATE TABLE keys("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " parent INTEGER NOT NULL,"
    " sort BLOB NOT NULL,"
    " name BLOB NOT NULL,"
    " class BLOB,"
    " flags INTEGER NOT NULL,"
    " last_write INTEGER NOT NULL,"
    " next_position INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE UNIQUE INDEX keys_by_name ON keys(parent, sort);"
    "CREATE INDEX keys_volatile ON keys(id) WHERE (flags & 1) <> 0;"
    "CREATE TABLE key_values("
    " key INTEGER NOT NULL,"
    " sort BLOB NOT NULL,"
    " name BLOB NOT NULL,"
    " position INTEGER NOT NULL,"
    " type INTEGER NOT NULL,"
    " data BLOB NOT NULL,"
    " PRIMARY KEY(key, sort)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE marks(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO keys(id, parent, sort, name, flags, last_write)"
    " VALUES(1, 0, x'', x'', 0, 0);",
    "ALTER TABLE keys ADD COLUMN security BLOB;",
    "CREATE TABLE hives(key INTEGER PRIMARY KEY, file TEXT NOT NULL) STRICT;",
    /* What an older store holds counts as the kernel's own. */
    "ALTER TABLE keys ADD COLUMN layer INTEGER NOT NULL DEFAULT 2;"
    "ALTER TABLE key_values ADD COLUMN layer INTEGER NOT NULL DEFAULT 2;"
    "CREATE TABLE key_tombstones(parent INTEGER NOT NULL, sort BLOB NOT NULL, name BLOB NOT NULL,"
    " PRIMARY KEY(parent, sort)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE value_tombstones(key INTEGER NOT NULL, sort BLOB NOT NULL, name BLOB NOT NULL,"
    " PRIMARY KEY(key, sort)) STRICT, WITHOUT ROWID;",
    /* The order of the values of a key that is too large for the cache. */
    "CREATE INDEX key_values_by_position ON key_values(key, position);",
};

const int64_t hive_store_application_id = APPLICATION_ID;
const int64_t hive_store_schema_version = SCHEMA_VERSION;

int hive_store_errno(int sqlite_code)
{
    switch (sqlite_code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return -EROFS;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -ETIMEDOUT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_TOOBIG:
        return -EINVAL;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    default:
        return -EIO;
    }
}

static int fail(struct registry_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct registry_error *error, int code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return code;
}

static const char *mend(int code)
{
    switch (code) {
    case -EUCLEAN:
        return "the file is damaged (it has not been changed); see what can be saved with "
               "pwkctl registry KERNEL check --repair";
    case -EROFS:
        return "it cannot be written; mend the permissions or use another folder";
    case -ENOSPC:
        return "the disk is full; make room and try again";
    case -ETIMEDOUT:
        return "another program holds it; end that program and try again";
    default:
        return "check the folder and the disk";
    }
}

int hive_store_number(hive_store_t *store, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

    *value = 0;
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code;
}

static int query_number(hive_store_t *store, const char *sql, int64_t *value)
{
    return hive_store_errno(hive_store_number(store, sql, value));
}

static int execute(hive_store_t *store, const char *sql)
{
    return hive_store_errno(sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

static int migrate(hive_store_t *store, int64_t version)
{
    char pragma[64];
    int result = execute(store, "BEGIN IMMEDIATE");

    if (result < 0)
        return result;
    /* Another process may have done it meanwhile. */
    result = query_number(store, "PRAGMA user_version", &version);
    for (; result == 0 && version < SCHEMA_VERSION; version++)
        result = execute(store, migrations[version]);
    if (result == 0) {
        snprintf(pragma, sizeof pragma, "PRAGMA user_version=%d", SCHEMA_VERSION);
        result = execute(store, pragma);
    }
    if (result == 0) {
        snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d", APPLICATION_ID);
        result = execute(store, pragma);
    }
    if (result == 0)
        result = execute(store, "COMMIT");
    if (result < 0)
        hive_store_rollback(store);
    return result;
}

/* What the file says it is; -EUCLEAN also for a database of somebody else's. */
static int check_identity(hive_store_t *store, const char *path, bool create, int64_t *version,
                          struct registry_error *error)
{
    int64_t application, tables = 0;
    int result = query_number(store, "PRAGMA application_id", &application);

    if (result == 0)
        result = query_number(store, "PRAGMA user_version", version);
    if (result == 0 && application == 0)
        result = query_number(store, "SELECT count(*) FROM sqlite_schema", &tables);
    /* What cannot be wrong with these statements is wrong with the file's header. */
    if (result < 0 && sqlite3_errcode(store->db) == SQLITE_ERROR)
        result = -EUCLEAN;
    if (result < 0)
        return fail(error, result, "%s: %s", path, mend(result));
    if (application == 0 && *version == 0 && tables == 0 && create)
        return 0;
    if (application != APPLICATION_ID)
        return fail(error, -EUCLEAN, "%s: this is not a registry of pwk's; move it away", path);
    if (*version > SCHEMA_VERSION || *version < 1)
        return fail(error, -EUCLEAN,
                    "%s: made by another version of pwk (schema %lld, known up to %d); use that "
                    "version",
                    path, (long long)*version, SCHEMA_VERSION);
    return 0;
}

/* A new database is given its first page in one write, without a journal: a disk that has no room
 * for it shows here, and not as a change of mode that is passed over in silence. */
static int write_first_page(hive_store_t *store)
{
    int64_t mode;
    int result = query_number(store, "PRAGMA journal_mode=MEMORY", &mode);

    return result == 0 ? execute(store, "PRAGMA user_version=0") : result;
}

static int prepare_connection(hive_store_t *store, const char *path, bool create,
                              struct registry_error *error)
{
    int64_t version, mode;
    int result;

    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    result = check_identity(store, path, create, &version, error);
    if (result < 0)
        return result;
    if (version == 0)
        result = write_first_page(store);
    /* The file remembers its mode: a new one is given it. */
    if (result == 0 && version < SCHEMA_VERSION)
        result = query_number(store, "PRAGMA journal_mode=WAL", &mode);
    if (result == 0 && version < SCHEMA_VERSION)
        result = migrate(store, version);
    if (result == 0)
        result = execute(store, "PRAGMA cache_size=" PAGE_CACHE_KIB);
    if (result < 0)
        return fail(error, result, "%s: %s", path, mend(result));
    return 0;
}

int hive_store_open(const char *path, bool create, hive_store_t **out, struct registry_error *error)
{
    hive_store_t *store = calloc(1, sizeof *store);
    int code, result;

    if (!store)
        return fail(error, -ENOMEM, "%s: out of memory", path);
    code = hive_store_connect(path, create ? SQLITE_OPEN_CREATE : 0, &store->db);
    if (code != SQLITE_OK) {
        result =
            access(path, F_OK) < 0 && errno == ENOENT && !create ? -ENOENT : hive_store_errno(code);
        fail(error, result, "%s: cannot be opened: %s", path,
             result == -ENOENT ? "there is no such registry" : mend(result));
    } else {
        result = prepare_connection(store, path, create, error);
    }
    if (result < 0) {
        hive_store_close(store);
        return result;
    }
    *out = store;
    return 0;
}

static int64_t log_size(hive_store_t *store)
{
    const char *database = sqlite3_db_filename(store->db, "main");
    const char *log = database ? sqlite3_filename_wal(database) : NULL;
    struct stat status;

    return log && stat(log, &status) == 0 ? status.st_size : 0;
}

/* Another process that reads just now is not waited for: the log then stays for the next. */
static void checkpoint_at_close(hive_store_t *store)
{
    sqlite3_busy_timeout(store->db, 0);
    sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

void hive_store_close(hive_store_t *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < HIVE_STATEMENT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    if (store->db && log_size(store) > KEPT_LOG_BYTES)
        checkpoint_at_close(store);
    sqlite3_close(store->db);
    free(store->scratch);
    free(store);
}

int hive_store_check(hive_store_t *store, const char *path, struct registry_error *error)
{
    sqlite3_stmt *statement;
    char found[160] = "";
    int code = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(statement, 0);
            /* A line of its own in front names the database. */
            const char *line = text && text[0] == '*' ? strchr(text, '\n') : NULL;
            snprintf(found, sizeof found, "%s", line ? line + 1 : text ? text : "");
        }
        sqlite3_finalize(statement);
    }
    if (code == SQLITE_ROW && !strcmp(found, "ok"))
        return 0;
    found[strcspn(found, "\r\n")] = 0;
    return fail(error, -EUCLEAN, "%s: %s (%s)", path, mend(-EUCLEAN),
                found[0] ? found : sqlite3_errmsg(store->db));
}

/* What only writing needs is not paid for by programs that read. */
int hive_store_begin(hive_store_t *store)
{
    hive_store_release(store);
    if (!store->set_for_writing) {
        int result = execute(store, "PRAGMA synchronous=NORMAL");
        if (result < 0)
            return result;
        store->set_for_writing = true;
    }
    return hive_store_run(store, HIVE_BEGIN);
}

int hive_store_commit(hive_store_t *store)
{
    return hive_store_run(store, HIVE_COMMIT);
}

void hive_store_rollback(hive_store_t *store)
{
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

int hive_store_begin_reading(hive_store_t *store)
{
    hive_store_release(store);
    return hive_store_run(store, HIVE_BEGIN_READING);
}

void hive_store_end_reading(hive_store_t *store)
{
    hive_store_release(store);
    if (hive_store_run(store, HIVE_COMMIT) < 0)
        hive_store_rollback(store);
}

int hive_store_checkpoint(hive_store_t *store)
{
    hive_store_release(store);
    /* A passive checkpoint fsyncs the log before it copies anything, and does not wait for readers
     * and writers; where another process is at its own, which may have begun too soon, it is
     * waited for. */
    for (int waited = 0;; waited++) {
        int code =
            sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        if ((code & 0xff) != SQLITE_BUSY || waited == BUSY_TIMEOUT_MS)
            return hive_store_errno(code);
        sqlite3_sleep(1);
    }
}

bool hive_store_is_read_only(hive_store_t *store)
{
    return sqlite3_db_readonly(store->db, "main") == 1;
}
