/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_query.c - the key family: NtQueryKey and NtEnumerateKey.
 * Sources: "ZwQueryKey", "ZwEnumerateKey", "KEY_INFORMATION_CLASS enumeration", and Wine's tests.
 * A buffer below the fixed part is TOO_SMALL, below the whole OVERFLOW; the length is always set.
 */
#include <errno.h>
#include <string.h>

#include "nt/handle_table.h"
#include "nt/key_path.h"
#include "nt/personality.h"
#include "nt/version.h"

/* Where an answer goes: the program's memory. */
struct answer {
    unsigned char *memory;
    uint32_t length;
    uint32_t *needed;
};

static void put_fixed(const struct answer *answer, const void *fixed, uint32_t size)
{
    memcpy(answer->memory, fixed, answer->length < size ? answer->length : size);
}

static ntstatus outcome(const struct answer *answer, uint32_t fixed, uint32_t whole)
{
    *answer->needed = whole;
    if (answer->length < fixed)
        return STATUS_BUFFER_TOO_SMALL;
    return answer->length < whole ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static struct registry_buffer room_behind(const struct answer *answer, uint32_t offset)
{
    struct registry_buffer buffer = {answer->memory + offset,
                                     answer->length > offset ? answer->length - offset : 0};
    return buffer;
}

static ntstatus query_basic(uint64_t key, const struct answer *answer)
{
    struct registry_buffer name = room_behind(answer, KEY_BASIC_FIXED);
    struct registry_key_info info;
    struct key_basic_information fixed = {0};
    int result = registry_query_key(nt_personality.registry, key, false, &info, &name, NULL);

    if (result < 0)
        return key_status(result);
    fixed.last_write_time = info.last_write;
    fixed.name_length = info.name_bytes;
    put_fixed(answer, &fixed, KEY_BASIC_FIXED);
    return outcome(answer, KEY_BASIC_FIXED, KEY_BASIC_FIXED + info.name_bytes);
}

static ntstatus query_node(uint64_t key, const struct answer *answer)
{
    struct registry_buffer name = room_behind(answer, KEY_NODE_FIXED), class_name;
    struct registry_key_info info;
    struct key_node_information fixed = {0};
    uint32_t name_bytes;
    int result = registry_query_key(nt_personality.registry, key, false, &info, &name, NULL);

    if (result < 0)
        return key_status(result);
    /* The class stands behind the name, whose length never changes. */
    name_bytes = info.name_bytes;
    class_name = room_behind(answer, KEY_NODE_FIXED + name_bytes);
    result = registry_query_key(nt_personality.registry, key, false, &info, NULL, &class_name);
    if (result < 0)
        return key_status(result);
    fixed.last_write_time = info.last_write;
    fixed.class_offset = info.class_bytes ? KEY_NODE_FIXED + name_bytes : UINT32_MAX;
    fixed.class_length = info.class_bytes;
    fixed.name_length = name_bytes;
    put_fixed(answer, &fixed, KEY_NODE_FIXED);
    return outcome(answer, KEY_NODE_FIXED, KEY_NODE_FIXED + name_bytes + info.class_bytes);
}

static ntstatus query_full(uint64_t key, const struct answer *answer)
{
    struct registry_buffer class_name = room_behind(answer, KEY_FULL_FIXED);
    struct registry_key_info info;
    struct key_full_information fixed = {0};
    int result = registry_query_key(nt_personality.registry, key, true, &info, NULL, &class_name);

    if (result < 0)
        return key_status(result);
    fixed.last_write_time = info.last_write;
    fixed.class_offset = info.class_bytes ? KEY_FULL_FIXED : UINT32_MAX;
    fixed.class_length = info.class_bytes;
    fixed.subkeys = info.subkeys;
    fixed.max_name_length = info.max_subkey_name;
    fixed.max_class_length = info.max_subkey_class;
    fixed.values = info.values;
    fixed.max_value_name_length = info.max_value_name;
    fixed.max_value_data_length = info.max_value_data;
    put_fixed(answer, &fixed, KEY_FULL_FIXED);
    return outcome(answer, KEY_FULL_FIXED, KEY_FULL_FIXED + info.class_bytes);
}

static ntstatus query_name(uint64_t key, const struct answer *answer)
{
    struct registry_buffer room = room_behind(answer, KEY_NAME_FIXED);
    struct registry_path path;
    uint32_t bytes;
    int result = registry_key_path(nt_personality.registry, key, &path);

    if (result < 0)
        return key_status(result);
    bytes = (uint32_t)path.units * 2;
    put_fixed(answer, &bytes, KEY_NAME_FIXED);
    memcpy(room.data, path.text, bytes < room.capacity ? bytes : room.capacity);
    return outcome(answer, KEY_NAME_FIXED, KEY_NAME_FIXED + bytes);
}

static ntstatus query_cached(uint64_t key, const struct answer *answer)
{
    struct registry_key_info info;
    struct key_cached_information fixed = {0};
    int result = registry_query_key(nt_personality.registry, key, true, &info, NULL, NULL);

    if (result < 0)
        return key_status(result);
    fixed.last_write_time = info.last_write;
    fixed.subkeys = info.subkeys;
    fixed.max_name_length = info.max_subkey_name;
    fixed.values = info.values;
    fixed.max_value_name_length = info.max_value_name;
    fixed.max_value_data_length = info.max_value_data;
    fixed.name_length = info.name_bytes;
    put_fixed(answer, &fixed, KEY_CACHED_FIXED);
    return outcome(answer, KEY_CACHED_FIXED, KEY_CACHED_FIXED);
}

static ntstatus query(uint64_t key, uint32_t class_number, const struct answer *answer)
{
    switch (class_number) {
    case KeyBasicInformation:
        return query_basic(key, answer);
    case KeyNodeInformation:
        return query_node(key, answer);
    case KeyFullInformation:
        return query_full(key, answer);
    case KeyNameInformation:
        return query_name(key, answer);
    case KeyCachedInformation:
        return query_cached(key, answer);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

ntstatus nt_query_key(const struct nt_call *call)
{
    struct answer answer = {(void *)call->arguments[2], (uint32_t)call->arguments[3],
                            (uint32_t *)call->arguments[4]};
    uint32_t class_number = (uint32_t)call->arguments[1];
    uint64_t key;
    ntstatus status;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    nt_version_settle();
    if (!key_of_handle(call, class_number == KeyNameInformation ? 0 : KEY_QUERY_VALUE, &key,
                       &status))
        return status;
    return query(key, class_number, &answer);
}

ntstatus nt_enumerate_key(const struct nt_call *call)
{
    struct answer answer = {(void *)call->arguments[3], (uint32_t)call->arguments[4],
                            (uint32_t *)call->arguments[5]};
    uint64_t key, subkey;
    ntstatus status;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    nt_version_settle();
    if (!key_of_handle(call, KEY_ENUMERATE_SUB_KEYS, &key, &status))
        return status;
    do {
        int result = registry_enumerate_key(nt_personality.registry, key,
                                            (uint32_t)call->arguments[1], &subkey);
        if (result < 0)
            return key_status(result);
        status = query(subkey, (uint32_t)call->arguments[2], &answer);
        /* Deleted in between: the index now means the next one. */
    } while (status == STATUS_KEY_DELETED);
    return status;
}
