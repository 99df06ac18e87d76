/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.h - transactions: changes that nobody else sees before they are committed, all at
 * once.
 *
 * A key is seen inside a transaction by an id that carries the transaction:
 * registry_key_in_transaction(). All functions of registry.h take such ids and answer them; what is
 * read through them is what has been committed, with the transaction's own changes over it. Hive
 * files know no transactions (-EOPNOTSUPP).
 *
 * A transaction belongs to the process that began it and lives in its memory: when the process
 * ends, in whatever way, nothing of it was written. It locks the keys and names that it changes
 * against other transactions, in all processes of the kernel: these are answered -EBUSY. A write
 * from outside every transaction is not held up: it rolls the transactions back that have changed
 * the same key ("RegCreateKeyTransacted function": a non-transacted operation on the key rolls the
 * transaction back). From its end on, whichever it was, ids that carry a transaction answer
 * -ECANCELED.
 *
 * Any thread may call; memory that is handed in must not fault.
 */
#ifndef PWK_REGISTRY_TRANSACTION_H
#define PWK_REGISTRY_TRANSACTION_H

#include "registry/registry.h"

/* Ids of keys have 40 bits; those of transactions stand above them. */
#define REGISTRY_TRANSACTION_BITS 23
#define REGISTRY_TRANSACTION_SHIFT 40
#define REGISTRY_TRANSACTION_MASK                                                                  \
    (((UINT64_C(1) << REGISTRY_TRANSACTION_BITS) - 1) << REGISTRY_TRANSACTION_SHIFT)

#define REGISTRY_MAX_TRANSACTIONS 1024 /* in one process, open at the same time */

/* The transaction that a key's id carries; 0: none. */
static inline uint64_t registry_transaction_of(uint64_t key)
{
    return key & REGISTRY_TRANSACTION_MASK;
}

/* The same key outside its transaction. One that was created inside is none there (-EIDRM). */
static inline uint64_t registry_key_outside(uint64_t key)
{
    return key & ~REGISTRY_TRANSACTION_MASK;
}

static inline uint64_t registry_key_in_transaction(uint64_t key, uint64_t transaction)
{
    return registry_key_outside(key) | transaction;
}

enum registry_transaction_state {
    REGISTRY_TRANSACTION_ACTIVE,
    REGISTRY_TRANSACTION_COMMITTED,
    REGISTRY_TRANSACTION_ROLLED_BACK,
};

/* Begins one, to be closed by its caller. After `milliseconds` (0: never) it is rolled back.
 * -EMFILE when there are too many. */
int registry_transaction_begin(registry_t *registry, unsigned milliseconds, uint64_t *transaction);

/* Writes all changes in one transaction of the store, published at once. -ECANCELED: it has been
 * rolled back, now or earlier; -EALREADY: it was committed. Any other error rolls it back too. */
int registry_transaction_commit(registry_t *registry, uint64_t transaction);

/* -ECANCELED, -EALREADY: it has ended already. */
int registry_transaction_rollback(registry_t *registry, uint64_t transaction);

/* -EINVAL where there is no such transaction. */
int registry_transaction_state(registry_t *registry, uint64_t transaction,
                               enum registry_transaction_state *state);

/* Forgets it; what is not committed is rolled back. */
void registry_transaction_close(registry_t *registry, uint64_t transaction);

#endif
