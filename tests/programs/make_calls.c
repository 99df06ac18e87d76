/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * make_calls.c - a Windows program that makes an exact number of NT service calls of one kind,
 * for the test of the statistics.
 *
 *   make_calls registry N   N successful NtQueryValueKey
 *   make_calls errors N     N NtOpenKey that fail
 *   make_calls memory N     commits N blocks of 64 KiB
 *   make_calls write N      N NtWriteFile of one byte
 *   make_calls read N       N NtReadFile of one byte
 *   make_calls control N    N device controls
 *   make_calls vectors N    N NtQueryValueKey that must leave xmm6 to xmm15 as they are
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winioctl.h>

static LONG read_registry(unsigned long count)
{
    LONG status = ERROR_SUCCESS;
    DWORD size, type;
    BYTE data[256];
    HKEY key;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion", 0,
                      KEY_READ, &key))
        return 1;
    for (unsigned long i = 0; i < count && status == ERROR_SUCCESS; i++) {
        size = sizeof(data);
        status = RegQueryValueExW(key, L"CurrentVersion", NULL, &type, data, &size);
    }
    RegCloseKey(key);
    return status;
}

/* One call of a service with six arguments between two readings of the vector registers that the
 * callee must keep ("x64 calling convention"). */
struct vector_call {
    void *service;
    ULONG_PTR arguments[6];
    BYTE before[10][16], after[10][16];
    ULONG_PTR status;
};

