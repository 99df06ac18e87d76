/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wild_pointers.c - a Windows program that hands the registry's services pointers to memory that
 * is not there, or ends in the middle: each answers STATUS_ACCESS_VIOLATION, and the registers that
 * a callee keeps ("x64 calling convention", Microsoft) are kept then too. Not for stock Wine, which
 * ends a program whose pointer wineserver's answer cannot be read to.
 */
#include "winetests/nt_calls.h"

#include "winetests/check.h"

#define MOST_ARGUMENTS 12
#define WILD ((ULONG_PTR)0x10)
#define PAGE 4096
#define LONG_VALUE 2000 /* bytes: long enough for the widest ways of a C library's memcpy */

struct registers {
    UINT64 vectors[10][2]; /* xmm6 to xmm15 */
    UINT64 general[6];     /* rsi rdi r12 r13 r14 r15 */
};

static HANDLE base, sub; /* \Registry\Machine\Software\pwk-wild-pointers and a key below */
static unsigned char *edge; /* the last byte that can be read and written: nothing follows */

/* Calls with a pattern in the registers of `before`; `after` is what the call leaves. */
static NTSTATUS call_with(void *function, const ULONG_PTR *arguments,
                          const struct registers *before, struct registers *after)
{
    /* In memory: the statement leaves no register for operands but four. */
    const void *in[] = {function, arguments, before, after}, **operands = in;
    UINT64 status;

    __asm__ volatile(
        "push %%rbp\n\tmov %%rsp, %%rbp\n\tsub $0x80, %%rsp\n\tand $-16, %%rsp\n\t"
        "mov %%rbx, 0x78(%%rsp)\n\t"
        "mov 8(%%rbx), %%rax\n\t" /* the arguments from the fifth on */
        "lea 0x20(%%rax), %%rsi\n\tlea 0x20(%%rsp), %%rdi\n\tmov $8, %%ecx\n\trep movsq\n\t"
        "mov 16(%%rbx), %%rcx\n\t"
        "movdqu (%%rcx), %%xmm6\n\tmovdqu 16(%%rcx), %%xmm7\n\t"
        "movdqu 32(%%rcx), %%xmm8\n\tmovdqu 48(%%rcx), %%xmm9\n\t"
        "movdqu 64(%%rcx), %%xmm10\n\tmovdqu 80(%%rcx), %%xmm11\n\t"
        "movdqu 96(%%rcx), %%xmm12\n\tmovdqu 112(%%rcx), %%xmm13\n\t"
        "movdqu 128(%%rcx), %%xmm14\n\tmovdqu 144(%%rcx), %%xmm15\n\t"
        "mov 160(%%rcx), %%rsi\n\tmov 168(%%rcx), %%rdi\n\t"
        "mov 176(%%rcx), %%r12\n\tmov 184(%%rcx), %%r13\n\t"
        "mov 192(%%rcx), %%r14\n\tmov 200(%%rcx), %%r15\n\t"
        "mov (%%rbx), %%r11\n\t"
        "mov (%%rax), %%rcx\n\tmov 8(%%rax), %%rdx\n\tmov 16(%%rax), %%r8\n\t"
        "mov 24(%%rax), %%r9\n\t"
        "call *%%r11\n\t"
        "mov 0x78(%%rsp), %%rbx\n\tmov 24(%%rbx), %%rcx\n\t"
        "movdqu %%xmm6, (%%rcx)\n\tmovdqu %%xmm7, 16(%%rcx)\n\t"
        "movdqu %%xmm8, 32(%%rcx)\n\tmovdqu %%xmm9, 48(%%rcx)\n\t"
        "movdqu %%xmm10, 64(%%rcx)\n\tmovdqu %%xmm11, 80(%%rcx)\n\t"
        "movdqu %%xmm12, 96(%%rcx)\n\tmovdqu %%xmm13, 112(%%rcx)\n\t"
        "movdqu %%xmm14, 128(%%rcx)\n\tmovdqu %%xmm15, 144(%%rcx)\n\t"
        "mov %%rsi, 160(%%rcx)\n\tmov %%rdi, 168(%%rcx)\n\t"
        "mov %%r12, 176(%%rcx)\n\tmov %%r13, 184(%%rcx)\n\t"
        "mov %%r14, 192(%%rcx)\n\tmov %%r15, 200(%%rcx)\n\t"
        "mov %%rbp, %%rsp\n\tpop %%rbp"
        : "=a"(status), "+b"(operands)
        :
        : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
          "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
    return (NTSTATUS)status;
}

enum { KEY = 1, SUB, NAME, ATTRIBUTES, PLACE, ENTRIES }; /* in place of an argument: see fill */
#define POINTER 0x10000000 /* a wild pointer is tried in its place */
#define FILLED 0x20000000  /* one of the enumeration; else a number */
#define GIVEN(what) (FILLED | (what))
#define TRIED(what) (POINTER | FILLED | (what))

static const struct service {
    const char *name;
    unsigned arguments[MOST_ARGUMENTS];
} services[] = {
    {"NtCreateKey", {TRIED(PLACE), KEY_READ, TRIED(ATTRIBUTES), 0, POINTER, 0, TRIED(PLACE)}},
    {"NtOpenKey", {TRIED(PLACE), KEY_READ, TRIED(ATTRIBUTES)}},
    {"NtOpenKeyEx", {TRIED(PLACE), KEY_READ, TRIED(ATTRIBUTES), 0}},
    {"NtSetValueKey", {GIVEN(KEY), TRIED(NAME), 0, REG_BINARY, TRIED(PLACE), LONG_VALUE}},
    {"NtDeleteValueKey", {GIVEN(KEY), TRIED(NAME)}},
    {"NtRenameKey", {GIVEN(SUB), TRIED(NAME)}},
    {"NtQueryKey", {GIVEN(KEY), KeyFullInformation, TRIED(PLACE), LONG_VALUE, TRIED(PLACE)}},
    {"NtEnumerateKey",
     {GIVEN(KEY), 0, KeyNodeInformation, TRIED(PLACE), LONG_VALUE, TRIED(PLACE)}},
    {"NtEnumerateValueKey",
     {GIVEN(KEY), 0, KeyValueFullInformation, TRIED(PLACE), 2 * LONG_VALUE, TRIED(PLACE)}},
    {"NtQueryValueKey",
     {GIVEN(KEY), TRIED(NAME), KeyValuePartialInformation, TRIED(PLACE), 2 * LONG_VALUE,
      TRIED(PLACE)}},
    {"NtQueryMultipleValueKey",
     {GIVEN(KEY), TRIED(ENTRIES), 1, TRIED(PLACE), TRIED(PLACE), TRIED(PLACE)}},
    {"NtQueryObject",
     {GIVEN(KEY), 1 /* ObjectNameInformation */, TRIED(PLACE), LONG_VALUE, TRIED(PLACE)}},
    {"NtQuerySecurityObject",
     {GIVEN(KEY), OWNER_SECURITY_INFORMATION, TRIED(PLACE), LONG_VALUE, TRIED(PLACE)}},
    {"NtSetSecurityObject", {GIVEN(KEY), OWNER_SECURITY_INFORMATION, POINTER}},
    {"NtLoadKey", {TRIED(ATTRIBUTES), GIVEN(ATTRIBUTES)}},
    {"NtUnloadKey", {TRIED(ATTRIBUTES)}},
};

/* What the arguments point to; made anew for each call. */
static struct {
    UNICODE_STRING name, sub_key;
    OBJECT_ATTRIBUTES attributes;
    struct {
        UNICODE_STRING *name;
        ULONG length, offset, type;
    } entries[1];
    /* The first four bytes are a length too, to where one is read. */
    unsigned char places[MOST_ARGUMENTS][2 * LONG_VALUE];
} given;

static void set_value(void)
{
    static unsigned char data[LONG_VALUE];
    UNICODE_STRING value;

    RtlInitUnicodeString(&value, L"value");
    memset(data, 'd', sizeof(data));
    status_is(NtSetValueKey(base, &value, 0, REG_BINARY, data, sizeof(data)), STATUS_SUCCESS);
}

static void fill(const struct service *service, ULONG_PTR *arguments)
{
    set_value(); /* where the last call has taken it away */
    RtlInitUnicodeString(&given.name, L"value");
    RtlInitUnicodeString(&given.sub_key, L"sub");
    InitializeObjectAttributes(&given.attributes, &given.sub_key, OBJ_CASE_INSENSITIVE, base, NULL);
    given.entries[0].name = &given.name;
    memset(given.places, 0, sizeof(given.places));
    for (int i = 0; i < MOST_ARGUMENTS; i++) {
        const ULONG_PTR whats[] = {0, (ULONG_PTR)base, (ULONG_PTR)sub,
                                   (ULONG_PTR)&given.name,
                                   (ULONG_PTR)&given.attributes,
                                   (ULONG_PTR)given.places[i],
                                   (ULONG_PTR)given.entries};
        unsigned argument = service->arguments[i];

        given.places[i][1] = LONG_VALUE >> 8;
        arguments[i] = argument & FILLED ? whats[argument & 0xff] : argument & ~POINTER;
    }
}

/* What is at the edge is as it would be inside, as far as it goes. */
static ULONG_PTR at_edge(ULONG_PTR whole, unsigned bytes)
{
    if (whole)
        memcpy(edge - bytes, (const void *)whole, bytes);
    return (ULONG_PTR)(edge - bytes);
}

static void test_kept(const struct service *service, void *function, const ULONG_PTR *arguments,
                      int argument, unsigned bytes, BOOL must_fault)
{
    struct registers before, after;
    NTSTATUS status;

    for (unsigned i = 0; i < sizeof(before); i++)
        ((unsigned char *)&before)[i] = (unsigned char)(0x41 + i * 7);
    memset(&after, 0, sizeof(after));
    status = call_with(function, arguments, &before, &after);
    for (int i = 0; i < 10; i++)
        ok(!memcmp(before.vectors[i], after.vectors[i], sizeof(before.vectors[i])),
           "%s: argument %d, %u bytes there: xmm%d is lost (%08lx)", service->name, argument, bytes,
           6 + i, (long)status);
    ok(!memcmp(before.general, after.general, sizeof(before.general)),
       "%s: argument %d, %u bytes there: a general register is lost", service->name, argument,
       bytes);
    if (must_fault)
        ok(status == STATUS_ACCESS_VIOLATION, "%s: argument %d: %08lx", service->name, argument,
           (long)status);
}

static void test_service(const struct service *service)
{
    static const unsigned there[] = {1, 4, 8, 12, 24, 100, 200, 500, 1000, 1900};
    void *function = GetProcAddress(GetModuleHandleA("ntdll.dll"), service->name);
    ULONG_PTR arguments[MOST_ARGUMENTS], whole;

    if (!function)
        return; /* not in Wine 8.0's */
    for (int i = 0; i < MOST_ARGUMENTS; i++) {
        if (!(service->arguments[i] & POINTER))
            continue;
        fill(service, arguments);
        whole = arguments[i];
        arguments[i] = WILD;
        test_kept(service, function, arguments, i, 0, TRUE);
        for (unsigned j = 0; j < sizeof(there) / sizeof(there[0]); j++) {
            fill(service, arguments);
            arguments[i] = at_edge(whole, there[j]);
            test_kept(service, function, arguments, i, there[j], FALSE);
        }
    }
}

static void make_base(void)
{
    HANDLE software;

    open_under(&software, NULL, L"\\Registry\\Machine\\Software", KEY_ALL_ACCESS);
    status_is(create_under(&base, software, L"pwk-wild-pointers", KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(create_under(&sub, base, L"sub", KEY_ALL_ACCESS), STATUS_SUCCESS);
    NtClose(software);
}

int main(int argc, char **argv)
{
    DWORD before;

    begin_unit(argc, argv);
    make_base();
    edge = (unsigned char *)VirtualAlloc(NULL, 2 * PAGE, MEM_COMMIT | MEM_RESERVE,
                                         PAGE_READWRITE) + PAGE;
    ok(VirtualProtect(edge, PAGE, PAGE_NOACCESS, &before), "no edge: %lu", GetLastError());
    for (unsigned i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        test_service(&services[i]);
    RegDeleteTreeW(HKEY_LOCAL_MACHINE, L"Software\\pwk-wild-pointers");
    return report();
}
