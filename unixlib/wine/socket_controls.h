/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * socket_controls.h - the device controls by which Wine's ws2_32 works on its sockets: they are
 * Wine's own, and the same in 8.0 and 10.0.
 */
#ifndef PWK_WINE_SOCKET_CONTROLS_H
#define PWK_WINE_SOCKET_CONTROLS_H

#include <stdbool.h>
#include <stdint.h>

#include "nt/network.h"

/* True where the control `code` with the program's input names an address. The input is copied
 * before it is looked at, and may be bad memory (the fault ends the call). */
bool pwk_socket_control_request(uint32_t code, uint64_t input, uint32_t size,
                                struct nt_network_request *request);

#endif
