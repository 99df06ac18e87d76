/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * duplicate.c - NtDuplicateObject for handles of our keys, within a process and between the
 * processes of a kernel; every other handle is wineserver's.
 * Sources: "ZwDuplicateObject function (ntifs.h)", "DuplicateHandle function (handleapi.h)", Wine's
 * test_DuplicateHandle in dlls/kernel32/tests/process.c and test_duplicate_object in
 * dlls/ntdll/tests/om.c.
 */
#include "nt/adopt.h"
#include "nt/guard.h"
#include "nt/hive_mount.h"
#include "nt/key_access.h"
#include "nt/key_path.h"
#include "nt/notify.h"
#include "nt/peer.h"
#include "nt/personality.h"
#include "nt/transaction.h"
#include "registry/transaction.h"

struct duplication {
    struct nt_peer source, target;
    nt_handle handle;
    uint32_t access, attributes, options;
    uint32_t granted; /* of `access`, by the descriptor of the key `granted_of` */
    uint64_t granted_of;
    ntstatus target_status; /* an error: there is nothing to copy to */
};

static struct key_handle copy_of(const struct duplication *wanted, const struct key_handle *source)
{
    struct key_handle copy = *source;

    if (!(wanted->options & DUPLICATE_SAME_ATTRIBUTES)) {
        copy.inherit = (wanted->attributes & OBJ_INHERIT) != 0;
        copy.protect_from_close = 0;
    }
    if (!(wanted->options & DUPLICATE_SAME_ACCESS))
        copy.access = wanted->granted_of == source->key
                          ? wanted->granted
                          : key_access_granted(wanted->access) & source->access;
    return copy;
}

/* What waits on a handle of another process is fired by that process's own thread, which looks
 * when it is woken. */
static void close_source(const struct duplication *wanted, struct key_table *table)
{
    if (key_table_remove(table, wanted->handle) && table != key_table_own())
        registry_wake(nt_personality.registry);
}

/* What waits on a handle of this process fires before it is closed: Wine must not be called while
 * signals are blocked. */
static void announce_close(const struct duplication *wanted)
{
    struct key_handle content;
    struct nt_peer self;

    if (wanted->options & DUPLICATE_CLOSE_SOURCE && !nt_peer_find(NT_CURRENT_PROCESS, &self) &&
        self.id == wanted->source.id && key_handle_get(wanted->handle, &content) &&
        !content.protect_from_close)
        nt_notify_closed(wanted->handle);
}

/* The source is closed whatever becomes of the copy, and before that is made: within a process the
 * copy then gets the source's value, as on Windows. A source that is protected stays open. */
static ntstatus duplicate(const struct duplication *wanted, struct key_table *from,
                          struct key_table *to, nt_handle *copy)
{
    struct key_handle content;

