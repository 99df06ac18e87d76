/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mirror.c - the pool of mirrors. They are never given back to the system, so that any pointer of
 * the program's can be checked.
 */
#include "mirror.h"

#include <string.h>

static SRWLOCK lock = SRWLOCK_INIT; /* guards all but `public` */
static struct mirror pool[MIRROR_COUNT];

/* Lock held. */
static struct mirror *hold_if_live(struct mirror *mirror)
{
    if (!mirror->live) {
        return NULL;
    }
    mirror->references++;
    return mirror;
}

/* Lock held. */
static struct mirror *find_handle(uint32_t handle)
{
    for (struct mirror *mirror = pool; handle != 0 && mirror < pool + MIRROR_COUNT; mirror++) {
        if (mirror->handle == handle && mirror->live) {
            return mirror;
        }
    }
    return NULL;
}

/* Lock held. */
static struct mirror *take_place(process_kernel_type_t type, const char *name, uint32_t handle)
{
    struct mirror *mirror = pool;

    while (mirror < pool + MIRROR_COUNT && mirror->references > 0) {
        mirror++;
    }
    if (mirror == pool + MIRROR_COUNT) {
        return NULL;
    }
    memset(mirror, 0, sizeof(*mirror));
    mirror->index = (unsigned)(mirror - pool);
    mirror->handle = handle;
    mirror->public.type = type;
    strncpy(mirror->public.name, name, sizeof(mirror->public.name) - 1);
    bound_callbacks_bind(mirror);
    mirror->live = true;
    mirror->references = 1;
    return mirror;
}

struct mirror *mirror_create(process_kernel_type_t type, const char *name, uint32_t handle)
{
    AcquireSRWLockExclusive(&lock);
    struct mirror *mirror = find_handle(handle);
    if (mirror == NULL) {
        mirror = take_place(type, name, handle);
    }
    mirror = mirror != NULL ? hold_if_live(mirror) : NULL;
    ReleaseSRWLockExclusive(&lock);
    return mirror;
}

struct mirror *mirror_hold(process_kernel_t *kernel)
{
    uintptr_t offset = (uintptr_t)kernel - (uintptr_t)pool;

    if ((uintptr_t)kernel < (uintptr_t)pool || offset % sizeof(pool[0]) != 0) {
        return NULL;
    }
    size_t index = offset / sizeof(pool[0]);
    return index < MIRROR_COUNT ? mirror_hold_index((unsigned)index) : NULL;
}

struct mirror *mirror_hold_index(unsigned index)
{
    AcquireSRWLockExclusive(&lock);
    struct mirror *found = hold_if_live(&pool[index]);
    ReleaseSRWLockExclusive(&lock);
    return found;
}

void mirror_release(struct mirror *mirror)
{
    AcquireSRWLockExclusive(&lock);
    if (mirror->references == 1) {
        bound_callbacks_unbind(mirror);
        native_handlers_end(mirror);
    }
    mirror->references--;
    ReleaseSRWLockExclusive(&lock);
}

void mirror_end(struct mirror *mirror)
{
    AcquireSRWLockExclusive(&lock);
    if (mirror->live) {
        mirror->live = false;
        mirror->references--;
    }
    ReleaseSRWLockExclusive(&lock);
}
