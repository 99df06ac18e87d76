/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * object.c - the generic object services, for handles of our keys and transactions; every other
 * handle is wineserver's and goes on to Wine.
 */
#include <string.h>

#include "nt/adopt.h"
#include "nt/handle_table.h"
#include "nt/hive_mount.h"
#include "nt/key_path.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "nt/transaction.h"

ntstatus nt_close(const struct nt_call *call)
{
    struct key_handle content;

    if (is_transaction_handle(call->arguments[0]))
        return nt_transaction_close(call->arguments[0]);
    if (!is_key_handle(call->arguments[0])) {
        if (nt_personality.adopts_foreign_roots)
            nt_adopt_closed(call->arguments[0]);
        return nt_forward(call);
    }
    if (!key_handle_get(call->arguments[0], &content))
        return STATUS_INVALID_HANDLE;
    if (content.protect_from_close)
        return STATUS_HANDLE_NOT_CLOSABLE;
    nt_notify_closed(call->arguments[0]);
    if (!key_handle_close(call->arguments[0]))
        return STATUS_INVALID_HANDLE;
    hive_handle_closed();
    return STATUS_SUCCESS;
}

static ntstatus put(const struct nt_call *call, const void *information, uint32_t size)
{
    uint32_t *needed = (uint32_t *)call->arguments[4];

    if (needed)
        *needed = size;
    if ((uint32_t)call->arguments[3] < size)
        return STATUS_INFO_LENGTH_MISMATCH;
    memcpy((void *)call->arguments[2], information, size);
    return STATUS_SUCCESS;
}

static ntstatus query_basic(const struct nt_call *call, const struct key_handle *content)
{
    struct object_basic_information information = {
        .attributes = content->inherit ? OBJ_INHERIT : 0,
        .granted_access = content->access,
        .handle_count = 1,
        .pointer_count = 1,
    };

    return put(call, &information, sizeof information);
}

static ntstatus query_name(const struct nt_call *call, const struct key_handle *content)
{
    struct unicode_string *out = (struct unicode_string *)call->arguments[2];
    uint32_t length = (uint32_t)call->arguments[3], size;
    uint32_t *needed = (uint32_t *)call->arguments[4];
    struct registry_path path;
    struct unicode_string head;
    int result = registry_key_path(nt_personality.registry, content->key, &path);

    if (result < 0)
        return nt_status_from_errno(result);
    size = (uint32_t)(sizeof *out + path.units * 2 + 2);
    if (needed)
        *needed = size;
    if (length < sizeof *out)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (length < size)
        return STATUS_BUFFER_OVERFLOW;
    head.length = (uint16_t)(path.units * 2);
    head.maximum_length = head.length + 2;
    head.buffer = (uint16_t *)(out + 1);
    memcpy(head.buffer, path.text, head.length);
    head.buffer[path.units] = 0;
    memcpy(out, &head, sizeof head);
    return STATUS_SUCCESS;
}

static ntstatus query_type(const struct nt_call *call)
{
    static const uint16_t name[] = u"Key";
    struct {
        struct object_type_information head;
        uint16_t name[4];
    } information = {.head = {.type_name = {6, 8, NULL},
                              .generic_read = KEY_READ_RIGHTS,
                              .generic_write = KEY_WRITE_RIGHTS,
                              .generic_execute = KEY_EXECUTE_RIGHTS,
                              .generic_all = KEY_ALL_RIGHTS,
                              .valid_access = KEY_ALL_RIGHTS | ACCESS_SYNCHRONIZE}};

    memcpy(information.name, name, sizeof name);
    information.head.type_name.buffer =
        (uint16_t *)((struct object_type_information *)call->arguments[2] + 1);
    return put(call, &information, sizeof information);
}

ntstatus nt_query_object(const struct nt_call *call)
{
    struct key_handle content;

    if (is_transaction_handle(call->arguments[0]))
        return nt_transaction_query_object(call);
    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (!key_handle_get(call->arguments[0], &content))
        return STATUS_INVALID_HANDLE;
    switch ((uint32_t)call->arguments[1]) {
    case ObjectBasicInformation:
        return query_basic(call, &content);
    case ObjectNameInformation:
        return query_name(call, &content);
    case ObjectTypeInformation:
        return query_type(call);
    case ObjectHandleFlagInformation: {
        struct object_handle_flag_information flags = {content.inherit, content.protect_from_close};
        return put(call, &flags, sizeof flags);
    }
    default:
        return STATUS_NOT_IMPLEMENTED;
    }
}

