/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * socket_controls.c - see socket_controls.h.
 */
#include "wine/socket_controls.h"

#include <string.h>

/* "CTL_CODE macro (d4drvif.h)": device type, access, function, method. Controls that Windows has
 * are of Wine's type "beep" and method "neither", Wine's own of type "network" and "buffered". */
#define BIND_CONTROL (0x00010000u | 0x800u << 2 | 3)
#define WINE_CONTROL(function) (0x00120000u | (function) << 2)
#define CONNECT_CONTROL WINE_CONTROL(203u)
#define SEND_CONTROL WINE_CONTROL(206u)
#define JOIN_CONTROL WINE_CONTROL(239u)
#define JOIN_SOURCE_CONTROL WINE_CONTROL(240u)
#define JOIN_IPV6_CONTROL WINE_CONTROL(265u)

/* A word, then the address. */
#define BIND_ADDRESS 4
/* Two words, the first of them the address's length; the address; data to be sent. */
#define CONNECT_ADDRESS 8
/* A pointer to the address, its length, and more. */
#define SEND_SIZE 32

bool pwk_socket_control_request(uint32_t code, uint64_t input, uint32_t size,
                                struct nt_network_request *request)
{
    unsigned char head[12];

    *request = (struct nt_network_request){.use = NT_NETWORK_JOIN};
    switch (code) {
    case JOIN_CONTROL:
    case JOIN_SOURCE_CONTROL:
    case JOIN_IPV6_CONTROL:
        return true;
    case BIND_CONTROL:
        if (size <= BIND_ADDRESS)
            return false;
        *request =
            (struct nt_network_request){NT_NETWORK_BIND, BIND_ADDRESS, 0, size - BIND_ADDRESS};
        return true;
    case CONNECT_CONTROL:
        if (size <= CONNECT_ADDRESS)
            return false;
        /* Whatever length is said there: an address too short for its family is refused by Wine,
         * and what lies behind it is looked at as if it belonged to it. */
        *request = (struct nt_network_request){NT_NETWORK_CONNECT, CONNECT_ADDRESS, 0,
                                               size - CONNECT_ADDRESS};
        return true;
    case SEND_CONTROL:
        if (size < SEND_SIZE)
            return false;
        memcpy(head, (const void *)input, sizeof head);
        *request = (struct nt_network_request){.use = NT_NETWORK_SEND};
        memcpy(&request->address, head, sizeof request->address);
        memcpy(&request->length, head + 8, sizeof request->length);
        return true;
    default:
        return false;
    }
}
