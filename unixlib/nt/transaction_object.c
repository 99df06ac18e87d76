/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_object.c - see transaction_object.h and transaction.h: the table of handles, and the
 * generic object services on them.
 */
#include "nt/transaction_object.h"

#include <stdlib.h>
#include <string.h>

#include "nt/guard.h"
#include "nt/personality.h"
#include "registry/transaction.h"

static struct transaction_entry entries[TRANSACTION_HANDLE_COUNT];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* The lock is held. NULL where the handle is not open. */
static struct transaction_entry *entry_of(nt_handle handle)
{
    struct transaction_entry *entry =
        is_transaction_handle(handle) ? &entries[(handle - TRANSACTION_HANDLE_FIRST) / 4] : NULL;

    return entry && entry->transaction ? entry : NULL;
}

uint32_t transaction_access_granted(uint32_t desired)
{
    uint32_t access = desired & TRANSACTION_ALL_RIGHTS;

    /* Wine's ktmw32 asks for nothing where Windows' asks for all. */
    if (!desired || desired & (uint32_t)(ACCESS_MAXIMUM_ALLOWED | ACCESS_GENERIC_ALL))
        access |= TRANSACTION_ALL_RIGHTS;
    if (desired & (uint32_t)ACCESS_GENERIC_READ)
        access |= TRANSACTION_READ_RIGHTS;
    if (desired & ACCESS_GENERIC_WRITE)
        access |= TRANSACTION_WRITE_RIGHTS;
    if (desired & ACCESS_GENERIC_EXECUTE)
        access |= TRANSACTION_EXECUTE_RIGHTS;
    return access;
}

/* A new handle, with the lock held; 0: there are no more. */
static nt_handle add_handle(struct transaction *transaction, uint32_t access, bool inherit)
{
    for (uint32_t i = 0; i < TRANSACTION_HANDLE_COUNT; i++) {
        if (entries[i].transaction)
            continue;
        entries[i] = (struct transaction_entry){transaction, access, inherit, false};
        transaction->handles++;
        return TRANSACTION_HANDLE_FIRST + (nt_handle)i * 4;
    }
    return 0;
}

nt_handle transaction_add_handle(struct transaction *transaction, uint32_t access, bool inherit)
{
    nt_handle handle;
    sigset_t before;

    nt_lock(&mutex, &before);
    handle = add_handle(transaction, access, inherit);
    nt_unlock(&mutex, &before);
    return handle;
}

