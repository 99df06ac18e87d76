/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.c - the transaction family: transactions of the kernel's registry as objects.
 * Sources: "ZwCreateTransaction", "ZwOpenTransaction", "ZwCommitTransaction",
 * "ZwRollbackTransaction", "ZwQueryInformationTransaction", "Kernel Transaction Manager".
 *
 * A transaction belongs to the process that made it. When its last handle is closed before it was
 * committed, it is rolled back. There is one resource manager, the registry, so that a commit or
 * rollback is done when the call returns, whatever Wait says. That a transaction was rolled back
 * from outside (transaction.h of the registry) is known when it is next used or asked about.
 */
#include "nt/transaction_object.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "nt/copy.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "registry/transaction.h"

#define EVENT_ACCESS 0x1f0003u
#define DO_NOT_PROMOTE 1u
#define UNITS_A_MILLISECOND 10000
#define SECONDS_1601_TO_1970 INT64_C(11644473600)

/* ---- creating and opening ---- */

/* A timeout of NT in milliseconds from now: negative is relative, positive a time of day; 0 never
 * ends. */
static unsigned milliseconds_until(int64_t timeout)
{
    struct timespec now;
    int64_t left;

    if (!timeout || timeout == INT64_MIN)
        return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    left = timeout < 0 ? -timeout
                       : timeout - (now.tv_sec + SECONDS_1601_TO_1970) * INT64_C(10000000) -
                             now.tv_nsec / 100;
    left /= UNITS_A_MILLISECOND;
    return left < 1 ? 1 : left > INT32_MAX ? 0 : (unsigned)left;
}

/* The program's arguments, copied in; everything that may fault happens here. */
static ntstatus read_arguments(const struct nt_call *call, struct transaction *made, bool *inherit)
{
    const uint64_t *arguments = call->arguments;
    struct object_attributes attributes;
    struct nt_name description;
    ntstatus status = STATUS_SUCCESS;

    *inherit = false;
    if ((uint32_t)arguments[5] & ~DO_NOT_PROMOTE || (uint32_t)arguments[6] ||
        (uint32_t)arguments[7])
        return STATUS_INVALID_PARAMETER;
    if (arguments[2]) {
        memcpy(&attributes, (const void *)arguments[2], sizeof attributes);
        if (attributes.length != sizeof attributes)
            return STATUS_INVALID_PARAMETER;
        if (attributes.object_name && attributes.object_name->length)
            return nt_deny(call, STATUS_NOT_SUPPORTED, "a transaction with a name");
        *inherit = (attributes.attributes & OBJ_INHERIT) != 0;
    }
    if (arguments[3])
        memcpy(&made->unit_of_work, (const void *)arguments[3], sizeof made->unit_of_work);
    else if (getrandom(&made->unit_of_work, sizeof made->unit_of_work, 0) < 0)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (arguments[8])
        memcpy(&made->timeout, (const void *)arguments[8], sizeof made->timeout);
    if (arguments[9])
        status = nt_copy_name(&description, (const void *)arguments[9]);
    if (status || !arguments[9])
        return status;
    if (description.units > TRANSACTION_DESCRIPTION_UNITS)
        return STATUS_INVALID_PARAMETER;
    made->description_units = description.units;
    memcpy(made->description, description.text, description.units * 2);
    return STATUS_SUCCESS;
}

/* A transaction with its event; `like` has what the program said of it. */
static ntstatus make(const struct transaction *like, struct transaction **out)
{
    struct transaction *made = malloc(sizeof *made);
    ntstatus status;
    int result;

    if (!made)
        return STATUS_NO_MEMORY;
    *made = *like;
    status = nt_host_call("NtCreateEvent", 5, (uint64_t)&made->event, EVENT_ACCESS, 0, 0, 0);
    if (status) {
        free(made);
        return status;
    }
    result = registry_transaction_begin(nt_personality.registry, milliseconds_until(made->timeout),
                                        &made->id);
    if (result < 0) {
        nt_host_call("NtClose", 1, made->event);
        free(made);
        return nt_status_from_errno(result);
    }
    *out = made;
    return STATUS_SUCCESS;
}

