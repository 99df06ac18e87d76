/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key.c - the key family: creating, opening, deleting and flushing keys.
 * Sources: the Microsoft pages "ZwCreateKey", "ZwOpenKeyEx", "ZwDeleteKey", "ZwFlushKey", and
 * Wine's tests dlls/ntdll/tests/reg.c.
 */
#include <errno.h>
#include <string.h>

#include "nt/handle_table.h"
#include "nt/key_access.h"
#include "nt/key_creation.h"
#include "nt/key_path.h"
#include "nt/key_protect.h"
#include "nt/notify.h"
#include "nt/personality.h"
#include "nt/transaction.h"
#include "nt/version.h"
#include "registry/transaction.h"

#define CREATE_TRIES 16 /* then another process changes the parent's descriptor without a break */

/* Passes a call on with the full path of a key that lives in wineserver in place of the
 * OBJECT_ATTRIBUTES, which are its argument number 2. */
static ntstatus forward_with_path(const struct nt_call *call, struct registry_path *path)
{
    uint64_t arguments[NT_MAX_ARGUMENTS];
    struct nt_call changed = {call->row, arguments};
    struct object_attributes attributes;
    struct unicode_string name = {(uint16_t)(path->units * 2), (uint16_t)(path->units * 2),
                                  path->text};

    memcpy(arguments, call->arguments, nt_services[call->row].arguments * sizeof arguments[0]);
    memcpy(&attributes, (const void *)arguments[2], sizeof attributes);
    attributes.root_directory = 0;
    attributes.object_name = &name;
    arguments[2] = (uint64_t)&attributes;
    return nt_forward(&changed);
}

/* A name that is not the registry's may lead there by a symbolic link object: the prefix's key
 * that Wine then opens is given back, and ours of the same path opened. */
static ntstatus forward_open(const struct nt_call *call, struct key_target *target,
                             uint32_t options)
{
    struct key_opening opening = {.access = (uint32_t)call->arguments[1], .options = options};
    struct registry_path elsewhere;
    ntstatus status = nt_forward(call);
    nt_handle opened;
    int result;

    if (status || !nt_personality.registry)
        return status;
    opened = *(const nt_handle *)call->arguments[0];
    target->path = target->name.text;
    target->units = 0;
    if (!key_of_wine_path(opened, target))
        return status;
    result = registry_find(nt_personality.registry, target->from, target->path, target->units,
                           REGISTRY_OPEN_LINK, &opening.found, &elsewhere);
    if (result == -EXDEV)
        return status;
    nt_host_call("NtClose", 1, opened);
    *(nt_handle *)call->arguments[0] = 0;
    if (result < 0)
        return key_status(result);
    status = key_open_handle(call, &opening, &opened);
    *(nt_handle *)call->arguments[0] = opened;
    return status;
}

/* Where a key lives in wineserver, or the name is no key's of ours. */
static ntstatus deny_elsewhere(const struct nt_call *call)
{
    return nt_deny(call, STATUS_NOT_SUPPORTED, "a transaction on a key that lives in wineserver");
}

/* How a key is to be opened. */
struct how {
    uint64_t transaction; /* 0, or the one that the handle is to carry */
    uint32_t options;
    bool least_access; /* a handle without any right is given out */
};

/* Whether the link itself is meant is said by OBJ_OPENLINK alone. */
static ntstatus open_key(const struct nt_call *call, const struct how *how)
{
    nt_handle *out = (nt_handle *)call->arguments[0];
    struct key_opening opening = {.access = (uint32_t)call->arguments[1], .options = how->options};
    struct key_target target;
    struct registry_path elsewhere;
    nt_handle handle;
    ntstatus status;
    int result;

    nt_version_settle();
    switch (key_target_read((const void *)call->arguments[2], &target, &status)) {
    case KEY_WINE:
        return how->transaction ? deny_elsewhere(call) : forward_open(call, &target, how->options);
    case KEY_BAD:
        *out = 0;
        return status;
    case KEY_OURS:
        break;
    }
    *out = 0;
    if (key_target_is_app_hive(&target))
        return nt_deny(call, STATUS_ACCESS_DENIED, "application hives have no path");
    target.from = registry_key_in_transaction(target.from, how->transaction);
    result = registry_find(nt_personality.registry, target.from, target.path, target.units,
                           target.attributes & OBJ_OPENLINK ? REGISTRY_OPEN_LINK : 0,
                           &opening.found, &elsewhere);
    if (result == -EXDEV)
        return how->transaction ? deny_elsewhere(call) : forward_with_path(call, &elsewhere);
    if (result < 0)
        return key_status(result);
    if (!how->least_access && !(opening.access & ~(uint32_t)KEY_WOW64_VIEWS))
        return nt_deny(call, STATUS_ACCESS_DENIED, "no access is asked for");
    opening.attributes = target.attributes;
    status = key_open_handle(call, &opening, &handle);
    *out = handle;
    return status;
}

