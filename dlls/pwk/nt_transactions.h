/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nt_transactions.h - NT's services of transactions (transactions.c) for the rest of pwk.dll, and
 * what they take. Sources: "NtCreateTransaction function (wdm.h)", "TRANSACTION_BASIC_INFORMATION",
 * "TRANSACTION_PROPERTIES_INFORMATION".
 */
#ifndef PWK_DLL_NT_TRANSACTIONS_H
#define PWK_DLL_NT_TRANSACTIONS_H

#include <windows.h>
#include <winternl.h>

#define TRANSACTION_EVERY_ACCESS 0x001f003f
#define TRANSACTION_BASIC 0
#define TRANSACTION_PROPERTIES 1
#define TRANSACTION_DESCRIPTION_ROOM 64 /* units: as many as a description may have */

struct transaction_basic {
    GUID unit_of_work;
    ULONG state;
    ULONG outcome;
};

struct transaction_properties {
    ULONG isolation_level;
    ULONG isolation_flags;
    LARGE_INTEGER timeout;
    ULONG outcome;
    ULONG description_length; /* bytes */
    WCHAR description[TRANSACTION_DESCRIPTION_ROOM];
};

NTSTATUS NTAPI NtCreateTransaction(HANDLE *transaction, ACCESS_MASK access,
                                   OBJECT_ATTRIBUTES *attributes, GUID *unit_of_work,
                                   HANDLE manager, ULONG options, ULONG isolation_level,
                                   ULONG isolation_flags, LARGE_INTEGER *timeout,
                                   UNICODE_STRING *description);
NTSTATUS NTAPI NtOpenTransaction(HANDLE *transaction, ACCESS_MASK access,
                                 OBJECT_ATTRIBUTES *attributes, GUID *unit_of_work, HANDLE manager);
NTSTATUS NTAPI NtCommitTransaction(HANDLE transaction, BOOLEAN wait);
NTSTATUS NTAPI NtRollbackTransaction(HANDLE transaction, BOOLEAN wait);
NTSTATUS NTAPI NtQueryInformationTransaction(HANDLE transaction, int information_class,
                                             void *information, ULONG length, ULONG *needed);

#endif
