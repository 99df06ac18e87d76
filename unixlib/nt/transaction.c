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
 *
 * The lock is held with all signals blocked, and never while Wine is called.
 */
#include "nt/transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "nt/copy.h"
#include "nt/guard.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "registry/transaction.h"

#define EVENT_ACCESS 0x1f0003u
#define DESCRIPTION_UNITS 64 /* MAX_TRANSACTION_DESCRIPTION_LENGTH */
#define DO_NOT_PROMOTE 1u
#define UNITS_A_MILLISECOND 10000
#define SECONDS_1601_TO_1970 INT64_C(11644473600)

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
    uint16_t description[DESCRIPTION_UNITS];
    size_t description_units;
};

static struct entry {
    struct transaction *transaction; /* NULL: free */
    uint32_t access;
    bool inherit, protect_from_close;
} entries[TRANSACTION_HANDLE_COUNT];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* The lock is held. NULL where the handle is not open. */
static struct entry *entry_of(nt_handle handle)
{
    struct entry *entry =
        is_transaction_handle(handle) ? &entries[(handle - TRANSACTION_HANDLE_FIRST) / 4] : NULL;

    return entry && entry->transaction ? entry : NULL;
}

static uint32_t granted(uint32_t desired)
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
        entries[i] = (struct entry){transaction, access, inherit, false};
        transaction->handles++;
        return TRANSACTION_HANDLE_FIRST + (nt_handle)i * 4;
    }
    return 0;
}

