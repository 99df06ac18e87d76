/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * security_inherit.c - see security_inherit.h. A key is a container; nothing on it is an object
 * without one, so entries for such objects are handed on and never take effect.
 */
#include "nt/security_inherit.h"

#include <stdlib.h>
#include <string.h>

/* "ACE_HEADER structure (winnt.h)" */
enum ace_flag {
    OBJECT_INHERIT_ACE = 0x1,
    CONTAINER_INHERIT_ACE = 0x2,
    NO_PROPAGATE_INHERIT_ACE = 0x4,
    INHERIT_ONLY_ACE = 0x8,
    INHERITED_ACE = 0x10,
    INHERITANCE_FLAGS = 0x1f,
};

#define ACL_HEADER 8u
#define ACL_LIMIT 0xfffcu /* bytes: the size is a number of 16 bits, and entries stand at words */
#define LEAST_REVISION 2
#define LARGEST_REVISION 4
#define ACE_HEADER 4u
#define SID_HEADER 8u
#define SID_SUBAUTHORITIES 15u
#define OBJECT_TYPE_PRESENT 1u
#define INHERITED_OBJECT_TYPE_PRESENT 2u
#define GUID_BYTES 16u

struct ace {
    const unsigned char *bytes;
    size_t size;
    uint8_t type, flags;
    size_t sid_at, sid_size; /* size 0: a type that is not known */
    bool for_one_type;       /* of object, which no key is */
};

