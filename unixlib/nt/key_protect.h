/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_protect.h - keys that this process may not change for the time being, whatever its handles
 * say: hives loaded read-only, and keys locked by NtLockRegistryKey. Other processes of the kernel
 * do not know of them. Any thread may call; no lock of the caller's may be held.
 */
#ifndef PWK_NT_KEY_PROTECT_H
#define PWK_NT_KEY_PROTECT_H

#include <stdbool.h>
#include <stdint.h>

/* `branch`: and all below it. False where there is no more room. */
bool key_protect(uint64_t key, bool branch);
void key_unprotect(uint64_t key);

/* True for a key that was protected by itself with `branch`. */
bool key_is_read_only_hive(uint64_t key);

bool key_any_protected(void);

/* Cheap where nothing is protected. */
bool key_is_protected(uint64_t key);

#endif
