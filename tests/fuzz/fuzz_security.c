/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_security.c - libFuzzer target: security descriptors as a program or a hive brings them. The
 * first two bytes say where the parent's begins, the rest is that and the one that is given, both
 * self-relative. What is made of them must hold together and have an owner, a group and an access
 * list, or say that there is none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nt/security_inherit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const unsigned char sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0};

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void check_made(const unsigned char *descriptor, size_t size)
{
    unsigned char *copy = malloc(size);
    struct security_parts parts;
    struct security_list_facts facts;

    require(copy != NULL);
    memcpy(copy, descriptor, size);
    require(security_parts_split(copy, size, &parts));
    require(parts.parts[SECURITY_OWNER].size && parts.parts[SECURITY_GROUP].size);
    require(parts.control & SE_DACL_PRESENT);
    for (int part = SECURITY_SACL; part <= SECURITY_DACL; part++)
        if (parts.parts[part].size)
            require(security_list_look_at(parts.parts[part].bytes, parts.parts[part].size, &facts));
    free(copy);
}

/* Takes memory that ends where the descriptor does. */
static bool take_apart(const uint8_t *bytes, size_t size, unsigned char **copy,
                       struct security_parts *parts)
{
    *copy = malloc(size ? size : 1);
    require(*copy != NULL);
    if (size)
        memcpy(*copy, bytes, size);
    return security_parts_split(*copy, size, parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static unsigned char out[SECURITY_DESCRIPTOR_LIMIT];
    struct security_parts given, parent, usual, token = {.control = 0};
    struct new_security from = {.creator = &token, .fallback = &usual};
    unsigned char *given_copy, *parent_copy;
    size_t made, at;

    if (size < 2)
        return 0;
    at = (size_t)(bytes[0] | bytes[1] << 8) % (size - 1);
    token.parts[SECURITY_OWNER].bytes = token.parts[SECURITY_GROUP].bytes = sid;
    token.parts[SECURITY_OWNER].size = token.parts[SECURITY_GROUP].size = sizeof sid;
    security_parts_default(&usual);
    if (take_apart(bytes + 2, at, &given_copy, &given))
        from.given = &given;
    if (take_apart(bytes + 2 + at, size - 2 - at, &parent_copy, &parent))
        from.parent = &parent;
    if (security_make_new(&from, out, &made) == STATUS_SUCCESS) {
        require(made <= sizeof out && (made || !from.given));
        if (made)
            check_made(out, made);
    }
    free(given_copy);
    free(parent_copy);
    return 0;
}
