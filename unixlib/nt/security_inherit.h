/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * security_inherit.h - the security descriptor of a key that comes into being: what its creator
 * gave, and what it inherits ("DACL for a New Object", "ACE Inheritance Rules", "ACE_HEADER
 * structure (winnt.h)"). Pure: asks nobody, and takes no number in its input on trust.
 */
#ifndef PWK_NT_SECURITY_INHERIT_H
#define PWK_NT_SECURITY_INHERIT_H

#include "nt/security_descriptor.h"

/* True for a list whose entries lie within it, with SIDs within the entries ("RtlValidAcl"). */
bool security_acl_is_valid(const void *acl, size_t size);

/* What is to be known of a DACL beside what NtAccessCheck makes of it. */
struct security_list_facts {
    bool denies;           /* something to somebody */
    uint32_t owner_rights; /* what the owner has without any entry for them ("OWNER RIGHTS") */
};
/* False where the list does not hold together. */
bool security_list_look_at(const void *acl, size_t size, struct security_list_facts *facts);

/* The right that generic ones stand for in the masks of keys; others stay. */
uint32_t security_map_generic(uint32_t mask);

struct new_security {
    const struct security_parts *given;  /* the creator's; NULL: none */
    const struct security_parts *parent; /* the parent's own; NULL: none */
    const struct security_parts
        *creator; /* owner and group of the creator's token: must be there */
    const struct security_parts *fallback; /* has the list of a descriptor that is given without */
};

/* Writes the self-relative descriptor of a new key to `out`, SECURITY_DESCRIPTOR_LIMIT bytes. *size
 * is 0 where it gets none of its own: nothing was given, and nothing is inherited.
 * STATUS_INVALID_ACL for a list that was given, STATUS_BAD_INHERITANCE_ACL for one of the parent's,
 * or where both together are too large; STATUS_NO_MEMORY. */
ntstatus security_make_new(const struct new_security *from, void *out, size_t *size);

#endif