/* What a handle says, copied. */
static ntstatus look_up(nt_handle handle, uint32_t access, struct transaction *copy,
                        struct entry *content)
{
    struct entry *entry;
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

static void destroy(struct transaction *transaction)
{
    registry_transaction_close(nt_personality.registry, transaction->id);
    if (transaction->event)
        nt_host_call("NtClose", 1, transaction->event);
    free(transaction);
}

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
    if (description.units > DESCRIPTION_UNITS)
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
    sigset_t before;
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
    nt_lock(&mutex, &before);
    handle = add_handle(made, granted((uint32_t)call->arguments[1]), inherit);
    nt_unlock(&mutex, &before);
    if (!handle) {
        destroy(made);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *out = handle;
    return STATUS_SUCCESS;
}

/* By its unit of work, among those of this process. */
ntstatus nt_open_transaction(const struct nt_call *call)
{
    nt_handle *out = (nt_handle *)call->arguments[0], handle = 0;
    ntstatus status = STATUS_TRANSACTION_NOT_FOUND;
    struct guid wanted;
    sigset_t before;

    if (!nt_personality.registry)
        return nt_forward(call);
    *out = 0;
    if (!call->arguments[3])
        return STATUS_INVALID_PARAMETER;
    memcpy(&wanted, (const void *)call->arguments[3], sizeof wanted);
    nt_lock(&mutex, &before);
    for (uint32_t i = 0; status == STATUS_TRANSACTION_NOT_FOUND && i < TRANSACTION_HANDLE_COUNT;
         i++) {
        struct transaction *transaction = entries[i].transaction;
        if (!transaction || memcmp(&transaction->unit_of_work, &wanted, sizeof wanted))
            continue;
        handle = add_handle(transaction, granted((uint32_t)call->arguments[1]), false);
        status = handle ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    nt_unlock(&mutex, &before);
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
    status = look_up(call->arguments[0], access, &transaction, NULL);
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

ntstatus nt_transaction_close(nt_handle handle)
{
    struct transaction *last = NULL;
    ntstatus status = STATUS_SUCCESS;
    struct entry *entry;
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
        destroy(last);
    return status;
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
    uint16_t description[DESCRIPTION_UNITS];
};
#define PROPERTIES_FIXED offsetof(struct transaction_properties_information, description)
_Static_assert(PROPERTIES_FIXED == 24, "TRANSACTION_PROPERTIES_INFORMATION");

/* TransactionOutcomeUndetermined, ...Committed, ...Aborted. */
static uint32_t outcome_of(const struct transaction *transaction)
{
    enum registry_transaction_state state = REGISTRY_TRANSACTION_ROLLED_BACK;

    registry_transaction_state(nt_personality.registry, transaction->id, &state);
    return state == REGISTRY_TRANSACTION_ACTIVE      ? 1
           : state == REGISTRY_TRANSACTION_COMMITTED ? 2
                                                     : 3;
}

/* `fixed` bytes must fit; of what is behind them as much as fits. */
static ntstatus answer(const struct nt_call *call, const void *information, uint32_t fixed,
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

ntstatus nt_query_information_transaction(const struct nt_call *call)
{
    struct transaction_properties_information properties = {0};
    struct transaction_basic_information basic;
    struct transaction transaction;
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    status = look_up(call->arguments[0], TRANSACTION_QUERY, &transaction, NULL);
    if (status)
        return status;
    switch ((uint32_t)call->arguments[1]) {
    case TransactionBasicInformation:
        basic.unit_of_work = transaction.unit_of_work;
        basic.outcome = outcome_of(&transaction);
        basic.state = basic.outcome == 2 ? TransactionStateCommittedNotify : TransactionStateNormal;
        return answer(call, &basic, sizeof basic, sizeof basic);
    case TransactionPropertiesInformation:
        properties.timeout = transaction.timeout;
        properties.outcome = outcome_of(&transaction);
        properties.description_length = (uint32_t)transaction.description_units * 2;
        memcpy(properties.description, transaction.description, properties.description_length);
        return answer(call, &properties, PROPERTIES_FIXED,
                      PROPERTIES_FIXED + properties.description_length);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

ntstatus nt_transaction_of_handle(nt_handle handle, uint64_t *transaction)
{
    struct transaction found;
    ntstatus status = look_up(handle, 0, &found, NULL);

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
    struct entry *entry;
    sigset_t before;

    nt_lock(&mutex, &before);
    entry = entry_of(source);
    if (!entry)
        status = STATUS_INVALID_HANDLE;
    else if (options & DUPLICATE_CLOSE_SOURCE && entry->protect_from_close)
        status = STATUS_HANDLE_NOT_CLOSABLE;
    else if (call->arguments[3] && !(copy = add_handle(entry->transaction,
                                                       options & DUPLICATE_SAME_ACCESS
                                                           ? entry->access
                                                           : granted((uint32_t)call->arguments[4]),
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
    return answer(call, &information, sizeof information, sizeof information);
}

ntstatus nt_transaction_query_object(const struct nt_call *call)
{
    struct object_basic_information basic = {.pointer_count = 1};
    struct object_handle_flag_information flags;
    struct transaction transaction;
    struct unicode_string no_name = {0};
    struct entry entry;
    ntstatus status = look_up(call->arguments[0], 0, &transaction, &entry);

    if (status)
        return status;
    switch ((uint32_t)call->arguments[1]) {
    case ObjectBasicInformation:
        basic.attributes = entry.inherit ? OBJ_INHERIT : 0;
        basic.granted_access = entry.access;
        basic.handle_count = transaction.handles;
        return answer(call, &basic, sizeof basic, sizeof basic);
    case ObjectNameInformation:
        return answer(call, &no_name, sizeof no_name, sizeof no_name);
    case ObjectTypeInformation:
        return query_type(call);
    case ObjectHandleFlagInformation:
        flags.inherit = entry.inherit;
        flags.protect_from_close = entry.protect_from_close;
        return answer(call, &flags, sizeof flags, sizeof flags);
    default:
        return STATUS_NOT_IMPLEMENTED;
    }
}

ntstatus nt_transaction_set_flags(nt_handle handle, bool inherit, bool protect_from_close)
{
    struct entry *entry;
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

    return look_up(first, 0, &a, NULL) == STATUS_SUCCESS &&
           look_up(second, 0, &b, NULL) == STATUS_SUCCESS && a.id == b.id;
}

ntstatus nt_transaction_event(nt_handle handle, nt_handle *event)
{
    struct transaction transaction;
    ntstatus status = look_up(handle, 0, &transaction, NULL);

    if (status)
        return status;
    if (outcome_of(&transaction) != 1)
        nt_host_call("NtSetEvent", 2, transaction.event, 0);
    *event = transaction.event;
    return STATUS_SUCCESS;
}
