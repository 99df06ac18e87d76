/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raw_sites.c - raw calls from one place again and again, so often that a kernel with
 * rewrite_sites = yes makes the place a direct call. Lines as raw_calls.c's.
 *
 *   raw_sites state          which kinds of sites are rewritten: "NAME rewritten" or "NAME kept"
 *   raw_sites checks         what must hold whether they are or not
 *   raw_sites storm COUNT CALLS   so many threads call the same sites, while one reads them and
 *                            changes their protection
 *   raw_sites time CALLS     nanoseconds a call: stub, raw
 */
#include "raw_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE, void **, SIZE_T *, ULONG, ULONG *);

#define ACCESS_VIOLATION ((NTSTATUS)0xc0000005)
#define OFTEN 2000
#define SITE 3         /* in a stub, behind mov r10, rcx */
#define INTO_SYSCALL 8 /* in a stub: its `syscall` */

static ULONG number;

static int is_rewritten(const void *stub)
{
    return memcmp((const BYTE *)stub + SITE, "\xff\x14\x25", 3) == 0;
}

static int call_times(const void *stub, ULONG count)
{
    LARGE_INTEGER time;

    for (ULONG i = 0; i < count; i++)
        if (((raw_function)(ULONG_PTR)stub)((ULONG_PTR)&time, 0, 0, 0, 0, 0) != 0)
            return 0;
    return 1;
}

static BYTE *new_page(void)
{
    return VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
}

/* ---- which are rewritten ---- */

static void show(const char *name, BYTE *stub)
{
    int works = call_times(stub, OFTEN);

    printf("%s %s\n", name, !works ? "FAILED" : is_rewritten(stub) ? "rewritten" : "kept");
}

static int state(void)
{
    HANDLE section =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_EXECUTE_READWRITE, 0, 4096, NULL);
    BYTE *page = new_page(),
         *view = MapViewOfFile(section, FILE_MAP_EXECUTE | FILE_MAP_WRITE, 0, 0, 0);
    BYTE prefixed[] = {0x49, 0x89, 0xca, 0x90, 0x90, 0x90, 0x90};
    DWORD old;

    for (unsigned at = 0; at < 8; at++) {
        char name[32];

        put_raw_call(page + 256 * at + at, number);
        snprintf(name, sizeof name, "private+%u", (at + SITE) % 8);
        show(name, page + 256 * at + at);
    }
    put_raw_call(view, number);
    show("section", view);
    /* The last byte of the site is in the next page. */
    page = VirtualAlloc(NULL, 8192, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    put_raw_call(page + 4096 - SITE - 6, number);
    show("two-pages", page + 4096 - SITE - 6);
    /* 40: a prefix that changes nothing here, but could. */
    memcpy(page, prefixed, 3);
    page[3] = 0x40;
    put_raw_call(page + 16, number);
    memmove(page + 4, page + 16 + SITE, 8);
    printf("prefixed %s\n", !call_times(page, OFTEN) ? "FAILED"
                            : page[4] == 0xb8        ? "kept"
                                                     : "rewritten");
    put_raw_call(page + 64, number);
    VirtualProtect(page, 8192, PAGE_EXECUTE_READ, &old);
    show("read-only", page + 64);
    show("image", (BYTE *)raw_site);
    return 0;
}

/* ---- what must hold ---- */

static ULONG_PTR call_syscall_alone(BYTE *stub, LARGE_INTEGER *time)
{
    ULONG_PTR status;

    /* Jumps to the `syscall` with the number in eax: what a thread does that stood before it. */
    __asm__ volatile("movq %2, %%r10\n\tcall *%3\n\t"
                     : "=a"(status), "+m"(*time)
                     : "r"(time), "r"(stub + INTO_SYSCALL), "0"((ULONG_PTR)number)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1",
                       "xmm2", "xmm3", "xmm4", "xmm5");
    return status;
}

static int middle(void)
{
    BYTE *stub = new_page();
    LARGE_INTEGER time = {0};

    put_raw_call(stub, number);
    return call_times(stub, OFTEN) && call_syscall_alone(stub, &time) == 0 && time.QuadPart != 0;
}

static int reads_itself(void)
{
    BYTE *stub = new_page(), before[11], after[11];
    SIZE_T size;

    put_raw_call(stub, number);
    memcpy(before, stub, sizeof before);
    return call_times(stub, OFTEN) &&
           ReadProcessMemory(GetCurrentProcess(), stub, after, sizeof after, &size) &&
           memcmp(before, after, sizeof before) == 0;
}

static int is_put_back(BYTE *stub, const BYTE *before)
{
    return memcmp(stub, before, 11) == 0;
}

/* Each of these is told by the program before it looks at its code, or writes it. */
static int changes(void)
{
    BYTE *stub = new_page(), before[11];
    DWORD old;
    int result;

    put_raw_call(stub, number);
    memcpy(before, stub, sizeof before);
    result = call_times(stub, OFTEN);
    FlushInstructionCache(GetCurrentProcess(), stub, sizeof before);
    result &= is_put_back(stub, before) && call_times(stub, OFTEN);
    VirtualProtect(stub, sizeof before, PAGE_EXECUTE_READ, &old);
    result &= is_put_back(stub, before) && old == PAGE_EXECUTE_READWRITE && call_times(stub, OFTEN);
    /* Written over by itself: what is written stays. */
    VirtualProtect(stub, sizeof before, PAGE_EXECUTE_READWRITE, &old);
    result &= call_times(stub, OFTEN);
    memset(stub + SITE, 0x90, 7);
    memcpy(stub + SITE, "\x31\xc0", 2);
    memcpy(before, stub, sizeof before);
    FlushInstructionCache(GetCurrentProcess(), NULL, 0);
    result &= is_put_back(stub, before) && call_times(stub, 1);
    /* The same place is another one's after it was freed. */
    put_raw_call(stub, number);
    result &= call_times(stub, OFTEN);
    VirtualFree(stub, 0, MEM_RELEASE);
    if (VirtualAlloc(stub, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE) == stub) {
        memset(stub, 0xcc, 64);
        FlushInstructionCache(GetCurrentProcess(), NULL, 0);
        result &= stub[SITE] == 0xcc && stub[SITE + 6] == 0xcc;
    }
    return result;
}

