/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_reattach.h - what the two files of the salvage share.
 */
#ifndef PWK_REGISTRY_HIVE_STORE_REATTACH_H
#define PWK_REGISTRY_HIVE_STORE_REATTACH_H

#include "registry/hive_store_salvage.h"
#include "registry/hive_store_tree.h"

/* The layers that rows may be of, and that of a row that says nothing. */
#define HIVE_OWN_LAYER HIVE_UPPER
#define HIVE_LAST_LAYER (HIVE_LOWER | HIVE_UPPER | HIVE_SUPERSEDE_LOCAL | HIVE_SUPERSEDE_TREE)

enum salvage_statement {
    SALVAGE_KEY,
    SALVAGE_TOP_KEY,
    SALVAGE_KEY_LAYER,
    SALVAGE_HAS_KEY,
    SALVAGE_VALUE,
    SALVAGE_VALUE_LAYER,
    SALVAGE_CUT,
    SALVAGE_INDEX,
    SALVAGE_MARK,
    SALVAGE_HIVE,
    SALVAGE_KEY_TOMBSTONE,
    SALVAGE_VALUE_TOMBSTONE,
    SALVAGE_STATEMENT_COUNT
};

struct salvage_work {
    hive_store_t *store;
    struct hive_salvage *salvage;
    sqlite3_stmt *statements[SALVAGE_STATEMENT_COUNT];
    bool layered, tombstones; /* what the new store's schema has */
    bool top_key_found;
    unsigned char sort[REGISTRY_MAX_VALUE_NAME * 2];
};

struct salvage_key {
    int64_t id, parent;
    struct store_bytes name, class_name, security; /* class_name.at NULL: none */
    int64_t flags, last_write, next_position;
};

/* 1 where it was inserted, 0 where a key of that id was there. A key whose parent has another
 * subkey of its name, or that can have no such parent, gets the negative of its id for a parent. */
int salvage_put_key(struct salvage_work *work, const struct salvage_key *key);
int salvage_has_key(struct salvage_work *work, int64_t id);

/* After all rows, in the same transaction: keys out of the index, places for keys that have none,
 * positions, marks; and the sums of the salvage. */
int salvage_reattach(struct salvage_work *work);

#endif
