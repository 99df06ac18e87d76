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
#include "registry/transaction.h"
#include "registry/upcase.h"

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

static ntstatus put_whole(const struct answer *answer, const void *fixed, uint32_t size)
{
    put_fixed(answer, fixed, size);
    return outcome(answer, size, size);
}

static ntstatus query_flags(uint64_t key, const struct answer *answer)
{
    struct registry_key_info info;
    struct key_flags_information fixed;
    int result = registry_query_key(nt_personality.registry, key, false, &info, NULL, NULL);

    if (result < 0)
        return key_status(result);
    fixed.user_flags = info.flags >> REGISTRY_USER_FLAGS_SHIFT & 0xf;
    fixed.key_flags = info.flags & (REGISTRY_VOLATILE | REGISTRY_CREATE_LINK);
    fixed.control_flags = info.flags >> REGISTRY_CONTROL_FLAGS_SHIFT & 0xf;
    return put_whole(answer, &fixed, sizeof fixed);
}

/* True for the key at a path (one of `units`) and what is below it. */
static bool is_in(const struct registry_path *path, const uint16_t *branch, size_t units)
{
    return path->units >= units && registry_name_compare(path->text, units, branch, units) == 0 &&
           (path->units == units || path->text[units] == '\\');
}

#define IS_IN_PATH(path, branch) is_in(path, branch, sizeof(branch) / sizeof(branch)[0] - 1)

/* "Registry Virtualization": what may be virtualized of HKEY_LOCAL_MACHINE\Software. Nothing is:
 * that is for 32-bit programs without a manifest. */
static bool is_virtualization_candidate(const struct registry_path *path)
{
    static const uint16_t software[] = u"\\Registry\\Machine\\Software";
    static const uint16_t classes[] = u"\\Registry\\Machine\\Software\\Classes";
    static const uint16_t windows[] = u"\\Registry\\Machine\\Software\\Microsoft\\Windows";
    static const uint16_t nt[] = u"\\Registry\\Machine\\Software\\Microsoft\\Windows NT";

    return IS_IN_PATH(path, software) && !IS_IN_PATH(path, classes) && !IS_IN_PATH(path, windows) &&
           !IS_IN_PATH(path, nt);
}

static ntstatus query_virtualization(uint64_t key, const struct answer *answer)
{
    struct registry_key_info info;
    struct registry_path path;
    uint32_t fixed;
    int result = registry_query_key(nt_personality.registry, key, false, &info, NULL, NULL);

    if (result == 0)
        result = registry_key_path(nt_personality.registry, key, &path);
    if (result < 0)
        return key_status(result);
    fixed = (info.flags >> REGISTRY_VIRTUAL_FLAGS_SHIFT & 7) * VIRTUAL_TARGET;
    if (is_virtualization_candidate(&path))
        fixed |= VIRTUALIZATION_CANDIDATE;
    return put_whole(answer, &fixed, sizeof fixed);
}

/* Links may lead out of all hives but those that a program brought along itself. */
static ntstatus query_trust(uint64_t key, const struct answer *answer)
{
    static const uint16_t app_hives[] = u"\\Registry\\A";
    struct registry_path path;
    uint32_t trusted;
    int result = registry_key_path(nt_personality.registry, key, &path);

    if (result < 0)
        return key_status(result);
    trusted = !IS_IN_PATH(&path, app_hives);
    return put_whole(answer, &trusted, sizeof trusted);
}

/* "KEY_LAYER_INFORMATION": bit 0 a tombstone, which no handle leads to, then how the key stands to
 * the one below it. A transaction changes no marks. */
static ntstatus query_layer(uint64_t key, const struct answer *answer)
{
    static const uint32_t marks[] = {
        [REGISTRY_MERGED] = 0,
        [REGISTRY_SUPERSEDES_LOCAL] = 2,
        [REGISTRY_SUPERSEDES_TREE] = 4,
    };
    enum registry_layer layer = REGISTRY_MERGED;
    ntstatus status = key_check(key);
    int result;

    if (status)
        return status;
    result = registry_get_layer(nt_personality.registry, registry_key_outside(key), &layer);
    /* One that was made inside a transaction is not there outside. */
    if (result < 0 && !(result == -EIDRM && registry_transaction_of(key)))
        return key_status(result);
    return put_whole(answer, &marks[layer], sizeof marks[layer]);
}

typedef ntstatus (*query_function)(uint64_t key, const struct answer *answer);

static const query_function queries[] = {
    [KeyBasicInformation] = query_basic,
    [KeyNodeInformation] = query_node,
    [KeyFullInformation] = query_full,
    [KeyNameInformation] = query_name,
    [KeyCachedInformation] = query_cached,
    [KeyFlagsInformation] = query_flags,
    [KeyVirtualizationInformation] = query_virtualization,
    [KeyHandleTagsInformation] = NULL, /* the handle's, not the key's */
    [KeyTrustInformation] = query_trust,
    [KeyLayerInformation] = query_layer,
};

static ntstatus query_handle_tags(const struct nt_call *call, uint64_t key,
                                  const struct answer *answer)
{
    struct key_handle handle;
    ntstatus status = key_check(key);

    if (status)
        return status;
    if (!key_handle_get(call->arguments[0], &handle))
        return STATUS_INVALID_HANDLE;
    return put_whole(answer, &handle.tags, sizeof handle.tags);
}

static bool needs_no_access(uint32_t class_number)
{
    return class_number == KeyNameInformation || class_number == KeyHandleTagsInformation;
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
    if (class_number >= sizeof queries / sizeof queries[0])
        return STATUS_INVALID_PARAMETER;
    if (!key_of_handle(call, needs_no_access(class_number) ? 0 : KEY_QUERY_VALUE, &key, &status))
        return status;
    return class_number == KeyHandleTagsInformation ? query_handle_tags(call, key, &answer)
                                                    : queries[class_number](key, &answer);
}

ntstatus nt_enumerate_key(const struct nt_call *call)
{
    struct answer answer = {(void *)call->arguments[3], (uint32_t)call->arguments[4],
                            (uint32_t *)call->arguments[5]};
    uint32_t class_number = (uint32_t)call->arguments[2];
    uint64_t key, subkey;
    ntstatus status;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    nt_version_settle();
    /* "ZwEnumerateKey": basic, node or full */
    if (class_number > KeyFullInformation)
        return STATUS_INVALID_PARAMETER;
    if (!key_of_handle(call, KEY_ENUMERATE_SUB_KEYS, &key, &status))
        return status;
    do {
        int result = registry_enumerate_key(nt_personality.registry, key,
                                            (uint32_t)call->arguments[1], &subkey);
        if (result < 0)
            return key_status(result);
        status = queries[class_number](subkey, &answer);
        /* Deleted in between: the index now means the next one. */
    } while (status == STATUS_KEY_DELETED);
    return status;
}
