/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * win32_transactions.c - the transactions of ktmw32.dll, over NT's services. Wine's ktmw32 leads
 * here in processes of a kernel (unixlib/wine/image_exports.h). Sources: "CreateTransaction
 * function (ktmw32.h)" and its neighbours.
 */
#include "win32_status.h"

#include "nt_transactions.h"

static const struct {
    NTSTATUS status;
    LSTATUS error;
} transaction_errors[] = {
    {(NTSTATUS)0xc0190001, 6800}, /* ERROR_TRANSACTIONAL_CONFLICT */
    {(NTSTATUS)0xc0190002, 6700}, /* ERROR_INVALID_TRANSACTION */
    {(NTSTATUS)0xc0190003, 6701}, /* ERROR_TRANSACTION_NOT_ACTIVE */
    {(NTSTATUS)0xc0190015, 6704}, /* ERROR_TRANSACTION_ALREADY_ABORTED */
    {(NTSTATUS)0xc0190016, 6705}, /* ERROR_TRANSACTION_ALREADY_COMMITTED */
    {(NTSTATUS)0xc019004e, 6715}, /* ERROR_TRANSACTION_NOT_FOUND */
};

LSTATUS win32_status(NTSTATUS status)
{
    if (NT_SUCCESS(status)) {
        return ERROR_SUCCESS;
    }
    for (size_t i = 0; i < sizeof(transaction_errors) / sizeof(transaction_errors[0]); i++) {
        if (transaction_errors[i].status == status) {
            return transaction_errors[i].error;
        }
    }
    return (LSTATUS)RtlNtStatusToDosError(status);
}

BOOL win32_succeeded(NTSTATUS status)
{
    if (NT_SUCCESS(status)) {
        return TRUE;
    }
    SetLastError((DWORD)win32_status(status));
    return FALSE;
}

/* Zero and INFINITE mean that there is no time-out, which NT says by no time at all. */
HANDLE WINAPI pwk_CreateTransaction(SECURITY_ATTRIBUTES *security, GUID *unit_of_work,
                                    DWORD options, DWORD isolation_level, DWORD isolation_flags,
                                    DWORD milliseconds, WCHAR *description)
{
    LARGE_INTEGER timeout = {.QuadPart = (LONGLONG)milliseconds * -10000};
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING text;
    HANDLE transaction;

    InitializeObjectAttributes(&attributes, NULL,
                               security && security->bInheritHandle ? OBJ_INHERIT : 0, NULL,
                               security ? security->lpSecurityDescriptor : NULL);
    RtlInitUnicodeString(&text, description);
    if (!win32_succeeded(
            NtCreateTransaction(&transaction, TRANSACTION_EVERY_ACCESS, &attributes, unit_of_work,
                                NULL, options, isolation_level, isolation_flags,
                                milliseconds == 0 || milliseconds == INFINITE ? NULL : &timeout,
                                description ? &text : NULL))) {
        return INVALID_HANDLE_VALUE;
    }
    return transaction;
}

HANDLE WINAPI pwk_OpenTransaction(DWORD access, GUID *unit_of_work)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE transaction;

    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    if (!win32_succeeded(
            NtOpenTransaction(&transaction, access, &attributes, unit_of_work, NULL))) {
        return INVALID_HANDLE_VALUE;
    }
    return transaction;
}

BOOL WINAPI pwk_CommitTransaction(HANDLE transaction)
{
    return win32_succeeded(NtCommitTransaction(transaction, TRUE));
}

BOOL WINAPI pwk_CommitTransactionAsync(HANDLE transaction)
{
    return win32_succeeded(NtCommitTransaction(transaction, FALSE));
}

BOOL WINAPI pwk_RollbackTransaction(HANDLE transaction)
{
    return win32_succeeded(NtRollbackTransaction(transaction, TRUE));
}

BOOL WINAPI pwk_RollbackTransactionAsync(HANDLE transaction)
{
    return win32_succeeded(NtRollbackTransaction(transaction, FALSE));
}

BOOL WINAPI pwk_GetTransactionId(HANDLE transaction, GUID *unit_of_work)
{
    struct transaction_basic basic;

    if (!win32_succeeded(NtQueryInformationTransaction(transaction, TRANSACTION_BASIC, &basic,
                                                       sizeof(basic), NULL))) {
        return FALSE;
    }
    *unit_of_work = basic.unit_of_work;
    return TRUE;
}

/* What is not wanted is NULL. `room` is in units, for the description and its end. */
BOOL WINAPI pwk_GetTransactionInformation(HANDLE transaction, DWORD *outcome,
                                          DWORD *isolation_level, DWORD *isolation_flags,
                                          DWORD *milliseconds, DWORD room, WCHAR *description)
{
    struct transaction_properties properties;
    DWORD units;

    if (!win32_succeeded(NtQueryInformationTransaction(transaction, TRANSACTION_PROPERTIES,
                                                       &properties, sizeof(properties), NULL))) {
        return FALSE;
    }
    units = properties.description_length / sizeof(WCHAR);
    if (description && room <= units) {
        SetLastError(ERROR_BUFFER_OVERFLOW);
        return FALSE;
    }
    if (outcome) {
        *outcome = properties.outcome;
    }
    if (isolation_level) {
        *isolation_level = properties.isolation_level;
    }
    if (isolation_flags) {
        *isolation_flags = properties.isolation_flags;
    }
    if (milliseconds) {
        *milliseconds = (DWORD)(properties.timeout.QuadPart / -10000);
    }
    if (description) {
        CopyMemory(description, properties.description, units * sizeof(WCHAR));
        description[units] = 0;
    }
    return TRUE;
}
