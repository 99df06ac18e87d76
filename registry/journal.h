/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.h - values that have been set and acknowledged but not yet written to the hive store.
 *
 * The journal lies in shared memory that is a file's (coherence.h): what a process put there is
 * there after kill -9 of every process, and the next to need the store writes it down in one
 * transaction. That costs a tenth of a transaction for each value.
 *
 * After the machine has gone down the file may hold any mixture of old and new: a journal of
 * another boot, or of another database, is thrown away, and the store is as it was at its last
 * checkpoint. What is in the journal may have been written by a hostile program: it is copied and
 * checked before it is used.
 */
#ifndef PWK_REGISTRY_JOURNAL_H
#define PWK_REGISTRY_JOURNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "registry/hive_store.h"

#define JOURNAL_BYTES 65536u
#define JOURNAL_VALUE_LIMIT 4096u /* bytes of name and data; more goes to the store at once */

struct journal {
    unsigned char boot[16]; /* of the machine */
    uint64_t database;      /* inode */
    _Atomic uint32_t used;  /* bytes of records; the last thing that an append changes */
    uint32_t unused;
    _Alignas(8) unsigned char records[JOURNAL_BYTES];
};

/* All but journal_pending are called with the writers' lock held. */

/* To be called by the first process, before anybody reads: drops what is not of this boot and
 * this database. */
void journal_start(struct journal *journal, uint64_t database);

bool journal_pending(const struct journal *journal);

/* False where there is no room: write the journal down first. */
bool journal_append(struct journal *journal, uint64_t key, uint64_t last_write,
                    const struct hive_value *value);

/* Sets all values in the store, inside a transaction; those of keys that are gone are dropped. To
 * do so twice changes nothing. */
int journal_apply(const struct journal *journal, hive_store_t *store);

/* When the transaction has been committed. */
void journal_clear(struct journal *journal);

#endif
