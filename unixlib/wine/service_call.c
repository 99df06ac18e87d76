/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * service_call.c - see service_call.h. The same rows and the same dispatch as for calls that come
 * through ntdll; nothing is held here, so that a call that faults loses nothing.
 */
#include "wine/service_call.h"

#include <string.h>

#include "nt/personality.h"
#include "sandbox/trap.h"
#include "unixlib.h"

static const nt_handler handlers[PWK_SERVICE_COUNT] = {
    [PWK_SERVICE_CREATE_TRANSACTION] = nt_create_transaction,
    [PWK_SERVICE_OPEN_TRANSACTION] = nt_open_transaction,
    [PWK_SERVICE_COMMIT_TRANSACTION] = nt_commit_transaction,
    [PWK_SERVICE_ROLLBACK_TRANSACTION] = nt_rollback_transaction,
    [PWK_SERVICE_QUERY_INFORMATION_TRANSACTION] = nt_query_information_transaction,
    [PWK_SERVICE_COMPACT_KEYS] = nt_compact_keys,
    [PWK_SERVICE_COMPRESS_KEY] = nt_compress_key,
    [PWK_SERVICE_LOCK_REGISTRY_KEY] = nt_lock_registry_key,
    [PWK_SERVICE_QUERY_OPEN_SUBKEYS] = nt_query_open_subkeys,
    [PWK_SERVICE_QUERY_OPEN_SUBKEYS_EX] = nt_query_open_subkeys_ex,
    [PWK_SERVICE_SAVE_KEY_EX] = nt_save_key_ex,
    [PWK_SERVICE_SAVE_MERGED_KEYS] = nt_save_merged_keys,
    [PWK_SERVICE_UNLOAD_KEY2] = nt_unload_key2,
    [PWK_SERVICE_UNLOAD_KEY_EX] = nt_unload_key_ex,
};

int32_t pwk_service_call(void *args)
{
    struct pwk_service_params *params = args;
    uint64_t arguments[sizeof params->arguments / sizeof params->arguments[0]];
    uint32_t service = params->service;

    /* Other threads of the program's can change theirs meanwhile. */
    memcpy(arguments, params->arguments, sizeof arguments);

    if (service >= PWK_SERVICE_COUNT)
        params->status = STATUS_INVALID_PARAMETER;
    else if (!nt_personality.registry)
        params->status = STATUS_NOT_IMPLEMENTED;
    else
        params->status = nt_dispatch(nt_row(handlers[service]), arguments);
    return STATUS_SUCCESS;
}

int32_t pwk_handle_number_call(void *args)
{
    struct pwk_handle_number_params *params = args;

    params->result = pwk_trap_handle(params->number, params->entry, params->handle != 0);
    return STATUS_SUCCESS;
}