/* Windows gives nobody a handle without rights (Wine's test_NtOpenKey). */
ntstatus nt_open_key(const struct nt_call *call)
{
    return open_key(call, &(struct how){0});
}

/* Here and in NtCreateKey a desired access of 0 gives a handle that serves as a root and for
 * nothing else: Wine's setupapi, shell32, quartz and devenum ask RegOpenKeyEx and RegCreateKeyEx
 * for that, and kernelbase passes it on. */
ntstatus nt_open_key_ex(const struct nt_call *call)
{
    struct how how = {.options = (uint32_t)call->arguments[3], .least_access = true};

    if (nt_personality.registry && how.options & ~(uint32_t)REG_OPEN_OPTIONS)
        return STATUS_INVALID_PARAMETER;
    return open_key(call, &how);
}

/* "ZwOpenKeyTransacted", "ZwOpenKeyTransactedEx": the transaction is the last argument. */
ntstatus nt_open_key_transacted(const struct nt_call *call)
{
    unsigned last = nt_services[call->row].arguments - 1;
    struct how how = {.options = last > 3 ? (uint32_t)call->arguments[3] : 0};
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    status = nt_transaction_of_handle(call->arguments[last], &how.transaction);
    return status ? status : open_key(call, &how);
}

struct creation {
    uint64_t transaction; /* 0: none */
    uint32_t *disposition;
    uint32_t options;
    struct security_parts *security; /* that the program gave, copied; NULL: none */
    struct key_target target;
    struct nt_name class_name;
    struct registry_path elsewhere;
};

/* True where the key to be made would stand in a branch that may not be changed. */
static bool is_protected_place(const struct key_target *target)
{
    size_t units = target->units;
    uint64_t key;

    /* The nearest key on the way that is there. */
    while (registry_lookup(nt_personality.registry, target->from, target->path, units, 0, &key,
                           NULL) < 0) {
        if (!units)
            return false;
        while (units && target->path[units - 1] == '\\')
            units--;
        while (units && target->path[units - 1] != '\\')
            units--;
    }
    return units < target->units && key_is_protected(key);
}

/* Finds or makes the key, with the descriptor that it is to have. Those are made outside of all
 * locks: who finds that the parent's has changed meanwhile begins again. -EXDEV and other errors of
 * the registry in *result, where `status` is STATUS_SUCCESS. */
static ntstatus find_or_create(const struct nt_call *call, struct creation *creation,
                               struct registry_found *found, int *result)
{
    const struct key_target *target = &creation->target;
    bool link = creation->options & REG_OPTION_CREATE_LINK || target->attributes & OBJ_OPENLINK;
    struct registry_creation new = {
        .lookup_flags = link ? REGISTRY_OPEN_LINK : 0,
        .key_flags = (creation->options & REG_OPTION_VOLATILE ? REGISTRY_VOLATILE : 0) |
                     (creation->options & REG_OPTION_CREATE_LINK ? REGISTRY_CREATE_LINK : 0),
        .class_name = creation->class_name.text,
        .class_units = creation->class_name.units,
        .only_find = creation->security != NULL,
    };
    uint64_t from = registry_key_in_transaction(target->from, creation->transaction);
    struct key_descriptors descriptors = {0};
    ntstatus status = STATUS_SUCCESS;

    for (int i = 0; i < CREATE_TRIES; i++) {
        *result = registry_find_or_create(nt_personality.registry, from, target->path,
                                          target->units, &new, found, &creation->elsewhere);
        if (*result != -EACCES)
            break;
        status = key_descriptors_make(call, found->key, creation->security, creation->options,
                                      &descriptors);
        if (status)
            break;
        new.security = descriptors.own;
        new.security_size = descriptors.own_size;
        new.parent_security = descriptors.parent;
        new.parent_security_size = descriptors.parent_size;
        new.only_find = false;
    }
    key_descriptors_free(&descriptors);
    return status;
}

