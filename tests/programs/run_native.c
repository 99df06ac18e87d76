/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run_native.c - a Windows program that starts a Linux program in its place:
 *
 *   run_native Z:\PROGRAM ARGUMENTS DONE
 *
 * It has no handle of a Linux program to wait for: it waits until the file DONE is there, at most
 * two minutes.
 */
#include <stdio.h>
#include <windows.h>

int main(int argc, char *argv[])
{
    STARTUPINFOA start = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    char command[4096];

    if (argc != 4)
        return 2;
    start.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    snprintf(command, sizeof(command), "%s %s", argv[1], argv[2]);
    if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process)) {
        fprintf(stderr, "run_native: error %lu\n", GetLastError());
        return 1;
    }
    for (int i = 0; i < 1200 && GetFileAttributesA(argv[3]) == INVALID_FILE_ATTRIBUTES; i++)
        Sleep(100);
    return 0;
}
