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
    if (strcmp(argv[1], "errors") == 0)
        return open_missing_keys(count) != 0;
    if (strcmp(argv[1], "memory") == 0)
        return commit_memory(count) != 0;
    if (strcmp(argv[1], "write") == 0 || strcmp(argv[1], "read") == 0 ||
        strcmp(argv[1], "control") == 0)
        return use_file(argv[1], count) != 0;
    return 3;
}
