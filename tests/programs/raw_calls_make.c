/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raw_calls_make.c - see raw_calls.h.
 */
#include "raw_calls.h"

#include <stdio.h>
#include <string.h>

volatile ULONG raw_number;

__asm__(".text\n.globl raw_call\n.globl raw_call7\n.globl raw_call12\n"
        "raw_call:\nraw_call7:\nraw_call12:\n\t"
        "movq %rcx, %r10\n\t"
        "movl raw_number(%rip), %eax\n\t"
        "syscall\n\t"
        "ret\n"
        ".balign 16\n.globl raw_site\n"
        "raw_site:\n\t"
        ".byte 0x4c, 0x8b, 0xd1, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3\n");

void put_raw_call(void *code, ULONG number)
{
    static const BYTE call[] = {0x4c, 0x8b, 0xd1, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};

    memcpy(code, call, sizeof call);
    memcpy((BYTE *)code + 4, &number, sizeof number);
}

static ULONG number_at(const BYTE *stub)
{
    static const BYTE start[] = {0x4c, 0x8b, 0xd1, 0xb8};
    ULONG number = 0;

    if (stub && memcmp(stub, start, sizeof start) == 0)
        memcpy(&number, stub + sizeof start, sizeof number);
    return number;
}

ULONG stub_number_in(HMODULE library, const char *service)
{
    return number_at((const BYTE *)(ULONG_PTR)GetProcAddress(library, service));
}

ULONG stub_number(const char *service)
{
    return stub_number_in(GetModuleHandleA("ntdll.dll"), service);
}

static int has_number(HMODULE library, ULONG number)
{
    const BYTE *base = (const BYTE *)library;
    const IMAGE_NT_HEADERS *headers =
        (const void *)(base + ((const IMAGE_DOS_HEADER *)base)->e_lfanew);
    const IMAGE_EXPORT_DIRECTORY *exports =
        (const void *)(base + headers->OptionalHeader.DataDirectory[0].VirtualAddress);
    const DWORD *names = (const DWORD *)(base + exports->AddressOfNames);
    const DWORD *functions = (const DWORD *)(base + exports->AddressOfFunctions);
    const WORD *ordinals = (const WORD *)(base + exports->AddressOfNameOrdinals);

    for (DWORD i = 0; i < exports->NumberOfNames; i++) {
        const BYTE *stub = base + functions[ordinals[i]];

        if (memcmp(base + names[i], "Nt", 2) == 0 && stub[0] == 0x4c && number_at(stub) == number)
            return 1;
    }
    return 0;
}

int is_service_number(ULONG number)
{
    return has_number(GetModuleHandleA("ntdll.dll"), number) ||
           has_number(LoadLibraryA("win32u.dll"), number);
}

/* Laid out as Wine's stubs are: the dispatcher returns to 0xb bytes before the end of its call. */
ULONG_PTR call_by_stub(ULONG number)
{
    static const BYTE tail[] = {0xeb, 0x06, 0xcc, 0xcc, 0xc3, 0xcc, 0xcc, 0xcc,  /* jmp; ret */
                                0xff, 0x14, 0x25, 0x00, 0x10, 0xfe, 0x7f, 0xc3}; /* call */
    BYTE *code = VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    ULONG_PTR answer;

    put_raw_call(code, number);
    memset(code + 8, 0x90, 8);
    memcpy(code + 16, tail, sizeof tail);
    answer = ((raw_function)code)(0, 0, 0, 0, 0, 0);
    VirtualFree(code, 0, MEM_RELEASE);
    return answer;
}

/* rbx holds the struct; rbp, rsi, rdi and r12 to r15 get values of their own, xmm6 is taken for all
 * vector registers. */
#define SET_REGISTERS                                                                              \
    "pushq %%rbp\n\tsubq $0x48, %%rsp\n\t"                                                         \
    "movq %%rsp, %%r15\n\t"                                                                        \
    "movl $0x11223344, %%esi\n\tmovl $0x22334455, %%edi\n\tmovl $0x33445566, %%ebp\n\t"            \
    "movl $0x44556677, %%r12d\n\tmovl $0x55667788, %%r13d\n\tmovl $0x66778899, %%r14d\n\t"         \
    "movq %%r14, %%xmm6\n\t"
