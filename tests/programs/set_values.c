/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * set_values.c - a Windows program that sets registry values, or writes files, and says which ones
 * it was told are written, for the tests that kill it.
 *
 *   set_values set NAME COUNT      sets 0..COUNT-1 below HKCU\Software\pwk-test\NAME and prints
 *                                  each number after the call for it has returned
 *   set_values verify NAME COUNT   status 0 where 0..COUNT-1 are all there and right
 *   set_values files FOLDER COUNT  makes FOLDER and in it the files 0..COUNT-1, each of which holds
 *                                  its number, and prints each number after its file is closed
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* Unbuffered: what is printed has left the process before the next value is set. */
static void say(unsigned long number)
{
    char line[16];
    DWORD written;
    int length = snprintf(line, sizeof(line), "%lu\n", number);

    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, (DWORD)length, &written, NULL);
}

static int set_values(HKEY key, unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        char name[16];
        DWORD data = (DWORD)(i * 2654435761u);
        LONG status;

        snprintf(name, sizeof(name), "v%lu", i);
        status = RegSetValueExA(key, name, 0, REG_DWORD, (const BYTE *)&data, sizeof(data));
        if (status != ERROR_SUCCESS) {
            fprintf(stderr, "setting %s: error %ld\n", name, status);
            return 2;
        }
        say(i);
    }
    return 0;
}

static int verify_values(HKEY key, unsigned long count)
{
    unsigned long missing = 0;

    for (unsigned long i = 0; i < count; i++) {
        char name[16];
        DWORD data = 0, size = sizeof(data), type = 0;

        snprintf(name, sizeof(name), "v%lu", i);
        if (RegQueryValueExA(key, name, NULL, &type, (BYTE *)&data, &size) != ERROR_SUCCESS ||
            type != REG_DWORD || size != sizeof(data) || data != (DWORD)(i * 2654435761u)) {
            fprintf(stderr, "%s is missing or wrong\n", name);
            missing++;
        }
    }
    return missing ? 1 : 0;
}

static int write_files(const char *folder, unsigned long count)
{
    if (!CreateDirectoryA(folder, NULL)) {
        fprintf(stderr, "%s: error %lu\n", folder, GetLastError());
        return 2;
    }
    for (unsigned long i = 0; i < count; i++) {
        char path[MAX_PATH], text[16];
        int length = snprintf(text, sizeof(text), "%lu\n", i);
        DWORD written;
        HANDLE file;

        snprintf(path, sizeof(path), "%s\\%lu", folder, i);
        file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
        if (file == INVALID_HANDLE_VALUE || !WriteFile(file, text, (DWORD)length, &written, NULL) ||
            !CloseHandle(file)) {
            fprintf(stderr, "%s: error %lu\n", path, GetLastError());
            return 2;
        }
        say(i);
    }
    return 0;
}

int main(int argc, char **argv)
{
    char path[256];
    HKEY key;
    LONG status;
    bool verify;

    if (argc != 4)
        return 3;
    if (strcmp(argv[1], "files") == 0)
        return write_files(argv[2], strtoul(argv[3], NULL, 10));
    verify = strcmp(argv[1], "verify") == 0;
    snprintf(path, sizeof(path), "Software\\pwk-test\\%s", argv[2]);
    status = verify ? RegOpenKeyExA(HKEY_CURRENT_USER, path, 0, KEY_READ, &key)
                    : RegCreateKeyExA(HKEY_CURRENT_USER, path, 0, NULL, 0, KEY_ALL_ACCESS, NULL,
                                      &key, NULL);
    if (status != ERROR_SUCCESS) {
        fprintf(stderr, "%s: error %ld\n", path, status);
        return verify && strtoul(argv[3], NULL, 10) == 0 ? 0 : 2;
    }
    return verify ? verify_values(key, strtoul(argv[3], NULL, 10))
                  : set_values(key, strtoul(argv[3], NULL, 10));
}
