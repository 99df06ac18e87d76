/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * read_ahead.h - whoever lists the subkeys of a key one after the other asks for each of them, and
 * mostly opens it, next: those that follow are brought into the cache together, by one transaction
 * of the store instead of some for each. Where a key below each is asked for by a name (the time
 * zones, in each start of a program), that one comes along.
 */
#ifndef PWK_REGISTRY_READ_AHEAD_H
#define PWK_REGISTRY_READ_AHEAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTING_NAME_UNITS 32

/* What was listed last in this process. Threads that list at once disturb each other's guess, and
 * nothing else. */
struct listing {
    _Atomic uint64_t key, subkey;
    _Atomic uint32_t index;
    _Atomic uint32_t run; /* how many in a row, in order */
    /* What was asked for below a subkey; under the registry's lock. */
    uint64_t below;      /* the key that was listed */
    uint32_t name_units; /* 0: nothing */
    uint16_t name[LISTING_NAME_UNITS];
};

struct registry;

/* Takes no lock. */
void listing_note(struct listing *listing, uint64_t key, uint32_t index, uint64_t subkey);
/* A name was looked for in the store below `parent`. Inside registry_enter and registry_leave. */
void listing_note_below(struct listing *listing, uint64_t parent, const uint16_t *name,
                        size_t units);

/* Inside registry_enter and registry_leave, before anything else is read: registry_fill_key of
 * `key`, and where that is what was listed last, of what comes next, with its name. */
int registry_fill_key_and_next(struct registry *registry, uint64_t key);

#endif
