/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * share_handles.c - a Windows program whose processes duplicate and inherit handles of keys.
 *
 *   share_handles all          all that happens between processes of one kernel; prints what fails
 *                              and ends with 1 where anything does
 *   share_handles foreign EXE  duplicates a key handle into the process that runs EXE and prints
 *                              the status
 *   share_handles servant NAME does what its mailbox, the key NAME, asks for (internal)
 *
 * Expected results: "ZwDuplicateObject function (ntifs.h)", "Inheritance (Processes and Threads)",
 * "UpdateProcThreadAttribute function".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
#include <tlhelp32.h>
#include <winternl.h>

#define HOME "Software\\pwk-share-handles"
#define PATIENCE 60000 /* milliseconds: a hang is a failure */
#define SAME_ATTRIBUTES 4
#define THREADS 4
#define ROUNDS 5
#define NOTHING ((uint64_t)-1)

NTSYSAPI NTSTATUS NTAPI NtDuplicateObject(HANDLE, HANDLE, HANDLE, HANDLE *, ACCESS_MASK, ULONG,
                                          ULONG);
NTSYSAPI NTSTATUS NTAPI NtCompareObjects(HANDLE, HANDLE);

static LONG failures;
static HKEY secret; /* what all handles here lead to */

#define check(what, expected, got) check_at(__LINE__, what, (uint64_t)(expected), (uint64_t)(got))

static void check_at(int line, const char *what, uint64_t expected, uint64_t got)
{
    if (expected == got)
        return;
    InterlockedIncrement(&failures);
    printf("line %d: %s: expected %llx, got %llx\n", line, what, (unsigned long long)expected,
           (unsigned long long)got);
}

static HKEY open_secret(REGSAM access)
{
    HKEY key = NULL;

    RegCreateKeyExA(HKEY_CURRENT_USER, HOME "\\Secret", 0, NULL, 0, access, NULL, &key, NULL);
    return key;
}

static uint64_t read_secret(HANDLE key)
{
    char text[16] = "";
    DWORD size = sizeof(text);
    LSTATUS error = RegQueryValueExA((HKEY)key, "Text", NULL, NULL, (BYTE *)text, &size);

    return error || strcmp(text, "revealed") == 0 ? (uint64_t)error : NOTHING;
}

static uint64_t flags_of(HANDLE handle)
{
    DWORD flags;

    return GetHandleInformation(handle, &flags) ? flags : NOTHING;
}

/* ---- servants and their mailboxes ---- */

struct servant {
    HKEY mailbox;
    HANDLE go, done, process, thread;
};

static BOOL open_mailbox(struct servant *servant, const char *name)
{
    char text[128];

    snprintf(text, sizeof(text), HOME "\\%s", name);
    RegCreateKeyExA(HKEY_CURRENT_USER, text, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &servant->mailbox,
                    NULL);
    snprintf(text, sizeof(text), "pwk-%s-go", name);
    servant->go = CreateEventA(NULL, FALSE, FALSE, text);
    snprintf(text, sizeof(text), "pwk-%s-done", name);
    servant->done = CreateEventA(NULL, FALSE, FALSE, text);
    return servant->mailbox && servant->go && servant->done;
}

static void put(HKEY mailbox, const char *name, uint64_t number)
{
    RegSetValueExA(mailbox, name, 0, REG_QWORD, (const BYTE *)&number, sizeof(number));
}

static uint64_t get(HKEY mailbox, const char *name)
{
    uint64_t number = NOTHING;
    DWORD size = sizeof(number);

    RegQueryValueExA(mailbox, name, NULL, NULL, (BYTE *)&number, &size);
    return number;
}

static uint64_t ask(struct servant *servant, const char *wish, uint64_t argument)
{
    RegSetValueExA(servant->mailbox, "Wish", 0, REG_SZ, (const BYTE *)wish,
                   (DWORD)strlen(wish) + 1);
    put(servant->mailbox, "Argument", argument);
    SetEvent(servant->go);
    if (WaitForSingleObject(servant->done, PATIENCE) != WAIT_OBJECT_0) {
        printf("a servant does not answer to '%s'\n", wish);
        exit(99);
    }
    return get(servant->mailbox, "Result");
}

static uint64_t ask_handle(struct servant *servant, const char *wish, HANDLE handle)
{
    return ask(servant, wish, (uint64_t)(uintptr_t)handle);
}

/* What a child inherits. */
struct bequest {
    HANDLE *list; /* these alone; NULL: all that can be */
    size_t count;
    HANDLE parent; /* from this process; NULL: from the caller */
};

