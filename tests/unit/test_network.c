/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_network.c - the network of a kernel that is to have none but loopback: the device controls
 * of Wine's sockets in all their forms, with addresses of every kind and lengths that lie. The row
 * is called as the dispatch calls it, with the room `wine`'s own reader of controls and a real
 * audit log; of the host only Wine's service is played, which keeps what it is called with. What a
 * program hands over lies at the end of its page, so that one byte read behind it is a fault.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "nt/network.h"
#include "nt/personality.h"
#include "wine/socket_controls.h"

#define BIND 0x00012003u
#define CONNECT 0x0012032cu
#define SEND 0x00120338u
#define PAGE 4096

static char folder[32], log_path[64];
static unsigned char *memory; /* a page, and one that cannot be read */

/* ---- the host ---- */

static struct {
    unsigned calls;
    uint64_t input, size;
    unsigned char bytes[PAGE];
} wine;

static ntstatus forward(unsigned row, const uint64_t *arguments)
{
    assert_int_equal(row, nt_row(nt_device_io_control));
    wine.calls++;
    wine.input = arguments[6];
    wine.size = (uint32_t)arguments[7];
    if (wine.size && wine.size <= PAGE)
        memcpy(wine.bytes, (const void *)arguments[6], wine.size);
    return STATUS_PENDING;
}

static int start(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/pwk-network-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(log_path, sizeof log_path, "%s/audit.jsonl", folder);
    memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + PAGE, PAGE, PROT_NONE) != 0)
        return -1;
    nt_personality.slot = pwk_process_slot_private();
    nt_personality.host.forward = forward;
    nt_personality.host.network_request = pwk_socket_control_request;
    return pwk_audit_open("unit", log_path, NULL, PWK_AUDIT_DENIALS, &nt_personality.audit, NULL);
}

static int stop(void **state)
{
    (void)state;
    pwk_audit_close(nt_personality.audit);
    munmap(memory, 2 * PAGE);
    unlink(log_path);
    return rmdir(folder);
}

/* ---- what a program hands over ---- */

/* At the end of the readable page. */
static unsigned char *place(const void *bytes, size_t size)
{
    unsigned char *at = memory + PAGE - size;

    assert_true(size <= PAGE);
    if (size)
        memcpy(at, bytes, size);
    return at;
}

static ntstatus control(enum nt_network_mode mode, uint32_t code, const void *input, uint32_t size)
{
    /* Upper halves of 32-bit arguments are whatever the program left there. */
    uint64_t arguments[10] = {1,
                              0,
                              0,
                              0,
                              0,
                              UINT64_C(0xdead00000000) | code,
                              (uint64_t)input,
                              UINT64_C(0xdead00000000) | size,
                              0,
                              0};
    struct nt_call call = {nt_row(nt_device_io_control), arguments};

    memset(&wine, 0, sizeof wine);
    nt_personality.network = mode;
    return nt_device_io_control(&call);
}

struct address {
    const char *what; /* as the log has it */
    uint32_t size;
    unsigned char bytes[40];
};

#define IPV4(a, b, c, d)                                                                           \
    {                                                                                              \
        2, 0, 0x1f, 0x90, a, b, c, d                                                               \
    }
#define IPV6(...)                                                                                  \
    {                                                                                              \
        23, 0, 0x1f, 0x90, 0, 0, 0, 0, __VA_ARGS__                                                 \
    }

/* Nothing of these leaves the machine, or Wine refuses them for their length. */
static const struct address staying[] = {
    {"loopback", 16, IPV4(127, 0, 0, 1)},
    {"loopback", 16, IPV4(127, 255, 255, 254)},
    {"loopback, longer than Windows'", 40, IPV4(127, 0, 0, 1)},
    {"too short for IPv4", 7, IPV4(192, 0, 2, 1)},
    {"a family alone", 2, {2}},
    {"IPv6 loopback", 28, IPV6([8 + 15] = 1)},
    {"IPv6 loopback, the old size", 24, IPV6([8 + 15] = 1)},
    {"mapped loopback", 28, IPV6([8 + 10] = 0xff, 0xff, 127, 0, 0, 1)},
    {"too short for IPv6", 23, IPV6(0x20, 0x01, 0x0d, 0xb8)},
    {"a path", 40, {1, 0, '/', 't', 'm', 'p'}},
};