ntstatus nt_create_transaction(const struct nt_call *call)
{
    nt_handle *out = (nt_handle *)call->arguments[0], handle;
    struct transaction like = {0}, *made = NULL;
    ntstatus status;
    bool inherit;

    if (!nt_personality.registry)
        return nt_forward(call);
    *out = 0;
    status = read_arguments(call, &like, &inherit);
    if (status == STATUS_SUCCESS)
        status = make(&like, &made);
    if (status)
        return status;
    handle = transaction_add_handle(made, transaction_access_granted((uint32_t)call->arguments[1]),
                                    inherit);
    if (!handle) {
        transaction_destroy(made);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *out = handle;
    return STATUS_SUCCESS;
}

/* By its unit of work, among those of this process. */
ntstatus nt_open_transaction(const struct nt_call *call)
{
    nt_handle *out = (nt_handle *)call->arguments[0], handle = 0;
    struct guid wanted;
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    *out = 0;
    if (!call->arguments[3])
        return STATUS_INVALID_PARAMETER;
    memcpy(&wanted, (const void *)call->arguments[3], sizeof wanted);
    status = transaction_open_handle(
        &wanted, transaction_access_granted((uint32_t)call->arguments[1]), &handle);
    *out = handle;
    return status;
}

/* ---- ending ---- */

static ntstatus end(const struct nt_call *call, uint32_t access,
                    int (*end_it)(registry_t *registry, uint64_t transaction))
{
    struct transaction transaction;
    ntstatus status;
    int result;

    if (!nt_personality.registry)
        return nt_forward(call);
    status = transaction_look_up(call->arguments[0], access, &transaction, NULL);
    if (status == STATUS_ACCESS_DENIED)
        return nt_deny(call, status, "the handle was opened without that right");
    if (status)
        return status;
    result = end_it(nt_personality.registry, transaction.id);
    nt_host_call("NtSetEvent", 2, transaction.event, 0);
    if (result == -ECANCELED)
        return STATUS_TRANSACTION_ALREADY_ABORTED;
    if (result == -EALREADY)
        return STATUS_TRANSACTION_ALREADY_COMMITTED;
    if (result < 0)
        nt_report_store_error(result);
    return nt_status_from_errno(result);
}

ntstatus nt_commit_transaction(const struct nt_call *call)
{
    ntstatus status = end(call, TRANSACTION_COMMIT, registry_transaction_commit);

    if (nt_personality.registry)
        nt_notify_written();
    return status;
}

ntstatus nt_rollback_transaction(const struct nt_call *call)
{
    return end(call, TRANSACTION_ROLLBACK, registry_transaction_rollback);
}

/* ---- asking ---- */

/* "TRANSACTION_BASIC_INFORMATION", "TRANSACTION_PROPERTIES_INFORMATION", "TRANSACTION_OUTCOME",
 * "TRANSACTION_STATE" */
enum { TransactionBasicInformation, TransactionPropertiesInformation };
enum { TransactionStateNormal = 1, TransactionStateCommittedNotify = 3 };

struct transaction_basic_information {
    struct guid unit_of_work;
    uint32_t state;
    uint32_t outcome;
};
_Static_assert(sizeof(struct transaction_basic_information) == 24, "TRANSACTION_BASIC_INFORMATION");

struct transaction_properties_information {
    uint32_t isolation_level;
    uint32_t isolation_flags;
    int64_t timeout;
    uint32_t outcome;
    uint32_t description_length; /* bytes */
    uint16_t description[TRANSACTION_DESCRIPTION_UNITS];
};
#define PROPERTIES_FIXED offsetof(struct transaction_properties_information, description)
_Static_assert(PROPERTIES_FIXED == 24, "TRANSACTION_PROPERTIES_INFORMATION");

ntstatus nt_query_information_transaction(const struct nt_call *call)
{
    struct transaction_properties_information properties = {0};
    struct transaction_basic_information basic;
    struct transaction transaction;
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    status = transaction_look_up(call->arguments[0], TRANSACTION_QUERY, &transaction, NULL);
    if (status)
        return status;
    switch ((uint32_t)call->arguments[1]) {
    case TransactionBasicInformation:
        basic.unit_of_work = transaction.unit_of_work;
        basic.outcome = transaction_outcome_of(&transaction);
        basic.state = basic.outcome == TransactionOutcomeCommitted ? TransactionStateCommittedNotify
                                                                   : TransactionStateNormal;
        return transaction_answer(call, &basic, sizeof basic, sizeof basic);
    case TransactionPropertiesInformation:
        properties.timeout = transaction.timeout;
        properties.outcome = transaction_outcome_of(&transaction);
        properties.description_length = (uint32_t)transaction.description_units * 2;
        memcpy(properties.description, transaction.description, properties.description_length);
        return transaction_answer(call, &properties, PROPERTIES_FIXED,
                                  PROPERTIES_FIXED + properties.description_length);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}
