/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_numbers.c - a Windows program that brings the numbers of its system calls itself, as
 * protectors and malware do that were made for one build of Windows. Its arguments are the numbers,
 * SERVICE=NUMBER; for each service that it knows a use of, it makes the call natively and looks at
 * what that has done by ordinary means. One line a service: "SERVICE ok" or "SERVICE FAILED".
 *
 *   windows_numbers FOLDER SERVICE=NUMBER...   FOLDER: where files may be made, a Windows path
 *   windows_numbers answer NUMBER              one call with arguments of 0: prints the answer
 *   windows_numbers stub SERVICE               the number in a stub of the ntdll in use
 */
#include "raw_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef ULONG_PTR a;

#define MAX_NUMBERS 32

static struct {
    const char *service;
    ULONG number;
} numbers[MAX_NUMBERS];
static int number_count;
static const char *folder;

/* A native call of a service by the number that was brought, with twelve arguments. */
static NTSTATUS call(const char *service, a p1, a p2, a p3, a p4, a p5, a p6, a p7, a p8, a p9,
                     a p10, a p11)
{
    for (int i = 0; i < number_count; i++) {
        if (strcmp(numbers[i].service, service) != 0)
            continue;
        raw_number = numbers[i].number;
        return (NTSTATUS)raw_call12(p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, 0);
    }
    printf("no number of %s\n", service);
    exit(2);
}

static void make_attributes(OBJECT_ATTRIBUTES *attributes, UNICODE_STRING *name, WCHAR *buffer,
                            const char *text)
{
    name->Length = (USHORT)(_snwprintf(buffer, 512, L"%hs", text) * sizeof(WCHAR));
    name->MaximumLength = name->Length;
    name->Buffer = buffer;
    InitializeObjectAttributes(attributes, name, OBJ_CASE_INSENSITIVE, NULL, NULL);
}

static int is_open(HANDLE handle)
{
    DWORD flags;

    return GetHandleInformation(handle, &flags) != 0;
}

static int closes(void)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);

    return is_open(event) && call("NtClose", (a)event, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) == 0 &&
           !is_open(event);
}

static int sets_event(void)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    int result = WaitForSingleObject(event, 0) == WAIT_TIMEOUT &&
                 call("NtSetEvent", (a)event, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) == 0 &&
                 WaitForSingleObject(event, 0) == WAIT_OBJECT_0;

    CloseHandle(event);
    return result;
}

static int allocates(void)
{
    void *address = NULL;
    SIZE_T size = 0x3000;
    MEMORY_BASIC_INFORMATION information;

    return call("NtAllocateVirtualMemory", (a)GetCurrentProcess(), (a)&address, 0, (a)&size,
                MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE, 0, 0, 0, 0, 0) == 0 &&
           VirtualQuery(address, &information, sizeof information) != 0 &&
           information.State == MEM_COMMIT && information.Protect == PAGE_READWRITE &&
           information.RegionSize == 0x3000;
}

static int queries_process(void)
{
    PROCESS_BASIC_INFORMATION information = {0};

    return call("NtQueryInformationProcess", (a)GetCurrentProcess(), 0, (a)&information,
                sizeof information, 0, 0, 0, 0, 0, 0, 0) == 0 &&
           information.UniqueProcessId == GetCurrentProcessId();
}

static int opens_process(void)
{
    struct {
        a process, thread;
    } id = {GetCurrentProcessId(), 0};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    HANDLE process = NULL;
    int result = call("NtOpenProcess", (a)&process, PROCESS_QUERY_INFORMATION, (a)&attributes,
                      (a)&id, 0, 0, 0, 0, 0, 0, 0) == 0 &&
                 GetProcessId(process) == id.process;

    CloseHandle(process);
    return result;
}

/* Eleven arguments: seven of them on the stack. */
static int creates_file(void)
{
    char path[512], dos_path[512];
    WCHAR buffer[512];
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK io = {0};
    HANDLE file = NULL;

    snprintf(dos_path, sizeof dos_path, "%s\\native.txt", folder);
    snprintf(path, sizeof path, "\\??\\%s", dos_path);
    DeleteFileA(dos_path);
    make_attributes(&attributes, &name, buffer, path);
    if (call("NtCreateFile", (a)&file, GENERIC_WRITE | SYNCHRONIZE, (a)&attributes, (a)&io, 0,
             FILE_ATTRIBUTE_NORMAL, 0, FILE_CREATE, FILE_SYNCHRONOUS_IO_NONALERT, 0, 0) != 0)
        return 0;
    CloseHandle(file);
    return io.Information == FILE_CREATED && DeleteFileA(dos_path);
}

static HKEY test_key(void)
{
    HKEY key = NULL;

    RegCreateKeyExA(HKEY_LOCAL_MACHINE, "Software\\pwk-numbers", 0, NULL, 0, KEY_ALL_ACCESS, NULL,
                    &key, NULL);
    return key;
}

