/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_mount.h - hives that leave by themselves when this process has closed its last handle into
 * them: application hives ("RegLoadAppKey function"), and those that NtUnloadKeyEx was told to
 * unload while they were in use.
 *
 * An application hive is a key below \Registry\A, which no path leads to. Its file carries a lock
 * (flock) for as long as a process has it loaded: the last one to leave writes it back and takes
 * it out of the store. A hive that its processes left by being killed stays in the store, with
 * everything that was acknowledged, and is found there when its file is loaded again.
 */
#ifndef PWK_NT_HIVE_MOUNT_H
#define PWK_NT_HIVE_MOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "nt/nt_status.h"
#include "nt/services.h"

struct app_hive {
    const uint16_t *name; /* below \Registry\A */
    size_t units;
    const char *path;
    bool process_private, read_only;
    uint32_t access, attributes; /* of the handle */
};

/* Loads the file, or joins those that have it loaded, and opens a handle.
 * STATUS_SHARING_VIOLATION where it is loaded and either side wants it for itself, or another
 * kernel has it. */
ntstatus hive_mount_app(const struct nt_call *call, const struct app_hive *hive, nt_handle *handle);

/* Unloads the hive at `key` when the last handle into it is closed, then sets `event`, a handle of
 * ours (0: none). STATUS_PENDING. */
ntstatus hive_unload_later(uint64_t key, const char *path, nt_handle event);

/* Writes a loaded hive back and takes it out; a read-only one is only taken out. */
int hive_unload(uint64_t key, const char *path);

/* True where this process has a handle of `key` or of a key below it. */
bool hive_in_use(uint64_t key);

/* A handle was closed. Cheap where no hive waits for that. No lock may be held. */
void hive_handle_closed(void);

/* The process ends, and with it all its handles. */
void hive_mount_end(void);

#endif