static uint16_t half_at(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t word_at(const unsigned char *bytes)
{
    return half_at(bytes) | (uint32_t)half_at(bytes + 2) << 16;
}

static void put_half(unsigned char *bytes, size_t number)
{
    bytes[0] = number & 0xff;
    bytes[1] = number >> 8 & 0xff;
}

static void put_word(unsigned char *bytes, uint32_t number)
{
    put_half(bytes, number);
    put_half(bytes + 2, number >> 16);
}

/* ---- reading entries ---- */

/* Where the SID of an entry stands ("ACE", the structures it names): behind the mask, or behind
 * flags and GUIDs of an object entry. 0: unknown, or outside. */
static size_t find_sid(struct ace *ace)
{
    uint32_t present;

    switch (ace->type) {
    case 0x0: /* allowed, denied, audit, alarm; as callbacks; label, attribute, policy */
    case 0x1:
    case 0x2:
    case 0x3:
    case 0x9:
    case 0xa:
    case 0xd:
    case 0xe:
    case 0x11:
    case 0x12:
    case 0x13:
        return ACE_HEADER + 4;
    case 0x5: /* the first eight with object types */
    case 0x6:
    case 0x7:
    case 0x8:
    case 0xb:
    case 0xc:
    case 0xf:
    case 0x10:
        if (ace->size < ACE_HEADER + 8)
            return SIZE_MAX;
        present = word_at(ace->bytes + ACE_HEADER + 4);
        ace->for_one_type = present & INHERITED_OBJECT_TYPE_PRESENT;
        return ACE_HEADER + 8 + (present & OBJECT_TYPE_PRESENT ? GUID_BYTES : 0) +
               (present & INHERITED_OBJECT_TYPE_PRESENT ? GUID_BYTES : 0);
    default:
        return 0;
    }
}

/* The entry at `at`, all of which lies within `size` bytes. */
static bool read_ace(const unsigned char *acl, size_t size, size_t at, struct ace *ace)
{
    const unsigned char *sid;

    if (at > size || size - at < ACE_HEADER)
        return false;
    *ace = (struct ace){
        .bytes = acl + at, .type = acl[at], .flags = acl[at + 1], .size = half_at(acl + at + 2)};
    if (ace->size < ACE_HEADER || ace->size > size - at)
        return false;
    ace->sid_at = find_sid(ace);
    if (!ace->sid_at)
        return true;
    if (ace->sid_at > ace->size || ace->size - ace->sid_at < SID_HEADER)
        return false;
    sid = ace->bytes + ace->sid_at;
    ace->sid_size = SID_HEADER + 4u * sid[1];
    return sid[0] == 1 && sid[1] <= SID_SUBAUTHORITIES && ace->sid_size <= ace->size - ace->sid_at;
}

/* Calls `visit` with each entry of a list that must hold together; false where it does not. */
static bool visit_aces(const void *acl, size_t size,
                       void (*visit)(void *context, const struct ace *ace), void *context)
{
    const unsigned char *bytes = acl;
    size_t at = ACL_HEADER;
    struct ace ace;

    if (size < ACL_HEADER || bytes[0] < LEAST_REVISION || bytes[0] > LARGEST_REVISION ||
        half_at(bytes + 2) != size)
        return false;
    for (unsigned left = half_at(bytes + 4); left; left--, at += ace.size) {
        if (!read_ace(bytes, size, at, &ace))
            return false;
        if (visit)
            visit(context, &ace);
    }
    return true;
}

bool security_acl_is_valid(const void *acl, size_t size)
{
    return visit_aces(acl, size, NULL, NULL);
}

uint32_t security_map_generic(uint32_t mask)
{
    uint32_t generic = mask & 0xf0000000u;

    mask &= ~generic;
    if (generic & ACCESS_GENERIC_ALL)
        mask |= KEY_ALL_RIGHTS;
    if (generic & (uint32_t)ACCESS_GENERIC_READ)
        mask |= KEY_READ_RIGHTS;
    if (generic & ACCESS_GENERIC_EXECUTE)
        mask |= KEY_EXECUTE_RIGHTS;
    if (generic & ACCESS_GENERIC_WRITE)
        mask |= KEY_WRITE_RIGHTS;
    return mask;
}

/* S-1-3-`last`: 0 for CREATOR OWNER, 1 for CREATOR GROUP, 4 for OWNER RIGHTS ("Well-known SIDs").
 */
static bool is_creator_sid(const struct ace *ace, uint32_t last)
{
    static const unsigned char authority[] = {1, 1, 0, 0, 0, 0, 0, 3};
    const unsigned char *sid = ace->bytes + ace->sid_at;

    return ace->sid_size == SID_HEADER + 4 && !memcmp(sid, authority, sizeof authority) &&
           word_at(sid + SID_HEADER) == last;
}

struct looking {
    struct security_list_facts *facts;
    uint32_t allowed, denied; /* to OWNER RIGHTS */
    bool limits_owner;
};

static void look_at_ace(void *context, const struct ace *ace)
{
    struct looking *looking = context;
    bool denies = ace->type == 0x1 || ace->type == 0x6 || ace->type == 0xa || ace->type == 0xc;
    uint32_t mask;

    if (ace->flags & INHERIT_ONLY_ACE)
        return;
    looking->facts->denies = looking->facts->denies || denies;
    if (!ace->sid_size || !is_creator_sid(ace, 4))
        return;
    mask = security_map_generic(word_at(ace->bytes + ACE_HEADER));
    looking->limits_owner = true;
    if (denies)
        looking->denied |= mask & ~looking->allowed;
    else
        looking->allowed |= mask & ~looking->denied;
}

bool security_list_look_at(const void *acl, size_t size, struct security_list_facts *facts)
{
    struct looking looking = {.facts = facts};

    *facts = (struct security_list_facts){.owner_rights = ACCESS_READ_CONTROL | ACCESS_WRITE_DAC};
    if (!visit_aces(acl, size, look_at_ace, &looking))
        return false;
    if (looking.limits_owner)
        facts->owner_rights = looking.allowed;
    return true;
}

/* ---- writing entries ---- */

struct list {
    unsigned char *bytes; /* ACL_LIMIT */
    size_t used;
    unsigned count;
    bool too_large;
    const struct security_parts *owners; /* who stands for CREATOR OWNER and CREATOR GROUP */
};

static void begin_list(struct list *list, unsigned char *bytes, const struct security_parts *owners)
{
    *list = (struct list){.bytes = bytes, .used = ACL_HEADER, .owners = owners};
    memset(bytes, 0, ACL_HEADER);
    bytes[0] = LEAST_REVISION;
}

static void end_list(struct list *list)
{
    put_half(list->bytes + 2, list->used);
    put_half(list->bytes + 4, list->count);
}

/* The revision of a list that takes entries of `acl` over. */
static void raise_revision(struct list *list, const void *acl)
{
    if (*(const unsigned char *)acl > list->bytes[0])
        list->bytes[0] = *(const unsigned char *)acl;
}

/* Room for an entry, or NULL. */
static unsigned char *add(struct list *list, size_t size)
{
    unsigned char *place = list->bytes + list->used;

    if (size > ACL_LIMIT - list->used) {
        list->too_large = true;
        return NULL;
    }
    list->used += size;
    list->count++;
    return place;
}

static void copy_ace(struct list *list, const struct ace *ace, uint8_t flags)
{
    unsigned char *place = add(list, ace->size);

    if (!place)
        return;
    memcpy(place, ace->bytes, ace->size);
    place[1] = flags;
}

/* Whose SID takes the place of an entry's; SECURITY_PARTS: nobody's. */
static enum security_part stands_for(const struct ace *ace)
{
    if (is_creator_sid(ace, 0))
        return SECURITY_OWNER;
    return is_creator_sid(ace, 1) ? SECURITY_GROUP : SECURITY_PARTS;
}

static bool has_generic_rights(const struct ace *ace)
{
    return ace->sid_size && word_at(ace->bytes + ACE_HEADER) & 0xf0000000u;
}

/* The entry as it takes effect on the new key: with the creator in place of CREATOR OWNER and with
 * the rights of keys in place of generic ones. */
static void add_effective(struct list *list, const struct ace *ace, uint8_t flags)
{
    enum security_part who = ace->sid_size ? stands_for(ace) : SECURITY_PARTS;
    const void *sid = ace->bytes + ace->sid_at;
    size_t sid_size = ace->sid_size, behind = ace->sid_at + ace->sid_size, size;
    unsigned char *place;

    if (!ace->sid_size) {
        copy_ace(list, ace, flags);
        return;
    }
    if (who != SECURITY_PARTS && list->owners->parts[who].size) {
        sid = list->owners->parts[who].bytes;
        sid_size = list->owners->parts[who].size;
    }
    size = ace->size - ace->sid_size + sid_size;
    place = add(list, size);
    if (!place)
        return;
    memcpy(place, ace->bytes, ace->sid_at);
    memcpy(place + ace->sid_at, sid, sid_size);
    memcpy(place + ace->sid_at + sid_size, ace->bytes + behind, ace->size - behind);
    place[1] = flags;
    put_half(place + 2, size);
    put_word(place + ACE_HEADER, security_map_generic(word_at(ace->bytes + ACE_HEADER)));
}

/* "ACE Inheritance Rules", for a child that is a container. What is handed on further and changes
 * on its way stands twice: as it takes effect here, and as it is for those below. */
static void inherit_ace(void *context, const struct ace *ace)
{
    struct list *list = context;
    uint8_t kept = (ace->flags & ~INHERITANCE_FLAGS) | INHERITED_ACE;
    uint8_t further = ace->flags & (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE);
    bool changes = has_generic_rights(ace) || (ace->sid_size && stands_for(ace) != SECURITY_PARTS);

    if (ace->flags & NO_PROPAGATE_INHERIT_ACE)
        further = 0;
    if (!(ace->flags & CONTAINER_INHERIT_ACE) || ace->for_one_type) {
        if (further)
            copy_ace(list, ace, kept | further | INHERIT_ONLY_ACE);
        return;
    }
    if (!further || !changes) {
        add_effective(list, ace, kept | further);
        return;
    }
    add_effective(list, ace, kept);
    copy_ace(list, ace, kept | further | INHERIT_ONLY_ACE);
}

static void take_given_ace(void *context, const struct ace *ace)
{
    struct list *list = context;
    unsigned char *place = list->bytes + list->used;

    copy_ace(list, ace, ace->flags);
    if (!list->too_large && ace->sid_size && !(ace->flags & INHERIT_ONLY_ACE))
        put_word(place + ACE_HEADER, security_map_generic(word_at(place + ACE_HEADER)));
}

/* ---- putting a descriptor together ---- */

/* The control bits that belong to one of the two lists. */
struct list_bits {
    uint16_t present, defaulted, inherited, protected;
};
static const struct list_bits bits_of[SECURITY_PARTS] = {
    [SECURITY_DACL] = {SE_DACL_PRESENT, SE_DACL_DEFAULTED, SE_DACL_AUTO_INHERITED,
                       SE_DACL_PROTECTED},
    [SECURITY_SACL] = {SE_SACL_PRESENT, SE_SACL_DEFAULTED, SE_SACL_AUTO_INHERITED,
                       SE_SACL_PROTECTED},
};

/* The entries of the parent's list, where it has any for a key below; else nothing is added. */
static bool add_inherited(struct list *list, enum security_part part,
                          const struct security_parts *parent)
{
    unsigned before = list->count;

    if (!parent || !(parent->control & bits_of[part].present) || !parent->parts[part].size)
        return true;
    if (!visit_aces(parent->parts[part].bytes, parent->parts[part].size, inherit_ace, list))
        return false;
    if (list->count != before)
        raise_revision(list, parent->parts[part].bytes);
    return true;
}

/* One list of the new descriptor, in `list`. "DACL for a New Object": the one that was given with
 * what is inherited behind it; else what is inherited; else one that was given by default. */
static ntstatus make_list(const struct new_security *from, enum security_part part,
                          struct list *list, struct security_parts *made)
{
    const struct list_bits *bits = &bits_of[part];
    const struct security_parts *given = from->given;
    uint16_t control = given ? given->control : 0;
    bool present = control & bits->present, defaulted = control & bits->defaulted;
    bool inherits = !(control & bits->protected);
    const void *acl = present ? given->parts[part].bytes : NULL;
    size_t size = present ? given->parts[part].size : 0;
    unsigned own;

    made->control |= control & (bits->present | bits->defaulted | bits->protected);
    if (size && !security_acl_is_valid(acl, size))
        return STATUS_INVALID_ACL;
    if (present && !defaulted && !size)
        return STATUS_SUCCESS; /* no list at all: everybody may everything */
    if (size && !defaulted) {
        visit_aces(acl, size, take_given_ace, list);
        raise_revision(list, acl);
    }
    own = list->count;
    if (inherits && !add_inherited(list, part, from->parent))
        return STATUS_BAD_INHERITANCE_ACL;
    if (list->count != own) {
        made->control &= (uint16_t)~bits->defaulted;
        made->control |= bits->present | bits->inherited;
    } else if (defaulted && size) {
        visit_aces(acl, size, take_given_ace, list);
        raise_revision(list, acl);
    } else if (!present || defaulted) {
        made->control &= (uint16_t) ~(bits->present | bits->defaulted);
        return STATUS_SUCCESS;
    }
    if (list->too_large)
        return STATUS_BAD_INHERITANCE_ACL;
    end_list(list);
    made->parts[part].bytes = list->bytes;
    made->parts[part].size = list->used;
    return STATUS_SUCCESS;
}

static ntstatus make_with(const struct new_security *from, unsigned char *memory, void *out,
                          size_t *size)
{
    struct security_parts made = {.control = 0};
    struct list dacl, sacl;
    ntstatus status;

    for (int part = SECURITY_OWNER; part <= SECURITY_GROUP; part++) {
        bool own = from->given && from->given->parts[part].size;
        made.parts[part] = (own ? from->given : from->creator)->parts[part];
    }
    begin_list(&dacl, memory, &made);
    begin_list(&sacl, memory + ACL_LIMIT, &made);
    if ((status = make_list(from, SECURITY_DACL, &dacl, &made)) ||
        (status = make_list(from, SECURITY_SACL, &sacl, &made)))
        return status;
    *size = 0;
    if (!from->given && !made.parts[SECURITY_DACL].size && !made.parts[SECURITY_SACL].size)
        return STATUS_SUCCESS;
    if (!(made.control & SE_DACL_PRESENT)) {
        made.control |= SE_DACL_PRESENT | SE_DACL_DEFAULTED;
        made.parts[SECURITY_DACL] = from->fallback->parts[SECURITY_DACL];
    }
    *size = security_parts_join(&made, out, SECURITY_DESCRIPTOR_LIMIT);
    return STATUS_SUCCESS;
}

ntstatus security_make_new(const struct new_security *from, void *out, size_t *size)
{
    unsigned char *memory = malloc(2 * ACL_LIMIT);
    ntstatus status = memory ? make_with(from, memory, out, size) : STATUS_NO_MEMORY;

    free(memory);
    return status;
}
