/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.h - what has been written and acknowledged but is not yet in the hive store: values that
 * were set, keys that were made or deleted.
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
    _Atomic uint32_t used; /* bytes of records; the last thing that an append changes */
    uint32_t unused;
    unsigned char boot[16]; /* of the machine */
    uint64_t database;      /* inode */
    _Alignas(8) unsigned char records[JOURNAL_BYTES];
};

/* All but journal_know_boot and journal_pending are called with the writers' lock held. */

/* Reads the machine's boot id, for a process that will not be able to when it needs it. */
void journal_know_boot(void);

/* To be called by the first process, before anybody reads: drops what is not of this boot and
 * this database. */
void journal_start(struct journal *journal, uint64_t database);

bool journal_pending(const struct journal *journal);

/* Each false where there is no room: write the journal down first. */
bool journal_append(struct journal *journal, uint64_t key, uint64_t last_write,
                    const struct hive_value *value);
/* A key with its id, which nobody else may be given, and the kernel's alone. */
bool journal_append_key(struct journal *journal, const struct hive_key *key);
bool journal_append_deletion(struct journal *journal, uint64_t key, uint64_t parent,
                             uint64_t last_write);

/* Does all that in the store, inside a transaction; values of keys that are gone are dropped, and
 * keys that came and went leave nothing but their id used. To do so twice changes nothing.
 * `at_the_end`: no process of the kernel is left, or none yet; volatile keys leave nothing either.
 */
int journal_apply(const struct journal *journal, hive_store_t *store, bool at_the_end);

/* Whether what the store says of `key`, its values and its subkeys may be out of date. Takes no
 * lock: what is written down and dropped meanwhile is in the store for whoever reads it then. */
bool journal_concerns(const struct journal *journal, uint64_t key);

/* False where what it holds is not a sequence of records. */
bool journal_is_sane(const struct journal *journal);

/* When the transaction has been committed. */
void journal_clear(struct journal *journal);

#endif