static const struct address leaving[] = {
    {"192.0.2.1", 16, IPV4(192, 0, 2, 1)},
    {"192.0.2.1", 8, IPV4(192, 0, 2, 1)},
    {"126.255.255.255", 16, IPV4(126, 255, 255, 255)},
    {"128.0.0.0", 16, IPV4(128, 0, 0, 0)},
    {"0.0.0.1", 16, IPV4(0, 0, 0, 1)},
    {"255.255.255.255", 16, IPV4(255, 255, 255, 255)},
    {"224.0.0.251", 16, IPV4(224, 0, 0, 251)},
    {"2001:db8:0:0:0:0:0:1", 28, IPV6(0x20, 0x01, 0x0d, 0xb8, [8 + 15] = 1)},
    {"2001:db8:0:0:0:0:0:1", 24, IPV6(0x20, 0x01, 0x0d, 0xb8, [8 + 15] = 1)},
    {"ff02:0:0:0:0:0:0:1", 28, IPV6(0xff, 0x02, [8 + 15] = 1)},
    {"fe80:0:0:0:0:0:0:1", 28, IPV6(0xfe, 0x80, [8 + 15] = 1)},
    {"0:0:0:0:0:0:0:2", 28, IPV6([8 + 15] = 2)},
    {"0:0:0:0:0:ffff:c000:201", 28, IPV6([8 + 10] = 0xff, 0xff, 192, 0, 2, 1)},
    /* Not mapped: an old form, which Linux does not take for loopback. */
    {"0:0:0:0:0:0:7f00:1", 28, IPV6([8 + 12] = 127, 0, 0, 1)},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 28,
     IPV6(255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255)},
    {"family 6", 14, {6}},
    {"family 26", 40, {26}},
    {"family 32", 30, {32}},
    {"family 2050", 16, {2, 8}},
    {"family 65535", 2, {0xff, 0xff}},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The input of a control: `head` bytes, then the address. */
static uint32_t make_input(unsigned char *input, uint32_t head, const struct address *address)
{
    memset(input, 0x5a, head);
    memcpy(input + head, address->bytes, address->size);
    return head + address->size;
}

/* A control of sendto's, which names the address by pointer and length. */
static void make_send(unsigned char input[64], const void *address, uint32_t length)
{
    uint64_t pointer = (uint64_t)address;

    memset(input, 0x5a, 64);
    memcpy(input, &pointer, sizeof pointer);
    memcpy(input + 8, &length, sizeof length);
}

static ntstatus try(enum nt_network_mode mode, enum nt_network_use use,
                    const struct address *address)
{
    unsigned char input[64];
    uint32_t size;

    if (use == NT_NETWORK_SEND) {
        make_send(input, place(address->bytes, address->size), address->size);
        return control(mode, SEND, input, sizeof input);
    }
    size = make_input(input, use == NT_NETWORK_BIND ? 4 : 8, address);
    return control(mode, use == NT_NETWORK_BIND ? BIND : CONNECT, place(input, size), size);
}

/* ---- the log ---- */

static json_t *last_record(size_t *count)
{
    char line[4096], last[4096] = "null";
    FILE *file = fopen(log_path, "r");

    *count = 0;
    while (file && fgets(line, sizeof line, file)) {
        strcpy(last, line);
        ++*count;
    }
    if (file)
        fclose(file);
    return json_loads(last, JSON_DECODE_ANY, NULL);
}

static void assert_recorded(size_t before, const char *operation, const char *address,
                            const char *port)
{
    size_t count;
    json_t *record = last_record(&count);

    assert_int_equal(count, before + 1);
    assert_string_equal(json_string_value(json_object_get(record, "event")), "network");
    assert_string_equal(json_string_value(json_object_get(record, "operation")), operation);
    assert_string_equal(json_string_value(json_object_get(record, "address")), address);
    assert_string_equal(json_string_value(json_object_get(record, "port")), port);
    json_decref(record);
}

