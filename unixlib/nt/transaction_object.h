/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_object.h - transactions as objects: what the services of the transaction family and
 * the generic object services share.
 *
 * The lock is held with all signals blocked, and never while Wine is called.
 */
#ifndef PWK_NT_TRANSACTION_OBJECT_H
#define PWK_NT_TRANSACTION_OBJECT_H

#include "nt/transaction.h"

#define TRANSACTION_DESCRIPTION_UNITS 64 /* MAX_TRANSACTION_DESCRIPTION_LENGTH */

/* "TRANSACTION access mask": TRANSACTION_QUERY_INFORMATION and so on. */
enum transaction_access {
    TRANSACTION_QUERY = 0x1,
    TRANSACTION_COMMIT = 0x8,
    TRANSACTION_ROLLBACK = 0x10,
    TRANSACTION_READ_RIGHTS = 0x120001,
    TRANSACTION_WRITE_RIGHTS = 0x12003e,
    TRANSACTION_EXECUTE_RIGHTS = 0x120018,
    TRANSACTION_ALL_RIGHTS = 0x1f003f,
};

struct guid {
    unsigned char bytes[16];
};

struct transaction {
    uint64_t id; /* the registry's */
    struct guid unit_of_work;
    nt_handle event; /* wineserver's */
    int64_t timeout; /* as it was given, 0: none */
    unsigned handles;
    uint16_t description[TRANSACTION_DESCRIPTION_UNITS];
    size_t description_units;
};

struct transaction_entry {
    struct transaction *transaction; /* NULL: free */
    uint32_t access;
    bool inherit, protect_from_close;
};

/* The specific rights that a desired access asks for. */
uint32_t transaction_access_granted(uint32_t desired);

/* A first handle; 0: there are no more. */
nt_handle transaction_add_handle(struct transaction *transaction, uint32_t access, bool inherit);
/* Another one for a transaction of this process; STATUS_TRANSACTION_NOT_FOUND. */
ntstatus transaction_open_handle(const struct guid *unit_of_work, uint32_t access, nt_handle *out);

/* What a handle says, copied; `content` may be NULL. STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED.
 */
ntstatus transaction_look_up(nt_handle handle, uint32_t access, struct transaction *copy,
                             struct transaction_entry *content);

/* Rolls back what is not committed, and gives all back. */
void transaction_destroy(struct transaction *transaction);

/* "TRANSACTION_OUTCOME enumeration" */
enum transaction_outcome {
    TransactionOutcomeUndetermined = 1,
    TransactionOutcomeCommitted,
    TransactionOutcomeAborted,
};
enum transaction_outcome transaction_outcome_of(const struct transaction *transaction);

/* Answers a query whose arguments are laid out as those of NtQueryObject: `fixed` bytes must fit;
 * of what is behind them as much as fits. */
ntstatus transaction_answer(const struct nt_call *call, const void *information, uint32_t fixed,
                            uint32_t size);

#endif
