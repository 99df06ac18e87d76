/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transactions.c - the NT services of transactions, which the ntdll of Wine 8.0 lacks and that of
 * Wine 10.0 has in part. Names, arguments and answers are those of Windows' ntdll.
 */
#include <windows.h>
#include <winternl.h>

#include "nt_transactions.h"
#include "unix_side.h"

NTSTATUS NTAPI NtCreateTransaction(HANDLE *transaction, ACCESS_MASK access,
                                   OBJECT_ATTRIBUTES *attributes, GUID *unit_of_work,
                                   HANDLE manager, ULONG options, ULONG isolation_level,
                                   ULONG isolation_flags, LARGE_INTEGER *timeout,
                                   UNICODE_STRING *description)
{
    struct pwk_service_params params = {
        PWK_SERVICE_CREATE_TRANSACTION,
        0,
        {address(transaction), access, address(attributes), address(unit_of_work), address(manager),
         options, isolation_level, isolation_flags, address(timeout), address(description)},
    };

    return call_service(&params);
}

NTSTATUS NTAPI NtOpenTransaction(HANDLE *transaction, ACCESS_MASK access,
                                 OBJECT_ATTRIBUTES *attributes, GUID *unit_of_work, HANDLE manager)
{
    struct pwk_service_params params = {
        PWK_SERVICE_OPEN_TRANSACTION,
        0,
        {address(transaction), access, address(attributes), address(unit_of_work),
         address(manager)},
    };

    return call_service(&params);
}

NTSTATUS NTAPI NtCommitTransaction(HANDLE transaction, BOOLEAN wait)
{
    struct pwk_service_params params = {
        PWK_SERVICE_COMMIT_TRANSACTION, 0, {address(transaction), wait}};

    return call_service(&params);
}

NTSTATUS NTAPI NtRollbackTransaction(HANDLE transaction, BOOLEAN wait)
{
    struct pwk_service_params params = {
        PWK_SERVICE_ROLLBACK_TRANSACTION, 0, {address(transaction), wait}};

    return call_service(&params);
}

NTSTATUS NTAPI NtQueryInformationTransaction(HANDLE transaction, int information_class,
                                             void *information, ULONG length, ULONG *needed)
{
    struct pwk_service_params params = {
        PWK_SERVICE_QUERY_INFORMATION_TRANSACTION,
        0,
        {address(transaction), (UINT64)information_class, address(information), length,
         address(needed)},
    };

    return call_service(&params);
}
