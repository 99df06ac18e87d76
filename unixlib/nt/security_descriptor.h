/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * security_descriptor.h - reading a program's security descriptor and putting parts together to a
 * self-relative one ("SECURITY_DESCRIPTOR structure (winnt.h)", "SECURITY_INFORMATION").
 */
#ifndef PWK_NT_SECURITY_DESCRIPTOR_H
#define PWK_NT_SECURITY_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "nt/nt_status.h"

enum security_information {
    OWNER_SECURITY_INFORMATION = 1,
    GROUP_SECURITY_INFORMATION = 2,
    DACL_SECURITY_INFORMATION = 4,
    SACL_SECURITY_INFORMATION = 8,
};

#define SECURITY_DESCRIPTOR_LIMIT 0x40000u /* bytes; four ACLs of the largest size */

enum security_part { SECURITY_OWNER, SECURITY_GROUP, SECURITY_SACL, SECURITY_DACL, SECURITY_PARTS };

/* The parts of a descriptor, wherever they lie; size 0: absent. */
struct security_parts {
    uint16_t control;
    struct {
        const void *bytes;
        size_t size;
    } parts[SECURITY_PARTS];
};

/* Reads a descriptor of the program's, absolute or self-relative, into memory of the calling
 * thread (nt_copy_bytes). STATUS_INVALID_SECURITY_DESCR where it is none. May fault. */
ntstatus security_parts_read(const void *descriptor, struct security_parts *parts);

/* Takes a self-relative descriptor of our own store apart; false where it is damaged. */
bool security_parts_split(const void *descriptor, size_t size, struct security_parts *parts);

/* Writes a self-relative descriptor if it fits into `capacity`; its size. */
size_t security_parts_join(const struct security_parts *parts, void *out, size_t capacity);

#endif