    if (!key_table_get(from, wanted->handle, &content))
        return STATUS_INVALID_HANDLE;
    if (wanted->options & DUPLICATE_CLOSE_SOURCE && !content.protect_from_close)
        close_source(wanted, from);
    if (!to)
        return wanted->target_status;
    /* A transaction lives in one process: its keys mean nothing in another. */
    if (to != from && registry_transaction_of(content.key))
        return STATUS_NOT_SUPPORTED;
    content = copy_of(wanted, &content);
    *copy = key_table_insert(to, &content);
    return *copy ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* What the target is; STATUS_SUCCESS with id 0 where none is given: the source is only closed. */
static ntstatus find_target(const struct nt_call *call, nt_handle process, struct nt_peer *target)
{
    *target = (struct nt_peer){0};
    return process ? nt_peer_find_for(call, process, PROCESS_DUP_HANDLE, target) : STATUS_SUCCESS;
}

/* The table to copy to, *table, where there is one; else wanted->target_status says why. */
static void open_target(struct duplication *wanted, struct key_table *from,
                        struct key_table **table)
{
    *table = NULL;
    if (wanted->target_status || !wanted->target.id)
        return;
    if (wanted->target.id == wanted->source.id)
        *table = from;
    else
        wanted->target_status = nt_peer_table(wanted->target.id, table);
    if (!*table && !wanted->target_status)
        wanted->target_status = STATUS_NOT_SUPPORTED;
}

/* Opens the tables with all signals blocked. *foreign: the source lives in no process of this
 * kernel. */
static ntstatus duplicate_between(struct duplication *wanted, bool *foreign, nt_handle *copy)
{
    struct key_table *from, *to;
    ntstatus status;
    sigset_t before;

    nt_block_signals(&before);
    status = nt_peer_table(wanted->source.id, &from);
    *foreign = !from && !status;
    if (from) {
        open_target(wanted, from, &to);
        status = duplicate(wanted, from, to, copy);
        if (to != from)
            key_table_close(to);
        key_table_close(from);
    }
    nt_unblock_signals(&before);
    return status;
}

/* The source, if it is a handle of this kernel's. */
static bool look_at_source(const struct duplication *wanted, struct key_handle *source)
{
    struct key_table *table;
    sigset_t before;
    bool found;

    nt_block_signals(&before);
    found = !nt_peer_table(wanted->source.id, &table) && table &&
            key_table_get(table, wanted->handle, source);
    if (table)
        key_table_close(table);
    nt_unblock_signals(&before);
    return found;
}

/* A copy that is to carry more than its source is as good as opened anew. */
static ntstatus ask_for_more(const struct nt_call *call, struct duplication *wanted)
{
    struct registry_found found = {0};
    struct registry_key_info info;
    struct key_handle source;
    ntstatus status;
    int result;

    if (wanted->options & DUPLICATE_SAME_ACCESS || !look_at_source(wanted, &source) ||
        !(key_access_granted(wanted->access) & ~source.access))
        return STATUS_SUCCESS;
    result = registry_query_key(nt_personality.registry, source.key, false, &info, NULL, NULL);
    if (result < 0)
        return STATUS_SUCCESS; /* it gets no more than the source has */
    found.key = source.key;
    found.secured = info.secured;
    status = key_access_decide(call, &found, wanted->access, 0, &wanted->granted);
    wanted->granted_of = status ? 0 : source.key;
    return status;
}

static bool is_own_process(const struct nt_peer *peer)
{
    struct nt_peer self;

    return !nt_peer_find(NT_CURRENT_PROCESS, &self) && self.id == peer->id;
}

/* Transactions belong to the process that made them. */
static ntstatus duplicate_transaction(const struct nt_call *call)
{
    struct nt_peer source, target;
    ntstatus status = nt_peer_find_for(call, call->arguments[0], PROCESS_DUP_HANDLE, &source);

    if (!status)
        status = find_target(call, call->arguments[2], &target);
    if (status)
        return status;
    if (!is_own_process(&source) || (target.id && !is_own_process(&target)))
        return nt_deny(call, STATUS_NOT_SUPPORTED, "transaction handle between processes");
    return nt_transaction_duplicate(call);
}

ntstatus nt_duplicate_object(const struct nt_call *call)
{
    nt_handle *out = (nt_handle *)call->arguments[3];
    struct duplication wanted = {.handle = call->arguments[1],
                                 .access = (uint32_t)call->arguments[4],
                                 .attributes = (uint32_t)call->arguments[5],
                                 .options = (uint32_t)call->arguments[6]};
    nt_handle copy = 0;
    ntstatus status;
    bool foreign;

    if (is_transaction_handle(wanted.handle))
        return duplicate_transaction(call);
    if (!is_key_handle(wanted.handle)) {
        /* Its value may soon be another object's. */
        if (wanted.options & DUPLICATE_CLOSE_SOURCE && call->arguments[0] == NT_CURRENT_PROCESS &&
            nt_personality.adopts_foreign_roots)
            nt_adopt_closed(wanted.handle);
        return nt_forward(call);
    }
    if (out)
        *out = 0;
    status = nt_peer_find_for(call, call->arguments[0], PROCESS_DUP_HANDLE, &wanted.source);
    if (status)
        return status;
    if (!call->arguments[2] && !(wanted.options & DUPLICATE_CLOSE_SOURCE))
        return STATUS_INVALID_PARAMETER;
    wanted.target_status = find_target(call, call->arguments[2], &wanted.target);
    if (!wanted.target_status && wanted.target.id)
        wanted.target_status = ask_for_more(call, &wanted);
    announce_close(&wanted);
    status = duplicate_between(&wanted, &foreign, &copy);
    if (foreign)
        return nt_forward(call);
    if (wanted.options & DUPLICATE_CLOSE_SOURCE)
        hive_handle_closed();
    if (status == STATUS_NOT_SUPPORTED)
        return nt_deny(call, status, "key handle for a process outside the kernel");
    if (out)
        *out = copy;
    return status;
}
