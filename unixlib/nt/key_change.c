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

static int set_flags(uint64_t key, unsigned shift, uint32_t bits, uint32_t flags)
{
    return registry_set_flags(nt_personality.registry, key, bits << shift, flags << shift);
}

static ntstatus set_information(const struct nt_call *call, uint64_t key, uint32_t class_number,
                                uint64_t information)
{
    uint32_t flags = (uint32_t)information;

    switch (class_number) {
    case KeyWriteTimeInformation:
        return key_status(registry_set_last_write(nt_personality.registry, key, information));
    case KeyWow64FlagsInformation:
        return key_status(set_flags(key, REGISTRY_USER_FLAGS_SHIFT, 0xf, flags));
    case KeyControlFlagsInformation:
        return key_status(set_flags(key, REGISTRY_CONTROL_FLAGS_SHIFT, 0xf, flags));
    case KeySetVirtualizationInformation:
        return key_status(set_flags(key, REGISTRY_VIRTUAL_FLAGS_SHIFT, 7, flags));
    case KeySetDebugInformation: /* stops a kernel debugger, of which there is none */
        return STATUS_SUCCESS;
    case KeySetHandleTagsInformation:
        return key_handle_set_tags(call->arguments[0], flags) ? STATUS_SUCCESS
                                                              : STATUS_INVALID_HANDLE;
    default:
        return STATUS_NOT_SUPPORTED; /* a key's layer is not a program's to choose */
    }
}

/* What the flags mean to Windows has no effect here: they are kept, and told by NtQueryKey. */
ntstatus nt_set_information_key(const struct nt_call *call)
{
    uint32_t class_number = (uint32_t)call->arguments[1], length = (uint32_t)call->arguments[3];
    uint64_t key, information = 0;
    ntstatus status;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (class_number > KeySetLayerInformation)
        return STATUS_INVALID_PARAMETER;
    if (length != (class_number == KeyWriteTimeInformation ? 8 : 4))
        return STATUS_INFO_LENGTH_MISMATCH;
    memcpy(&information, (const void *)call->arguments[2], length);
    if (!key_of_handle(call, class_number == KeySetHandleTagsInformation ? 0 : KEY_SET_VALUE, &key,
                       &status) ||
        (status = key_check(key)))
        return status;
    status = set_information(call, key, class_number, information);
    nt_notify_written();
    return status;
}
