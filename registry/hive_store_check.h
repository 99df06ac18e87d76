/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_check.h - what is wrong with a store, in all of it.
 */
#ifndef PWK_REGISTRY_HIVE_STORE_CHECK_H
#define PWK_REGISTRY_HIVE_STORE_CHECK_H

#include "registry/hive_store.h"

struct hive_check {
    /* One line a finding; of many of one kind the first are told, then how many more. */
    void (*say)(void *context, const char *line);
    void *context;
    uint64_t keys, values; /* that the store has */
    uint64_t findings;
};

/* Opens a store to be looked at: nothing is migrated, nothing can be written through it. -ENOENT;
 * -EUCLEAN, with a line, for a file that SQLite finds to be none or damaged at once; -EPROTO, with
 * a line, for what no repair should touch: somebody else's database, or one of a newer pwk. */
int hive_store_open_for_check(const char *path, hive_store_t **out, struct registry_error *error);

/* True for a database without a table or a mark of pwk's: whoever was making a registry of it has
 * been killed, and the next one will. Also where a registry's file was emptied by somebody; the
 * caller knows whether there was one. */
bool hive_store_is_unborn(const char *path);

/* Looks at every page and row, in one state of the store whoever writes meanwhile. 0 also with
 * findings; a negative errno where looking itself failed (-EUCLEAN: on damage, told). */
int hive_store_check_all(hive_store_t *store, struct hive_check *check);

#endif
