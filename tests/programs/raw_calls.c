/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raw_calls.c - a Windows program that issues system calls itself, as protectors and malware do,
 * from wherever code can be. Under stock Wine they are Linux calls; under pwk they are calls of the
 * kernel's, or refused as such. One line a check: "NAME ok" or "NAME FAILED ...".
 *
 *   raw_calls linux NUMBER          one bare `syscall; ret` with arguments of 0: prints what comes
 *                                   back, in hexadecimal
 *   raw_calls 32-bit gate|syscall   writes a line by a 32-bit call of Linux', if it can
 *   raw_calls registry KEY VALUE    reads a REG_SZ of HKEY_LOCAL_MACHINE by raw calls; prints it
 *   raw_calls checks [NAME...]      all checks, or those
 *   raw_calls threads COUNT CALLS   so many threads, so many raw calls each
 */
#include "raw_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- checks ---- */

/* A call whose answer shows that the service ran: the time, in steps of 100 ns since 1601. */
static int tells_time(raw_function call)
{
    LARGE_INTEGER before, told = {0}, after;
    ULONG_PTR status;

    NtQuerySystemTime(&before);
    status = call((ULONG_PTR)&told, 0, 0, 0, 0, 0);
    NtQuerySystemTime(&after);
    return status == 0 && told.QuadPart >= before.QuadPart && told.QuadPart <= after.QuadPart;
}

static int from_image(void)
{
    raw_number = stub_number("NtQuerySystemTime");
    return tells_time((raw_function)raw_call);
}

static int from_memory_at(void *address, DWORD type)
{
    void *code =
        VirtualAlloc(address, 4096, MEM_COMMIT | MEM_RESERVE | type, PAGE_EXECUTE_READWRITE);
    int result;

    if (!code)
        return 0;
    put_raw_call(code, stub_number("NtQuerySystemTime"));
    result = tells_time((raw_function)code);
    VirtualFree(code, 0, MEM_RELEASE);
    return result;
}

static int from_memory(void)
{
    return from_memory_at(NULL, 0);
}

static int from_top_down_memory(void)
{
    return from_memory_at(NULL, MEM_TOP_DOWN);
}

static int is_below_line(void *address)
{
    return (ULONG_PTR)address < 0x700000000000;
}

/* What is placed high may be data and stays data; what a call places by itself is low, of whatever
 * kind it is. Under stock Wine each is executable where native code lies. */
