/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_path.c - see key_path.h.
 */
#include "nt/key_path.h"

#include <string.h>

#include "nt/handle_table.h"
#include "nt/key_access.h"
#include "nt/key_protect.h"
#include "nt/personality.h"
#include "nt/security_inherit.h"
#include "registry/transaction.h"
#include "registry/upcase.h"

static const uint16_t registry_prefix[] = {'\\', 'R', 'e', 'g', 'i', 's', 't', 'r', 'y'};
#define CHANGING_RIGHTS                                                                            \
    (KEY_SET_VALUE | KEY_CREATE_SUB_KEY | ACCESS_DELETE | ACCESS_WRITE_DAC | ACCESS_WRITE_OWNER)
#define PREFIX_UNITS (sizeof registry_prefix / sizeof registry_prefix[0])

/* True for \Registry itself and everything below it. */
static bool is_registry_path(const struct nt_name *name)
{
    return name->units >= PREFIX_UNITS &&
           registry_name_compare(name->text, PREFIX_UNITS, registry_prefix, PREFIX_UNITS) == 0 &&
           (name->units == PREFIX_UNITS || name->text[PREFIX_UNITS] == '\\');
}

bool key_of_wine_path(nt_handle handle, struct key_target *target)
{
    struct {
        uint32_t bytes;
        uint16_t text[2048];
    } name;
    uint32_t needed;
    uint64_t arguments[] = {handle, KeyNameInformation, (uint64_t)&name, sizeof name,
                            (uint64_t)&needed};
    struct nt_call query = {nt_row(nt_query_key), arguments};
    size_t units;

    if (nt_forward(&query) != STATUS_SUCCESS)
        return false;
    units = name.bytes / 2;
    if (units + 1 + target->units > NT_NAME_UNITS)
        return false;
    memmove(target->name.text + units + 1, target->path, target->units * 2);
    memcpy(target->name.text, name.text, units * 2);
    target->name.text[units] = '\\';
    target->name.units = units + 1 + target->units;
    if (!is_registry_path(&target->name))
        return false;
    target->from = REGISTRY_ROOT_KEY;
    target->path = target->name.text + PREFIX_UNITS;
    target->units = target->name.units - PREFIX_UNITS;
    return true;
}

enum key_owner key_target_read(const struct object_attributes *attributes,
                               struct key_target *target, ntstatus *status)
{
    struct object_attributes copy;
    struct key_handle root;

    if (!nt_personality.registry)
        return KEY_WINE;
    memcpy(&copy, attributes, sizeof copy);
    if (copy.length != sizeof copy) {
        *status = STATUS_INVALID_PARAMETER;
        return KEY_BAD;
    }
    if (copy.root_directory && !is_key_handle(copy.root_directory) &&
        !nt_personality.adopts_foreign_roots)
        return KEY_WINE;
    *status = nt_copy_name(&target->name, copy.object_name);
    if (*status == STATUS_SUCCESS && target->name.units >= NT_NAME_UNITS)
        *status = STATUS_OBJECT_NAME_INVALID;
    if (*status)
        return KEY_BAD;
    target->attributes = copy.attributes;
    target->security_descriptor = copy.security_descriptor;
    target->path = target->name.text;
    target->units = target->name.units;
    if (copy.root_directory && !is_key_handle(copy.root_directory))
        return key_of_wine_path(copy.root_directory, target) ? KEY_OURS : KEY_WINE;
    if (!copy.root_directory) {
        if (!is_registry_path(&target->name))
            return KEY_WINE;
        target->from = REGISTRY_ROOT_KEY;
        target->path += PREFIX_UNITS;
        target->units -= PREFIX_UNITS;
        return KEY_OURS;
    }
    if (!key_handle_get(copy.root_directory, &root)) {
        *status = STATUS_INVALID_HANDLE;
        return KEY_BAD;
    }
    if (target->units && target->path[0] == '\\') {
        *status = STATUS_OBJECT_PATH_SYNTAX_BAD;
        return KEY_BAD;
    }
    /* "RegCreateKeyTransacted function": operations on subkeys are not transacted by themselves. */
    target->from = registry_key_outside(root.key);
    return KEY_OURS;
}

/* Where the path of a target below \Registry stands behind the component A; 0: it has another. */
static size_t behind_app_root(const struct key_target *target)
{
    size_t at = 0;

    if (target->from != REGISTRY_ROOT_KEY)
        return 0;
    while (at < target->units && target->path[at] == '\\')
        at++;
    if (at == target->units || (target->path[at] | 0x20) != 'a')
        return 0;
    at++;
    return at == target->units || target->path[at] == '\\' ? at : 0;
}

bool key_target_is_app_hive(const struct key_target *target)
{
    return behind_app_root(target) != 0;
}

bool key_target_app_hive_name(const struct key_target *target, const uint16_t **name, size_t *units)
{
    size_t at = behind_app_root(target);

    while (at && at < target->units && target->path[at] == '\\')
        at++;
    *name = target->path + at;
    for (*units = 0; at + *units < target->units && (*name)[*units] != '\\';)
        ++*units;
    return at && *units && at + *units == target->units;
}

uint32_t key_access_granted(uint32_t desired)
{
    uint32_t kept = KEY_ALL_RIGHTS | ACCESS_SYSTEM_SECURITY | ACCESS_SYNCHRONIZE;

    if (desired & ACCESS_MAXIMUM_ALLOWED)
        desired |= ACCESS_GENERIC_ALL;
    return security_map_generic(desired) & kept & ~(uint32_t)KEY_WOW64_VIEWS;
}

ntstatus key_open_handle(const struct nt_call *call, const struct key_opening *opening,
                         nt_handle *out)
{
    struct key_handle content = {
        .key = opening->found.key,
        /* A transaction belongs to its process. */
        .inherit =
            opening->attributes & OBJ_INHERIT && !registry_transaction_of(opening->found.key),
    };
    ntstatus status = key_access_decide(call, &opening->found, opening->access, opening->options,
                                        &content.access);

    *out = 0;
    if (status)
        return status;
    *out = key_handle_open(&content);
    return *out ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

ntstatus key_open_handle_of(const struct nt_call *call, uint64_t key, uint32_t access,
                            uint32_t attributes, nt_handle *out)
{
    struct key_opening opening = {{.key = key}, access, 0, attributes};
    struct registry_key_info info;
    int result = registry_query_key(nt_personality.registry, key, false, &info, NULL, NULL);

    *out = 0;
    if (result < 0)
        return key_status(result);
    opening.found.secured = info.secured;
    return key_open_handle(call, &opening, out);
}

bool key_of_handle(const struct nt_call *call, uint32_t access, uint64_t *key, ntstatus *status)
{
    struct key_handle content;

    if (!key_handle_get(call->arguments[0], &content)) {
        *status = STATUS_INVALID_HANDLE;
        return false;
    }
    if ((content.access & access) != access) {
        *status = nt_deny(call, STATUS_ACCESS_DENIED, "the handle was opened without that right");
        return false;
    }
    if (access & CHANGING_RIGHTS && key_is_protected(content.key)) {
        *status = nt_deny(call, STATUS_ACCESS_DENIED, "the key may not be changed");
        return false;
    }
    *key = content.key;
    return true;
}

ntstatus key_check(uint64_t key)
{
    struct registry_key_info info;

    return key_status(registry_query_key(nt_personality.registry, key, false, &info, NULL, NULL));
}

ntstatus key_status(int error)
{
    if (error < 0)
        nt_report_store_error(error);
    return nt_status_from_errno(error);
}