static const struct bequest everything;

/* `bequest` NULL: nothing is inherited. */
static BOOL start(struct servant *servant, const char *name, const struct bequest *bequest,
                  DWORD flags)
{
    char program[MAX_PATH], command[MAX_PATH + 64], room[256];
    STARTUPINFOEXA startup = {.StartupInfo.cb = sizeof(startup)};
    SIZE_T size = sizeof(room);
    PROCESS_INFORMATION process;
    BOOL started;

    if (!open_mailbox(servant, name))
        return FALSE;
    startup.lpAttributeList = (LPPROC_THREAD_ATTRIBUTE_LIST)room;
    InitializeProcThreadAttributeList(startup.lpAttributeList, 2, 0, &size);
    if (bequest && bequest->list)
        UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                  bequest->list, bequest->count * sizeof(HANDLE), NULL, NULL);
    if (bequest && bequest->parent)
        UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_PARENT_PROCESS,
                                  (void *)&bequest->parent, sizeof(HANDLE), NULL, NULL);
    GetModuleFileNameA(NULL, program, MAX_PATH);
    snprintf(command, sizeof(command), "\"%s\" servant %s", program, name);
    started = CreateProcessA(program, command, NULL, NULL, bequest != NULL,
                             flags | EXTENDED_STARTUPINFO_PRESENT, NULL, NULL, &startup.StartupInfo,
                             &process);
    servant->process = started ? process.hProcess : NULL;
    servant->thread = started ? process.hThread : NULL;
    return started;
}

static void dismiss(struct servant *servant)
{
    ask(servant, "quit", 0);
    WaitForSingleObject(servant->process, PATIENCE);
}

static uint64_t spawn(const char *name)
{
    struct servant child;

    return start(&child, name, &everything, 0) ? 0 : GetLastError();
}

static uint64_t obey(const char *wish, uint64_t argument)
{
    static HANDLE event;
    HANDLE handle = (HANDLE)(uintptr_t)argument;

    if (strcmp(wish, "open") == 0)
        return (uintptr_t)open_secret((REGSAM)argument);
    if (strcmp(wish, "bequeath") == 0)
        return !SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    if (strcmp(wish, "read") == 0)
        return read_secret(handle);
    if (strcmp(wish, "write") == 0)
        return RegSetValueExA((HKEY)handle, "Written", 0, REG_SZ, (const BYTE *)"x", 2);
    if (strcmp(wish, "flags") == 0)
        return flags_of(handle);
    if (strcmp(wish, "protect") == 0)
        return !SetHandleInformation(handle, HANDLE_FLAG_PROTECT_FROM_CLOSE,
                                     HANDLE_FLAG_PROTECT_FROM_CLOSE);
    if (strcmp(wish, "close") == 0)
        return !CloseHandle(handle);
    if (strcmp(wish, "spawn") == 0)
        return spawn("grandchild");
    if (strcmp(wish, "watch") == 0) {
        event = CreateEventA(NULL, FALSE, FALSE, NULL);
        return RegNotifyChangeKeyValue((HKEY)handle, FALSE, REG_NOTIFY_CHANGE_LAST_SET, event,
                                       TRUE);
    }
    if (strcmp(wish, "told") == 0)
        return WaitForSingleObject(event, PATIENCE / 2);
    return 0;
}

static int serve(const char *name)
{
    struct servant self;
    char wish[32];

    if (!open_mailbox(&self, name))
        return 3;
    do {
        DWORD size = sizeof(wish);
        if (WaitForSingleObject(self.go, PATIENCE) != WAIT_OBJECT_0)
            return 4;
        if (RegQueryValueExA(self.mailbox, "Wish", NULL, NULL, (BYTE *)wish, &size))
            return 5;
        put(self.mailbox, "Result", obey(wish, get(self.mailbox, "Argument")));
        SetEvent(self.done);
    } while (strcmp(wish, "quit") != 0);
    return 0;
}

/* ---- duplicating ---- */

static NTSTATUS duplicate(HANDLE from, uint64_t handle, HANDLE to, HANDLE *copy, ULONG options)
{
    *copy = (HANDLE)0xdead;
    return NtDuplicateObject(from, (HANDLE)(uintptr_t)handle, to, copy, 0, 0, options);
}

