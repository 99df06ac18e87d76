/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify.c - NtNotifyChangeKey and NtNotifyChangeMultipleKeys on our keys.
 * Sources: "ZwNotifyChangeKey", "RegNotifyChangeKeyValue function", Wine's test_notify in
 * dlls/ntdll/tests/reg.c.
 *
 * A watch belongs to a handle: its first registration fixes filter and depth, later ones on the
 * same handle wait along, and all fire together; when it is closed, also by another process, they
 * fire with STATUS_NOTIFY_CLEANUP. Changes of this process are looked at by the thread that made
 * them, those of other processes by one thread of Wine's that sleeps on the registry's generation;
 * it is started with the first watch and ends when none is left.
 *
 * The lock is held with all signals blocked, and never while Wine is called.
 */
#include "nt/notify.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nt/guard.h"
#include "nt/handle_table.h"
#include "nt/key_access.h"
#include "nt/key_path.h"
#include "nt/personality.h"
#include "registry/transaction.h"
#include "registry/upcase.h"

#define REG_LEGAL_CHANGE_FILTER 0x1000000fu /* and REG_NOTIFY_THREAD_AGNOSTIC */
#define THREAD_SLEEP_MS 1000
#define FIRE_WAITS 1000
#define FIRE_WAIT_US 50
#define EVENT_ACCESS 0x1f0003u
#define THREAD_ACCESS 0x1fffffu

/* One registration: what is to be done when it fires. */
struct waiter {
    struct waiter *next;
    nt_handle event;  /* ours; 0: none */
    nt_handle thread; /* ours, to queue the APC to; 0: none */
    uint64_t apc, context, status_block;
    ntstatus outcome;
};