/* The part of NtCreateKey behind the copying in. */
static ntstatus create_key(const struct nt_call *call, struct creation *creation)
{
    struct key_opening opening = {.access = (uint32_t)call->arguments[1],
                                  .options = creation->options,
                                  .attributes = creation->target.attributes};
    struct registry_found new = {.created = true};
    nt_handle handle;
    uint32_t granted;
    bool created;
    int result = 0;
    /* What would be refused of any key is refused before there is one. */
    ntstatus status = key_access_decide(call, &new, opening.access, opening.options, &granted);

    if (status || (status = find_or_create(call, creation, &opening.found, &result)))
        return status;
    if (result == -EXDEV)
        return creation->transaction ? deny_elsewhere(call)
                                     : forward_with_path(call, &creation->elsewhere);
    if (result == -EACCES)
        return nt_deny(call, STATUS_ACCESS_DENIED, "the parent's descriptor never stays the same");
    if (result < 0)
        return key_status(result);
    created = opening.found.created;
    if (created)
        nt_notify_written();
    if (!created && creation->options & REG_OPTION_CREATE_LINK)
        return STATUS_OBJECT_NAME_COLLISION;
    status = key_open_handle(call, &opening, &handle);
    *(nt_handle *)call->arguments[0] = handle;
    if (status == STATUS_SUCCESS && creation->disposition)
        *creation->disposition = created ? REG_CREATED_NEW_KEY : REG_OPENED_EXISTING_KEY;
    return status;
}

/* What else the program gave, copied in. */
static ntstatus read_rest(const struct nt_call *call, struct creation *creation,
                          struct security_parts *security)
{
    const void *descriptor = creation->target.security_descriptor;
    ntstatus status = STATUS_SUCCESS;

    creation->class_name.units = 0;
    creation->security = descriptor ? security : NULL;
    if (call->arguments[4])
        status = nt_copy_name(&creation->class_name, (const void *)call->arguments[4]);
    if (status == STATUS_SUCCESS && descriptor)
        status = security_parts_read(descriptor, security);
    return status;
}

static ntstatus copy_and_create(const struct nt_call *call, uint64_t transaction,
                                uint64_t disposition)
{
    nt_handle *out = (nt_handle *)call->arguments[0];
    struct security_parts security;
    struct creation creation;
    ntstatus status;

    if (nt_personality.registry && (uint32_t)call->arguments[5] & ~(uint32_t)REG_CREATE_OPTIONS)
        return STATUS_INVALID_PARAMETER;
    nt_version_settle();
    creation.transaction = transaction;
    creation.disposition = (uint32_t *)disposition;
    creation.options = (uint32_t)call->arguments[5];
    switch (key_target_read((const void *)call->arguments[2], &creation.target, &status)) {
    case KEY_WINE:
        return transaction ? deny_elsewhere(call)
                           : forward_open(call, &creation.target, creation.options);
    case KEY_BAD:
        *out = 0;
        return status;
    case KEY_OURS:
        break;
    }
    *out = 0;
    if (key_target_is_app_hive(&creation.target))
        return nt_deny(call, STATUS_ACCESS_DENIED, "application hives have no path");
    if (key_any_protected() && is_protected_place(&creation.target))
        return nt_deny(call, STATUS_ACCESS_DENIED, "the key may not be changed");
    status = read_rest(call, &creation, &security);
    return status ? status : create_key(call, &creation);
}

ntstatus nt_create_key(const struct nt_call *call)
{
    return copy_and_create(call, 0, call->arguments[6]);
}

/* "ZwCreateKeyTransacted" */
ntstatus nt_create_key_transacted(const struct nt_call *call)
{
    uint64_t transaction;
    ntstatus status;

    if (!nt_personality.registry)
        return nt_forward(call);
    status = nt_transaction_of_handle(call->arguments[6], &transaction);
    return status ? status : copy_and_create(call, transaction, call->arguments[7]);
}

ntstatus nt_delete_key(const struct nt_call *call)
{
    uint64_t key;
    ntstatus status;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (!key_of_handle(call, ACCESS_DELETE, &key, &status))
        return status;
    result = registry_delete(nt_personality.registry, key);
    nt_notify_written();
    /* A second deletion is no error. */
    return result == -EIDRM ? STATUS_SUCCESS : key_status(result);
}

ntstatus nt_flush_key(const struct nt_call *call)
{
    struct registry_key_info info;
    uint64_t key;
    ntstatus status;
    int result;

    if (call->arguments[0] == NOTIFY_THREAD_ARGUMENT && nt_personality.registry)
        return nt_notify_thread();
    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (!key_of_handle(call, 0, &key, &status))
        return status;
    result = registry_query_key(nt_personality.registry, key, false, &info, NULL, NULL);
    return key_status(result ? result : registry_flush(nt_personality.registry));
}
