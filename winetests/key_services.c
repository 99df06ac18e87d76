/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_services.c - a Windows program that checks the registry's NT services where Wine's own units
 * do not look: access, views, application hives, notification, information classes, deleted keys.
 * Each check states what Windows does; sources stand beside those that could surprise.
 */
#include "winetests/nt_calls.h"

#include "winetests/check.h"

static HANDLE base; /* \Registry\Machine\Software\pwk-key-services */

/* ---- access ---- */

static void test_desired_access(void)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING string;
    HANDLE key = (HANDLE)0xdead, child;

    beyond_stock
    {
        status_is(open_under(&key, base, L"", 0), STATUS_ACCESS_DENIED);
        ok(!key, "the handle is %p", key);
        status_is(open_under(&key, base, L"", KEY_WOW64_64KEY), STATUS_ACCESS_DENIED);
    }
    status_is(open_under(&key, base, L"no such key", 0), STATUS_OBJECT_NAME_NOT_FOUND);

    /* What Wine's own modules ask for: a root and nothing else. */
    status_is(NtOpenKeyEx(&key, 0, name_attributes(&attributes, &string, base, L""), 0),
              STATUS_SUCCESS);
    status_is(set_number(key, L"value", 1), STATUS_ACCESS_DENIED);
    ok(get_number(key, L"value") == ~0u, "a handle without rights reads");
    status_is(create_under(&child, key, L"access", KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(NtDeleteKey(child), STATUS_SUCCESS);
    NtClose(child);
    NtClose(key);
    beyond_stock status_is(
        NtOpenKeyEx(&key, KEY_READ, name_attributes(&attributes, &string, base, L""), 1),
        STATUS_INVALID_PARAMETER);
    beyond_stock status_is(NtCreateKey(&key, KEY_READ,
                                       name_attributes(&attributes, &string, base, L""), 0, NULL,
                                       0x40, NULL),
                           STATUS_INVALID_PARAMETER);
}

/* One service after the other with a handle that has every right but the one it needs. */
static void test_needed_access(void)
{
    unsigned char buffer[512];
    IO_STATUS_BLOCK block;
    UNICODE_STRING name;
    HANDLE key, event;
    DWORD length;

    RtlInitUnicodeString(&name, L"value");
    NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, 0, FALSE);
    status_is(open_under(&key, base, L"", KEY_ALL_ACCESS & ~KEY_QUERY_VALUE), STATUS_SUCCESS);
    /* "ZwQueryKey function (wdm.h)" */
    for (int class = KeyBasicInformation; class <= KeyCachedInformation; class ++)
        beyond_stock status_is(NtQueryKey(key, class, buffer, sizeof(buffer), &length),
                               class == KeyNameInformation ? STATUS_SUCCESS : STATUS_ACCESS_DENIED);
    status_is(NtQueryValueKey(key, &name, 0, buffer, sizeof(buffer), &length),
              STATUS_ACCESS_DENIED);
    status_is(NtEnumerateValueKey(key, 0, 0, buffer, sizeof(buffer), &length),
              STATUS_ACCESS_DENIED);
    NtClose(key);

    status_is(open_under(&key, base, L"", KEY_ALL_ACCESS & ~KEY_SET_VALUE), STATUS_SUCCESS);
    status_is(set_number(key, L"value", 1), STATUS_ACCESS_DENIED);
    status_is(NtDeleteValueKey(key, &name), STATUS_ACCESS_DENIED);
    memset(buffer, 0, sizeof(buffer));
    beyond_stock
    {
        status_is(NtSetInformationKey(key, 0, buffer, 8), STATUS_ACCESS_DENIED);
        status_is(NtSetInformationKey(key, 2, buffer, 4), STATUS_ACCESS_DENIED);
        status_is(NtRenameKey(key, &name), STATUS_ACCESS_DENIED);
    }
    NtClose(key);

    status_is(open_under(&key, base, L"", KEY_ALL_ACCESS & ~KEY_ENUMERATE_SUB_KEYS),
              STATUS_SUCCESS);
    status_is(NtEnumerateKey(key, 0, KeyBasicInformation, buffer, sizeof(buffer), &length),
              STATUS_ACCESS_DENIED);
    NtClose(key);

    status_is(open_under(&key, base, L"", KEY_ALL_ACCESS & ~KEY_NOTIFY), STATUS_SUCCESS);
    status_is(NtNotifyChangeKey(key, event, NULL, NULL, &block, REG_NOTIFY_CHANGE_NAME, FALSE, NULL,
                                0, TRUE),
              STATUS_ACCESS_DENIED);
    NtClose(key);

    status_is(open_under(&key, base, L"", KEY_ALL_ACCESS & ~DELETE), STATUS_SUCCESS);
    status_is(NtDeleteKey(key), STATUS_ACCESS_DENIED);
    status_is(NtFlushKey(key), STATUS_SUCCESS);
    NtClose(key);
    NtClose(event);
}

/* ---- views ---- */

/* "32-bit and 64-bit Application Data in the Registry": the flags belong to RegOpenKeyEx and its
 * kin. In a 64-bit program the service itself takes no notice of them, on Windows too (Wine's
 * test_redirection in ntdll's unit reg). */
