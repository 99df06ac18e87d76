/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * security_descriptor.c - see security_descriptor.h.
 */
#include "nt/security_descriptor.h"

#include <string.h>

#include "nt/copy.h"

#define REVISION 1
#define SID_LIMIT 68u /* 15 subauthorities */

struct relative_descriptor {
    uint8_t revision, reserved;
    uint16_t control;
    uint32_t offsets[SECURITY_PARTS];
};
_Static_assert(sizeof(struct relative_descriptor) == 20, "SECURITY_DESCRIPTOR_RELATIVE");

struct absolute_descriptor {
    uint8_t revision, reserved;
    uint16_t control;
    const unsigned char *parts[SECURITY_PARTS];
};
_Static_assert(sizeof(struct absolute_descriptor) == 40, "SECURITY_DESCRIPTOR");

/* clang-format off */
static const unsigned char default_descriptor[] = {
    1, 0, 0x04, 0x80,                                                 /* revision, control */
    20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 52, 0, 0, 0,                /* offsets */
    1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 0x02, 0, 0,            /* S-1-5-32-544 */
    1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 0x02, 0, 0,            /* S-1-5-32-544 */
    2, 0, 80, 0, 3, 0, 0, 0,                                          /* ACL of three entries */
    0, 0x0a, 24, 0, 0, 0, 0, 0x80,                                    /* inherit only: read */
    1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 0x02, 0, 0,            /* S-1-5-32-545 */
    0, 0x0a, 24, 0, 0, 0, 0, 0x10,                                    /* inherit only: all */
    1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 0x02, 0, 0,            /* S-1-5-32-544 */
    0, 0, 24, 0, 0x3f, 0, 0x0f, 0,                                    /* all */
    1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 0x02, 0, 0,            /* S-1-5-32-544 */
};
/* clang-format on */

void security_parts_default(struct security_parts *parts)
{
    security_parts_split(default_descriptor, sizeof default_descriptor, parts);
}

/* The size that a SID or an ACL gives itself; 0 where it cannot be one. */
static size_t part_size(enum security_part part, const unsigned char head[4])
{
    size_t size;

    if (part == SECURITY_OWNER || part == SECURITY_GROUP) {
        size = 8 + 4u * head[1];
        return head[0] == REVISION && size <= SID_LIMIT ? size : 0;
    }
    size = head[2] | head[3] << 8;
    return size >= 8 ? size : 0;
}

static bool is_present(enum security_part part, uint16_t control)
{
    if (part == SECURITY_DACL)
        return control & SE_DACL_PRESENT;
    return part != SECURITY_SACL || control & SE_SACL_PRESENT;
}

/* Where each part lies in the program's memory; NULL: absent. */
static ntstatus find_parts(const void *descriptor, uint16_t *control,
                           const unsigned char *places[SECURITY_PARTS])
{
    struct absolute_descriptor absolute;
    struct relative_descriptor relative;

    memcpy(&relative, descriptor, sizeof relative);
    if (relative.revision != REVISION)
        return STATUS_INVALID_SECURITY_DESCR;
    *control = relative.control;
    if (!(relative.control & SE_SELF_RELATIVE))
        memcpy(&absolute, descriptor, sizeof absolute);
    for (int part = 0; part < SECURITY_PARTS; part++) {
        if (!is_present(part, relative.control))
            places[part] = NULL;
        else if (!(relative.control & SE_SELF_RELATIVE))
            places[part] = absolute.parts[part];
        else
            places[part] = relative.offsets[part]
                               ? (const unsigned char *)descriptor + relative.offsets[part]
                               : NULL;
    }
    return STATUS_SUCCESS;
}

ntstatus security_parts_read(const void *descriptor, struct security_parts *parts)
{
    const unsigned char *places[SECURITY_PARTS];
    unsigned char *copy;
    size_t whole = 0, at = 0;
    ntstatus status = find_parts(descriptor, &parts->control, places);

    if (status)
        return status;
    for (int part = 0; part < SECURITY_PARTS; part++) {
        unsigned char head[4];
        parts->parts[part].size = 0;
        if (!places[part])
            continue;
        memcpy(head, places[part], sizeof head);
        parts->parts[part].size = part_size(part, head);
        if (!parts->parts[part].size)
            return STATUS_INVALID_SECURITY_DESCR;
        whole += parts->parts[part].size;
    }
    copy = nt_scratch(whole);
    if (!copy)
        return STATUS_NO_MEMORY;
    for (int part = 0; part < SECURITY_PARTS; part++) {
        size_t size = parts->parts[part].size;
        if (!size)
            continue;
        memcpy(copy + at, places[part], size);
        /* Changed by another thread since its size was read: then it is nobody's descriptor. */
        if (part_size(part, copy + at) != size)
            return STATUS_INVALID_SECURITY_DESCR;
        parts->parts[part].bytes = copy + at;
        at += size;
    }
    return STATUS_SUCCESS;
}

bool security_parts_split(const void *descriptor, size_t size, struct security_parts *parts)
{
    struct relative_descriptor head;

    if (size < sizeof head)
        return false;
    memcpy(&head, descriptor, sizeof head);
    parts->control = head.control;
    for (int part = 0; part < SECURITY_PARTS; part++) {
        uint32_t offset = head.offsets[part];
        const unsigned char *bytes = (const unsigned char *)descriptor + offset;
        parts->parts[part].size = 0;
        if (!offset)
            continue;
        if (offset > size - 4 || !part_size(part, bytes) || part_size(part, bytes) > size - offset)
            return false;
        parts->parts[part].bytes = bytes;
        parts->parts[part].size = part_size(part, bytes);
    }
    return true;
}

size_t security_parts_join(const struct security_parts *parts, void *out, size_t capacity)
{
    struct relative_descriptor head = {.revision = REVISION,
                                       .control = parts->control | SE_SELF_RELATIVE};
    size_t whole = sizeof head;

    for (int part = 0; part < SECURITY_PARTS; part++) {
        if (parts->parts[part].size)
            head.offsets[part] = (uint32_t)whole;
        whole += parts->parts[part].size;
    }
    if (whole > capacity)
        return whole;
    memcpy(out, &head, sizeof head);
    for (int part = 0; part < SECURITY_PARTS; part++)
        if (parts->parts[part].size)
            memcpy((unsigned char *)out + head.offsets[part], parts->parts[part].bytes,
                   parts->parts[part].size);
    return whole;
}
