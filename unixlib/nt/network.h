/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * network.h - the network of a kernel that is to have none but loopback.
 */
#ifndef PWK_NT_NETWORK_H
#define PWK_NT_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

enum nt_network_mode {
    NT_NETWORK_OPEN,   /* nothing is looked at */
    NT_NETWORK_NOTED,  /* Linux refuses (an own session's namespace): recorded alone */
    NT_NETWORK_REFUSED /* refused here: in the shared session nobody else does */
};

/* A socket's control that names an address, or a group whose datagrams it wants. */
enum nt_network_use { NT_NETWORK_BIND, NT_NETWORK_CONNECT, NT_NETWORK_SEND, NT_NETWORK_JOIN };

/* Where the address is: in the control's input, from `offset` on, or elsewhere in the program's
 * memory. */
struct nt_network_request {
    enum nt_network_use use;
    uint32_t offset;  /* in the input; 0: not there */
    uint64_t address; /* where `offset` is 0; 0: the control names no address */
    uint32_t length;
};

/* A name is to be resolved by asking somebody: false, recorded and counted, where the network is
 * refused. Numbers and names of this machine itself need not be asked for. Any thread; NULL is
 * allowed. */
bool nt_network_may_ask(const char *name);

#endif