struct watch {
    struct watch *next;
    nt_handle handle;
    uint32_t serial;      /* which of the handles that had this value */
    uint64_t key, second; /* 0: no subordinate key */
    uint32_t filter;
    bool subtree;
    struct waiter *waiters;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct watch *watches;
static uint64_t scanned; /* the generation up to which changes have been looked at */
static atomic_uint watch_count;
static atomic_bool thread_runs;
static atomic_int firing; /* threads between finding changes and having told of them */

/* ---- firing; no lock is held ---- */

static void fire(struct waiter *waiter)
{
    while (waiter) {
        struct waiter *next = waiter->next;
        if (waiter->status_block) {
            struct io_status_block block = {waiter->outcome, 0};
            nt_host_write(waiter->status_block, &block, sizeof block);
        }
        if (waiter->event) {
            nt_host_call("NtSetEvent", 2, waiter->event, 0);
            nt_host_call("NtClose", 1, waiter->event);
        }
        if (waiter->thread) {
            nt_host_call("NtQueueApcThread", 5, waiter->thread, waiter->apc, waiter->context,
                         waiter->status_block, 0);
            nt_host_call("NtClose", 1, waiter->thread);
        }
        free(waiter);
        waiter = next;
    }
}

/* Moves a watch's waiters to the list of those that fire. */
static void collect(struct watch *watch, ntstatus outcome, struct waiter **fired)
{
    while (watch->waiters) {
        struct waiter *waiter = watch->waiters;
        watch->waiters = waiter->next;
        waiter->outcome = outcome;
        waiter->next = *fired;
        *fired = waiter;
    }
}

static bool touches(const struct watch *watch, uint64_t key, const struct registry_change *change)
{
    if (!key)
        return false;
    if (change->kinds & REGISTRY_CHANGED_GONE)
        return change->key == key;
    if (!(change->kinds & watch->filter))
        return false;
    return change->key == key ||
           (watch->subtree && registry_is_within(nt_personality.registry, change->key, key));
}

static bool concerns(const struct watch *watch, const struct registry_change *change)
{
    return touches(watch, watch->key, change) || touches(watch, watch->second, change);
}

/* Another process may have closed the handle by duplicating it. */
static bool is_open(const struct watch *watch)
{
    struct key_handle content;

    return key_handle_get(watch->handle, &content) && content.serial == watch->serial;
}

/* Removes the watch at `link`, and what waits for it fires as on a closed handle. */
static void drop(struct watch **link, struct waiter **fired)
{
    struct watch *watch = *link;

    collect(watch, STATUS_NOTIFY_CLEANUP, fired);
    *link = watch->next;
    free(watch);
    atomic_fetch_sub(&watch_count, 1);
}

static void scan(void)
{
    struct registry_change changes[64];
    struct waiter *fired = NULL;
    sigset_t before;
    int count;

    nt_lock(&mutex, &before);
    count = registry_read_changes(nt_personality.registry, &scanned, changes, 64);
    for (struct watch **link = &watches; *link;) {
        struct watch *watch = *link;
        bool hit = count < 0;
        for (int i = 0; !hit && i < count; i++)
            hit = concerns(watch, &changes[i]);
        if (hit)
            collect(watch, STATUS_NOTIFY_ENUM_DIR, &fired);
        if (is_open(watch))
            link = &watch->next;
        else
            drop(link, &fired);
    }
    atomic_fetch_add(&firing, 1);
    nt_unlock(&mutex, &before);
    fire(fired);
    atomic_fetch_sub(&firing, 1);
}

/* The writer's own change may have been found by another thread, which has yet to fire: a program
 * that has seen its write return expects the event to be set. A thread that was ended in between
 * is waited for once. */
static void wait_for_others(void)
{
    for (int i = 0; i < FIRE_WAITS && atomic_load(&firing); i++)
        usleep(FIRE_WAIT_US);
    if (atomic_load(&firing))
        atomic_store(&firing, 0);
}

void nt_notify_written(void)
{
    if (!atomic_load_explicit(&watch_count, memory_order_relaxed))
        return;
    scan();
    if (atomic_load(&firing))
        wait_for_others();
}

void nt_notify_closed(nt_handle handle)
{
    struct waiter *fired = NULL;
    sigset_t before;

    if (!atomic_load_explicit(&watch_count, memory_order_relaxed))
        return;
    nt_lock(&mutex, &before);
    for (struct watch **link = &watches; *link;) {
        if ((*link)->handle == handle)
            drop(link, &fired);
        else
            link = &(*link)->next;
    }
    nt_unlock(&mutex, &before);
    fire(fired);
}

/* ---- the thread that waits for other processes ---- */

ntstatus nt_notify_thread(void)
{
    if (atomic_exchange(&thread_runs, true))
        return STATUS_INVALID_HANDLE;
    for (;;) {
        uint64_t seen = registry_generation(nt_personality.registry);
        scan();
        if (!atomic_load(&watch_count)) {
            atomic_store(&thread_runs, false);
            /* A watch that came in between saw the thread still running. */
            if (!atomic_load(&watch_count) || atomic_exchange(&thread_runs, true))
                return STATUS_SUCCESS;
        }
        registry_wait_change(nt_personality.registry, seen, THREAD_SLEEP_MS);
    }
}

static void start_thread(void)
{
    uint64_t entry = nt_personality.host.service_stub("NtFlushKey");
    nt_handle thread = 0;

    if (atomic_load(&thread_runs) || !entry)
        return;
    if (nt_host_call("NtCreateThreadEx", 11, (uint64_t)&thread, THREAD_ACCESS, 0,
                     NT_CURRENT_PROCESS, entry, NOTIFY_THREAD_ARGUMENT, 0, 0, 0, 0,
                     0) == STATUS_SUCCESS)
        nt_host_call("NtClose", 1, thread);
}

/* ---- registering ---- */

struct registration {
    nt_handle handle;
    uint32_t serial;
    uint64_t key, second;
    uint32_t filter;
    bool subtree;
    struct waiter *waiter;
};

static struct watch *find_or_add(const struct registration *registration)
{
    struct watch *watch = watches;

