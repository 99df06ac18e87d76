/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bequest.c - see bequest.h.
 * Sources: "Inheritance (Processes and Threads)", "UpdateProcThreadAttribute function", Wine's
 * test_handle_list_attribute in dlls/kernel32/tests/process.c.
 */
#include "nt/bequest.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "nt/copy.h"
#include "nt/guard.h"
#include "nt/peer.h"
#include "nt/personality.h"

#define ARGUMENT_PROCESS 0
#define ARGUMENT_FLAGS 6
#define ARGUMENT_ATTRIBUTES 10

/* What is to be inherited from whom. */
struct will {
    nt_handle parent; /* a handle of the process; 0: the caller */
    const nt_handle *list;
    size_t count;
};

/* Copies the attributes in. The list lies in the thread's scratch memory. */
static ntstatus read_will(const struct ps_attribute_list *attributes, struct will *will)
{
    struct ps_attribute list = {0};
    uint64_t length, count;

    *will = (struct will){0};
    if (!attributes)
        return STATUS_SUCCESS;
    memcpy(&length, &attributes->total_length, sizeof length);
    count = length < sizeof length ? 0 : (length - sizeof length) / sizeof list;
    for (uint64_t i = 0; i < count; i++) {
        struct ps_attribute attribute;
        memcpy(&attribute, &attributes->attributes[i], sizeof attribute);
        if (attribute.number == PS_ATTRIBUTE_HANDLE_LIST)
            list = attribute;
        else if (attribute.number == PS_ATTRIBUTE_PARENT_PROCESS)
            will->parent = attribute.value;
    }
    if (!list.number)
        return STATUS_SUCCESS;
    will->count = list.size / sizeof(nt_handle);
    will->list = nt_copy_bytes((const void *)list.value, will->count * sizeof(nt_handle));
    return will->list ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

/* "PROC_THREAD_ATTRIBUTE_HANDLE_LIST: These handles must be created as inheritable handles". Those
 * of wineserver's are its affair. */
static bool is_inheritable_list(struct key_table *parent, const struct will *will)
{
    struct key_handle content;

    for (size_t i = 0; i < will->count; i++)
        if (is_key_handle(will->list[i]) &&
            !(key_table_get(parent, will->list[i], &content) && content.inherit))
            return false;
    return true;
}

/* The child's table behind *fd, or a negative errno where it gets none. A parent outside the kernel
 * has no key handles to leave. */
static ntstatus make_table(uint32_t parent_id, const struct will *will, int *fd)
{
    struct key_table *parent;
    ntstatus status;
    sigset_t before;

    nt_block_signals(&before);
    status = nt_peer_table(parent_id, &parent);
    if (parent && !is_inheritable_list(parent, will)) {
        status = STATUS_INVALID_PARAMETER;
    } else if (parent) {
        *fd = key_table_bequeath(parent, will->list, will->count);
        if (*fd < 0 && *fd != -ENOENT)
            status = STATUS_INSUFFICIENT_RESOURCES;
    }
    key_table_close(parent);
    nt_unblock_signals(&before);
    return status;
}

static ntstatus execute(const struct will *will, int *fd)
{
    nt_handle process = will->parent ? will->parent : NT_CURRENT_PROCESS;
    struct nt_peer parent;

    /* A handle that is none is Wine's to refuse. */
    return nt_peer_find(process, &parent) ? STATUS_SUCCESS : make_table(parent.id, will, fd);
}

ntstatus nt_bequest_begin(const struct nt_call *call, struct nt_bequest *bequest)
{
    static _Atomic uint32_t births;
    const void *attributes = (const void *)call->arguments[ARGUMENT_ATTRIBUTES];
    struct will will;
    ntstatus status = STATUS_SUCCESS;
    int fd = -ENOENT;

    bequest->birth = 0;
    if (!nt_personality.registry || !nt_personality.processes)
        return STATUS_SUCCESS;
    if ((uint32_t)call->arguments[ARGUMENT_FLAGS] & PROCESS_CREATE_FLAGS_INHERIT_HANDLES) {
        status = read_will(attributes, &will);
        if (!status)
            status = execute(&will, &fd);
    }
    if (status)
        return status;
    bequest->birth = (uint64_t)getpid() << 32 | (atomic_fetch_add(&births, 1) + 1);
    nt_personality.host.begin_birth(bequest->birth, fd < 0 ? -1 : fd);
    return STATUS_SUCCESS;
}

/* A Unix program that was started has no handle and no place in the process table. */
void nt_bequest_end(const struct nt_call *call, const struct nt_bequest *bequest, ntstatus status)
{
    struct pwk_process_slot *child;
    struct nt_peer peer;
    nt_handle process;

    if (!bequest->birth)
        return;
    nt_personality.host.end_birth();
    if (NT_ERROR(status))
        return;
    child = pwk_process_table_find_born(nt_personality.processes, bequest->birth);
    if (!child)
        return;
    memcpy(&process, (const void *)call->arguments[ARGUMENT_PROCESS], sizeof process);
    if (!nt_peer_find(process, &peer))
        pwk_process_slot_set_windows_id(child, peer.id);
}
