/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_files.c - how SQLite gets at the files of a hive store, which hostile programs can
 * write to: a connection believes nothing that lies beside the database but its log.
 *
 * A rollback journal names a file that SQLite deletes after it has rolled back ("super-journal",
 * https://sqlite.org/fileformat2.html#rollbackjournal): one that a program leaves in the store
 * would have pwkctl delete any file of its user's. Stores are in WAL mode and have no such journal,
 * so none is ever found, read or made.
 */
#include <pthread.h>
#include <string.h>

#include "registry/hive_store_internal.h"

#define FILES_NAME "pwk-store"

static const char journal[] = "-journal";
static sqlite3_vfs *usual;
static sqlite3_vfs files;
static bool in_memory; /* what SQLite would put into temporary files */

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *flags_had)
{
    (void)vfs;
    if (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) {
        file->pMethods = NULL;
        return SQLITE_CANTOPEN;
    }
    return usual->xOpen(usual, name, file, flags, flags_had);
}

static int look_at_file(sqlite3_vfs *vfs, const char *name, int what, int *answer)
{
    size_t length = strlen(name), end = sizeof(journal) - 1;

    (void)vfs;
    *answer = 0;
    if (length >= end && memcmp(name + length - end, journal, end) == 0)
        return SQLITE_OK;
    return usual->xAccess(usual, name, what, answer);
}

static void make_known(void)
{
    usual = sqlite3_initialize() == SQLITE_OK ? sqlite3_vfs_find(NULL) : NULL;
    if (!usual)
        return;
    files = *usual;
    files.pNext = NULL;
    files.zName = FILES_NAME;
    files.xOpen = open_file;
    files.xAccess = look_at_file;
    if (sqlite3_vfs_register(&files, 0) != SQLITE_OK)
        usual = NULL;
}

void hive_store_prepare_confined(void)
{
    unsigned char random;

    /* The first of its random numbers opens a device. */
    if (sqlite3_initialize() == SQLITE_OK)
        sqlite3_randomness(sizeof random, &random);
    in_memory = true;
}

int hive_store_connect(const char *path, int flags, sqlite3 **db)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int code, persist = 1;

    *db = NULL;
    pthread_once(&once, make_known);
    if (!usual)
        return SQLITE_NOMEM;
    code = sqlite3_open_v2(
        path, db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_READWRITE,
        FILES_NAME);
    if (code != SQLITE_OK)
        return code;
    /* Emptying and removing the log costs more than a short program's whole use of the registry:
     * hive_store_close does it when there is something to gain. */
    sqlite3_file_control(*db, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    /* Nor is a table what the schema says by the name of a module of SQLite's (full text search).
     */
    sqlite3_drop_modules(*db, NULL);
    return in_memory ? sqlite3_exec(*db, "PRAGMA temp_store=MEMORY", NULL, NULL, NULL) : SQLITE_OK;
}
