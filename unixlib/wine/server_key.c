/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_key.c - see server_key.h.
 */
#include "wine/server_key.h"

#include <stdlib.h>
#include <string.h>

#include "nt/nt_status.h"
#include "registry/upcase.h"
#include "wine/service_table.h"

#define OBJ_CASE_INSENSITIVE 0x40
#define MAX_DEPTH 400 /* of a branch that goes: each level costs stack */
#define PATH_UNITS 2064

#define CALL(name, ...)                                                                            \
    pwk_service_table_call(name, (const uint64_t[]){__VA_ARGS__},                                  \
                           sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static const uint16_t link_value[] = u"SymbolicLinkValue";
static const uint16_t top[] = u"\\Registry\\";

/* ---- opening ---- */

struct key_name {
    struct object_attributes attributes;
    struct unicode_string name;
    uint16_t text[PATH_UNITS];
};

/* `parent` 0: `path` is below \Registry. Its parts are joined with a backslash. */
static bool name_key(struct key_name *key, nt_handle parent, const uint16_t *path, size_t units,
                     const uint16_t *last, size_t last_units)
{
    size_t used = parent ? 0 : sizeof top / 2 - 1;

    if (used + units + 1 + last_units > PATH_UNITS)
        return false;
    memcpy(key->text, top, used * 2);
    memcpy(key->text + used, path, units * 2);
    used += units;
    if (last_units && units)
        key->text[used++] = '\\';
    if (last_units)
        memcpy(key->text + used, last, last_units * 2);
    used += last_units;
    key->name = (struct unicode_string){(uint16_t)(used * 2), (uint16_t)(used * 2), key->text};
    key->attributes = (struct object_attributes){.length = sizeof key->attributes,
                                                 .root_directory = parent,
                                                 .object_name = &key->name,
                                                 .attributes = OBJ_OPENLINK | OBJ_CASE_INSENSITIVE};
    return true;
}

static ntstatus open_key(struct key_name *name, uint32_t access, nt_handle *key)
{
    *key = 0;
    return CALL("NtOpenKey", (uint64_t)key, access, (uint64_t)&name->attributes);
}

static void close_key(nt_handle key)
{
    if (key)
        CALL("NtClose", key);
}

static bool is_missing(ntstatus status)
{
    return status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_KEY_DELETED;
}

/* ---- values ---- */

/* The value's partial information, which the caller frees; NULL with the status where there is
 * none. */
static struct key_value_partial_information *read_value(nt_handle key, struct unicode_string *name,
                                                        ntstatus *status)
{
    uint32_t size = 256;

    for (;;) {
        struct key_value_partial_information *information = malloc(size);
        if (!information) {
            *status = STATUS_NO_MEMORY;
            return NULL;
        }
        *status = CALL("NtQueryValueKey", key, (uint64_t)name, KeyValuePartialInformation,
                       (uint64_t)information, size, (uint64_t)&size);
        if (*status == STATUS_SUCCESS)
            return information;
        free(information);
        if (*status != STATUS_BUFFER_OVERFLOW && *status != STATUS_BUFFER_TOO_SMALL)
            return NULL;
    }
}

static struct unicode_string counted(const uint16_t *text, size_t units)
{
    return (struct unicode_string){(uint16_t)(units * 2), (uint16_t)(units * 2), (uint16_t *)text};
}

static bool has_value(nt_handle key, const struct registry_layer_change *change)
{
    struct unicode_string name = counted(change->name, change->name_units);
    ntstatus status;
    struct key_value_partial_information *found = read_value(key, &name, &status);
    bool same = found && found->type == change->type && found->data_length == change->size &&
                (change->size == 0 || memcmp(found + 1, change->data, change->size) == 0);

    free(found);
    return same;
}

static ntstatus set_value(nt_handle key, const struct registry_layer_change *change)
{
    struct unicode_string name = counted(change->name, change->name_units);

    return CALL("NtSetValueKey", key, (uint64_t)&name, 0, change->type, (uint64_t)change->data,
                change->size);
}

/* True for a name in the list of a ..._KEPT change. */
static bool is_kept(const struct registry_layer_change *change, const uint16_t *name, size_t units)
{
    const uint16_t *list = change->data;

    for (size_t at = 0, count = change->size / 2; at < count; at += 1 + list[at]) {
        if (list[at] > count - at - 1)
            return false;
        if (registry_name_compare(list + at + 1, list[at], name, units) == 0)
            return true;
    }
    return false;
}

static ntstatus delete_value(nt_handle key, const uint16_t *text, size_t units, bool dry)
{
    struct unicode_string name = counted(text, units);
    ntstatus status;

    if (dry) {
        free(read_value(key, &name, &status));
        return is_missing(status) ? STATUS_OBJECT_NAME_EXISTS : STATUS_SUCCESS;
    }
    status = CALL("NtDeleteValueKey", key, (uint64_t)&name);
    return is_missing(status) ? STATUS_OBJECT_NAME_EXISTS : status;
}

/* Deletes all values that are not kept. */
static ntstatus keep_values(nt_handle key, const struct registry_layer_change *change, bool dry)
{
    const uint32_t size = sizeof(struct key_value_basic_information) + 2 * REGISTRY_MAX_VALUE_NAME;
    struct key_value_basic_information *information = malloc(size + 8);
    ntstatus status = information ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    ntstatus result = STATUS_OBJECT_NAME_EXISTS;

    for (uint32_t index = 0; status == STATUS_SUCCESS;) {
        uint32_t used = 0;
        status = CALL("NtEnumerateValueKey", key, index, KeyValueBasicInformation,
                      (uint64_t)information, size, (uint64_t)&used);
        if (status != STATUS_SUCCESS)
            break;
        if (is_kept(change, (const uint16_t *)(information + 1), information->name_length / 2)) {
            index++;
            continue;
        }
        result = STATUS_SUCCESS;
        if (dry)
            break;
        status = delete_value(key, (const uint16_t *)(information + 1),
                              information->name_length / 2, false);
        status = NT_ERROR(status) ? status : STATUS_SUCCESS;
    }
    free(information);
    return status == STATUS_SUCCESS || status == STATUS_NO_MORE_ENTRIES ? result : status;
}

/* ---- keys that go ---- */

/* The subkey at `index`: its name, or a status. */
struct subkey_name {
    struct key_basic_information information;
    uint16_t rest[REGISTRY_MAX_KEY_NAME + 8];
};

static ntstatus read_subkey(nt_handle key, uint32_t index, struct subkey_name *subkey,
                            const uint16_t **name, size_t *units)
{
    uint32_t used = 0;
    ntstatus status = CALL("NtEnumerateKey", key, index, KeyBasicInformation, (uint64_t)subkey,
                           sizeof *subkey, (uint64_t)&used);

    *name = (const uint16_t *)((const char *)subkey + KEY_BASIC_FIXED);
    *units = subkey->information.name_length / 2;
    return status;
}

static ntstatus delete_branch(nt_handle parent, const uint16_t *path, size_t units,
                              const uint16_t *last, size_t last_units, bool dry, unsigned depth);

static ntstatus delete_below(nt_handle key, bool dry, unsigned depth)
{
    ntstatus status = depth < MAX_DEPTH ? STATUS_SUCCESS : STATUS_NAME_TOO_LONG;

    for (uint32_t index = 0; !NT_ERROR(status);) {
        struct subkey_name subkey;
        const uint16_t *name;
        size_t units;
        status = read_subkey(key, index, &subkey, &name, &units);
        if (status == STATUS_NO_MORE_ENTRIES)
            return STATUS_SUCCESS;
        if (!NT_ERROR(status))
            status = delete_branch(key, name, units, NULL, 0, dry, depth + 1);
        index += dry;
    }
    return status;
}

/* Deletes a key with all below it; of a link only the link. */
static ntstatus delete_branch(nt_handle parent, const uint16_t *path, size_t units,
                              const uint16_t *last, size_t last_units, bool dry, unsigned depth)
{
    struct key_name *name = malloc(sizeof *name);
    nt_handle key = 0;
    ntstatus status = name ? STATUS_NAME_TOO_LONG : STATUS_NO_MEMORY;

    if (name && name_key(name, parent, path, units, last, last_units))
        status = open_key(name, ACCESS_DELETE | KEY_ENUMERATE_SUB_KEYS | KEY_QUERY_VALUE, &key);
    free(name);
    if (is_missing(status))
        return STATUS_OBJECT_NAME_EXISTS;
    if (!NT_ERROR(status))
        status = delete_below(key, dry, depth);
    if (!NT_ERROR(status) && !dry)
        status = CALL("NtDeleteKey", key);
    close_key(key);
    return status;
}

/* Deletes all subkeys that are not kept. */
static ntstatus keep_subkeys(nt_handle key, const struct registry_layer_change *change, bool dry)
{
    ntstatus result = STATUS_OBJECT_NAME_EXISTS;

    for (uint32_t index = 0;;) {
        struct subkey_name subkey;
        const uint16_t *name;
        size_t units;
        ntstatus status = read_subkey(key, index, &subkey, &name, &units);
        if (status == STATUS_NO_MORE_ENTRIES)
            return result;
        if (NT_ERROR(status))
            return status;
        if (is_kept(change, name, units)) {
            index++;
            continue;
        }
        status = delete_branch(key, name, units, NULL, 0, dry, 0);
        if (NT_ERROR(status))
            return status;
        result = STATUS_SUCCESS;
        index += dry;
    }
}

/* ---- keys that come ---- */

/* 1: a link, 0: none. */
static bool is_link(nt_handle key)
{
    struct unicode_string name = counted(link_value, sizeof link_value / 2 - 1);
    struct key_value_partial_information *found;
    bool link;
    ntstatus status;

    found = read_value(key, &name, &status);
    link = found && found->type == 6; /* REG_LINK */
    free(found);
    return link;
}

/* Whether a key could be made there: the nearest one that exists must allow it. */
static ntstatus may_create(const uint16_t *path, size_t units, struct key_name *name)
{
    nt_handle key;
    ntstatus status = STATUS_OBJECT_NAME_NOT_FOUND;

    while (units > 0 && is_missing(status)) {
        while (units > 0 && path[units - 1] != '\\')
            units--;
        units -= units > 0;
        if (units == 0 || !name_key(name, 0, path, units, NULL, 0))
            break;
        status = open_key(name, KEY_CREATE_SUB_KEY, &key);
        close_key(key);
    }
    return status;
}

/* Makes the key and those on the way to it; `change` where it is more than a place for others. */
static ntstatus create_key(const uint16_t *path, size_t units,
                           const struct registry_layer_change *change, struct key_name *name)
{
    struct unicode_string class_name = {0};
    uint32_t options = 0, disposition = 0;
    nt_handle key = 0;
    ntstatus status = STATUS_NAME_TOO_LONG;

    if (change && change->type & REGISTRY_CREATE_LINK)
        options = REG_OPTION_CREATE_LINK;
    if (change)
        class_name = counted(change->name, change->name_units);
    for (int tries = 0; tries < 2 && name_key(name, 0, path, units, NULL, 0); tries++) {
        size_t parent = units;
        status =
            CALL("NtCreateKey", (uint64_t)&key, KEY_READ_RIGHTS, (uint64_t)&name->attributes, 0,
                 class_name.length ? (uint64_t)&class_name : 0, options, (uint64_t)&disposition);
        close_key(key);
        if (!is_missing(status))
            break;
        while (parent > 0 && path[parent - 1] != '\\')
            parent--;
        if (parent < 2 || NT_ERROR(create_key(path, parent - 1, NULL, name)))
            break;
    }
    return status;
}

static ntstatus change_key(const struct registry_layer_change *change, struct key_name *name,
                           bool dry)
{
    nt_handle key;
    ntstatus status;
    bool link, wanted = change->type & REGISTRY_CREATE_LINK;

    if (!name_key(name, 0, change->path, change->path_units, NULL, 0))
        return STATUS_NAME_TOO_LONG;
    status = open_key(name, KEY_QUERY_VALUE, &key);
    if (status == STATUS_SUCCESS) {
        link = is_link(key);
        close_key(key);
        if (link == wanted)
            return STATUS_OBJECT_NAME_EXISTS;
        status = delete_branch(0, change->path, change->path_units, NULL, 0, dry, 0);
        if (NT_ERROR(status))
            return status;
    } else if (!is_missing(status)) {
        return status;
    }
    return dry ? may_create(change->path, change->path_units, name)
               : create_key(change->path, change->path_units, change, name);
}

/* ---- one change ---- */

/* What belongs to a key that must be there. */
static ntstatus change_in_key(const struct registry_layer_change *change, struct key_name *name,
                              bool dry)
{
    const bool subkeys = change->kind == REGISTRY_LAYER_SUBKEYS_KEPT;
    nt_handle key;
    ntstatus status;

    if (!name_key(name, 0, change->path, change->path_units, NULL, 0))
        return STATUS_NAME_TOO_LONG;
    /* Where it is so already, no right to write is needed. */
    status = open_key(name, subkeys ? KEY_ENUMERATE_SUB_KEYS : KEY_QUERY_VALUE, &key);
    if (is_missing(status) && dry)
        return STATUS_SUCCESS; /* it will be made */
    if (is_missing(status) && change->kind != REGISTRY_LAYER_VALUE)
        return STATUS_OBJECT_NAME_EXISTS;
    if (NT_ERROR(status))
        return status;
    if (change->kind == REGISTRY_LAYER_VALUE)
        status = has_value(key, change) ? STATUS_OBJECT_NAME_EXISTS : STATUS_SUCCESS;
    else if (change->kind == REGISTRY_LAYER_VALUE_DELETED)
        status = delete_value(key, change->name, change->name_units, true);
    else
        status = subkeys ? keep_subkeys(key, change, dry) : keep_values(key, change, true);
    if (status == STATUS_SUCCESS && !subkeys) {
        close_key(key);
        status = open_key(name, KEY_SET_VALUE | KEY_QUERY_VALUE, &key);
        if (status == STATUS_SUCCESS && !dry)
            status = change->kind == REGISTRY_LAYER_VALUE ? set_value(key, change)
                     : change->kind == REGISTRY_LAYER_VALUE_DELETED
                         ? delete_value(key, change->name, change->name_units, false)
                         : keep_values(key, change, false);
    }
    close_key(key);
    return status;
}

ntstatus pwk_server_key_change(const struct registry_layer_change *change, bool dry)
{
    static struct key_name name;

    if (change->kind == REGISTRY_LAYER_KEY)
        return change_key(change, &name, dry);
    if (change->kind == REGISTRY_LAYER_SUBKEY_DELETED)
        return delete_branch(0, change->path, change->path_units, change->name, change->name_units,
                             dry, 0);
    return change_in_key(change, &name, dry);
}

void pwk_server_key_flush(void)
{
    static const struct {
        const uint16_t *path;
        size_t units;
    } branches[] = {{u"Machine", 7}, {u"User", 4}};
    struct key_name *name = malloc(sizeof *name);

    for (size_t i = 0; name && i < sizeof branches / sizeof branches[0]; i++) {
        nt_handle key = 0;
        if (name_key(name, 0, branches[i].path, branches[i].units, NULL, 0) &&
            open_key(name, KEY_QUERY_VALUE, &key) == STATUS_SUCCESS)
            CALL("NtFlushKey", key);
        close_key(key);
    }
    free(name);
}
