/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * adopt.c - see adopt.h. The few handles that a program had open when the kernel was attached
 * (kernelbase's of HKEY_CURRENT_USER and HKEY_LOCAL_MACHINE before all) stand in a small table.
 */
#include "nt/adopt.h"

#include <string.h>

#include "nt/guard.h"
#include "nt/handle_table.h"
#include "nt/key_path.h"
#include "nt/personality.h"

#define TWINS 256

static struct twin {
    nt_handle theirs, ours;
} twins[TWINS];
static size_t twin_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* The lock is held. */
static nt_handle find_locked(nt_handle theirs)
{
    for (size_t i = 0; i < twin_count; i++)
        if (twins[i].theirs == theirs)
            return twins[i].ours;
    return 0;
}

static nt_handle find_twin(nt_handle theirs)
{
    nt_handle ours;
    sigset_t before;

    nt_lock(&mutex, &before);
    ours = find_locked(theirs);
    nt_unlock(&mutex, &before);
    return ours;
}

/* Ours for `theirs`, which another thread may have made in between. 0: there is no more room. */
static nt_handle add_twin(nt_handle theirs, uint64_t key)
{
    struct key_handle content = {.key = key, .access = KEY_ALL_RIGHTS};
    nt_handle made = key_handle_open(&content), ours;
    sigset_t before;

    nt_lock(&mutex, &before);
    ours = find_locked(theirs);
    if (!ours) {
        ours = made;
        if (made && twin_count < TWINS)
            twins[twin_count++] = (struct twin){theirs, ours};
    }
    nt_unlock(&mutex, &before);
    if (made && made != ours)
        key_handle_close(made);
    return ours;
}

static nt_handle adopt(nt_handle theirs)
{
    struct key_target target = {.path = target.name.text};
    nt_handle ours = find_twin(theirs);
    uint64_t key;

    if (ours)
        return ours;
    if (!key_of_wine_path(theirs, &target) ||
        registry_lookup(nt_personality.registry, REGISTRY_ROOT_KEY, target.path, target.units, 0,
                        &key, NULL) < 0)
        return 0;
    return add_twin(theirs, key);
}

/* Rows of the key family whose first argument is a key. */
static bool takes_key(nt_handler handler)
{
    static const nt_handler others[] = {
        nt_create_key,
        nt_open_key,
        nt_open_key_ex,
        nt_load_key,
        nt_load_key_ex,
        nt_unload_key,
        nt_unload_key2,
        nt_unload_key_ex,
        nt_replace_key,
        nt_compact_keys,
        nt_query_open_subkeys,
        nt_query_open_subkeys_ex,
        nt_create_key_transacted,
        nt_open_key_transacted,
    };

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (handler == others[i])
            return false;
    return true;
}

bool nt_adopt_call(const struct nt_call *call, uint64_t arguments[NT_MAX_ARGUMENTS])
{
    const struct nt_service *service = &nt_services[call->row];
    nt_handle ours;

    if (strcmp(service->family, "key") || !takes_key(service->handler) ||
        is_key_handle(call->arguments[0]) || call->arguments[0] >> 32)
        return false;
    ours = adopt(call->arguments[0]);
    if (!ours)
        return false;
    memcpy(arguments, call->arguments, service->arguments * sizeof arguments[0]);
    arguments[0] = ours;
    return true;
}

void nt_adopt_closed(nt_handle handle)
{
    nt_handle ours = 0;
    sigset_t before;

    nt_lock(&mutex, &before);
    for (size_t i = 0; i < twin_count; i++) {
        if (twins[i].theirs != handle)
            continue;
        ours = twins[i].ours;
        twins[i] = twins[--twin_count];
        break;
    }
    nt_unlock(&mutex, &before);
    if (ours)
        key_handle_close(ours);
}