#define READ_REGISTERS                                                                             \
    "1:\n\t"                                                                                       \
    "pushfq\n\tcld\n\tpopq 0x30(%%rbx)\n\t"                                                        \
    "movq %%rax, 0x18(%%rbx)\n\tmovq %%rcx, 0x20(%%rbx)\n\tmovq %%r11, 0x28(%%rbx)\n\t"            \
    "leaq 1b(%%rip), %%rax\n\tmovq %%rax, 0x40(%%rbx)\n\t"                                         \
    "subq %%rsp, %%r15\n\tmovq %%xmm6, %%rax\n\tsubq %%r14, %%rax\n\torq %%rax, %%r15\n\t"         \
    "subq $0x11223344, %%rsi\n\tsubq $0x22334455, %%rdi\n\tsubq $0x33445566, %%rbp\n\t"            \
    "subq $0x44556677, %%r12\n\tsubq $0x55667788, %%r13\n\tsubq $0x66778899, %%r14\n\t"            \
    "orq %%rsi, %%r15\n\torq %%rdi, %%r15\n\torq %%rbp, %%r15\n\torq %%r12, %%r15\n\t"             \
    "orq %%r13, %%r15\n\torq %%r14, %%r15\n\tmovq %%r15, 0x38(%%rbx)\n\t"                          \
    "addq $0x48, %%rsp\n\tpopq %%rbp\n\t"
#define REGISTERS_CHANGED                                                                          \
    "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",       \
        "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6"

void call_with_registers(struct register_call *call)
{
    __asm__ volatile(SET_REGISTERS "movq 0x08(%%rbx), %%r10\n\tmovq 0x00(%%rbx), %%rax\n\t"
                                   "pushq 0x10(%%rbx)\n\tpopfq\n\t"
                                   "syscall\n" READ_REGISTERS
                     :
                     : "b"(call)
                     : REGISTERS_CHANGED);
}

/* The number in the site is written when it is first used. */
static BYTE *register_site(ULONG number)
{
    extern BYTE raw_register_site[];
    DWORD old;

    VirtualProtect(raw_register_site, 8, PAGE_EXECUTE_READWRITE, &old);
    memcpy(raw_register_site + 1, &number, sizeof number);
    VirtualProtect(raw_register_site, 8, old, &old);
    return raw_register_site;
}

__attribute__((noinline)) void call_site_with_registers(struct register_call *call)
{
    static BYTE *site;

    if (!site)
        site = register_site((ULONG)call->number);
    __asm__ volatile(SET_REGISTERS "movq 0x08(%%rbx), %%r10\n\t"
                                   "pushq 0x10(%%rbx)\n\tpopfq\n\t"
                                   ".balign 8, 0x90\n\t"
                                   ".globl raw_register_site\nraw_register_site:\n\t"
                                   "movl $0, %%eax\n\tsyscall\n" READ_REGISTERS
                     :
                     : "b"(call)
                     : REGISTERS_CHANGED);
}

void set_raw_site(ULONG number)
{
    BYTE *site = (BYTE *)(ULONG_PTR)raw_site;
    DWORD old;

    VirtualProtect(site, 16, PAGE_EXECUTE_READWRITE, &old);
    memcpy(site + 4, &number, sizeof number);
    VirtualProtect(site, 16, old, &old);
}

static void make_string(UNICODE_STRING *string, WCHAR *buffer, size_t size, const char *text)
{
    string->Length = (USHORT)(_snwprintf(buffer, size, L"%hs", text) * sizeof(WCHAR));
    string->MaximumLength = string->Length;
    string->Buffer = buffer;
}

int read_registry_raw(const char *key, const char *value, char *data, size_t size)
{
    struct {
        ULONG index, type, length;
        WCHAR text[256];
    } information;
    char path[512];
    WCHAR buffers[2][512];
    UNICODE_STRING name, value_name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle = NULL;
    ULONG needed;
    ULONG_PTR status;

    snprintf(path, sizeof path, "\\Registry\\Machine\\%s", key);
    make_string(&name, buffers[0], 512, path);
    make_string(&value_name, buffers[1], 512, value);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    raw_number = stub_number("NtOpenKey");
    if (raw_call((ULONG_PTR)&handle, KEY_READ, (ULONG_PTR)&attributes, 0, 0, 0) != 0)
        return 0;
    raw_number = stub_number("NtQueryValueKey");
    status = raw_call((ULONG_PTR)handle, (ULONG_PTR)&value_name, 2, (ULONG_PTR)&information,
                      sizeof information, (ULONG_PTR)&needed);
    raw_number = stub_number("NtClose");
    if (raw_call((ULONG_PTR)handle, 0, 0, 0, 0, 0) != 0 || status != 0 ||
        information.type != REG_SZ)
        return 0;
    snprintf(data, size, "%ls", information.text);
    return 1;
}
