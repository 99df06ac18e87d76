/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_security.c - the key family: security descriptors, stored and returned. They are looked at
 * when a key is opened (key_access.h), and what they hand on when one is made (key_creation.h).
 * Sources: "NtQuerySecurityObject", "NtSetSecurityObject".
 */
#include <errno.h>
#include <string.h>

#include "nt/handle_table.h"
#include "nt/key_path.h"
#include "nt/personality.h"
#include "nt/security_inherit.h"

static const struct {
    uint32_t information;
    uint32_t read_access, write_access;
    uint16_t control; /* the bits that belong to it */
} rights[SECURITY_PARTS] = {
    [SECURITY_OWNER] = {OWNER_SECURITY_INFORMATION, ACCESS_READ_CONTROL, ACCESS_WRITE_OWNER, 0},
    [SECURITY_GROUP] = {GROUP_SECURITY_INFORMATION, ACCESS_READ_CONTROL, ACCESS_WRITE_OWNER, 0},
    [SECURITY_SACL] = {SACL_SECURITY_INFORMATION, ACCESS_SYSTEM_SECURITY, ACCESS_SYSTEM_SECURITY,
                       SE_SACL_CONTROL},
    [SECURITY_DACL] = {DACL_SECURITY_INFORMATION, ACCESS_READ_CONTROL, ACCESS_WRITE_DAC,
                       SE_DACL_CONTROL},
};

static uint32_t needed_access(uint32_t information, bool writing)
{
    uint32_t access = 0;

    for (int part = 0; part < SECURITY_PARTS; part++)
        if (information & rights[part].information)
            access |= writing ? rights[part].write_access : rights[part].read_access;
    return access;
}

/* The key's descriptor in `memory` (SECURITY_DESCRIPTOR_LIMIT bytes), taken apart. */
static int load_parts(uint64_t key, unsigned char *memory, struct security_parts *parts)
{
    size_t size;
    int result = registry_get_security(nt_personality.registry, key, memory,
                                       SECURITY_DESCRIPTOR_LIMIT, &size);

    if (result == -ENODATA || (result == 0 && !security_parts_split(memory, size, parts))) {
        security_parts_default(parts);
        result = 0;
    }
    return result;
}

ntstatus nt_query_security_object(const struct nt_call *call)
{
    uint32_t information = (uint32_t)call->arguments[1], length = (uint32_t)call->arguments[3];
    unsigned char memory[SECURITY_DESCRIPTOR_LIMIT];
    struct security_parts parts;
    uint64_t key;
    ntstatus status;
    size_t size;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (!key_of_handle(call, needed_access(information, false), &key, &status))
        return status;
    result = load_parts(key, memory, &parts);
    if (result < 0)
        return key_status(result);
    for (int part = 0; part < SECURITY_PARTS; part++)
        if (!(information & rights[part].information))
            parts.parts[part].size = 0;
    size = security_parts_join(&parts, (void *)call->arguments[2], length);
    *(uint32_t *)call->arguments[4] = (uint32_t)size;
    return size > length ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
}

static ntstatus check_lists(const struct security_parts *given, uint32_t information)
{
    for (int part = SECURITY_SACL; part <= SECURITY_DACL; part++)
        if (information & rights[part].information && given->parts[part].size &&
            !security_acl_is_valid(given->parts[part].bytes, given->parts[part].size))
            return STATUS_INVALID_ACL;
    return STATUS_SUCCESS;
}

ntstatus nt_set_security_object(const struct nt_call *call)
{
    uint32_t information = (uint32_t)call->arguments[1];
    unsigned char memory[SECURITY_DESCRIPTOR_LIMIT], joined[SECURITY_DESCRIPTOR_LIMIT];
    struct security_parts parts, given;
    uint64_t key;
    ntstatus status;
    size_t size;
    int result;

    if (!is_key_handle(call->arguments[0]))
        return nt_forward(call);
    if (!call->arguments[2])
        return STATUS_ACCESS_VIOLATION;
    status = security_parts_read((const void *)call->arguments[2], &given);
    if (status == STATUS_SUCCESS)
        status = check_lists(&given, information);
    if (status)
        return status;
    if (!key_of_handle(call, needed_access(information, true), &key, &status))
        return status;
    result = load_parts(key, memory, &parts);
    if (result < 0)
        return key_status(result);
    for (int part = 0; part < SECURITY_PARTS; part++) {
        if (!(information & rights[part].information))
            continue;
        parts.parts[part] = given.parts[part];
        parts.control &= (uint16_t)~rights[part].control;
        parts.control |= given.control & rights[part].control;
    }
    size = security_parts_join(&parts, joined, sizeof joined);
    if (size > sizeof joined)
        return STATUS_INVALID_SECURITY_DESCR;
    return key_status(registry_set_security(nt_personality.registry, key, joined, size));
}