ntstatus transaction_open_handle(const struct guid *unit_of_work, uint32_t access, nt_handle *out)
{
    ntstatus status = STATUS_TRANSACTION_NOT_FOUND;
    sigset_t before;

    nt_lock(&mutex, &before);
    for (uint32_t i = 0; status == STATUS_TRANSACTION_NOT_FOUND && i < TRANSACTION_HANDLE_COUNT;
         i++) {
        struct transaction *transaction = entries[i].transaction;
        if (!transaction || memcmp(&transaction->unit_of_work, unit_of_work, sizeof *unit_of_work))
            continue;
        *out = add_handle(transaction, access, false);
        status = *out ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    nt_unlock(&mutex, &before);
    return status;
}

ntstatus transaction_look_up(nt_handle handle, uint32_t access, struct transaction *copy,
                             struct transaction_entry *content)
{
    struct transaction_entry *entry;
    sigset_t before;
    ntstatus status = STATUS_SUCCESS;

    nt_lock(&mutex, &before);
    entry = entry_of(handle);
    if (!entry) {
        status = STATUS_INVALID_HANDLE;
    } else if ((entry->access & access) != access) {
        status = STATUS_ACCESS_DENIED;
    } else {
        *copy = *entry->transaction;
        if (content)
            *content = *entry;
    }
    nt_unlock(&mutex, &before);
    return status;
}

void transaction_destroy(struct transaction *transaction)
{
    registry_transaction_close(nt_personality.registry, transaction->id);
    if (transaction->event)
        nt_host_call("NtClose", 1, transaction->event);
    free(transaction);
}

ntstatus nt_transaction_close(nt_handle handle)
{
    struct transaction *last = NULL;
    ntstatus status = STATUS_SUCCESS;
    struct transaction_entry *entry;
    sigset_t before;

    nt_lock(&mutex, &before);
    entry = entry_of(handle);
    if (!entry) {
        status = STATUS_INVALID_HANDLE;
    } else if (entry->protect_from_close) {
        status = STATUS_HANDLE_NOT_CLOSABLE;
    } else {
        last = --entry->transaction->handles ? NULL : entry->transaction;
        entry->transaction = NULL;
    }
    nt_unlock(&mutex, &before);
    if (last)
        transaction_destroy(last);
    return status;
}

enum transaction_outcome transaction_outcome_of(const struct transaction *transaction)
{
    enum registry_transaction_state state = REGISTRY_TRANSACTION_ROLLED_BACK;

    registry_transaction_state(nt_personality.registry, transaction->id, &state);
    return state == REGISTRY_TRANSACTION_ACTIVE      ? TransactionOutcomeUndetermined
           : state == REGISTRY_TRANSACTION_COMMITTED ? TransactionOutcomeCommitted
                                                     : TransactionOutcomeAborted;
}

ntstatus transaction_answer(const struct nt_call *call, const void *information, uint32_t fixed,
                            uint32_t size)
{
    uint32_t length = (uint32_t)call->arguments[3];
    uint32_t *needed = (uint32_t *)call->arguments[4];

    if (needed)
        *needed = size;
    if (length < fixed)
        return STATUS_INFO_LENGTH_MISMATCH;
    memcpy((void *)call->arguments[2], information, length < size ? length : size);
    return length < size ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

ntstatus nt_transaction_of_handle(nt_handle handle, uint64_t *transaction)
{
    struct transaction found;
    ntstatus status = transaction_look_up(handle, 0, &found, NULL);

    if (status == STATUS_SUCCESS)
        *transaction = found.id;
    return status;
}

/* ---- as an object ---- */

ntstatus nt_transaction_duplicate(const struct nt_call *call)
{
    uint32_t options = (uint32_t)call->arguments[6], attributes = (uint32_t)call->arguments[5];
    nt_handle source = call->arguments[1], copy = 0;
    ntstatus status = STATUS_SUCCESS;
    struct transaction_entry *entry;
    sigset_t before;

    nt_lock(&mutex, &before);
    entry = entry_of(source);
    if (!entry)
        status = STATUS_INVALID_HANDLE;
    else if (options & DUPLICATE_CLOSE_SOURCE && entry->protect_from_close)
        status = STATUS_HANDLE_NOT_CLOSABLE;
    else if (call->arguments[3] &&
             !(copy = add_handle(entry->transaction,
                                 options & DUPLICATE_SAME_ACCESS
                                     ? entry->access
                                     : transaction_access_granted((uint32_t)call->arguments[4]),
                                 options & DUPLICATE_SAME_ATTRIBUTES
                                     ? entry->inherit
                                     : (attributes & OBJ_INHERIT) != 0)))
        status = STATUS_INSUFFICIENT_RESOURCES;
    nt_unlock(&mutex, &before);
    if (status)
        return status;
    if (options & DUPLICATE_CLOSE_SOURCE)
        nt_transaction_close(source);
    if (copy)
        *(nt_handle *)call->arguments[3] = copy;
    return STATUS_SUCCESS;
}

static ntstatus query_type(const struct nt_call *call)
{
    struct {
        struct object_type_information head;
        uint16_t name[8];
    } information = {.head = {.type_name = {8, 10, NULL},
                              .generic_read = TRANSACTION_READ_RIGHTS,
                              .generic_write = TRANSACTION_WRITE_RIGHTS,
                              .generic_execute = TRANSACTION_EXECUTE_RIGHTS,
                              .generic_all = TRANSACTION_ALL_RIGHTS,
                              .valid_access = TRANSACTION_ALL_RIGHTS},
                     .name = u"TmTx"};

    information.head.type_name.buffer =
        (uint16_t *)((struct object_type_information *)call->arguments[2] + 1);
    return transaction_answer(call, &information, sizeof information, sizeof information);
}

ntstatus nt_transaction_query_object(const struct nt_call *call)
{
    struct object_basic_information basic = {.pointer_count = 1};
    struct object_handle_flag_information flags;
    struct transaction transaction;
    struct unicode_string no_name = {0};
    struct transaction_entry entry;
    ntstatus status = transaction_look_up(call->arguments[0], 0, &transaction, &entry);

    if (status)
        return status;
    switch ((uint32_t)call->arguments[1]) {
    case ObjectBasicInformation:
        basic.attributes = entry.inherit ? OBJ_INHERIT : 0;
        basic.granted_access = entry.access;
        basic.handle_count = transaction.handles;
        return transaction_answer(call, &basic, sizeof basic, sizeof basic);
    case ObjectNameInformation:
        return transaction_answer(call, &no_name, sizeof no_name, sizeof no_name);
    case ObjectTypeInformation:
        return query_type(call);
    case ObjectHandleFlagInformation:
        flags.inherit = entry.inherit;
        flags.protect_from_close = entry.protect_from_close;
        return transaction_answer(call, &flags, sizeof flags, sizeof flags);
    default:
        return STATUS_NOT_IMPLEMENTED;
    }
}

ntstatus nt_transaction_set_flags(nt_handle handle, bool inherit, bool protect_from_close)
{
    struct transaction_entry *entry;
    sigset_t before;

    nt_lock(&mutex, &before);
    entry = entry_of(handle);
    if (entry) {
        entry->inherit = inherit;
        entry->protect_from_close = protect_from_close;
    }
    nt_unlock(&mutex, &before);
    return entry ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

bool nt_transaction_is_same(nt_handle first, nt_handle second)
{
    struct transaction a, b;

    return transaction_look_up(first, 0, &a, NULL) == STATUS_SUCCESS &&
           transaction_look_up(second, 0, &b, NULL) == STATUS_SUCCESS && a.id == b.id;
}

ntstatus nt_transaction_event(nt_handle handle, nt_handle *event)
{
    struct transaction transaction;
    ntstatus status = transaction_look_up(handle, 0, &transaction, NULL);

    if (status)
        return status;
    if (transaction_outcome_of(&transaction) != TransactionOutcomeUndetermined)
        nt_host_call("NtSetEvent", 2, transaction.event, 0);
    *event = transaction.event;
    return STATUS_SUCCESS;
}
