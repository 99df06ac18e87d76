/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_probe.c - a Windows program that shows what reaches a program: arguments, environment,
 * standard input, and what goes back: output and exit status.
 *
 *   process_probe arguments [TEXT...]   prints each argument between brackets, UTF-8
 *   process_probe environment NAME      prints the variable's value
 *   process_probe copy                  standard input to standard output, byte by byte
 *   process_probe both                  "out" to standard output, "err" to standard error
 *   process_probe status N              ends with status N
 *   process_probe run TEXT...           starts itself with TEXT..., ends with its status
 *   process_probe debug TEXT...         starts itself with TEXT... suspended, writes to its memory,
 *                                       reads that and its registers, ends with its status
 *   process_probe suspended SECONDS TEXT...  starts itself with TEXT... suspended, lets it go on
 * after so many seconds; where that is "never", it ends and does not process_probe wait prints
 * "ready", waits for a line (or the end) of input
 */
#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

static void print_utf8(const wchar_t *text)
{
    char buffer[4096];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, buffer, sizeof(buffer), NULL, NULL);

    if (length > 0)
        fputs(buffer, stdout);
}

static int print_arguments(int argc, wchar_t **argv)
{
    for (int i = 2; i < argc; i++) {
        fputs("[", stdout);
        print_utf8(argv[i]);
        fputs("]\n", stdout);
    }
    return 0;
}

static int print_environment(const wchar_t *name)
{
    wchar_t value[4096];
    DWORD length = GetEnvironmentVariableW(name, value, 4096);

    if (length == 0 || length >= 4096)
        return 1;
    print_utf8(value);
    fputs("\n", stdout);
    return 0;
}

static int copy_input(void)
{
    char buffer[65536];
    size_t length;

    while ((length = fread(buffer, 1, sizeof(buffer), stdin)) > 0) {
        if (fwrite(buffer, 1, length, stdout) != length)
            return 1;
    }
    return ferror(stdin) ? 1 : 0;
}

/* The rest of the own command line, after `word`, goes to the child unharmed. */
static bool start_child(const wchar_t *command_line, const wchar_t *word, DWORD flags,
                        PROCESS_INFORMATION *process)
{
    const wchar_t *rest = wcsstr(command_line, word);
    wchar_t program[MAX_PATH], command[8192];
    STARTUPINFOW startup = {.cb = sizeof(startup)};

    GetModuleFileNameW(NULL, program, MAX_PATH);
    if (!rest || wcslen(rest) > 7000)
        return false;
    _snwprintf(command, 8192, L"\"%ls\" %ls", program, rest + wcslen(word));
    return CreateProcessW(program, command, NULL, NULL, TRUE, flags, NULL, NULL, &startup, process);
}

static int leave_suspended(const wchar_t *command_line, const wchar_t *seconds)
{
    PROCESS_INFORMATION process;
    wchar_t words[64];

    _snwprintf(words, 64, L" suspended %ls ", seconds);
    if (!start_child(command_line, words, CREATE_SUSPENDED, &process))
        return 2;
    if (wcscmp(seconds, L"never") == 0)
        return 0;
    Sleep(1000 * (DWORD)wcstol(seconds, NULL, 10));
    return ResumeThread(process.hThread) != 1;
}

static int run_child(const wchar_t *command_line)
{
    PROCESS_INFORMATION process;
    DWORD status = 1;

    if (!start_child(command_line, L" run ", 0, &process))
        return 2;
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &status);
    return (int)status;
}

static bool look_into(const PROCESS_INFORMATION *process)
{
    static const char text[] = "written from outside, in more than a few words";
    CONTEXT context = {.ContextFlags = CONTEXT_INTEGER};
    char back[sizeof(text)] = "";
    SIZE_T size = 0;
    void *place =
        VirtualAllocEx(process->hProcess, NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);

    return place && WriteProcessMemory(process->hProcess, place, text, sizeof(text), &size) &&
           ReadProcessMemory(process->hProcess, place, back, sizeof(back), &size) &&
           size == sizeof(back) && memcmp(back, text, sizeof(text)) == 0 &&
           GetThreadContext(process->hThread, &context);
}

static int debug_child(const wchar_t *command_line)
{
    PROCESS_INFORMATION process;
    DWORD status = 1;

    if (!start_child(command_line, L" debug ", CREATE_SUSPENDED, &process))
        return 2;
    if (!look_into(&process)) {
        fprintf(stderr, "error %lu\n", GetLastError());
        TerminateProcess(process.hProcess, 1);
        return 1;
    }
    ResumeThread(process.hThread);
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &status);
    return (int)status;
}

static int wait_for_line(void)
{
    char line[16];

    puts("ready");
    fflush(stdout);
    return fgets(line, sizeof(line), stdin) ? 0 : ferror(stdin);
}

int main(void)
{
    int argc;
    wchar_t **argv = CommandLineToArgvW(GetCommandLineW(), &argc);

    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    _setmode(_fileno(stderr), _O_BINARY);
    if (!argv || argc < 2)
        return 3;
    if (wcscmp(argv[1], L"arguments") == 0)
        return print_arguments(argc, argv);
    if (wcscmp(argv[1], L"environment") == 0 && argc == 3)
        return print_environment(argv[2]);
    if (wcscmp(argv[1], L"copy") == 0)
        return copy_input();
    if (wcscmp(argv[1], L"both") == 0)
        return fputs("out\n", stdout) < 0 || fputs("err\n", stderr) < 0;
    if (wcscmp(argv[1], L"status") == 0 && argc == 3)
        return (int)wcstol(argv[2], NULL, 10);
    if (wcscmp(argv[1], L"run") == 0 && argc > 2)
        return run_child(GetCommandLineW());
    if (wcscmp(argv[1], L"debug") == 0 && argc > 2)
        return debug_child(GetCommandLineW());
    if (wcscmp(argv[1], L"suspended") == 0 && argc > 3)
        return leave_suspended(GetCommandLineW(), argv[2]);
    if (wcscmp(argv[1], L"wait") == 0)
        return wait_for_line();
    return 3;
}