/* A call that ends in a fault where its answer is written leaves nothing behind. */
static int bad_pointer(void)
{
    struct {
        void *base;
        SIZE_T size;
    } *given = (void *)new_page();
    BYTE *stub = new_page();
    DWORD old;

    put_raw_call(stub, number);
    given->base = stub;
    given->size = 16;
    VirtualProtect(given, sizeof *given, PAGE_READONLY, &old);
    return call_times(stub, OFTEN) &&
           NtProtectVirtualMemory(GetCurrentProcess(), &given->base, &given->size,
                                  PAGE_EXECUTE_READWRITE, &old) == ACCESS_VIOLATION &&
           VirtualProtect(stub, 16, PAGE_EXECUTE_READ, &old) && call_times(stub, OFTEN);
}

static int registers(void)
{
    struct register_call call = {0};
    LARGE_INTEGER time;

    call.number = number;
    call.argument = (ULONG_PTR)&time;
    for (unsigned i = 0; i < OFTEN; i++) {
        call.flags = i % 2 ? 0x202 : 0xa97;
        call_site_with_registers(&call);
        if (call.status || call.changed || call.flags_after != call.flags ||
            call.rcx != call.return_address) {
            printf("call %u: status %llx, changed %llx, flags %llx, rcx %llx (%llx)\n", i,
                   call.status, call.changed, call.flags_after, call.rcx, call.return_address);
            return 0;
        }
    }
    return 1;
}

static int checks(void)
{
    static const struct {
        const char *name;
        int (*check)(void);
    } list[] = {{"middle", middle},
                {"reads-itself", reads_itself},
                {"changes", changes},
                {"bad-pointer", bad_pointer},
                {"registers", registers}};
    int failed = 0, works;

    for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++) {
        works = list[i].check();
        printf("%s %s\n", list[i].name, works ? "ok" : "FAILED");
        fflush(stdout);
        failed |= !works;
    }
    return failed;
}

/* ---- many threads ---- */

static BYTE *shared;
static ULONG calls_of_each;
static volatile LONG running;

static DWORD CALLBACK call_shared(void *unused)
{
    int works = 1;

    (void)unused;
    for (ULONG i = 0; i < calls_of_each && works; i++)
        works = call_times(shared + (i % 8) * 64, 1);
    InterlockedDecrement(&running);
    return !works;
}

static int storm(ULONG count, ULONG calls)
{
    HANDLE threads[64];
    BYTE copy[512];
    DWORD failed = 0, code, old;
    SIZE_T size;

    shared = new_page();
    for (unsigned i = 0; i < 8; i++)
        put_raw_call(shared + i * 64, number);
    calls_of_each = calls;
    running = (LONG)count;
    for (ULONG i = 0; i < count; i++)
        threads[i] = CreateThread(NULL, 0, call_shared, NULL, 0, NULL);
    while (running > 0) {
        Sleep(3);
        FlushInstructionCache(GetCurrentProcess(), shared, 512);
        Sleep(3);
        ReadProcessMemory(GetCurrentProcess(), shared, copy, sizeof copy, &size);
        Sleep(3);
        VirtualProtect(shared, 512, PAGE_EXECUTE_READ, &old);
        Sleep(3);
        VirtualProtect(shared, 512, PAGE_EXECUTE_READWRITE, &old);
    }
    for (ULONG i = 0; i < count; i++) {
        WaitForSingleObject(threads[i], INFINITE);
        GetExitCodeThread(threads[i], &code);
        failed += code;
    }
    printf("storm %s\n", failed ? "FAILED" : "ok");
    return failed != 0;
}

/* ---- time ---- */

static double time_of(void (*run)(ULONG), ULONG calls)
{
    LARGE_INTEGER start, end, frequency;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&start);
    run(calls);
    QueryPerformanceCounter(&end);
    return (double)(end.QuadPart - start.QuadPart) * 1e9 / (double)frequency.QuadPart / calls;
}

static void run_stub(ULONG calls)
{
    LARGE_INTEGER time;

    while (calls--)
        NtQuerySystemTime(&time);
}

static void run_raw(ULONG calls)
{
    call_times((const void *)raw_site, calls);
}

static int show_times(ULONG calls)
{
    double stub = 1e9, raw = 1e9, time;

    run_raw(OFTEN);
    for (int round = 0; round < 7; round++) {
        time = time_of(run_stub, calls);
        stub = time < stub ? time : stub;
        time = time_of(run_raw, calls);
        raw = time < raw ? time : raw;
    }
    printf("stub %.1f\nraw %.1f\n", stub, raw);
    return 0;
}

int main(int argc, char **argv)
{
    number = stub_number("NtQuerySystemTime");
    set_raw_site(number);
    if (argc == 2 && strcmp(argv[1], "state") == 0)
        return state();
    if (argc == 2 && strcmp(argv[1], "checks") == 0)
        return checks();
    if (argc == 4 && strcmp(argv[1], "storm") == 0)
        return storm(strtoul(argv[2], NULL, 0) % 65, strtoul(argv[3], NULL, 0));
    if (argc == 3 && strcmp(argv[1], "time") == 0)
        return show_times(strtoul(argv[2], NULL, 0));
    return 3;
}
