/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_change.c - the key family: renaming, and setting what a key says of itself.
 * Sources: "ZwRenameKey", "ZwSetInformationKey", Wine's tests dlls/ntdll/tests/reg.c.
 */
#include <errno.h>
#include <string.h>

#include "nt/handle_table.h"
#include "nt/key_path.h"
#include "nt/notify.h"
#include "nt/personality.h"

ntstatus nt_rename_key(const struct nt_call *call)
{
    struct nt_name name;
    uint64_t key;
    ntstatus status;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (!call->arguments[1])
        return STATUS_ACCESS_VIOLATION;
    status = nt_copy_name(&name, (const void *)call->arguments[1]);
    if (status)
        return status;
    if (!name.units || ((const struct unicode_string *)call->arguments[1])->buffer == NULL)
        return STATUS_INVALID_PARAMETER;
    if (!key_of_handle(call, KEY_WRITE_RIGHTS, &key, &status))
        return status;
    result = registry_rename(nt_personality.registry, key, name.text, name.units);
    nt_notify_written();
    return result == -EEXIST ? STATUS_CANNOT_DELETE : key_status(result);
}

/* The classes other than the write time steer virtualisation and WOW64 in ways that have no effect
 * here; they are checked and accepted. */
ntstatus nt_set_information_key(const struct nt_call *call)
{
    uint32_t class_number = (uint32_t)call->arguments[1], length = (uint32_t)call->arguments[3];
    uint64_t key, time;
    uint32_t flags;
    ntstatus status;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (class_number > KeySetHandleTagsInformation)
        return STATUS_INVALID_PARAMETER;
    if (length != (class_number == KeyWriteTimeInformation ? sizeof time : sizeof flags))
        return STATUS_INFO_LENGTH_MISMATCH;
    memcpy(class_number == KeyWriteTimeInformation ? (void *)&time : (void *)&flags,
           (const void *)call->arguments[2], length);
    if (!key_of_handle(call, KEY_SET_VALUE, &key, &status))
        return status;
    if (class_number != KeyWriteTimeInformation)
        return STATUS_SUCCESS;
    result = registry_set_last_write(nt_personality.registry, key, time);
    nt_notify_written();
    return key_status(result);
}
