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

/* "SECURITY_DESCRIPTOR_CONTROL" */
enum security_control {
    SE_DACL_PRESENT = 0x4,
    SE_DACL_DEFAULTED = 0x8,
    SE_SACL_PRESENT = 0x10,
    SE_SACL_DEFAULTED = 0x20,
    SE_DACL_AUTO_INHERIT_REQ = 0x100,
    SE_SACL_AUTO_INHERIT_REQ = 0x200,
    SE_DACL_AUTO_INHERITED = 0x400,
    SE_SACL_AUTO_INHERITED = 0x800,
    SE_DACL_PROTECTED = 0x1000,
    SE_SACL_PROTECTED = 0x2000,
    SE_SELF_RELATIVE = 0x8000,
    SE_DACL_CONTROL = 0x150c, /* all that say something of the DACL, or of the SACL */
    SE_SACL_CONTROL = 0x2a30,
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

/* What a key has that was never given a descriptor: owner and group Administrators; subkeys may be
 * read by Users, key and subkeys are Administrators' own. Wine's says of the key alone that it is
 * theirs; as what is inherited counts here, subkeys of a key whose list a program added to would
 * then be nobody's. */
void security_parts_default(struct security_parts *parts);

/* Reads a descriptor of the program's, absolute or self-relative, into memory of the calling
 * thread (nt_copy_bytes). STATUS_INVALID_SECURITY_DESCR where it is none. May fault. */
ntstatus security_parts_read(const void *descriptor, struct security_parts *parts);

/* Takes a self-relative descriptor of our own store apart; false where it is damaged. */
bool security_parts_split(const void *descriptor, size_t size, struct security_parts *parts);

/* Writes a self-relative descriptor if it fits into `capacity`; its size. */
size_t security_parts_join(const struct security_parts *parts, void *out, size_t capacity);

#endif