static size_t records(void)
{
    size_t count;

    json_decref(last_record(&count));
    return count;
}

/* ---- the tests ---- */

static const enum nt_network_use address_uses[] = {NT_NETWORK_BIND, NT_NETWORK_CONNECT,
                                                   NT_NETWORK_SEND};
static const char *const words[] = {
    [NT_NETWORK_BIND] = "bind", [NT_NETWORK_CONNECT] = "connect", [NT_NETWORK_SEND] = "send"};

static void what_stays_is_made(void **state)
{
    size_t before = records();

    (void)state;
    for (size_t use = 0; use < COUNT(address_uses); use++)
        for (size_t i = 0; i < COUNT(staying); i++)
            for (int mode = NT_NETWORK_OPEN; mode <= NT_NETWORK_REFUSED; mode++) {
                assert_int_equal(try(mode, address_uses[use], &staying[i]), STATUS_PENDING);
                assert_int_equal(wine.calls, 1);
                if (address_uses[use] != NT_NETWORK_SEND)
                    assert_memory_equal(wine.bytes + (address_uses[use] == NT_NETWORK_BIND ? 4 : 8),
                                        staying[i].bytes, staying[i].size);
            }
    assert_int_equal(records(), before);
}

static bool has_port(const struct address *address)
{
    return strncmp(address->what, "family", 6) != 0;
}

static void what_leaves_is_refused_or_noted(void **state)
{
    (void)state;
    for (size_t use = 0; use < COUNT(address_uses); use++)
        for (size_t i = 0; i < COUNT(leaving); i++) {
            bool binds = address_uses[use] == NT_NETWORK_BIND;
            size_t before = records();

            assert_int_equal(try(NT_NETWORK_OPEN, address_uses[use], &leaving[i]), STATUS_PENDING);
            assert_int_equal(records(), before);
            assert_int_equal(try(NT_NETWORK_NOTED, address_uses[use], &leaving[i]), STATUS_PENDING);
            assert_int_equal(wine.calls, 1);
            assert_recorded(before, words[address_uses[use]], leaving[i].what,
                            has_port(&leaving[i]) ? "8080" : "");
            assert_int_equal(try(NT_NETWORK_REFUSED, address_uses[use], &leaving[i]),
                             binds ? STATUS_INVALID_ADDRESS_COMPONENT : STATUS_NETWORK_UNREACHABLE);
            assert_int_equal(wine.calls, 0);
            assert_recorded(before + 1, words[address_uses[use]], leaving[i].what,
                            has_port(&leaving[i]) ? "8080" : "");
        }
}

/* Who binds to any address is bound to loopback's, in each of its forms. */
static void any_address_is_bound_to_loopback(void **state)
{
    static const struct {
        struct address any, bound;
    } cases[] = {
        {{"", 16, IPV4(0, 0, 0, 0)}, {"", 16, IPV4(127, 0, 0, 1)}},
        {{"", 8, IPV4(0, 0, 0, 0)}, {"", 8, IPV4(127, 0, 0, 1)}},
        {{"", 28, IPV6(0)}, {"", 28, IPV6([8 + 15] = 1)}},
        {{"", 24, IPV6(0)}, {"", 24, IPV6([8 + 15] = 1)}},
        {{"", 28, IPV6([8 + 10] = 0xff, 0xff)},
         {"", 28, IPV6([8 + 10] = 0xff, 0xff, 127, 0, 0, 1)}},
        /* Linux takes no family at all for IPv4's, and Wine no address of it. */
        {{"", 16, {0}}, {"", 16, {2, 0, 0, 0, 127, 0, 0, 1}}},
        {{"", 28, {0, 0, 9, 9, 192, 0, 2, 1}}, {"", 28, {2, 0, 9, 9, 127, 0, 0, 1}}},
        {{"", 8, {0}}, {"", 8, {2, 0, 0, 0, 127, 0, 0, 1}}},
    };
    size_t before = records();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct address *any = &cases[i].any;

        for (int mode = NT_NETWORK_OPEN; mode <= NT_NETWORK_NOTED; mode++) {
            assert_int_equal(try(mode, NT_NETWORK_BIND, any), STATUS_PENDING);
            assert_memory_equal(wine.bytes + 4, any->bytes, any->size);
        }
        assert_int_equal(try(NT_NETWORK_REFUSED, NT_NETWORK_BIND, any), STATUS_PENDING);
        assert_int_equal(wine.size, 4 + any->size);
        assert_memory_equal(wine.bytes, "\x5a\x5a\x5a\x5a", 4);
        assert_memory_equal(wine.bytes + 4, cases[i].bound.bytes, any->size);
        /* What the program handed over is not changed. */
        assert_memory_equal(memory + PAGE - any->size, any->bytes, any->size);
        /* Connecting to it is connecting to this machine. */
        assert_int_equal(try(NT_NETWORK_REFUSED, NT_NETWORK_CONNECT, any), STATUS_PENDING);
        assert_memory_equal(wine.bytes + 8, any->bytes, any->size);
    }
    assert_int_equal(records(), before);
}

