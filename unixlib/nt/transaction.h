/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.h - handles of transactions. Wine has no such objects (8.0) or stubs of them (10.0),
 * so they are the kernel's own, in a range of values behind that of key handles.
 *
 * The functions with a call serve it for a transaction's handle; any thread may call them.
 */
#ifndef PWK_NT_TRANSACTION_H
#define PWK_NT_TRANSACTION_H

#include <stdbool.h>

#include "nt/services.h"

#define TRANSACTION_HANDLE_FIRST 0x44000000u
#define TRANSACTION_HANDLE_COUNT 4096u

static inline bool is_transaction_handle(nt_handle handle)
{
    return handle >= TRANSACTION_HANDLE_FIRST &&
           handle < TRANSACTION_HANDLE_FIRST + (uint64_t)TRANSACTION_HANDLE_COUNT * 4;
}

/* The transaction of a handle, as registry/transaction.h numbers them. */
ntstatus nt_transaction_of_handle(nt_handle handle, uint64_t *transaction);

ntstatus nt_transaction_close(nt_handle handle);
/* Arguments as of NtDuplicateObject; within the process, which was made sure of before. */
ntstatus nt_transaction_duplicate(const struct nt_call *call);
ntstatus nt_transaction_query_object(const struct nt_call *call);
ntstatus nt_transaction_set_flags(nt_handle handle, bool inherit, bool protect_from_close);
/* True where both are handles of one transaction. */
bool nt_transaction_is_same(nt_handle first, nt_handle second);

/* The event of wineserver's that is signaled when the outcome is known; it lives as long as the
 * handle does. */
ntstatus nt_transaction_event(nt_handle handle, nt_handle *event);

#endif
