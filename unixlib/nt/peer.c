/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.c - see peer.h.
 */
#include "nt/peer.h"

#include <errno.h>
#include <stdatomic.h>

#include "nt/personality.h"

#define PROCESS_QUERY_LIMITED_INFORMATION 0x1000u
#define STILL_ACTIVE 0x103u

/* "PROCESS_BASIC_INFORMATION structure (winternl.h)" */
struct process_basic_information {
    uint64_t exit_status, peb, affinity, priority, process_id, parent_id;
};

static ntstatus query(nt_handle process, struct process_basic_information *information)
{
    return nt_host_call("NtQueryInformationProcess", 5, process, 0, (uint64_t)information,
                        sizeof *information, 0);
}

/* A handle without the right to be asked is copied to one that has it, which the process's
 * security descriptor must allow. */
static ntstatus query_anyhow(nt_handle process, struct process_basic_information *information)
{
    ntstatus status = query(process, information);
    nt_handle copy = 0;

    if (status != STATUS_ACCESS_DENIED)
        return status;
    status = nt_host_call("NtDuplicateObject", 7, NT_CURRENT_PROCESS, process, NT_CURRENT_PROCESS,
                          (uint64_t)&copy, PROCESS_QUERY_LIMITED_INFORMATION, 0, 0);
    if (status)
        return status;
    status = query(copy, information);
    nt_host_call("NtClose", 1, copy);
    return status;
}

static uint32_t own_id(void)
{
    static _Atomic uint32_t id;
    struct process_basic_information information;

    if (!atomic_load(&id) && !query(NT_CURRENT_PROCESS, &information))
        atomic_store(&id, (uint32_t)information.process_id);
    return atomic_load(&id);
}

ntstatus nt_peer_find(nt_handle process, struct nt_peer *peer)
{
    struct process_basic_information information;
    ntstatus status;

    if (process == NT_CURRENT_PROCESS) {
        *peer = (struct nt_peer){.id = own_id()};
        return STATUS_SUCCESS;
    }
    status = query_anyhow(process, &information);
    if (status)
        return status;
    peer->id = (uint32_t)information.process_id;
    peer->ended = (uint32_t)information.exit_status != STILL_ACTIVE;
    return STATUS_SUCCESS;
}

ntstatus nt_peer_find_for(const struct nt_call *call, nt_handle process, uint32_t access,
                          struct nt_peer *peer)
{
    struct object_basic_information information;
    ntstatus status = nt_peer_find(process, peer);

    if (status || process == NT_CURRENT_PROCESS)
        return status;
    status = nt_host_call("NtQueryObject", 5, process, ObjectBasicInformation,
                          (uint64_t)&information, sizeof information, 0);
    if (status)
        return status;
    if ((information.granted_access & access) != access)
        return nt_deny(call, STATUS_ACCESS_DENIED, "the process handle lacks that right");
    return peer->ended ? STATUS_PROCESS_IS_TERMINATING : STATUS_SUCCESS;
}

ntstatus nt_peer_table(uint32_t id, struct key_table **table)
{
    int fd = -ESRCH;

    *table = id == own_id() ? key_table_own() : NULL;
    if (!*table && nt_personality.processes)
        fd = pwk_process_table_open_handles(nt_personality.processes, id);
    if (fd == -EACCES || fd == -EPERM)
        return STATUS_ACCESS_DENIED;
    if (fd != -ESRCH && (fd < 0 || !(*table = key_table_open(fd))))
        return STATUS_INSUFFICIENT_RESOURCES;
    return STATUS_SUCCESS;
}
