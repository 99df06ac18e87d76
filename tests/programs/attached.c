/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attached.c - a Windows program that a kernel is attached to (tests/programs-native/use_cases.c).
 * Usage: attached.exe CASE FILE: works with four threads until FILE is there, then makes calls that
 * lead to those of Linux that the use case of the founding document is about.
 *   2: a socket's bytes are counted by ioctl    3: memory is taken, a program is started
 *   0: nothing, and all is as usual
 */
#include <stdio.h>
#include <stdlib.h>
#include <winsock2.h>
#include <windows.h>

#define AVAILABLE 4711
#define MIB ((SIZE_T)1 << 20)

static volatile LONG stop, failed;

static void check(int holds, const char *what)
{
    printf("%s: %s\n", holds ? "ok" : "FAILED", what);
    if (!holds)
        InterlockedIncrement(&failed);
}

/* Waits, allocates, and asks wineserver. */
static DWORD WINAPI work(void *argument)
{
    HANDLE never = CreateEventA(NULL, TRUE, FALSE, NULL);

    (void)argument;
    while (!stop) {
        ULONGLONG start = GetTickCount64();
        if (WaitForSingleObject(never, 20) != WAIT_TIMEOUT || GetTickCount64() - start < 15)
            InterlockedIncrement(&failed);
        void *memory = VirtualAlloc(NULL, MIB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL);
        if (memory == NULL || event == NULL || WaitForSingleObject(event, 0) != WAIT_OBJECT_0)
            InterlockedIncrement(&failed);
        VirtualFree(memory, 0, MEM_RELEASE);
        CloseHandle(event);
    }
    return 0;
}

static int start_program(void)
{
    STARTUPINFOA startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;
    char command[] = "cmd.exe /c exit 0";

    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
        return 0;
    WaitForSingleObject(process.hProcess, 20000);
    return 1;
}

/* Wine asks Linux how many bytes a socket has, by ioctl in the program's own process. */
static int count_socket(void)
{
    WSADATA data;
    u_long available = 0;

    WSAStartup(MAKEWORD(2, 2), &data);
    SOCKET unbound = socket(AF_INET, SOCK_DGRAM, 0);
    int result = ioctlsocket(unbound, FIONREAD, &available);
    closesocket(unbound);
    return result == 0 ? (int)available : -1;
}

int main(int argc, char *argv[])
{
    HANDLE threads[4];
    int use_case = argc == 3 ? atoi(argv[1]) : -1;

    if (use_case < 0)
        return 2;
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 0; i < 4; i++)
        threads[i] = CreateThread(NULL, 0, work, NULL, 0, NULL);
    puts("ready");
    while (GetFileAttributesA(argv[2]) == INVALID_FILE_ATTRIBUTES)
        Sleep(20);
    if (use_case == 2) {
        check(count_socket() == AVAILABLE, "the handler counts the socket's bytes");
    } else {
        check(start_program() == (use_case == 0), "a program is started, or refused");
        void *small = VirtualAlloc(NULL, 16 * MIB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        void *large = VirtualAlloc(NULL, 512 * MIB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        check(small != NULL, "16 MiB can be had");
        check((large != NULL) == (use_case == 0), "512 MiB can be had, or not");
        check(count_socket() == 0, "the socket's bytes are counted by Linux");
    }
    stop = 1;
    WaitForMultipleObjects(4, threads, TRUE, 20000);
    check(failed == 0, "waits, memory and events were as they should be");
    return failed != 0;
}