static void call_with_vectors(struct vector_call *call)
{
    __asm__ volatile("leaq 0x38(%%rbx), %%rax\n\t"
                     "movups 0x00(%%rax), %%xmm6\n\tmovups 0x10(%%rax), %%xmm7\n\t"
                     "movups 0x20(%%rax), %%xmm8\n\tmovups 0x30(%%rax), %%xmm9\n\t"
                     "movups 0x40(%%rax), %%xmm10\n\tmovups 0x50(%%rax), %%xmm11\n\t"
                     "movups 0x60(%%rax), %%xmm12\n\tmovups 0x70(%%rax), %%xmm13\n\t"
                     "movups 0x80(%%rax), %%xmm14\n\tmovups 0x90(%%rax), %%xmm15\n\t"
                     "movq %%rsp, %%r12\n\tandq $-16, %%rsp\n\tsubq $0x30, %%rsp\n\t"
                     "movq 0x28(%%rbx), %%rax\n\tmovq %%rax, 0x20(%%rsp)\n\t"
                     "movq 0x30(%%rbx), %%rax\n\tmovq %%rax, 0x28(%%rsp)\n\t"
                     "movq 0x08(%%rbx), %%rcx\n\tmovq 0x10(%%rbx), %%rdx\n\t"
                     "movq 0x18(%%rbx), %%r8\n\tmovq 0x20(%%rbx), %%r9\n\t"
                     "call *0x00(%%rbx)\n\t"
                     "movq %%r12, %%rsp\n\tmovl %%eax, 0x178(%%rbx)\n\t"
                     "leaq 0xd8(%%rbx), %%rax\n\t"
                     "movups %%xmm6, 0x00(%%rax)\n\tmovups %%xmm7, 0x10(%%rax)\n\t"
                     "movups %%xmm8, 0x20(%%rax)\n\tmovups %%xmm9, 0x30(%%rax)\n\t"
                     "movups %%xmm10, 0x40(%%rax)\n\tmovups %%xmm11, 0x50(%%rax)\n\t"
                     "movups %%xmm12, 0x60(%%rax)\n\tmovups %%xmm13, 0x70(%%rax)\n\t"
                     "movups %%xmm14, 0x80(%%rax)\n\tmovups %%xmm15, 0x90(%%rax)\n\t"
                     :
                     : "b"(call)
                     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "memory", "cc", "xmm0",
                       "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

/* In turn a value that is there, one too large for the buffer, and one that is not there. */
static int keep_vectors(unsigned long count)
{
    static const WCHAR *const names[] = {L"CurrentVersion", L"ProductName", L"pwk no such value"};
    struct vector_call call = {(void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtQueryValueKey")};
    struct {
        USHORT length, maximum;
        WCHAR *buffer;
    } name;
    DWORD data[64], needed;
    HKEY key;

    if (!call.service || RegOpenKeyExA(HKEY_LOCAL_MACHINE,
                                       "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion", 0,
                                       KEY_READ, &key))
        return 1;
    for (unsigned long i = 0; i < count; i++) {
        name.buffer = (WCHAR *)names[i % 3];
        name.length = name.maximum = (USHORT)(wcslen(name.buffer) * sizeof(WCHAR));
        call.arguments[0] = (ULONG_PTR)key;
        call.arguments[1] = (ULONG_PTR)&name;
        call.arguments[2] = 2; /* KeyValuePartialInformation */
        call.arguments[3] = (ULONG_PTR)data;
        call.arguments[4] = i % 3 == 1 ? 16 : sizeof(data);
        call.arguments[5] = (ULONG_PTR)&needed;
        memset(call.before, (int)(i % 255) + 1, sizeof(call.before));
        call_with_vectors(&call);
        if (memcmp(call.before, call.after, sizeof(call.before)) ||
            (DWORD)call.status != (i % 3 == 0 ? 0 : i % 3 == 1 ? 0x80000005 : 0xc0000034))
            return 1;
    }
    RegCloseKey(key);
    return 0;
}

static LONG open_missing_keys(unsigned long count)
{
    HKEY software, key;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, "SOFTWARE", 0, KEY_READ, &software))
        return 1;
    for (unsigned long i = 0; i < count; i++) {
        if (RegOpenKeyExW(software, L"pwk-no-such-key", 0, KEY_READ, &key) == ERROR_SUCCESS)
            return 1;
    }
    RegCloseKey(software);
    return 0;
}

static LONG commit_memory(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        if (!VirtualAlloc(NULL, 65536, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE))
            return 1;
    }
    return 0;
}

/* One file, opened and given a byte each time, so that what comes before the counted calls is the
 * same whatever the count is. */
static LONG use_file(const char *what, unsigned long count)
{
    char folder[MAX_PATH], path[MAX_PATH], byte = 'x';
    DWORD done;
    HANDLE file;
    LONG status;

    GetTempPathA(sizeof(folder), folder);
    GetTempFileNameA(folder, "pwk", 0, path);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                       FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return 1;
    status = !WriteFile(file, &byte, 1, &done, NULL);
    for (unsigned long i = 0; i < count && status == 0; i++) {
        OVERLAPPED at_start = {0};

        if (strcmp(what, "write") == 0)
            status = !WriteFile(file, &byte, 1, &done, NULL);
        else if (strcmp(what, "read") == 0)
            status = !ReadFile(file, &byte, 1, &done, &at_start);
        else /* a plain file refuses it, but it is a device control all the same */
            DeviceIoControl(file, IOCTL_DISK_CHECK_VERIFY, NULL, 0, NULL, 0, &done, NULL);
    }
    CloseHandle(file);
    return status;
}

int main(int argc, char **argv)
{
    unsigned long count;

    if (argc != 3)
        return 3;
    count = strtoul(argv[2], NULL, 10);
    if (strcmp(argv[1], "registry") == 0)
        return read_registry(count) != ERROR_SUCCESS;
    if (strcmp(argv[1], "vectors") == 0)
        return keep_vectors(count);
    if (strcmp(argv[1], "errors") == 0)
        return open_missing_keys(count) != 0;
    if (strcmp(argv[1], "memory") == 0)
        return commit_memory(count) != 0;
    if (strcmp(argv[1], "write") == 0 || strcmp(argv[1], "read") == 0 ||
        strcmp(argv[1], "control") == 0)
        return use_file(argv[1], count) != 0;
    return 3;
}
