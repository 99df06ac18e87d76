/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * value.c - the key family: values.
 * Sources: "ZwQueryValueKey", "ZwEnumerateValueKey", "ZwSetValueKey", "ZwDeleteValueKey",
 * "KEY_VALUE_INFORMATION_CLASS enumeration", and Wine's tests dlls/ntdll/tests/reg.c.
 */
#include <errno.h>
#include <string.h>

#include "nt/handle_table.h"
#include "nt/key_path.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "nt/version.h"
#include "registry/upcase.h"

#define BASIC_FIXED 12u
#define FULL_FIXED 20u
#define PARTIAL_FIXED 12u
#define PARTIAL_ALIGN64_FIXED 8u
#define LAYER_FIXED 4u

/* The layout of an information class: where its name and its data start. */
struct layout {
    uint32_t fixed;
    uint32_t name_at; /* UINT32_MAX: it has no name */
    uint32_t data_at; /* UINT32_MAX: it has no data */
    uint32_t whole;
};

static bool lay_out(uint32_t class_number, const struct registry_value_info *info,
                    struct layout *layout)
{
    switch (class_number) {
    case KeyValueBasicInformation:
        layout->fixed = layout->name_at = BASIC_FIXED;
        layout->data_at = UINT32_MAX;
        layout->whole = BASIC_FIXED + info->name_bytes;
        return true;
    case KeyValueFullInformation:
        layout->fixed = layout->name_at = FULL_FIXED;
        layout->data_at = FULL_FIXED + info->name_bytes;
        layout->whole = layout->data_at + info->data_bytes;
        return true;
    case KeyValueFullInformationAlign64:
        layout->fixed = layout->name_at = FULL_FIXED;
        layout->data_at = (FULL_FIXED + info->name_bytes + 7) & ~7u;
        layout->whole = layout->data_at + info->data_bytes;
        return true;
    case KeyValuePartialInformationAlign64:
        layout->fixed = layout->data_at = PARTIAL_ALIGN64_FIXED;
        layout->name_at = UINT32_MAX;
        layout->whole = PARTIAL_ALIGN64_FIXED + info->data_bytes;
        return true;
    case KeyValueLayerInformation:
        layout->fixed = layout->whole = LAYER_FIXED;
        layout->name_at = layout->data_at = UINT32_MAX;
        return true;
    case KeyValuePartialInformation:
        layout->fixed = PARTIAL_FIXED;
        layout->name_at = UINT32_MAX;
        layout->data_at = PARTIAL_FIXED;
        layout->whole = PARTIAL_FIXED + info->data_bytes;
        return true;
    default:
        return false;
    }
}

static void put_fixed(uint32_t class_number, const struct registry_value_info *info,
                      const struct layout *layout, void *memory, uint32_t length)
{
    struct key_value_basic_information basic = {0, info->type, info->name_bytes};
    struct key_value_full_information full = {0, info->type, layout->data_at, info->data_bytes,
                                              info->name_bytes};
    struct key_value_partial_information partial = {0, info->type, info->data_bytes};
    struct key_value_partial_information_align64 aligned = {info->type, info->data_bytes};
    static const uint32_t no_tombstone = 0;
    const void *const fixed[] = {
        [KeyValueBasicInformation] = &basic,
        [KeyValueFullInformation] = &full,
        [KeyValuePartialInformation] = &partial,
        [KeyValueFullInformationAlign64] = &full,
        [KeyValuePartialInformationAlign64] = &aligned,
        [KeyValueLayerInformation] = &no_tombstone,
    };

    memcpy(memory, fixed[class_number], length < layout->fixed ? length : layout->fixed);
}

static struct registry_buffer room_at(void *memory, uint32_t length, uint32_t offset)
{
    struct registry_buffer buffer = {NULL, 0};

    if (offset < length) {
        buffer.data = (unsigned char *)memory + offset;
        buffer.capacity = length - offset;
    }
    return buffer;
}

