/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch_key.c - a Windows program that is told of changes: it waits for RegNotifyChangeKeyValue on
 * a key of HKEY_CURRENT_USER, prints what a value of it is then, and waits again, until that is
 * "end".
 *
 *   watch_key KEY VALUE
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

static void print(HKEY key, const char *name, char text[256])
{
    DWORD size = 255;

    memset(text, 0, 256);
    if (RegQueryValueExA(key, name, NULL, NULL, (BYTE *)text, &size) != ERROR_SUCCESS)
        strcpy(text, "nothing");
    printf("%s\n", text);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    char text[256] = "";
    HKEY key;

    if (argc != 3 || RegOpenKeyExA(HKEY_CURRENT_USER, argv[1], 0, KEY_READ, &key) != ERROR_SUCCESS)
        return 2;
    while (strcmp(text, "end") != 0) {
        if (RegNotifyChangeKeyValue(key, TRUE, REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET,
                                    event, TRUE) != ERROR_SUCCESS)
            return 3;
        print(key, argv[2], text);
        if (strcmp(text, "end") != 0 && WaitForSingleObject(event, INFINITE) != WAIT_OBJECT_0)
            return 4;
    }
    return 0;
}
