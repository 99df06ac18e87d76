/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_network.c - libFuzzer target: device controls of Wine's sockets, under a kernel that refuses
 * the network. Whatever reaches Wine must, as Linux reads the address, stay on this machine. The
 * first byte chooses the control; the rest is its input, or the address that sendto's points to.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nt/network.h"
#include "nt/personality.h"
#include "wine/socket_controls.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const uint32_t codes[] = {0x00012003u, 0x0012032cu, 0x00120338u, 0x001203bcu};

struct nt_personality nt_personality;

static void require(bool promise)
{
    if (!promise)
        abort();
}

/* ---- what the row is linked with ---- */

unsigned nt_row(nt_handler handler)
{
    (void)handler;
    return 0;
}

void pwk_count(struct pwk_process_slot *slot, enum pwk_counter counter, uint64_t amount)
{
    (void)slot;
    (void)counter;
    (void)amount;
}

/* All that comes into the log is short and printable. */
void pwk_audit_write(pwk_audit_t *audit, enum pwk_audit_level level, const char *event,
                     const char *verdict, ...)
{
    const char *text;
    va_list pairs;

    (void)audit;
    (void)level;
    require(strcmp(event, "network") == 0 && strcmp(verdict, "denied") == 0);
    va_start(pairs, verdict);
    while ((text = va_arg(pairs, const char *)) != NULL) {
        require(strlen(text) < 64);
        for (; *text; text++)
            require(isprint((unsigned char)*text));
    }
    va_end(pairs);
}

/* ---- Wine, and Linux behind it ---- */

static bool stays_on_the_machine(const unsigned char *bytes, size_t size, bool binds)
{
    struct sockaddr_in ipv4;
    struct in6_addr ipv6;
    uint16_t family;

    if (size < sizeof family)
        return !binds;
    memcpy(&family, bytes, sizeof family);
    switch (family) {
    case 0: /* bound to any address */
        return !binds;
    case 1:
        return true;
    case 2:
        if (size < sizeof ipv4)
            return true; /* refused by Wine */
        memcpy(&ipv4, bytes, sizeof ipv4);
        return ntohl(ipv4.sin_addr.s_addr) >> 24 == 127 || (!binds && !ipv4.sin_addr.s_addr);
    case 23:
        if (size < 24)
            return true;
        memcpy(&ipv6, bytes + 8, sizeof ipv6);
        if (IN6_IS_ADDR_V4MAPPED(&ipv6))
            return ipv6.s6_addr[12] == 127 || (!binds && !ipv6.s6_addr32[3]);
        return IN6_IS_ADDR_LOOPBACK(&ipv6) || (!binds && IN6_IS_ADDR_UNSPECIFIED(&ipv6));
    default:
        return false;
    }
}

static const unsigned char *address;
static size_t address_size, input_size;

ntstatus nt_forward(const struct nt_call *call)
{
    const unsigned char *input = (const void *)call->arguments[6];

    if (call->arguments[5] == codes[0] && input_size > 4)
        require(stays_on_the_machine(input + 4, input_size - 4, true));
    if (call->arguments[5] == codes[1] && input_size > 8)
        require(stays_on_the_machine(input + 8, input_size - 8, false));
    if (call->arguments[5] == codes[2])
        require(stays_on_the_machine(address, address_size, false));
    require(call->arguments[5] != codes[3]);
    return STATUS_PENDING;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    unsigned char send[32] = {0}, *input;
    uint64_t arguments[10] = {0};
    struct nt_call call = {0, arguments};
    uint32_t length;

    if (size == 0)
        return 0;
    nt_personality.network = NT_NETWORK_REFUSED;
    nt_personality.host.network_request = pwk_socket_control_request;
    input = malloc(size); /* exactly, so that a byte behind it is seen */
    require(input != NULL);
    memcpy(input, bytes + 1, size - 1);
    input_size = size - 1;
    arguments[5] = codes[bytes[0] % 4];
    arguments[6] = (uint64_t)input;
    arguments[7] = input_size;
    if (arguments[5] == codes[2]) {
        address = input;
        address_size = input_size;
        length = (uint32_t)input_size;
        memcpy(send, &address, sizeof address);
        memcpy(send + 8, &length, sizeof length);
        arguments[6] = (uint64_t)send;
        arguments[7] = sizeof send;
    }
    nt_device_io_control(&call);
    free(input);
    return 0;
}