ntstatus nt_set_information_object(const struct nt_call *call)
{
    struct object_handle_flag_information flags;

    if (!is_key_handle(call->arguments[0]) && !is_transaction_handle(call->arguments[0]))
        return nt_forward(call);
    if ((uint32_t)call->arguments[1] != ObjectHandleFlagInformation)
        return STATUS_NOT_IMPLEMENTED;
    if ((uint32_t)call->arguments[3] < sizeof flags)
        return STATUS_INVALID_PARAMETER;
    memcpy(&flags, (const void *)call->arguments[2], sizeof flags);
    if (is_transaction_handle(call->arguments[0]))
        return nt_transaction_set_flags(call->arguments[0], flags.inherit,
                                        flags.protect_from_close);
    return key_handle_set_flags(call->arguments[0], flags.inherit, flags.protect_from_close)
               ? STATUS_SUCCESS
               : STATUS_INVALID_HANDLE;
}

#define MAXIMUM_WAIT_OBJECTS 64

/* Keys cannot be waited for. */
static ntstatus refuse_wait(nt_handle handle)
{
    struct key_handle content;
    return key_handle_get(handle, &content) ? STATUS_OBJECT_TYPE_MISMATCH : STATUS_INVALID_HANDLE;
}

ntstatus nt_wait_for_single_object(const struct nt_call *call)
{
    uint64_t arguments[] = {call->arguments[0], call->arguments[1], call->arguments[2]};
    struct nt_call changed = {call->row, arguments};

    if (is_key_handle(call->arguments[0]))
        return refuse_wait(call->arguments[0]);
    if (is_transaction_handle(call->arguments[0])) {
        ntstatus status = nt_transaction_event(call->arguments[0], &arguments[0]);
        if (status)
            return status;
    }
    return nt_forward(&changed);
}

/* Transactions are waited for by their events. */
static ntstatus wait_with_events(const struct nt_call *call, const nt_handle *handles,
                                 uint32_t count)
{
    uint64_t arguments[] = {call->arguments[0], 0, call->arguments[2], call->arguments[3],
                            call->arguments[4]};
    struct nt_call changed = {call->row, arguments};
    nt_handle events[MAXIMUM_WAIT_OBJECTS];

    for (uint32_t i = 0; i < count; i++) {
        events[i] = handles[i];
        if (is_transaction_handle(handles[i])) {
            ntstatus status = nt_transaction_event(handles[i], &events[i]);
            if (status)
                return status;
        }
    }
    arguments[1] = (uint64_t)events;
    return nt_forward(&changed);
}

ntstatus nt_wait_for_multiple_objects(const struct nt_call *call)
{
    uint32_t count = (uint32_t)call->arguments[0];
    const nt_handle *handles = (const nt_handle *)call->arguments[1];

    bool transactions = false;

    /* More than MAXIMUM_WAIT_OBJECTS are refused by Wine itself. */
    for (uint32_t i = 0; i < count && count <= MAXIMUM_WAIT_OBJECTS; i++) {
        if (is_key_handle(handles[i]))
            return refuse_wait(handles[i]);
        transactions = transactions || is_transaction_handle(handles[i]);
    }
    return transactions ? wait_with_events(call, handles, count) : nt_forward(call);
}

ntstatus nt_compare_objects(const struct nt_call *call)
{
    static const ntstatus not_same_object = 0xc00001ac;
    struct key_handle first, second;

    if (is_transaction_handle(call->arguments[0]) || is_transaction_handle(call->arguments[1]))
        return nt_transaction_is_same(call->arguments[0], call->arguments[1]) ? STATUS_SUCCESS
                                                                              : not_same_object;
    if (!is_key_handle(call->arguments[0]) && !is_key_handle(call->arguments[1]))
        return nt_forward(call);
    if (!key_handle_get(call->arguments[0], &first) || !key_handle_get(call->arguments[1], &second))
        return is_key_handle(call->arguments[0]) && is_key_handle(call->arguments[1])
                   ? STATUS_INVALID_HANDLE
                   : not_same_object;
    return first.key == second.key ? STATUS_SUCCESS : not_same_object;
}