    while (watch &&
           (watch->handle != registration->handle || watch->serial != registration->serial))
        watch = watch->next;
    if (watch)
        return watch;
    watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    if (!watches)
        scanned = registry_generation(nt_personality.registry);
    watch->handle = registration->handle;
    watch->serial = registration->serial;
    watch->key = registration->key;
    watch->filter = registration->filter;
    watch->subtree = registration->subtree;
    watch->next = watches;
    watches = watch;
    atomic_fetch_add(&watch_count, 1);
    return watch;
}

static ntstatus add_waiter(const struct registration *registration)
{
    struct watch *watch;
    sigset_t before;

    /* What has happened so far does not concern the newcomer. */
    nt_notify_written();
    nt_lock(&mutex, &before);
    watch = find_or_add(registration);
    if (watch) {
        if (registration->second)
            watch->second = registration->second;
        registration->waiter->next = watch->waiters;
        watch->waiters = registration->waiter;
    }
    nt_unlock(&mutex, &before);
    if (!watch)
        return STATUS_NO_MEMORY;
    start_thread();
    return STATUS_PENDING;
}

static nt_handle duplicate(nt_handle handle, uint32_t access)
{
    nt_handle copy = 0;

    if (nt_host_call("NtDuplicateObject", 7, NT_CURRENT_PROCESS, handle, NT_CURRENT_PROCESS,
                     (uint64_t)&copy, access, 0, 0) != STATUS_SUCCESS)
        return 0;
    return copy;
}

/* Arguments behind the key of NtNotifyChangeKey; NtNotifyChangeMultipleKeys has the same, two
 * places later. */
struct notify_arguments {
    uint64_t event, apc, context, status_block;
    uint32_t filter;
    bool subtree;
    uint64_t buffer;
    uint32_t length;
    bool async;
    uint64_t second; /* a subordinate key, or 0 */
};

/* "ZwNotifyChangeKey": nothing is put into the buffer, but it must be one. */
static void probe(uint64_t buffer, uint32_t length)
{
    volatile unsigned char *bytes = (volatile unsigned char *)buffer;

    if (!bytes || !length)
        return;
    bytes[0] = bytes[0];
    bytes[length - 1] = bytes[length - 1];
}

static ntstatus wait_for(nt_handle event)
{
    ntstatus status = nt_host_call("NtWaitForSingleObject", 3, event, 0, 0);

    nt_host_call("NtClose", 1, event);
    return status;
}

static ntstatus notify(const struct nt_call *call, const struct notify_arguments *arguments)
{
    struct registration registration = {
        .handle = call->arguments[0],
        .second = arguments->second,
        .filter = arguments->filter,
        .subtree = arguments->subtree,
    };
    nt_handle event = arguments->async ? arguments->event : 0;
    struct key_handle content;
    struct waiter *waiter;
    ntstatus status;

    if (arguments->filter & ~(uint32_t)REG_LEGAL_CHANGE_FILTER)
        return STATUS_INVALID_PARAMETER;
    probe(arguments->buffer, arguments->length);
    if (!key_of_handle(call, KEY_NOTIFY, &registration.key, &status) ||
        (status = key_check(registration.key)))
        return status;
    if (!key_handle_get(registration.handle, &content))
        return STATUS_INVALID_HANDLE;
    registration.serial = content.serial;
    /* Inside a transaction too, what is told is what was committed. */
    registration.key = registry_key_outside(registration.key);
    if (!arguments->async &&
        (status = nt_host_call("NtCreateEvent", 5, (uint64_t)&event, EVENT_ACCESS, 0, 1, 0)))
        return status;
    if (arguments->async && event && (status = nt_host_call("NtResetEvent", 2, event, 0)))
        return status;
    waiter = calloc(1, sizeof *waiter);
    if (!waiter) {
        if (!arguments->async)
            nt_host_call("NtClose", 1, event);
        return STATUS_NO_MEMORY;
    }
    waiter->event = event ? duplicate(event, EVENT_ACCESS) : 0;
    /* With an event alone the block is not written: kernelbase passes one on its stack, which is
     * long gone when the event fires. */
    if (!arguments->async || arguments->apc)
        waiter->status_block = arguments->status_block;
    if (arguments->async && arguments->apc) {
        waiter->thread = duplicate((nt_handle)-2, THREAD_ACCESS);
        waiter->apc = arguments->apc;
        waiter->context = arguments->context;
    }
    registration.waiter = waiter;
    status = add_waiter(&registration);
    if (status != STATUS_PENDING)
        fire(waiter);
    return arguments->async || status != STATUS_PENDING ? status : wait_for(event);
}

ntstatus nt_notify_change_key(const struct nt_call *call)
{
    const uint64_t *a = call->arguments;
    struct notify_arguments arguments = {.event = a[1],
                                         .apc = a[2],
                                         .context = a[3],
                                         .status_block = a[4],
                                         .filter = (uint32_t)a[5],
                                         .subtree = (uint8_t)a[6] != 0,
                                         .buffer = a[7],
                                         .length = (uint32_t)a[8],
                                         .async = (uint8_t)a[9] != 0};

    return is_key_handle(a[0]) ? notify(call, &arguments) : nt_forward(call);
}

/* How much of a key's path names its hive: \REGISTRY and two components. */
static size_t hive_units(const struct registry_path *path)
{
    size_t at = 0;

    for (int components = 0; at < path->units; at++)
        if (path->text[at] == '\\' && ++components > 3)
            break;
    return at;
}

static ntstatus in_other_hive(uint64_t key, uint64_t second)
{
    struct registry_path one, two;
    int result = registry_key_path(nt_personality.registry, key, &one);

    if (result == 0)
        result = registry_key_path(nt_personality.registry, second, &two);
    if (result < 0)
        return key_status(result);
    return registry_name_compare(one.text, hive_units(&one), two.text, hive_units(&two)) == 0
               ? STATUS_INVALID_PARAMETER
               : STATUS_SUCCESS;
}

static ntstatus find_second(const struct nt_call *call, uint64_t *second)
{
    struct key_target target;
    struct registry_found found;
    struct key_handle master;
    ntstatus status = STATUS_INVALID_PARAMETER;
    uint32_t granted;
    int result;

    if (!key_handle_get(call->arguments[0], &master))
        return STATUS_INVALID_HANDLE;
    if (key_target_read((const void *)call->arguments[2], &target, &status) != KEY_OURS)
        return status;
    if (key_target_is_app_hive(&target))
        return STATUS_ACCESS_DENIED;
    result = registry_find(nt_personality.registry, target.from, target.path, target.units,
                           target.attributes & OBJ_OPENLINK ? REGISTRY_OPEN_LINK : 0, &found, NULL);
    if (result < 0)
        return key_status(result);
    *second = found.key;
    status = key_access_decide(call, &found, KEY_NOTIFY, 0, &granted);
    return status ? status : in_other_hive(master.key, *second);
}

/* "NtNotifyChangeMultipleKeys function (winternl.h)": at most one subordinate key, of another hive
 * than the first. A change of either fires. */
ntstatus nt_notify_change_multiple_keys(const struct nt_call *call)
{
    const uint64_t *a = call->arguments;
    struct notify_arguments arguments = {.event = a[3],
                                         .apc = a[4],
                                         .context = a[5],
                                         .status_block = a[6],
                                         .filter = (uint32_t)a[7],
                                         .subtree = (uint8_t)a[8] != 0,
                                         .buffer = a[9],
                                         .length = (uint32_t)a[10],
                                         .async = (uint8_t)a[11] != 0};
    ntstatus status;

    if (!is_key_handle(a[0]))
        return nt_forward(call);
    if ((uint32_t)a[1] > 1)
        return STATUS_INVALID_PARAMETER;
    if ((uint32_t)a[1] && (status = find_second(call, &arguments.second)))
        return status;
    return notify(call, &arguments);
}
