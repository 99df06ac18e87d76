/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.h - the processes that a program's handles name, and their tables of key handles.
 */
#ifndef PWK_NT_PEER_H
#define PWK_NT_PEER_H

#include "nt/handle_table.h"
#include "nt/services.h"

#define PROCESS_DUP_HANDLE 0x40u

struct nt_peer {
    uint32_t id;
    bool ended;
};

/* Which process a handle names, whatever rights it carries. STATUS_INVALID_HANDLE or
 * STATUS_OBJECT_TYPE_MISMATCH where it names none. Asks Wine. */
ntstatus nt_peer_find(nt_handle process, struct nt_peer *peer);

/* The same for a handle that must carry `access`, as the program's handle for `call`. */
ntstatus nt_peer_find_for(const struct nt_call *call, nt_handle process, uint32_t access,
                          struct nt_peer *peer);

/* The table of key handles of the process with that id, to be given back with key_table_close; NULL
 * with STATUS_SUCCESS where it is no process of this kernel. An error where it is one whose table
 * cannot be had. Signals are to be blocked from here to the close: a thread that ended in between
 * would leave the table open. */
ntstatus nt_peer_table(uint32_t id, struct key_table **table);

#endif
