/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handle_table.h - the handles of keys that the kernel itself serves.
 *
 * They stand in a range of their own, 0x40000000 to 0x43fffffc in steps of four: wineserver gives
 * local handles below 0x04000000 and global ones from 0x50000000 (server/handle.c), so that a
 * handle says by its value whose it is. The lowest two bits are ignored, as Windows ignores them.
 * All functions are lock-free and may be called from any thread; a thread that ends in the middle
 * of one loses at most one slot.
 */
#ifndef PWK_NT_HANDLE_TABLE_H
#define PWK_NT_HANDLE_TABLE_H

#include <stdbool.h>

#include "nt/nt_types.h"

#define KEY_HANDLE_FIRST 0x40000000u
#define KEY_HANDLE_COUNT (1u << 24)

struct key_handle {
    uint64_t key;
    uint32_t access;
    uint8_t inherit;
    uint8_t protect_from_close;
};

static inline bool is_key_handle(nt_handle handle)
{
    return handle >= KEY_HANDLE_FIRST && handle < KEY_HANDLE_FIRST + (uint64_t)KEY_HANDLE_COUNT * 4;
}

/* A new handle, or 0 when there are no more. */
nt_handle key_handle_open(const struct key_handle *content);

/* False where the handle is not open. */
bool key_handle_get(nt_handle handle, struct key_handle *content);
bool key_handle_set_flags(nt_handle handle, bool inherit, bool protect_from_close);
bool key_handle_close(nt_handle handle);

/* True where `match` holds for the key of any open handle. */
bool key_handle_any(bool (*match)(uint64_t key, void *context), void *context);

#endif
