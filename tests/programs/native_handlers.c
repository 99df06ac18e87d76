/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_handlers.c - a Windows program that serves native system calls itself: handlers that it
 * registers with pk_register_syscall get the calls that it makes by `syscall` in its own code.
 * Usage: native_handlers.exe [stock]; with `stock`, where no native call is trapped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pwk.h>

#include "raw_calls.h"

#define FREE_NUMBER 0x3e57 /* no service has it */
#define INVALID_SYSTEM_SERVICE ((int)0xc000001c)
#define NOT_MINE ((int)0xc0000022) /* access denied */
#define THREADS 4
#define ROUNDS 2000

static int failed;
static volatile LONG calls;
static UINT64 seen[6];

static void check(int holds, const char *what)
{
    printf("%s: %s\n", holds ? "ok" : "FAILED", what);
    failed += !holds;
}

static int raw(ULONG number)
{
    raw_number = number;
    return (int)raw_call(0x1111111111111111, 2, 3, 4, 5, 0x6666666666666666);
}

/* Uses vector registers and much stack, as any code may. */
static int __cdecl note_call(int nr, void *args)
{
    char text[4096];
    volatile double number = nr;

    InterlockedIncrement(&calls);
    memcpy(seen, args, sizeof(seen));
    memset(text, 1, sizeof(text));
    return nr + (int)(number - nr) + text[4095] - 1;
}

static int __cdecl refuse(int nr, void *args)
{
    (void)nr;
    (void)args;
    return NOT_MINE;
}

static void check_arguments(process_kernel_t *kernel)
{
    static const UINT64 expected[6] = {0x1111111111111111, 2, 3, 4, 5, 0x6666666666666666};
    struct register_call call = {.number = FREE_NUMBER};
    LONG before = calls;

    check(raw(FREE_NUMBER) == INVALID_SYSTEM_SERVICE, "without a handler there is no such service");
    check(pk_register_syscall(kernel, FREE_NUMBER, note_call) == 0, "a free number is registered");
    check(raw(FREE_NUMBER) == FREE_NUMBER && calls == before + 1, "the handler serves it");
    check(memcmp(seen, expected, sizeof(seen)) == 0, "with all six arguments");
    call_with_registers(&call);
    check(call.status == FREE_NUMBER && call.changed == 0, "registers are kept");
    check(call.rcx == call.return_address, "rcx is what a call leaves");
    check(pk_register_syscall(kernel, FREE_NUMBER, refuse) == 0 && raw(FREE_NUMBER) == NOT_MINE,
          "a handler is replaced");
}

static void check_service(process_kernel_t *kernel)
{
    HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL);
    ULONG number = stub_number("NtClose");

    check(pk_register_syscall(kernel, (int)number, refuse) == 0, "NtClose's number is registered");
    check(raw(number) == NOT_MINE, "native calls of it come to the handler");
    check(CloseHandle(event), "ordinary ones do not");
}

static DWORD WINAPI make_calls(void *argument)
{
    for (int i = 0; i < ROUNDS; i++)
        if ((int)raw_call(1, 2, 3, 4, 5, 6) != FREE_NUMBER)
            return 1;
    (void)argument;
    return 0;
}

static void check_threads(process_kernel_t *kernel)
{
    HANDLE threads[THREADS];
    LONG before = calls;
    DWORD status, bad = 0;

    pk_register_syscall(kernel, FREE_NUMBER, note_call);
    raw_number = FREE_NUMBER;
    for (int i = 0; i < THREADS; i++)
        threads[i] = CreateThread(NULL, 0, make_calls, NULL, 0, NULL);
    WaitForMultipleObjects(THREADS, threads, TRUE, INFINITE);
    for (int i = 0; i < THREADS; i++)
        bad += !GetExitCodeThread(threads[i], &status) || status != 0;
    check(bad == 0 && calls == before + THREADS * ROUNDS, "threads are served");
}

/* A kernel of the program's own, beside the one that it runs under. */
static void check_attach(void)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "own");

    check(pk_register_syscall(kernel, FREE_NUMBER + 1, note_call) == 0 &&
              raw(FREE_NUMBER + 1) == INVALID_SYSTEM_SERVICE,
          "before pk_attach a handler is not called");
    check(pk_attach(kernel, 0) == 0 && raw(FREE_NUMBER + 1) == FREE_NUMBER + 1, "then it is");
    check(kernel->stats.syscalls_intercepted == 1 && kernel->stats.errors == 0, "and counted");
    check(pk_attach(kernel, (int)GetCurrentProcessId() + 4) == -ENOSYS &&
              raw(FREE_NUMBER + 1) == FREE_NUMBER + 1,
          "and still after another process was refused");
    check(pk_detach(kernel) == 0 && raw(FREE_NUMBER + 1) == INVALID_SYSTEM_SERVICE,
          "and not after pk_detach");
    pk_destroy(kernel);
}

static void check_stock(void)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "own");

    check(kernel != NULL && pk_register_syscall(kernel, FREE_NUMBER, note_call) == 0,
          "a handler is registered");
    check(pk_attach(kernel, 0) == -ENOSYS && kernel->pid == 0,
          "and refused where nothing is trapped");
    pk_destroy(kernel);
}

int main(int argc, char *argv[])
{
    process_kernel_t *kernel = pk_get_current();

    if (argc == 2 && strcmp(argv[1], "stock") == 0) {
        check_stock();
        return failed != 0;
    }
    check(kernel != NULL, "the program runs under a kernel");
    if (kernel != NULL) {
        check_arguments(kernel);
        check_service(kernel);
        check_threads(kernel);
        check_attach();
    }
    return failed != 0;
}