static int at_high_addresses(void)
{
    void *const place = (void *)0x7ffd00000000;
    HANDLE section =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_EXECUTE_READWRITE, 0, 65536, NULL);
    BYTE *data = VirtualAlloc(place, 65536, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    void *code =
        VirtualAlloc(place + 0x100000, 65536, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    void *view =
        MapViewOfFileEx(section, FILE_MAP_EXECUTE | FILE_MAP_WRITE, 0, 0, 0, place + 0x200000);
    void *data_view = MapViewOfFileEx(section, FILE_MAP_WRITE, 0, 0, 0, place + 0x300000);
    void *placed = NULL, *other = NULL;
    SIZE_T size = 0;
    DWORD old;
    int result = data && data_view && !code && !view;

    result &= !VirtualProtect(data, 4096, PAGE_EXECUTE_READ, &old) &&
              !VirtualProtect(data_view, 4096, PAGE_EXECUTE_READWRITE, &old) &&
              VirtualProtect(data, 4096, PAGE_READONLY, &old);
    result &= !VirtualAlloc(data, 4096, MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    result &= NtMapViewOfSection(section, GetCurrentProcess(), &placed, 0, 0, NULL, &size,
                                 ViewUnmap, MEM_TOP_DOWN, PAGE_EXECUTE_READWRITE) == 0 &&
              is_below_line(placed);
    other = VirtualAllocEx(GetCurrentProcess(), NULL, 65536,
                           MEM_COMMIT | MEM_RESERVE | MEM_TOP_DOWN, PAGE_READWRITE);
    result &= is_below_line(other);
    VirtualFree(data, 0, MEM_RELEASE);
    VirtualFree(other, 0, MEM_RELEASE);
    UnmapViewOfFile(data_view);
    UnmapViewOfFile(placed);
    CloseHandle(section);
    return result;
}

/* A dll that is linked for a high address is mapped below the line, and works there. */
static int in_high_image(void)
{
    HMODULE library = LoadLibraryA("high_image.dll");
    ULONGLONG(*call)
    (void) = (void *)(ULONG_PTR)(library ? GetProcAddress(library, "call_from_high_image") : NULL);

    return call && is_below_line(library) && call() == 0xc000001c;
}

/* Memory that was data first. */
static int from_protected_memory(void)
{
    DWORD old;
    void *code = VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    int result;

    put_raw_call(code, stub_number("NtQuerySystemTime"));
    result = VirtualProtect(code, 4096, PAGE_EXECUTE_READ, &old) && tells_time((raw_function)code);
    VirtualFree(code, 0, MEM_RELEASE);
    return result;
}

static int exception_result;

static LONG CALLBACK call_in_handler(EXCEPTION_POINTERS *exception)
{
    if (exception->ExceptionRecord->ExceptionCode != 0xe0000001)
        return EXCEPTION_CONTINUE_SEARCH;
    exception_result = from_image() && from_memory();
    return EXCEPTION_CONTINUE_EXECUTION;
}

static int in_exception_handler(void)
{
    void *handler = AddVectoredExceptionHandler(1, call_in_handler);

    exception_result = 0;
    RaiseException(0xe0000001, 0, 0, NULL);
    RemoveVectoredExceptionHandler(handler);
    return exception_result;
}

static void CALLBACK call_in_apc(ULONG_PTR result)
{
    *(int *)result = from_image();
}

static int in_apc(void)
{
    int result = 0;

    QueueUserAPC(call_in_apc, GetCurrentThread(), (ULONG_PTR)&result);
    SleepEx(1000, TRUE);
    return result;
}

static int callback_result;

static LRESULT CALLBACK call_in_window(HWND window, UINT message, WPARAM wide, LPARAM parameter)
{
    if (message == WM_NCCREATE)
        callback_result = from_image();
    return DefWindowProcA(window, message, wide, parameter);
}

/* The window's procedure is called out of a system call. */
static int in_callback(void)
{
    WNDCLASSA class = {.lpfnWndProc = call_in_window,
                       .lpszClassName = "pwk raw calls",
                       .hInstance = GetModuleHandleA(NULL)};

    callback_result = 0;
    RegisterClassA(&class);
    DestroyWindow(CreateWindowA("pwk raw calls", "", 0, 0, 0, 1, 1, HWND_MESSAGE, NULL,
                                class.hInstance, NULL));
    return callback_result;
}

/* A number of the second table, where win32u has registered it. */
static int of_window_services(void)
{
    HMODULE library = LoadLibraryA("win32u.dll");

    GetDesktopWindow();
    raw_number = stub_number_in(library, "NtUserGetForegroundWindow");
    return raw_number >= 0x1000 && raw_call(0, 0, 0, 0, 0, 0) == (ULONG_PTR)GetForegroundWindow();
}

static int tls_result = -1;

static void CALLBACK call_in_tls(void *image, DWORD reason, void *reserved)
{
    (void)image;
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        tls_result = from_image();
}

__attribute__((section(".CRT$XLB"), used)) static const PIMAGE_TLS_CALLBACK tls_entry = call_in_tls;

static int in_tls_callback(void)
{
    return tls_result == 1;
}

static void *main_fiber;

static void CALLBACK call_in_fiber(void *result)
{
    *(int *)result = from_image();
    SwitchToFiber(main_fiber);
}

static int in_fiber(void)
{
    int result = 0;
    void *fiber;

    main_fiber = ConvertThreadToFiber(NULL);
    fiber = CreateFiber(0, call_in_fiber, &result);
    SwitchToFiber(fiber);
    DeleteFiber(fiber);
    ConvertFiberToThread();
    return result;
}

/* What the stub leaves in the registers that a call must keep, a raw call leaves too; and the two
 * that the instruction itself changes hold what a processor puts there. */
static int registers(void)
{
    static const ULONG_PTR flags[] = {0x202, 0x246, 0xa97 | 0x200, 0x602};
    struct register_call call = {0};
    LARGE_INTEGER time;

    call.number = stub_number("NtQuerySystemTime");
    call.argument = (ULONG_PTR)&time;
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        call.flags = flags[i];
        call_with_registers(&call);
        if (call.status || call.changed || call.flags_after != call.flags ||
            call.rcx != call.return_address || call.r11 != call.flags) {
            printf("flags %llx: status %llx, changed %llx, flags after %llx, rcx %llx (%llx), "
                   "r11 %llx\n",
                   call.flags, call.status, call.changed, call.flags_after, call.rcx,
                   call.return_address, call.r11);
            return 0;
        }
    }
    return 1;
}

static unsigned steps, strange_steps;

static LONG CALLBACK note_step(EXCEPTION_POINTERS *exception)
{
    ULONG_PTR address = (ULONG_PTR)exception->ExceptionRecord->ExceptionAddress;

    if (exception->ExceptionRecord->ExceptionCode != EXCEPTION_SINGLE_STEP)
        return EXCEPTION_CONTINUE_SEARCH;
    steps++;
    strange_steps += address - (ULONG_PTR)GetModuleHandleA(NULL) > 0x100000;
    if (steps < 20)
        exception->ContextRecord->EFlags |= 0x100;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* Stepped through, the call is one step, and no step is seen inside it. */
static int stepping(void)
{
    void *handler = AddVectoredExceptionHandler(1, note_step);
    struct register_call call = {0};
    LARGE_INTEGER time = {0};

    steps = strange_steps = 0;
    call.number = stub_number("NtQuerySystemTime");
    call.argument = (ULONG_PTR)&time;
    call.flags = 0x302;
    call_with_registers(&call);
    RemoveVectoredExceptionHandler(handler);
    return call.status == 0 && time.QuadPart != 0 && call.changed == 0 && steps >= 5 &&
           strange_steps == 0;
}

/* Six arguments, two of them on the stack, with a result. */
static int arguments(void)
{
    HANDLE source = CreateEventA(NULL, TRUE, FALSE, NULL), copy = NULL;
    int result;

    raw_number = stub_number("NtDuplicateObject");
    result =
        raw_call7((ULONG_PTR)GetCurrentProcess(), (ULONG_PTR)source, (ULONG_PTR)GetCurrentProcess(),
                  (ULONG_PTR)&copy, 0, 0, DUPLICATE_SAME_ACCESS) == 0 &&
        SetEvent(copy) && WaitForSingleObject(source, 0) == WAIT_OBJECT_0;
    CloseHandle(copy);
    CloseHandle(source);
    return result;
}

/* Linux' numbers, small and large and with Linux' mark of the x32 calls: each is the service of
 * that number, with that service's own answer, or none. */
static int linux_numbers(void)
{
    static const ULONG list[] = {39,         57,         59,         102,       110,    157,
                                 186,        231,        425,        435,       0x3fff, 0x4000,
                                 0x40000027, 0x40000039, 0x80000027, 0xffffffff};
    int result = 1;

    for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++) {
        ULONG_PTR expected = 0xc000001c, answer;

        if (is_service_number(list[i]))
            expected = call_by_stub(list[i]);
        raw_number = list[i];
        answer = raw_call(0, 0, 0, 0, 0, 0);
        if (answer != expected) {
            printf("number 0x%lx: 0x%llx, expected 0x%llx\n", list[i], answer, expected);
            result = 0;
        }
    }
    return result;
}

static volatile ULONG_PTR gate_address;
static volatile DWORD gate_code;

static LONG CALLBACK note_gate(EXCEPTION_POINTERS *exception)
{
    gate_code = exception->ExceptionRecord->ExceptionCode;
    gate_address = (ULONG_PTR)exception->ExceptionRecord->ExceptionAddress;
    exception->ContextRecord->Rip += 2;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* `int 0x80` is no gate of Windows': an access violation at the instruction. */
static int gates(void)
{
    static const BYTE code[] = {0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3}; /* getpid for 32-bit code */
    BYTE *memory = VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    void *handler = AddVectoredExceptionHandler(1, note_gate);
    ULONG_PTR answer;

    memcpy(memory, code, sizeof code);
    gate_code = 0;
    answer = ((raw_function)memory)(0, 0, 0, 0, 0, 0);
    RemoveVectoredExceptionHandler(handler);
    return answer == 20 && gate_code == EXCEPTION_ACCESS_VIOLATION &&
           gate_address == (ULONG_PTR)memory + 5;
}

/* 32-bit code, entered by a far return, writes a line by Linux' 32-bit numbers: by int 0x80, or by
 * `syscall`, where its processor has that in 32-bit code. It does not come back. */
static int write_from_32_bit(const char *how)
{
    static const char line[] = "Linux was reached\n";
    static const BYTE by_gate[] = {0xb9, 0x00, 0x08, 0x00, 0x10, 0xcd, 0x80, 0xf4};
    static const BYTE by_syscall[] = {0xbc, 0x00, 0x40, 0x00, 0x10, 0xbd, 0x00,
                                      0x08, 0x00, 0x10, 0x0f, 0x05, 0xf4};
    static const BYTE start[] = {0xb8, 4, 0, 0, 0, 0xbb, 1, 0, 0, 0, 0xba, sizeof line - 1,
                                 0,    0, 0};
    BYTE *memory =
        VirtualAlloc((void *)0x10000000, 65536, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);

    if (!memory)
        return 1;
    memcpy(memory, start, sizeof start);
    if (strcmp(how, "gate") == 0)
        memcpy(memory + sizeof start, by_gate, sizeof by_gate);
    else
        memcpy(memory + sizeof start, by_syscall, sizeof by_syscall);
    memcpy(memory + 0x800, line, sizeof line);
    __asm__ volatile("pushq $0x23\n\tpushq %0\n\tlretq" : : "r"((ULONG_PTR)memory) : "memory");
    return 0;
}

/* ---- threads ---- */

static DWORD CALLBACK call_often(void *calls)
{
    raw_function code = VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    LARGE_INTEGER time, last = {0};

    put_raw_call(code, stub_number("NtQuerySystemTime"));
    for (ULONG i = 0; i < *(ULONG *)calls; i++) {
        if (code((ULONG_PTR)&time, 0, 0, 0, 0, 0) || time.QuadPart < last.QuadPart)
            return 1;
        last = time;
    }
    return 0;
}

static int threads(ULONG count, ULONG calls)
{
    HANDLE handles[64];
    DWORD failed = 0, code;

    for (ULONG i = 0; i < count && i < 64; i++)
        handles[i] = CreateThread(NULL, 0, call_often, &calls, 0, NULL);
    for (ULONG i = 0; i < count && i < 64; i++) {
        WaitForSingleObject(handles[i], INFINITE);
        GetExitCodeThread(handles[i], &code);
        failed += code;
    }
    return failed == 0;
}

static int in_threads(void)
{
    return threads(4, 1000);
}

/* ---- the program ---- */

static const struct {
    const char *name;
    int (*check)(void);
} checks[] = {
    {"image", from_image},
    {"memory", from_memory},
    {"top-down-memory", from_top_down_memory},
    {"high-memory", at_high_addresses},
    {"high-image", in_high_image},
    {"protected-memory", from_protected_memory},
    {"exception-handler", in_exception_handler},
    {"apc", in_apc},
    {"callback", in_callback},
    {"window-services", of_window_services},
    {"tls-callback", in_tls_callback},
    {"fiber", in_fiber},
    {"registers", registers},
    {"stepping", stepping},
    {"arguments", arguments},
    {"linux-numbers", linux_numbers},
    {"gates", gates},
    {"threads", in_threads},
};

static int run_checks(int count, char **names)
{
    int failed = 0;

    for (unsigned i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        int wanted = count == 0;

        for (int j = 0; j < count; j++)
            wanted |= strcmp(names[j], checks[i].name) == 0;
        if (!wanted)
            continue;
        wanted = checks[i].check();
        printf("%s %s\n", checks[i].name, wanted ? "ok" : "FAILED");
        fflush(stdout);
        failed |= !wanted;
    }
    return failed;
}

/* One raw call of any number: under stock Wine it is the Linux call. */
static int linux_call(ULONG number)
{
    raw_number = number;
    printf("%llx\n", raw_call(0, 0, 0, 0, 0, 0));
    return 0;
}

static int registry(const char *key, const char *value)
{
    char data[512];

    if (!read_registry_raw(key, value, data, sizeof data)) {
        printf("FAILED\n");
        return 1;
    }
    printf("%s\n", data);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "linux") == 0)
        return linux_call(strtoul(argv[2], NULL, 0));
    if (argc == 3 && strcmp(argv[1], "32-bit") == 0)
        return write_from_32_bit(argv[2]);
    if (argc == 4 && strcmp(argv[1], "registry") == 0)
        return registry(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "threads") == 0) {
        int failed = !threads(strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0));
        printf("threads %s\n", failed ? "FAILED" : "ok");
        return failed;
    }
    if (argc >= 2 && strcmp(argv[1], "checks") == 0)
        return run_checks(argc - 2, argv + 2);
    return 3;
}
