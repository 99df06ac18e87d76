/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handle_table.h - the handles of keys that the kernel itself serves.
 *
 * They stand in a range of their own, 0x40000000 to 0x43fffffc in steps of four: wineserver gives
 * local handles below 0x04000000 and global ones from 0x50000000 (server/handle.c), so that a
 * handle says by its value whose it is. The lowest two bits are ignored, as Windows ignores them.
 *
 * A process's table is memory behind a descriptor that other processes of the kernel open to
 * duplicate handles, and that a parent fills for its child before that starts. Whoever has it may
 * have written anything there: every number read from it is checked, and it cannot be cut short.
 *
 * All functions are lock-free and may be called from any thread; a thread or process that ends in
 * the middle of one loses at most one slot. Nothing here may be given memory of the program's.
 */
#ifndef PWK_NT_HANDLE_TABLE_H
#define PWK_NT_HANDLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "nt/nt_types.h"

#define KEY_HANDLE_FIRST 0x40000000u
#define KEY_HANDLE_COUNT (1u << 24)

struct key_handle {
    uint64_t key;
    uint32_t access;
    uint32_t tags; /* a program's own mark: KeySetHandleTagsInformation */
    uint8_t inherit;
    uint8_t protect_from_close;
    uint32_t serial; /* out only: tells a handle from an earlier one of the same value */
};

static inline bool is_key_handle(nt_handle handle)
{
    return handle >= KEY_HANDLE_FIRST && handle < KEY_HANDLE_FIRST + (uint64_t)KEY_HANDLE_COUNT * 4;
}

/* ---- tables ---- */

struct key_table;

/* Makes the table of this process, or takes over the one that its parent filled behind descriptor
 * `bequest` (-1: none; the descriptor is ours then, and one that is no table is closed). To be
 * called once, before any handle is opened. Answers the descriptor by which others find the table,
 * which stays open as long as the process lives, or a negative errno. */
int key_table_start(int bequest);

/* This process's own; NULL before key_table_start. Never to be closed. */
struct key_table *key_table_own(void);

/* Another process's, behind `fd`, which is the table's from here on and closed on failure too.
 * NULL where it is no table or there is no memory. */
struct key_table *key_table_open(int fd);
void key_table_close(struct key_table *table);

/* A new table for a child: the inheritable ones of `parent`'s handles, under the same values, with
 * the same access and attributes; with `list`, those of them alone that stand in it. Answers its
 * descriptor (close-on-exec), -ENOENT where nothing is inherited, or another negative errno. */
int key_table_bequeath(struct key_table *parent, const nt_handle *list, size_t count);

/* ---- handles in any table ---- */

/* A new handle, or 0 when there are no more. */
nt_handle key_table_insert(struct key_table *table, const struct key_handle *content);

/* False where the handle is not open. */
bool key_table_get(struct key_table *table, nt_handle handle, struct key_handle *content);
bool key_table_remove(struct key_table *table, nt_handle handle);

/* ---- handles of this process ---- */

nt_handle key_handle_open(const struct key_handle *content);
bool key_handle_get(nt_handle handle, struct key_handle *content);
/* The same, of what a reader needs; in general registers alone. */
bool key_handle_read(nt_handle handle, uint64_t *key, uint32_t *access);
bool key_handle_set_flags(nt_handle handle, bool inherit, bool protect_from_close);
bool key_handle_set_tags(nt_handle handle, uint32_t tags);
bool key_handle_close(nt_handle handle);

/* True where `match` holds for the key of any open handle, outside its transaction. */
bool key_handle_any(bool (*match)(uint64_t key, void *context), void *context);

#endif