/* No family, and too short for loopback's address: never bound by Wine's own reading of it. */
static void no_family_and_no_room_is_not_bound(void **state)
{
    static const struct address none = {"", 8, {0}};

    (void)state;
    for (uint32_t size = 1; size < 8; size++) {
        struct address address = none;

        address.size = size;
        assert_int_equal(try(NT_NETWORK_REFUSED, NT_NETWORK_BIND, &address),
                         STATUS_INVALID_ADDRESS_COMPONENT);
        assert_int_equal(wine.calls, 0);
        assert_int_equal(try(NT_NETWORK_NOTED, NT_NETWORK_BIND, &address), STATUS_PENDING);
        assert_int_equal(try(NT_NETWORK_REFUSED, NT_NETWORK_CONNECT, &address), STATUS_PENDING);
        assert_int_equal(try(NT_NETWORK_REFUSED, NT_NETWORK_SEND, &address), STATUS_PENDING);
    }
}

/* Wine gets a copy: what was looked at cannot be changed any more. */
static void a_refusing_kernel_hands_on_copies(void **state)
{
    unsigned char input[64];
    uint32_t size = make_input(input, 8, &staying[0]);
    unsigned char *at = place(input, size);

    (void)state;
    assert_int_equal(control(NT_NETWORK_REFUSED, CONNECT, at, size), STATUS_PENDING);
    assert_true(wine.input != (uint64_t)at);
    assert_int_equal(control(NT_NETWORK_NOTED, CONNECT, at, size), STATUS_PENDING);
    assert_int_equal(wine.input, (uint64_t)at);
}

static void short_inputs_are_wines(void **state)
{
    static const struct {
        uint32_t code, longest;
    } cases[] = {{BIND, 4}, {CONNECT, 8}, {SEND, 31}};
    unsigned char bytes[64] = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (uint32_t size = 0; size <= cases[i].longest; size++) {
            unsigned char *at = place(bytes, size);

            assert_int_equal(control(NT_NETWORK_REFUSED, cases[i].code, at, size), STATUS_PENDING);
            assert_int_equal(wine.input, (uint64_t)at);
        }
    /* Nor are they looked at where nothing is there to be looked at. */
    assert_int_equal(control(NT_NETWORK_REFUSED, BIND, NULL, 0), STATUS_PENDING);
}

/* The data behind an address that is too short for its family is looked at as if it belonged to it:
 * no length that is said elsewhere in the input may make it pass. */