static ntstatus outcome(const struct layout *layout, uint32_t length, uint32_t *needed)
{
    *needed = layout->whole;
    if (length < layout->fixed)
        return STATUS_BUFFER_TOO_SMALL;
    return length < layout->whole ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

ntstatus nt_query_value_key(const struct nt_call *call)
{
    uint32_t class_number = (uint32_t)call->arguments[2], length = (uint32_t)call->arguments[4];
    void *memory = (void *)call->arguments[3];
    struct registry_value_info info;
    struct registry_buffer data;
    struct layout layout;
    struct nt_name name;
    uint64_t key;
    ntstatus status;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (nt_version_settle() && !nt_audits_every_call())
        __atomic_store_n(&nt_personality.warm_registry, nt_personality.registry, __ATOMIC_RELEASE);
    status = nt_copy_name(&name, (const void *)call->arguments[1]);
    if (status)
        return status;
    info.name_bytes = (uint32_t)name.units * 2;
    info.data_bytes = 0;
    if (!lay_out(class_number, &info, &layout))
        return STATUS_INVALID_PARAMETER;
    if (!key_of_handle(call, KEY_QUERY_VALUE, &key, &status))
        return status;
    data = room_at(memory, length, layout.data_at);
    result =
        registry_query_value(nt_personality.registry, key, name.text, name.units, &info, &data);
    if (result < 0)
        return key_status(result);
    lay_out(class_number, &info, &layout);
    if (layout.name_at != UINT32_MAX && layout.name_at < length) {
        uint32_t room = length - layout.name_at;
        memcpy((unsigned char *)memory + layout.name_at, name.text,
               info.name_bytes < room ? info.name_bytes : room);
    }
    put_fixed(class_number, &info, &layout, memory, length);
    return outcome(&layout, length, (uint32_t *)call->arguments[5]);
}

ntstatus nt_enumerate_value_key(const struct nt_call *call)
{
    uint32_t index = (uint32_t)call->arguments[1], class_number = (uint32_t)call->arguments[2];
    uint32_t length = (uint32_t)call->arguments[4], name_bytes;
    void *memory = (void *)call->arguments[3];
    struct registry_value_info info = {0};
    struct layout layout;
    uint64_t key;
    ntstatus status;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    nt_version_settle();
    if (!lay_out(class_number, &info, &layout))
        return STATUS_INVALID_PARAMETER;
    if (!key_of_handle(call, KEY_QUERY_VALUE, &key, &status))
        return status;
    /* The data stand behind the name: asked again while another value takes the place. */
    do {
        struct registry_buffer name = room_at(memory, length, layout.name_at);
        struct registry_buffer data = room_at(memory, length, layout.data_at);
        int result;

        name_bytes = info.name_bytes;
        if (layout.data_at != UINT32_MAX && name.capacity > name_bytes)
            name.capacity = name_bytes;
        result = registry_enumerate_value(nt_personality.registry, key, index, &info, &name, &data);
        if (result < 0)
            return key_status(result);
        lay_out(class_number, &info, &layout);
    } while (layout.name_at != UINT32_MAX && layout.data_at != UINT32_MAX &&
             info.name_bytes != name_bytes);
    put_fixed(class_number, &info, &layout, memory, length);
    return outcome(&layout, length, (uint32_t *)call->arguments[5]);
}

#define REG_LINK 6u

/* A symbolic link has one value, of one type. */
static bool may_set(uint64_t key, const struct nt_name *name, uint32_t type)
{
    static const uint16_t link_value[] = u"SymbolicLinkValue";
    struct registry_key_info info;

    if (registry_query_key(nt_personality.registry, key, false, &info, NULL, NULL) < 0 ||
        !(info.flags & REGISTRY_CREATE_LINK))
        return true;
    return type == REG_LINK && registry_name_compare(name->text, name->units, link_value, 17) == 0;
}

ntstatus nt_set_value_key(const struct nt_call *call)
{
    uint32_t size = (uint32_t)call->arguments[5];
    struct nt_name name;
    const void *data;
    uint64_t key;
    ntstatus status;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    status = nt_copy_name(&name, (const void *)call->arguments[1]);
    if (status)
        return status;
    if (name.units > REGISTRY_MAX_VALUE_NAME)
        return STATUS_INVALID_PARAMETER;
    if (size > REGISTRY_MAX_VALUE_SIZE)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (!key_of_handle(call, KEY_SET_VALUE, &key, &status))
        return status;
    if (!may_set(key, &name, (uint32_t)call->arguments[3]))
        return nt_deny(call, STATUS_ACCESS_DENIED, "a symbolic link holds its target only");
    data = nt_copy_bytes((const void *)call->arguments[4], size);
    if (!data)
        return STATUS_NO_MEMORY;
    result = registry_set_value(nt_personality.registry, key, name.text, name.units,
                                (uint32_t)call->arguments[3], data, size);
    nt_notify_written();
    return key_status(result);
}

ntstatus nt_delete_value_key(const struct nt_call *call)
{
    struct nt_name name;
    uint64_t key;
    ntstatus status;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    status = nt_copy_name(&name, (const void *)call->arguments[1]);
    if (status)
        return status;
    if (!key_of_handle(call, KEY_SET_VALUE, &key, &status))
        return status;
    result = registry_delete_value(nt_personality.registry, key, name.text, name.units);
    nt_notify_written();
    return key_status(result);
}

#define MULTIPLE_LIMIT 0x10000u /* entries, as Windows allows them */

/* One entry of NtQueryMultipleValueKey: its data go to `*used`, aligned as Windows aligns them.
 * What does not fit is only counted. */
static ntstatus query_entry(uint64_t key, struct key_value_entry *entry, unsigned char *buffer,
                            uint32_t length, uint32_t *used)
{
    struct registry_value_info info;
    struct registry_buffer data;
    struct nt_name name;
    ntstatus status = nt_copy_name(&name, entry->name);
    uint32_t at = (*used + 3) & ~3u;
    int result;

    if (status)
        return status;
    data = room_at(buffer, length, at);
    result =
        registry_query_value(nt_personality.registry, key, name.text, name.units, &info, &data);
    if (result < 0)
        return key_status(result);
    if (at < *used || info.data_bytes > UINT32_MAX - at)
        return STATUS_INSUFFICIENT_RESOURCES; /* the sum is more than its field can say */
    entry->data_length = info.data_bytes;
    entry->data_offset = at;
    entry->type = info.type;
    *used = at + info.data_bytes;
    return STATUS_SUCCESS;
}

/* "ZwQueryMultipleValueKey": all values or, where the buffer is too small, their lengths. */
ntstatus nt_query_multiple_value_key(const struct nt_call *call)
{
    struct key_value_entry *entries = (void *)call->arguments[1];
    uint32_t count = (uint32_t)call->arguments[2], length, used = 0;
    uint32_t *needed = (uint32_t *)call->arguments[5];
    uint64_t key;
    ntstatus status;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (count > MULTIPLE_LIMIT)
        return STATUS_INSUFFICIENT_RESOURCES;
    length = *(const uint32_t *)call->arguments[4];
    if (!key_of_handle(call, KEY_QUERY_VALUE, &key, &status) || (status = key_check(key)))
        return status;
    for (uint32_t i = 0; i < count; i++) {
        status = query_entry(key, &entries[i], (void *)call->arguments[3], length, &used);
        if (status)
            return status;
    }
    *(uint32_t *)call->arguments[4] = used;
    if (needed)
        *needed = used;
    return used > length ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}