static void test_views(void)
{
    static const WCHAR native[] = L"\\Registry\\Machine\\Software\\pwk-views";
    static const WCHAR redirected[] = L"\\Registry\\Machine\\Software\\Wow6432Node\\pwk-views";
    HANDLE key64, key32, key;
    HKEY win32;

    status_is(create_under(&key64, NULL, native, KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(create_under(&key32, NULL, redirected, KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(set_number(key64, L"bits", 64), STATUS_SUCCESS);
    status_is(set_number(key32, L"bits", 32), STATUS_SUCCESS);

    status_is(open_under(&key, NULL, native, KEY_READ | KEY_WOW64_32KEY), STATUS_SUCCESS);
    ok(get_number(key, L"bits") == 64, "the service redirects: %lu", get_number(key, L"bits"));
    NtClose(key);
    status_is(open_under(&key, NULL, redirected, KEY_READ | KEY_WOW64_64KEY), STATUS_SUCCESS);
    ok(get_number(key, L"bits") == 32, "a full path is followed: %lu", get_number(key, L"bits"));
    NtClose(key);

    status_is(RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software\\pwk-views", 0,
                            KEY_READ | KEY_WOW64_32KEY, &win32),
              ERROR_SUCCESS);
    ok(get_number(win32, L"bits") == 32, "RegOpenKeyEx: %lu", get_number(win32, L"bits"));
    RegCloseKey(win32);
    status_is(RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software\\pwk-views", 0,
                            KEY_READ | KEY_WOW64_64KEY, &win32),
              ERROR_SUCCESS);
    ok(get_number(win32, L"bits") == 64, "RegOpenKeyEx: %lu", get_number(win32, L"bits"));
    RegCloseKey(win32);

    status_is(RegCreateKeyExW(HKEY_LOCAL_MACHINE, L"Software\\Classes\\CLSID\\pwk-views", 0, NULL,
                              0, KEY_ALL_ACCESS | KEY_WOW64_32KEY, NULL, &win32, NULL),
              ERROR_SUCCESS);
    status_is(open_under(&key, NULL,
                         L"\\Registry\\Machine\\Software\\Classes\\Wow6432Node\\CLSID\\pwk-views",
                         KEY_READ),
              STATUS_SUCCESS);
    NtClose(key);
    status_is(open_under(&key, NULL, L"\\Registry\\Machine\\Software\\Classes\\CLSID\\pwk-views",
                         KEY_READ),
              STATUS_OBJECT_NAME_NOT_FOUND);
    NtDeleteKey(win32);
    RegCloseKey(win32);
    status_is(NtDeleteKey(key32), STATUS_SUCCESS);
    status_is(NtDeleteKey(key64), STATUS_SUCCESS);
    NtClose(key32);
    NtClose(key64);
}

/* ---- notification ---- */

static int is_set(HANDLE event)
{
    return WaitForSingleObject(event, 0) == WAIT_OBJECT_0;
}

/* "NtNotifyChangeMultipleKeys function (winternl.h)" */
static void test_subordinate_key(void)
{
    OBJECT_ATTRIBUTES second, same;
    UNICODE_STRING second_string, same_string;
    HANDLE key, other, event;
    IO_STATUS_BLOCK block;
    char buffer[16];

    if (under_stock)
        return; /* it forgets the second key */
    NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, 0, FALSE);
    status_is(create_under(&key, base, L"notify", KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(create_under(&other, NULL, L"\\Registry\\User\\.Default\\pwk-notify", KEY_ALL_ACCESS),
              STATUS_SUCCESS);
    name_attributes(&second, &second_string, NULL, L"\\Registry\\User\\.Default\\pwk-notify");
    name_attributes(&same, &same_string, base, L"");

#define NOTIFY(count, attributes, filter)                                                          \
    NtNotifyChangeMultipleKeys(key, count, attributes, event, NULL, NULL, &block, filter, TRUE,    \
                               buffer, sizeof(buffer), TRUE)
    status_is(NOTIFY(2, &second, REG_NOTIFY_CHANGE_LAST_SET), STATUS_INVALID_PARAMETER);
    status_is(NOTIFY(1, &same, REG_NOTIFY_CHANGE_LAST_SET), STATUS_INVALID_PARAMETER);
    status_is(NOTIFY(1, &second, 0x20), STATUS_INVALID_PARAMETER);
    status_is(NtNotifyChangeMultipleKeys(key, 1, &second, event, NULL, NULL, &block,
                                         REG_NOTIFY_CHANGE_LAST_SET, TRUE, (void *)16, 16, TRUE),
              STATUS_ACCESS_VIOLATION);
    for (int round = 0; round < 4; round++) {
        status_is(NOTIFY(1, &second, REG_NOTIFY_CHANGE_LAST_SET), STATUS_PENDING);
        ok(!is_set(event), "round %d: fires for nothing", round);
        status_is(set_number(round & 1 ? other : key, L"number", round), STATUS_SUCCESS);
        ok(is_set(event), "round %d: does not fire", round);
    }
    status_is(NOTIFY(1, &second, REG_NOTIFY_CHANGE_LAST_SET), STATUS_PENDING);
    status_is(NtDeleteKey(other), STATUS_SUCCESS);
    ok(is_set(event), "the second key was deleted");
    status_is(NOTIFY(1, &second, REG_NOTIFY_CHANGE_LAST_SET), STATUS_OBJECT_NAME_NOT_FOUND);
#undef NOTIFY
    NtClose(other);
    NtDeleteKey(key);
    NtClose(key);
    NtClose(event);
}

int main(int argc, char **argv)
{
    begin_unit(argc, argv);
    status_is(create_under(&base, NULL, L"\\Registry\\Machine\\Software\\pwk-key-services",
                           KEY_ALL_ACCESS),
              STATUS_SUCCESS);
    test_desired_access();
    test_needed_access();
    test_views();
    test_subordinate_key();
    status_is(NtDeleteKey(base), STATUS_SUCCESS);
    NtClose(base);
    return report();
}