static void lengths_that_lie(void **state)
{
    unsigned char input[64];
    uint32_t size = make_input(input, 8, &leaving[0]), said[] = {0, 2, 7, 15, 0x7fffffff, ~0u};

    (void)state;
    for (size_t i = 0; i < COUNT(said); i++) {
        memcpy(input, &said[i], sizeof said[i]);
        assert_int_equal(control(NT_NETWORK_REFUSED, CONNECT, place(input, size), size),
                         STATUS_NETWORK_UNREACHABLE);
    }
    /* Of sendto's address no more is read than an address can be long. */
    for (uint32_t length = 128; length != 0; length = length == 128 ? 1 << 20 : length << 1) {
        unsigned char whole[128] = IPV4(192, 0, 2, 1);

        make_send(input, place(whole, sizeof whole), length);
        assert_int_equal(control(NT_NETWORK_REFUSED, SEND, input, sizeof input),
                         STATUS_NETWORK_UNREACHABLE);
    }
    make_send(input, place(leaving[0].bytes, 16), 0);
    assert_int_equal(control(NT_NETWORK_REFUSED, SEND, input, sizeof input), STATUS_PENDING);
}

/* Without an address a send goes to where the socket is connected. */
static void a_send_without_address_is_made(void **state)
{
    unsigned char input[64];

    (void)state;
    make_send(input, NULL, ~0u);
    assert_int_equal(control(NT_NETWORK_REFUSED, SEND, input, sizeof input), STATUS_PENDING);
    assert_int_equal(control(NT_NETWORK_REFUSED, SEND, place(input, 32), 32), STATUS_PENDING);
}

static void groups_are_not_joined(void **state)
{
    static const uint32_t codes[] = {0x001203bcu, 0x001203c0u, 0x00120424u};
    size_t before = records();

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        assert_int_equal(control(NT_NETWORK_REFUSED, codes[i], NULL, 0),
                         STATUS_NETWORK_UNREACHABLE);
        assert_int_equal(wine.calls, 0);
        assert_recorded(before + i, "join", "a group", "");
    }
    assert_int_equal(control(NT_NETWORK_NOTED, codes[0], NULL, 0), STATUS_PENDING);
    assert_int_equal(wine.calls, 1);
}

/* Every other control is Wine's, whatever its input. */
static void other_controls_are_not_looked_at(void **state)
{
    size_t before = records();

    (void)state;
    for (uint32_t function = 0; function < 4096; function++)
        for (uint32_t method = 0; method < 4; method++)
            for (uint32_t device = 0x00010000; device <= 0x00120000; device += 0x00110000) {
                uint32_t code = device | function << 2 | method;
                struct nt_network_request request;

                if (code == SEND) /* its input is read */
                    continue;
                if (!pwk_socket_control_request(code, 8, 64, &request)) {
                    assert_int_equal(control(NT_NETWORK_REFUSED, code, NULL, 0), STATUS_PENDING);
                    continue;
                }
                assert_true(code == BIND || code == CONNECT || code == 0x001203bcu ||
                            code == 0x001203c0u || code == 0x00120424u);
            }
    assert_int_equal(records(), before);
}

static void names_are_not_asked_for(void **state)
{
    size_t before = records();

    (void)state;
    nt_personality.network = NT_NETWORK_NOTED;
    assert_true(nt_network_may_ask("pwk.test"));
    nt_personality.network = NT_NETWORK_REFUSED;
    assert_false(nt_network_may_ask("pwk.test"));
    assert_recorded(before, "resolve", "pwk.test", "");
    assert_false(nt_network_may_ask(NULL));
    assert_recorded(before + 1, "resolve", "", "");
    assert_false(nt_network_may_ask("\"\n\x01\xff"));
    assert_int_equal(records(), before + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_is_made),
        cmocka_unit_test(what_leaves_is_refused_or_noted),
        cmocka_unit_test(any_address_is_bound_to_loopback),
        cmocka_unit_test(no_family_and_no_room_is_not_bound),
        cmocka_unit_test(a_refusing_kernel_hands_on_copies),
        cmocka_unit_test(short_inputs_are_wines),
        cmocka_unit_test(lengths_that_lie),
        cmocka_unit_test(a_send_without_address_is_made),
        cmocka_unit_test(groups_are_not_joined),
        cmocka_unit_test(other_controls_are_not_looked_at),
        cmocka_unit_test(names_are_not_asked_for),
    };

    return cmocka_run_group_tests_name("network", tests, start, stop);
}
