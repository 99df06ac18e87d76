/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * network.c - see network.h. In an own session these rows only tell what Linux is about to refuse.
 * In the shared session they are the only thing that refuses: a door, since code of the program
 * can make a socket by itself, or change an address of sendto's after it was looked at.
 *
 * Sources: "connect function (winsock2.h)", "sockaddr_in6_lh structure (ws2ipdef.h)", RFC 4291.
 */
#include "nt/network.h"

#include <stdio.h>
#include <string.h>

#include "nt/copy.h"
#include "nt/personality.h"

#define MAX_ADDRESS 128
#define WINDOWS_AF_UNSPEC 0
#define WINDOWS_AF_UNIX 1
#define WINDOWS_AF_INET 2
#define WINDOWS_AF_INET6 23
#define IPV4_OFFSET 4
#define IPV6_OFFSET 8
#define IPV6_END 24

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}; /* IPv4 as IPv6 */

enum reach { STAYS, LEAVES, ANY };

static uint16_t family_of(const unsigned char *address, uint32_t length)
{
    uint16_t family = WINDOWS_AF_UNSPEC;

    if (length >= sizeof family)
        memcpy(&family, address, sizeof family);
    return family;
}

static enum reach reach_of_ipv4(const unsigned char *number)
{
    static const unsigned char any[4];

    return memcmp(number, any, sizeof any) == 0 ? ANY : number[0] == 127 ? STAYS : LEAVES;
}

/* What is too short to be an address, Wine refuses. */
static enum reach reach_of(const unsigned char *address, uint32_t length)
{
    static const unsigned char any[16], loopback[16] = {[15] = 1};

    switch (family_of(address, length)) {
    case WINDOWS_AF_UNSPEC:
    case WINDOWS_AF_UNIX:
        return STAYS;
    case WINDOWS_AF_INET:
        return length < IPV4_OFFSET + 4 ? STAYS : reach_of_ipv4(address + IPV4_OFFSET);
    case WINDOWS_AF_INET6:
        if (length < IPV6_END)
            return STAYS;
        address += IPV6_OFFSET;
        if (memcmp(address, any, sizeof any) == 0)
            return ANY;
        if (memcmp(address, mapped, sizeof mapped) == 0)
            return reach_of_ipv4(address + sizeof mapped);
        return memcmp(address, loopback, sizeof loopback) == 0 ? STAYS : LEAVES;
    default:
        return LEAVES; /* families of other networks */
    }
}

