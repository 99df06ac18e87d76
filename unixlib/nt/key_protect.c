/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_protect.c - see key_protect.h.
 */
#include "nt/key_protect.h"

#include <stdatomic.h>
#include <stddef.h>

#include "nt/guard.h"
#include "nt/personality.h"

#define PROTECTED_KEYS 64

static struct protected_key {
    uint64_t key;
    bool branch;
} keys[PROTECTED_KEYS];
static atomic_size_t count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

bool key_protect(uint64_t key, bool branch)
{
    sigset_t before;
    size_t used;

    nt_lock(&mutex, &before);
    used = atomic_load(&count);
    if (used < PROTECTED_KEYS) {
        keys[used] = (struct protected_key){key, branch};
        atomic_store(&count, used + 1);
    }
    nt_unlock(&mutex, &before);
    return used < PROTECTED_KEYS;
}

void key_unprotect(uint64_t key)
{
    sigset_t before;

    if (!atomic_load(&count))
        return;
    nt_lock(&mutex, &before);
    for (size_t i = 0; i < atomic_load(&count); i++)
        if (keys[i].key == key) {
            keys[i--] = keys[atomic_load(&count) - 1];
            atomic_fetch_sub(&count, 1);
        }
    nt_unlock(&mutex, &before);
}

bool key_is_read_only_hive(uint64_t key)
{
    sigset_t before;
    bool found = false;

    nt_lock(&mutex, &before);
    for (size_t i = 0; i < atomic_load(&count); i++)
        found = found || (keys[i].key == key && keys[i].branch);
    nt_unlock(&mutex, &before);
    return found;
}

bool key_any_protected(void)
{
    return atomic_load_explicit(&count, memory_order_relaxed) != 0;
}

bool key_is_protected(uint64_t key)
{
    struct protected_key copy[PROTECTED_KEYS];
    size_t used;
    sigset_t before;

    if (!key_any_protected())
        return false;
    nt_lock(&mutex, &before);
    used = atomic_load(&count);
    for (size_t i = 0; i < used; i++)
        copy[i] = keys[i];
    nt_unlock(&mutex, &before);
    for (size_t i = 0; i < used; i++)
        if (copy[i].key == key ||
            (copy[i].branch && registry_is_within(nt_personality.registry, key, copy[i].key)))
            return true;
    return false;
}
