/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_address.c - finding processes of the kernel by their Windows ids, and their handle
 * tables behind descriptors of theirs; see process_table.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/process_table_internal.h"

void pwk_process_slot_set_handles(struct pwk_process_slot *slot, uint64_t birth, int handles)
{
    if (slot != NULL) {
        atomic_store(&slot->handles, handles);
        atomic_store(&slot->birth, birth);
    }
}

void pwk_process_slot_set_windows_id(struct pwk_process_slot *slot, uint32_t windows_id)
{
    if (slot != NULL) {
        atomic_store(&slot->windows_id, windows_id);
    }
}

/* The identity of the live process that stands in a slot, or 0. */
static uint64_t live_owner(const struct pwk_process_slot *slot)
{
    uint64_t owner = atomic_load(&slot->owner);

    return (owner & FOLDING) == 0 && pwk_process_owner_is_alive(owner) ? owner : 0;
}

struct pwk_process_slot *pwk_process_table_find_born(pwk_process_table_t *table, uint64_t birth)
{
    for (size_t i = 0; table->file != NULL && birth != 0 && i < SLOT_COUNT; i++) {
        struct pwk_process_slot *slot = &table->file->slots[i];
        if (atomic_load(&slot->birth) == birth && live_owner(slot) != 0) {
            return slot;
        }
    }
    return NULL;
}

/* What stands at the number is opened anew, without waiting for anything: it may be no table but
 * whatever a hostile process has put there. */
static int open_of_process(uint64_t owner, int32_t descriptor)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%u/fd/%d", (unsigned)(uint32_t)owner, (int)descriptor);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int result = fd < 0 ? -errno : fd;
    /* Only while the process is known to be alive is the path its own. */
    if (fd >= 0 && !pwk_process_owner_is_alive(owner)) {
        close(fd);
        result = -ESRCH;
    }
    return result == -ENOENT ? -ESRCH : result;
}

int pwk_process_table_open_handles(pwk_process_table_t *table, uint32_t windows_id)
{
    for (size_t i = 0; table->file != NULL && windows_id != 0 && i < SLOT_COUNT; i++) {
        struct pwk_process_slot *slot = &table->file->slots[i];
        if (atomic_load(&slot->windows_id) != windows_id) {
            continue;
        }
        uint64_t owner = live_owner(slot);
        int32_t handles = atomic_load(&slot->handles);
        /* Again: another process may have got the slot before its owner was read. */
        if (owner != 0 && handles >= 0 && atomic_load(&slot->windows_id) == windows_id) {
            return open_of_process(owner, handles);
        }
    }
    return -ESRCH;
}