/* "192.0.2.1", "2001:db8:0:0:0:0:0:1" or the family's number. */
static void print_address(const unsigned char *address, uint32_t length, char text[64])
{
    uint16_t family = family_of(address, length);
    char *at = text;

    if (family == WINDOWS_AF_INET) {
        address += IPV4_OFFSET;
        snprintf(text, 64, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
    } else if (family == WINDOWS_AF_INET6) {
        address += IPV6_OFFSET;
        for (int i = 0; i < 16; i += 2)
            at += snprintf(at, (size_t)(text + 64 - at), "%s%x", i ? ":" : "",
                           address[i] << 8 | address[i + 1]);
    } else {
        snprintf(text, 64, "family %u", family);
    }
}

static void record(const char *operation, const unsigned char *address, uint32_t length)
{
    char text[64] = "a group", port[8] = "";

    if (address) {
        uint16_t family = family_of(address, length);

        print_address(address, length, text);
        if (family == WINDOWS_AF_INET || family == WINDOWS_AF_INET6)
            snprintf(port, sizeof port, "%u", address[2] << 8 | address[3]);
    }
    pwk_count(nt_personality.slot, PWK_DENIALS, 1);
    pwk_audit_write(nt_personality.audit, PWK_AUDIT_DENIALS, "network", "denied", "operation",
                    operation, "address", text, "port", port, NULL);
}

bool nt_network_may_ask(const char *name)
{
    if (nt_personality.network != NT_NETWORK_REFUSED)
        return true;
    pwk_count(nt_personality.slot, PWK_DENIALS, 1);
    pwk_audit_write(nt_personality.audit, PWK_AUDIT_DENIALS, "network", "denied", "operation",
                    "resolve", "address", name ? name : "", "port", "", NULL);
    return false;
}

/* Who binds to an address of no family is bound by Wine and Linux to any IPv4 address. */
static enum reach reach_of_request(const struct nt_network_request *request,
                                   const unsigned char *address, uint32_t length)
{
    return request->use == NT_NETWORK_BIND && family_of(address, length) == WINDOWS_AF_UNSPEC
               ? ANY
               : reach_of(address, length);
}

/* The nearest to a machine without a network: who wants to be reached at any address is reached at
 * loopback's. */
static void put_loopback(unsigned char *address)
{
    static const unsigned char ipv4[4] = {127, 0, 0, 1};
    static const uint16_t ipv4_family = WINDOWS_AF_INET;

    if (family_of(address, 2) == WINDOWS_AF_UNSPEC)
        memcpy(address, &ipv4_family, sizeof ipv4_family);
    if (family_of(address, 2) == WINDOWS_AF_INET)
        memcpy(address + IPV4_OFFSET, ipv4, sizeof ipv4);
    else if (memcmp(address + IPV6_OFFSET, mapped, sizeof mapped) == 0)
        memcpy(address + IPV6_OFFSET + sizeof mapped, ipv4, sizeof ipv4);
    else
        address[IPV6_END - 1] = 1;
}

static const struct {
    const char *word;
    ntstatus refused;
} uses[] = {
    [NT_NETWORK_BIND] = {"bind", STATUS_INVALID_ADDRESS_COMPONENT},
    [NT_NETWORK_CONNECT] = {"connect", STATUS_NETWORK_UNREACHABLE},
    [NT_NETWORK_SEND] = {"send", STATUS_NETWORK_UNREACHABLE},
    [NT_NETWORK_JOIN] = {"join", STATUS_NETWORK_UNREACHABLE},
};

/* A control with an address in its input is made with a copy of the input, which the program cannot
 * change any more. */
static ntstatus serve_copy(const struct nt_call *call, const struct nt_network_request *request,
                           unsigned char *copy)
{
    uint64_t arguments[10];
    struct nt_call changed = {call->row, arguments};

    memcpy(arguments, call->arguments, sizeof arguments);
    arguments[6] = (uint64_t)copy;
    if (request->use == NT_NETWORK_BIND &&
        reach_of_request(request, copy + request->offset, request->length) == ANY) {
        if (request->length < IPV4_OFFSET + 4) /* of no family, and no room for loopback's */
            return uses[NT_NETWORK_BIND].refused;
        put_loopback(copy + request->offset);
    }
    return nt_forward(&changed);
}

static ntstatus serve_request(const struct nt_call *call, const struct nt_network_request *request)
{
    bool refuses = nt_personality.network == NT_NETWORK_REFUSED;
    uint32_t length = request->length < MAX_ADDRESS ? request->length : MAX_ADDRESS;
    unsigned char address[MAX_ADDRESS], *copy = NULL;

    if (request->offset) {
        copy = nt_copy_bytes((const void *)call->arguments[6], (uint32_t)call->arguments[7]);
        if (!copy)
            return STATUS_NO_MEMORY;
        memcpy(address, copy + request->offset, length);
    } else if (request->address) {
        memcpy(address, (const void *)request->address, length);
    } else if (request->use != NT_NETWORK_JOIN) {
        return nt_forward(call); /* to where the socket is connected */
    }
    if (request->use == NT_NETWORK_JOIN || reach_of(address, length) == LEAVES) {
        record(uses[request->use].word, request->use == NT_NETWORK_JOIN ? NULL : address, length);
        if (refuses)
            return uses[request->use].refused;
    }
    return refuses && copy ? serve_copy(call, request, copy) : nt_forward(call);
}

ntstatus nt_device_io_control(const struct nt_call *call)
{
    struct nt_network_request request;

    pwk_count(nt_personality.slot, PWK_IO_OPERATIONS, 1);
    if (nt_personality.network == NT_NETWORK_OPEN ||
        !nt_personality.host.network_request((uint32_t)call->arguments[5], call->arguments[6],
                                             (uint32_t)call->arguments[7], &request))
        return nt_forward(call);
    return serve_request(call, &request);
}
