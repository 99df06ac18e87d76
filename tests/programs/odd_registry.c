/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * odd_registry.c - a Windows program that uses all that a registry can hold, for the test of
 * pwkctl registry commit.
 *
 *   odd_registry write        makes HKLM\Software\pwk-odd with what follows in it
 *   odd_registry verify       status 0 where all of it is there, and nothing else
 *   odd_registry rename KEY NAME    gives a key below HKLM\Software another name
 *   odd_registry class KEY    prints the key's class
 *   odd_registry deny KEY     nobody may write the key below HKLM\Software any more; says "denied",
 *                             waits for a line, and gives the rights back
 *   odd_registry many KEY COUNT     sets so many values in ten subkeys of the key
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

#define TOP L"\\Registry\\Machine\\Software\\"
#define LONGEST_NAME 16383
#define BIG (1 << 20)

NTSTATUS NTAPI NtCreateKey(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, ULONG, UNICODE_STRING *,
                           ULONG, ULONG *);
NTSTATUS NTAPI NtOpenKey(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);
NTSTATUS NTAPI NtSetValueKey(HANDLE, UNICODE_STRING *, ULONG, ULONG, const void *, ULONG);
NTSTATUS NTAPI NtQueryValueKey(HANDLE, UNICODE_STRING *, int, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtQueryKey(HANDLE, int, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtRenameKey(HANDLE, UNICODE_STRING *);

#ifndef OBJ_OPENLINK
#define OBJ_OPENLINK 0x100
#endif

static int failures;

static UNICODE_STRING counted(const WCHAR *text, size_t units)
{
    return (UNICODE_STRING){(USHORT)(2 * units), (USHORT)(2 * units), (WCHAR *)text};
}

static HANDLE key_at(const WCHAR *path, bool create, ULONG options, const WCHAR *class_name)
{
    WCHAR whole[2048];
    UNICODE_STRING name, class_string = {0};
    OBJECT_ATTRIBUTES attributes;
    HANDLE key = NULL;
    NTSTATUS status;

    wcscpy(whole, TOP);
    wcscat(whole, path);
    name = counted(whole, wcslen(whole));
    InitializeObjectAttributes(
        &attributes, &name,
        OBJ_CASE_INSENSITIVE | (options & REG_OPTION_CREATE_LINK ? OBJ_OPENLINK : 0), NULL, NULL);
    if (class_name)
        class_string = counted(class_name, wcslen(class_name));
    if (create)
        status = NtCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0,
                             class_name ? &class_string : NULL, options, NULL);
    else
        status = NtOpenKey(&key, KEY_READ, &attributes);
    if (status) {
        printf("%ls: status %08lx\n", path, status);
        failures++;
    }
    return key;
}

/* ---- the values ---- */

struct odd_value {
    const WCHAR *name;
    size_t units;
    ULONG type;
    const void *data;
    ULONG size;
};

static BYTE big[BIG];
static WCHAR long_name[LONGEST_NAME];
static const WCHAR nul_name[] = L"a\0b", lone[] = {0xd800, 'x', 0xdc00}, inner[] = L"one\0two";
static const WCHAR control[] = {1, 7, '\n', '\r', '\t', 0x7f, 0x85, '"', '\\', '[', ']', '=', '@'};

#define NAMED(text) L##text, sizeof(L##text) / 2 - 1

static const struct odd_value odd_values[] = {
    {L"", 0, REG_SZ, L"default", 16},
    {NAMED("none"), REG_NONE, NULL, 0},
    {NAMED("none with data"), REG_NONE, "xyz", 3},
    {NAMED("sz empty"), REG_SZ, NULL, 0},
    {NAMED("sz without end"), REG_SZ, L"open", 8},
    {NAMED("sz of odd size"), REG_SZ, L"open", 7},
    {NAMED("sz with an end in it"), REG_SZ, inner, sizeof inner},
    {NAMED("sz of halves"), REG_SZ, lone, sizeof lone},
    {NAMED("expand"), REG_EXPAND_SZ, L"%PATH%", 14},
    {NAMED("binary"), REG_BINARY, "\0\xff\x10", 3},
    {NAMED("binary empty"), REG_BINARY, NULL, 0},
    {NAMED("dword"), REG_DWORD, "\1\2\3\4", 4},
    {NAMED("dword short"), REG_DWORD, "\1\2", 2},
    {NAMED("dword long"), REG_DWORD, "\1\2\3\4\5", 5},
    {NAMED("big endian"), REG_DWORD_BIG_ENDIAN, "\1\2\3\4", 4},
    {NAMED("link"), REG_LINK, L"\\Registry\\Machine", 34},
    {NAMED("multi"), REG_MULTI_SZ, L"one\0two\0", 18},
    {NAMED("multi without end"), REG_MULTI_SZ, L"one\0two", 14},
    {NAMED("resources"), REG_RESOURCE_LIST, "r", 1},
    {NAMED("descriptor"), REG_FULL_RESOURCE_DESCRIPTOR, "d", 1},
    {NAMED("requirements"), REG_RESOURCE_REQUIREMENTS_LIST, "q", 1},
    {NAMED("qword"), REG_QWORD, "\1\2\3\4\5\6\7\x8", 8},
    {NAMED("type 12"), 12, "t", 1},
    {NAMED("type of 31 bits"), 0x7fffffff, "t", 1},
    {NAMED("type of 32 bits"), 0xffffffff, "t", 1},
    {NAMED("Gr\x00fc\x00df \x4e2d\xd83d\xde00"), REG_SZ, L"\x4e2d", 4},
    {nul_name, 3, REG_DWORD, "\4\3\2\1", 4},
    {lone, 3, REG_DWORD, "\4\3\2\2", 4},
    {control, sizeof control / 2, REG_DWORD, "\4\3\2\3", 4},
    {long_name, LONGEST_NAME, REG_DWORD, "\4\3\2\4", 4},
    {NAMED("big"), REG_BINARY, big, BIG},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void prepare(void)
{
    for (size_t i = 0; i < BIG; i++)
        big[i] = (BYTE)(i * 31 + i / 251);
    for (size_t i = 0; i < LONGEST_NAME; i++)
        long_name[i] = (WCHAR)('a' + i % 26);
}

static void set_values(HANDLE key)
{
    for (size_t i = 0; i < COUNT_OF(odd_values); i++) {
        const struct odd_value *value = &odd_values[i];
        UNICODE_STRING name = counted(value->name, value->units);
        NTSTATUS status = NtSetValueKey(key, &name, 0, value->type, value->data, value->size);

        if (status) {
            printf("value %u: status %08lx\n", (unsigned)i, status);
            failures++;
        }
    }
}

static void verify_values(HANDLE key)
{
    static BYTE buffer[BIG + 16];
    const ULONG *head = (const ULONG *)buffer;
    ULONG size, counts[11 + 4];

    for (size_t i = 0; i < COUNT_OF(odd_values); i++) {
        const struct odd_value *value = &odd_values[i];
        UNICODE_STRING name = counted(value->name, value->units);
        NTSTATUS status = NtQueryValueKey(key, &name, 2, buffer, sizeof buffer, &size);

        if (status || head[1] != value->type || head[2] != value->size ||
            (value->size && memcmp(buffer + 12, value->data, value->size))) {
            printf("value %u '%.20ls': status %08lx, type %lx, size %lu\n", (unsigned)i,
                   value->name, status, head[1], head[2]);
            failures++;
        }
    }
    /* KEY_FULL_INFORMATION: the number of values is its ninth word. */
    if (NtQueryKey(key, 2, counts, sizeof counts, &size) == 0 &&
        counts[8] != COUNT_OF(odd_values)) {
        printf("%lu values in place of %u\n", counts[8], (unsigned)COUNT_OF(odd_values));
        failures++;
    }
}

/* ---- the keys ---- */

static const WCHAR long_key[] =
    L"pwk-odd\\0123456789012345678901234567890123456789012345678901234567890123456789"
    L"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    L"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    L"123";
static const WCHAR odd_key[] = L"pwk-odd\\ \"[x]=@ \x4e2d\x00df";
static const WCHAR target[] = L"\\Registry\\Machine\\Software\\pwk-odd\\target";

static void deep_path(WCHAR path[1024])
{
    wcscpy(path, L"pwk-odd");
    for (int i = 0; i < 60; i++)
        wcscat(path, L"\\level-of-it");
}

static void write_all(void)
{
    const WCHAR *const plain[] = {L"pwk-odd", L"pwk-odd\\target", long_key, odd_key};
    UNICODE_STRING link_value = counted(L"SymbolicLinkValue", 17);
    WCHAR path[1024];
    HANDLE key;

    for (size_t i = 0; i < COUNT_OF(plain); i++)
        NtClose(key_at(plain[i], true, 0, NULL));
    set_values(key = key_at(L"pwk-odd\\target", true, 0, NULL));
    NtClose(key);
    NtClose(key_at(L"pwk-odd\\classy", true, 0, L"a class of its own"));
    key = key_at(L"pwk-odd\\link", true, REG_OPTION_CREATE_LINK, NULL);
    if (NtSetValueKey(key, &link_value, 0, REG_LINK, target, sizeof target - 2))
        failures++;
    NtClose(key);
    deep_path(path);
    for (size_t i = wcslen(L"pwk-odd\\"); path[i]; i++)
        if (path[i] == '\\') {
            path[i] = 0;
            NtClose(key_at(path, true, 0, NULL));
            path[i] = '\\';
        }
    NtClose(key_at(path, true, 0, NULL));
}

static void verify_all(void)
{
    const WCHAR *const plain[] = {L"pwk-odd", L"pwk-odd\\classy", long_key, odd_key};
    WCHAR path[1024];
    HANDLE key;

    for (size_t i = 0; i < COUNT_OF(plain); i++)
        NtClose(key_at(plain[i], false, 0, NULL));
    verify_values(key = key_at(L"pwk-odd\\target", false, 0, NULL));
    NtClose(key);
    verify_values(key = key_at(L"pwk-odd\\link", false, 0, NULL));
    NtClose(key);
    deep_path(path);
    NtClose(key_at(path, false, 0, NULL));
}

/* ---- the other commands ---- */

static const WCHAR *wide(const char *text)
{
    static WCHAR wide_text[1024];

    MultiByteToWideChar(CP_ACP, 0, text, -1, wide_text, COUNT_OF(wide_text));
    return wide_text;
}

static void rename_key(const char *path, const char *to)
{
    HANDLE key = key_at(wide(path), true, 0, NULL);
    UNICODE_STRING name = counted(wide(to), strlen(to));
    NTSTATUS status = NtRenameKey(key, &name);

    if (status) {
        printf("rename: status %08lx\n", status);
        failures++;
    }
    NtClose(key);
}

static void print_class(const char *path)
{
    HANDLE key = key_at(wide(path), false, 0, NULL);
    ULONG size, buffer[512] = {0};

    /* KEY_NODE_INFORMATION: offset and length of the class are its words 3 and 4. */
    if (NtQueryKey(key, 1, buffer, sizeof buffer, &size) == 0)
        printf("%.*ls\n", (int)(buffer[4] / 2), (const WCHAR *)((const BYTE *)buffer + buffer[3]));
    NtClose(key);
}

static void deny(const char *path)
{
    SECURITY_DESCRIPTOR descriptor;
    SID_IDENTIFIER_AUTHORITY world = {SECURITY_WORLD_SID_AUTHORITY};
    BYTE acl[256];
    char line[16];
    PSID everyone;
    HKEY software, key;
    LONG status;

    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software", 0, KEY_READ, &software) ||
        RegOpenKeyExW(software, wide(path), 0, KEY_ALL_ACCESS, &key) ||
        !AllocateAndInitializeSid(&world, 1, 0, 0, 0, 0, 0, 0, 0, 0, &everyone)) {
        failures++;
        return;
    }
    InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    InitializeAcl((ACL *)acl, sizeof acl, ACL_REVISION);
    AddAccessAllowedAce((ACL *)acl, ACL_REVISION, KEY_READ | WRITE_DAC, everyone);
    SetSecurityDescriptorDacl(&descriptor, TRUE, (ACL *)acl, FALSE);
    status = RegSetKeySecurity(key, DACL_SECURITY_INFORMATION, &descriptor);
    puts(status ? "not denied" : "denied");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        failures++;
    InitializeAcl((ACL *)acl, sizeof acl, ACL_REVISION);
    AddAccessAllowedAce((ACL *)acl, ACL_REVISION, KEY_ALL_ACCESS, everyone);
    RegSetKeySecurity(key, DACL_SECURITY_INFORMATION, &descriptor);
    RegCloseKey(key);
}

static void set_many(const char *path, unsigned long count)
{
    HANDLE parent = key_at(wide(path), true, 0, NULL);

    NtClose(parent);
    for (unsigned long i = 0; i < count; i++) {
        WCHAR text[1024];
        UNICODE_STRING name;
        HANDLE key;

        swprintf(text, COUNT_OF(text), L"%hs\\part-%lu", path, i % 10);
        key = key_at(text, true, 0, NULL);
        swprintf(text, COUNT_OF(text), L"value-%lu", i);
        name = counted(text, wcslen(text));
        if (NtSetValueKey(key, &name, 0, REG_DWORD, &i, 4))
            failures++;
        NtClose(key);
    }
}

int main(int argc, char *argv[])
{
    const char *what = argc > 1 ? argv[1] : "";

    prepare();
    if (!strcmp(what, "write"))
        write_all();
    else if (!strcmp(what, "verify"))
        verify_all();
    else if (!strcmp(what, "rename") && argc == 4)
        rename_key(argv[2], argv[3]);
    else if (!strcmp(what, "class") && argc == 3)
        print_class(argv[2]);
    else if (!strcmp(what, "deny") && argc == 3)
        deny(argv[2]);
    else if (!strcmp(what, "many") && argc == 4)
        set_many(argv[2], strtoul(argv[3], NULL, 10));
    else
        return 2;
    return failures ? 1 : 0;
}