static int sets_value(void)
{
    static const WCHAR data[] = L"native";
    WCHAR buffer[512];
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES unused;
    char text[16] = "";
    DWORD size = sizeof text;
    HKEY key = test_key();
    int result;

    make_attributes(&unused, &name, buffer, "Value");
    result = call("NtSetValueKey", (a)key, (a)&name, 0, REG_SZ, (a)data, sizeof data, 0, 0, 0, 0,
                  0) == 0 &&
             RegQueryValueExA(key, "Value", NULL, NULL, (BYTE *)text, &size) == 0 &&
             strcmp(text, "native") == 0;
    RegCloseKey(key);
    return result;
}

/* ---- services that Wine's ntdll has no number for ---- */

static void allow_backup(void)
{
    static const char *const names[] = {"SeBackupPrivilege", "SeRestorePrivilege"};
    HANDLE token;

    OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token);
    for (int i = 0; i < 2; i++) {
        TOKEN_PRIVILEGES privileges = {.PrivilegeCount = 1};

        LookupPrivilegeValueA(NULL, names[i], &privileges.Privileges[0].Luid);
        privileges.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
        AdjustTokenPrivileges(token, FALSE, &privileges, 0, NULL, NULL);
    }
    CloseHandle(token);
}

/* The third argument tells this service from NtSaveKey: REG_LATEST_FORMAT is a file of another
 * version. */
static int saves_key(void)
{
    char path[512], start[4] = "";
    HKEY key = test_key();
    DWORD read = 0, minor[2] = {0};

    for (int format = 1; format <= 2; format++) {
        HANDLE file;

        snprintf(path, sizeof path, "%s\\native.hiv", folder);
        file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
        if (call("NtSaveKeyEx", (a)key, (a)file, format, 0, 0, 0, 0, 0, 0, 0, 0) != 0)
            return 0;
        SetFilePointer(file, 0, NULL, FILE_BEGIN);
        ReadFile(file, start, 4, &read, NULL);
        SetFilePointer(file, 24, NULL, FILE_BEGIN);
        ReadFile(file, &minor[format - 1], 4, &read, NULL);
        CloseHandle(file);
        DeleteFileA(path);
    }
    RegCloseKey(key);
    return memcmp(start, "regf", 4) == 0 && minor[0] != minor[1];
}

static int locks_key(void)
{
    HKEY key = test_key();
    NTSTATUS status = call("NtLockRegistryKey", (a)key, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    RegCloseKey(key);
    /* It asks for a privilege that this program has not enabled. */
    return status == (NTSTATUS)0xc0000061;
}

/* Five arguments: one on the stack where System V has it in a register. The length comes back by
 * the last. */
static int queries_transaction(void)
{
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    HANDLE transaction = NULL;
    struct {
        GUID id;
        ULONG state, outcome;
    } information = {0};
    ULONG needed = 0;
    int result =
        call("NtCreateTransaction", (a)&transaction, 0x12003f, (a)&attributes, 0, 0, 0, 0, 0, 0, 0,
             0) == 0 &&
        call("NtQueryInformationTransaction", (a)transaction, 0, (a)&information,
             sizeof information, (a)&needed, 0, 0, 0, 0, 0, 0) == 0 &&
        needed == sizeof information && information.state == 1 &&
        call("NtRollbackTransaction", (a)transaction, TRUE, 0, 0, 0, 0, 0, 0, 0, 0, 0) == 0;

    CloseHandle(transaction);
    return result;
}

/* ---- the program ---- */

static const struct {
    const char *service;
    int (*check)(void);
} checks[] = {
    {"NtClose", closes},
    {"NtSetEvent", sets_event},
    {"NtAllocateVirtualMemory", allocates},
    {"NtQueryInformationProcess", queries_process},
    {"NtOpenProcess", opens_process},
    {"NtCreateFile", creates_file},
    {"NtSetValueKey", sets_value},
    {"NtSaveKeyEx", saves_key},
    {"NtLockRegistryKey", locks_key},
    {"NtQueryInformationTransaction", queries_transaction},
};

static int run_checks(int count, char **words)
{
    int failed = 0;

    for (int i = 0; i < count && number_count < MAX_NUMBERS; i++) {
        char *equals = strchr(words[i], '=');

        if (!equals)
            return 3;
        *equals = 0;
        numbers[number_count].service = words[i];
        numbers[number_count++].number = strtoul(equals + 1, NULL, 0);
    }
    allow_backup();
    for (unsigned i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        int works = checks[i].check();

        printf("%s %s\n", checks[i].service, works ? "ok" : "FAILED");
        fflush(stdout);
        failed |= !works;
    }
    RegDeleteKeyA(HKEY_LOCAL_MACHINE, "Software\\pwk-numbers");
    return failed;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "stub") == 0) {
        printf("0x%lx\n", stub_number(argv[2]));
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "answer") == 0) {
        raw_number = strtoul(argv[2], NULL, 0);
        printf("%lx\n", (ULONG)raw_call(0, 0, 0, 0, 0, 0));
        return 0;
    }
    if (argc < 3)
        return 3;
    folder = argv[1];
    return run_checks(argc - 2, argv + 2);
}