static void push(void)
{
    HKEY readable = open_secret(KEY_READ);
    struct servant child;
    HANDLE early, late, weak, none;

    if (!start(&child, "pushed", NULL, CREATE_SUSPENDED)) {
        check("a suspended child starts", 0, GetLastError());
        return;
    }
    check("push into a child that has not run", 0,
          duplicate(GetCurrentProcess(), (uintptr_t)secret, child.process, &early,
                    DUPLICATE_SAME_ACCESS));
    ResumeThread(child.thread);
    check("the child reads", 0, ask_handle(&child, "read", early));
    check("the child writes", 0, ask_handle(&child, "write", early));
    check("not inheritable", 0, ask_handle(&child, "flags", early));

    check("push into a child that runs", 0,
          duplicate(GetCurrentProcess(), (uintptr_t)readable, child.process, &late,
                    DUPLICATE_SAME_ACCESS));
    check("another handle", 1, early != late);
    check("the child reads it", 0, ask_handle(&child, "read", late));
    check("the child may not write", ERROR_ACCESS_DENIED, ask_handle(&child, "write", late));
    check("push with less access and inheritable", 0,
          NtDuplicateObject(GetCurrentProcess(), secret, child.process, &weak, KEY_READ,
                            OBJ_INHERIT, 0));
    check("inheritable there", HANDLE_FLAG_INHERIT, ask_handle(&child, "flags", weak));
    check("less access there", ERROR_ACCESS_DENIED, ask_handle(&child, "write", weak));

    check("push what is not open", STATUS_INVALID_HANDLE,
          duplicate(GetCurrentProcess(), 0x43fffffc, child.process, &none, DUPLICATE_SAME_ACCESS));
    check("no handle then", 0, (uintptr_t)none);
    check("move", 0,
          duplicate(GetCurrentProcess(), (uintptr_t)readable, child.process, &late,
                    DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    check("gone here", NOTHING, flags_of(readable));
    check("open there", 0, ask_handle(&child, "read", late));
    dismiss(&child);
    check("push into a process that has ended", STATUS_PROCESS_IS_TERMINATING,
          duplicate(GetCurrentProcess(), (uintptr_t)secret, child.process, &none,
                    DUPLICATE_SAME_ACCESS));
}

static void pull_and_pass(void)
{
    struct servant first, second;
    HANDLE copy, again;
    uint64_t theirs;

    if (!start(&first, "first", NULL, 0) || !start(&second, "second", NULL, 0)) {
        check("children start", 0, GetLastError());
        return;
    }
    theirs = ask(&first, "open", KEY_READ);
    check("pull", 0,
          duplicate(first.process, theirs, GetCurrentProcess(), &copy, DUPLICATE_SAME_ACCESS));
    check("the same key", 0, NtCompareObjects(copy, secret));
    check("it can be read", 0, read_secret(copy));
    check("with the same access", ERROR_ACCESS_DENIED, obey("write", (uintptr_t)copy));

    check("from one child to the other", 0,
          duplicate(first.process, theirs, second.process, &again, DUPLICATE_SAME_ACCESS));
    check("the other reads", 0, ask_handle(&second, "read", again));
    check("from the other back to the first", 0,
          duplicate(second.process, (uintptr_t)again, first.process, &again,
                    DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    check("the first reads", 0, ask_handle(&first, "read", again));
    check("within the first", 0,
          duplicate(first.process, theirs, first.process, &again, DUPLICATE_SAME_ACCESS));
    check("the first reads that", 0, ask_handle(&first, "read", again));
    check("moved within the first", 0,
          duplicate(first.process, (uintptr_t)again, first.process, &copy,
                    DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    check("it keeps its value", (uintptr_t)again, (uintptr_t)copy);

    ask(&first, "protect", theirs);
    check("pull with attributes from a protected source", 0,
          duplicate(first.process, theirs, GetCurrentProcess(), &copy,
                    DUPLICATE_SAME_ACCESS | SAME_ATTRIBUTES | DUPLICATE_CLOSE_SOURCE));
    check("protected too", HANDLE_FLAG_PROTECT_FROM_CLOSE, flags_of(copy));
    check("the source is still open", 0, ask(&first, "read", theirs));
    theirs = ask(&first, "open", KEY_READ);
    check("close in another process", 0,
          NtDuplicateObject(first.process, (HANDLE)(uintptr_t)theirs, NULL, NULL, 0, 0,
                            DUPLICATE_CLOSE_SOURCE));
    check("closed there", NOTHING, ask(&first, "flags", theirs));
    check("not there any more", STATUS_INVALID_HANDLE,
          duplicate(first.process, theirs, GetCurrentProcess(), &copy, DUPLICATE_SAME_ACCESS));
    dismiss(&first);
    dismiss(&second);
}

static void rights(void)
{
    struct servant child;
    HANDLE weak, strong, event = CreateEventA(NULL, FALSE, FALSE, NULL), copy;
    DWORD id;

    if (!start(&child, "rights", NULL, 0)) {
        check("a child starts", 0, GetLastError());
        return;
    }
    id = GetProcessId(child.process);
    weak = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, id);
    strong = OpenProcess(PROCESS_DUP_HANDLE, FALSE, id);
    check("push without PROCESS_DUP_HANDLE", STATUS_ACCESS_DENIED,
          duplicate(GetCurrentProcess(), (uintptr_t)secret, weak, &copy, DUPLICATE_SAME_ACCESS));
    check("pull without PROCESS_DUP_HANDLE", STATUS_ACCESS_DENIED,
          duplicate(weak, (uintptr_t)secret, GetCurrentProcess(), &copy, DUPLICATE_SAME_ACCESS));
    check("push with nothing else", 0,
          duplicate(GetCurrentProcess(), (uintptr_t)secret, strong, &copy, DUPLICATE_SAME_ACCESS));
    check("the child reads", 0, ask_handle(&child, "read", copy));
    check("into an event", STATUS_OBJECT_TYPE_MISMATCH,
          duplicate(GetCurrentProcess(), (uintptr_t)secret, event, &copy, DUPLICATE_SAME_ACCESS));
    check("into nothing", STATUS_INVALID_HANDLE,
          duplicate(GetCurrentProcess(), (uintptr_t)secret, (HANDLE)0x7ffc, &copy,
                    DUPLICATE_SAME_ACCESS));
    check("to nobody", STATUS_INVALID_PARAMETER,
          duplicate(GetCurrentProcess(), (uintptr_t)secret, NULL, &copy, DUPLICATE_SAME_ACCESS));
    check("still open here", 0, read_secret(secret));
    dismiss(&child);
}

static void notification(void)
{
    struct servant child;
    HANDLE copy;
    uint64_t theirs;

    if (!start(&child, "watcher", NULL, 0)) {
        check("a child starts", 0, GetLastError());
        return;
    }
    theirs = ask(&child, "open", KEY_READ);
    check("the child watches", 0, ask(&child, "watch", theirs));
    check("its handle is moved", 0,
          duplicate(child.process, theirs, GetCurrentProcess(), &copy,
                    DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    check("it is told", WAIT_OBJECT_0, ask(&child, "told", 0));
    CloseHandle(copy);
    dismiss(&child);
}

/* ---- inheriting ---- */

static void inherit(void)
{
    HKEY heirloom = open_secret(KEY_READ), own = open_secret(KEY_ALL_ACCESS);
    struct servant child, grandchild;
    HANDLE copy;

    SetHandleInformation(heirloom, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    if (!start(&child, "heir", &everything, CREATE_SUSPENDED)) {
        check("a child starts", 0, GetLastError());
        return;
    }
    CloseHandle(heirloom);
    ResumeThread(child.thread);
    check("the child reads", 0, ask_handle(&child, "read", heirloom));
    check("with the parent's access", ERROR_ACCESS_DENIED, ask_handle(&child, "write", heirloom));
    check("still inheritable", HANDLE_FLAG_INHERIT, ask_handle(&child, "flags", heirloom));
    check("what is not inheritable is not there", 1, ask_handle(&child, "read", own) != 0);

    open_mailbox(&grandchild, "grandchild");
    check("the child starts one", 0, ask(&child, "spawn", 0));
    check("the child closes it", 0, ask_handle(&child, "close", heirloom));
    check("closed", NOTHING, ask_handle(&child, "flags", heirloom));
    check("the grandchild reads", 0, ask_handle(&grandchild, "read", heirloom));
    for (int i = 0; i < 40; i++)
        check("new handles of the child", 1, ask(&child, "open", KEY_READ) != (uintptr_t)secret);
    check("push into an heir", 0,
          duplicate(GetCurrentProcess(), (uintptr_t)secret, child.process, &copy,
                    DUPLICATE_SAME_ACCESS));
    check("it reads", 0, ask_handle(&child, "read", copy));
    grandchild.process = NULL;
    ask(&grandchild, "quit", 0);
    dismiss(&child);
    CloseHandle(own);
}

static void inherit_listed(void)
{
    HKEY listed = open_secret(KEY_READ), other = open_secret(KEY_READ),
         plain = open_secret(KEY_READ);
    HANDLE handles[] = {listed, plain};
    const struct bequest good = {.list = handles, .count = 1};
    const struct bequest wrong = {.list = handles, .count = 2};
    struct servant child;

    SetHandleInformation(listed, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    SetHandleInformation(other, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    if (!start(&child, "listed", &good, 0)) {
        check("a child with a list starts", 0, GetLastError());
        return;
    }
    check("what is listed is inherited", 0, ask_handle(&child, "read", listed));
    check("and inheritable", HANDLE_FLAG_INHERIT, ask_handle(&child, "flags", listed));
    check("what is not listed is not", 1,
          ask_handle(&child, "flags", other) != HANDLE_FLAG_INHERIT);
    dismiss(&child);

    check("a list with a handle that is not inheritable", 0, start(&child, "bad", &wrong, 0));
    check("its error", ERROR_INVALID_PARAMETER, GetLastError());
    if (!start(&child, "alone", NULL, 0)) {
        check("a child without inheritance starts", 0, GetLastError());
        return;
    }
    check("nothing is inherited", 1, ask_handle(&child, "flags", listed) != HANDLE_FLAG_INHERIT);
    dismiss(&child);
    CloseHandle(listed);
    CloseHandle(other);
    CloseHandle(plain);
}

static void inherit_from_another(void)
{
    struct servant parent, child;
    struct bequest bequest = {0};
    uint64_t theirs;

    if (!start(&parent, "parent", NULL, 0)) {
        check("a child starts", 0, GetLastError());
        return;
    }
    theirs = ask(&parent, "open", KEY_READ);
    ask(&parent, "bequeath", theirs);
    bequest.parent = parent.process;
    if (!start(&child, "adopted", &bequest, 0)) {
        check("a child of another process starts", 0, GetLastError());
        return;
    }
    check("it has that process's handle", HANDLE_FLAG_INHERIT, ask(&child, "flags", theirs));
    check("it reads", 0, ask(&child, "read", theirs));
    dismiss(&child);
    dismiss(&parent);
}

/* Children that are started at the same time get what each of them was to have. */
static HKEY lots[THREADS];

static DWORD WINAPI start_some(void *context)
{
    size_t number = (size_t)context;
    HANDLE list[] = {lots[number]};
    const struct bequest bequest = {.list = list, .count = 1};
    struct servant child;
    char name[32];

    for (int round = 0; round < ROUNDS; round++) {
        snprintf(name, sizeof(name), "lot-%d-%d", (int)number, round);
        if (!start(&child, name, &bequest, 0)) {
            check("a child starts beside others", 0, GetLastError());
            return 1;
        }
        for (size_t i = 0; i < THREADS; i++)
            check("one handle of all", i == number,
                  ask_handle(&child, "flags", lots[i]) == HANDLE_FLAG_INHERIT);
        check("a child beside others reads", 0, ask_handle(&child, "read", lots[number]));
        dismiss(&child);
    }
    return 0;
}

static void inherit_at_once(void)
{
    HANDLE threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        lots[i] = open_secret(KEY_READ);
        SetHandleInformation(lots[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    }
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = CreateThread(NULL, 0, start_some, (void *)i, 0, NULL);
    check("all threads end", WAIT_OBJECT_0,
          WaitForMultipleObjects(THREADS, threads, TRUE, PATIENCE));
    for (size_t i = 0; i < THREADS; i++)
        CloseHandle(lots[i]);
}

static int all(void)
{
    push();
    pull_and_pass();
    rights();
    notification();
    inherit();
    inherit_listed();
    inherit_from_another();
    inherit_at_once();
    printf("%ld failures\n", failures);
    return failures != 0;
}

static int foreign(const char *program)
{
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0), process = NULL, copy;
    PROCESSENTRY32 entry = {.dwSize = sizeof(entry)};

    for (BOOL more = Process32First(snapshot, &entry); more; more = Process32Next(snapshot, &entry))
        if (lstrcmpiA(entry.szExeFile, program) == 0)
            process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, entry.th32ProcessID);
    if (!process)
        return 3;
    printf("push %08lx\n", (unsigned long)duplicate(GetCurrentProcess(), (uintptr_t)secret, process,
                                                    &copy, DUPLICATE_SAME_ACCESS));
    printf("pull %08lx\n", (unsigned long)duplicate(process, (uintptr_t)secret, GetCurrentProcess(),
                                                    &copy, DUPLICATE_SAME_ACCESS));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "servant") == 0)
        return serve(argv[2]);
    secret = open_secret(KEY_ALL_ACCESS);
    RegSetValueExA(secret, "Text", 0, REG_SZ, (const BYTE *)"revealed", 9);
    if (argc == 2 && strcmp(argv[1], "all") == 0)
        return all();
    if (argc == 3 && strcmp(argv[1], "foreign") == 0)
        return foreign(argv[2]);
    return 3;
}
