/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_information.c - a Windows program that checks what is told and set of keys and values (all
 * information classes that Windows has), and what every service says of a key that was deleted.
 */
#include "winetests/nt_calls.h"

#include "winetests/check.h"

static HANDLE base; /* \Registry\Machine\Software\pwk-key-information */

static DWORD query_word(HANDLE key, int class, ULONG size, unsigned at)
{
    DWORD words[4] = {~0u, ~0u, ~0u, ~0u}, length = 0;

    status_is(NtQueryKey(key, class, words, size, &length), STATUS_SUCCESS);
    ok(length == size, "class %d: %lu bytes", class, length);
    return words[at];
}

static void test_flags(void)
{
    HANDLE key, again, copy;
    DWORD flags, length;

    if (under_stock)
        return; /* which has none of these classes */
    status_is(create_under(&key, base, L"flags", KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(open_under(&again, base, L"flags", KEY_ALL_ACCESS & ~KEY_SET_VALUE), STATUS_SUCCESS);
    for (unsigned at = 0; at < 3; at++)
        ok(query_word(key, KeyFlagsInformation, 12, at) == 0, "flag word %u is set", at);
    flags = 5;
    status_is(NtSetInformationKey(key, KeyWow64FlagsInformation, &flags, 4), STATUS_SUCCESS);
    flags = 10;
    status_is(NtSetInformationKey(key, 2, &flags, 4), STATUS_SUCCESS);
    ok(query_word(again, KeyFlagsInformation, 12, 0) == 5, "user flags");
    ok(query_word(again, KeyFlagsInformation, 12, 1) == 0, "key flags");
    ok(query_word(again, KeyFlagsInformation, 12, 2) == 10, "control flags");
    status_is(NtSetInformationKey(again, 2, &flags, 4), STATUS_ACCESS_DENIED);

    /* A handle's tags are its own, and need no right. */
    flags = 0x1234;
    status_is(NtSetInformationKey(again, 5, &flags, 4), STATUS_SUCCESS);
    ok(query_word(again, KeyHandleTagsInformation, 4, 0) == 0x1234, "handle tags");
    ok(query_word(key, KeyHandleTagsInformation, 4, 0) == 0, "tags of another handle");
    ok(DuplicateHandle(GetCurrentProcess(), again, GetCurrentProcess(), &copy, 0, FALSE,
                       DUPLICATE_SAME_ACCESS),
       "a key handle is not duplicated");
    ok(query_word(copy, KeyHandleTagsInformation, 4, 0) == 0x1234, "tags of a duplicate");
    NtClose(copy);

    /* "KEY_VIRTUALIZATION_INFORMATION structure (wdm.h)" */
    ok(query_word(key, KeyVirtualizationInformation, 4, 0) == 1, "a candidate, not enabled");
    flags = 2;
    status_is(NtSetInformationKey(key, 3, &flags, 4), STATUS_SUCCESS);
    ok(query_word(key, KeyVirtualizationInformation, 4, 0) == 9, "virtual store");
    ok(query_word(key, KeyTrustInformation, 4, 0) == 1, "trusted");
    ok(query_word(key, KeyLayerInformation, 4, 0) == 0, "no layer");

    status_is(NtSetInformationKey(key, 6, &flags, 4), STATUS_NOT_SUPPORTED);
    status_is(NtSetInformationKey(key, 7, &flags, 4), STATUS_INVALID_PARAMETER);
    status_is(NtSetInformationKey(key, 2, &flags, 8), STATUS_INFO_LENGTH_MISMATCH);
    status_is(NtQueryKey(key, 10, &flags, 4, &length), STATUS_INVALID_PARAMETER);
    status_is(NtQueryKey(key, KeyFlagsInformation, &flags, 4, &length), STATUS_BUFFER_TOO_SMALL);
    ok(length == 12, "needed: %lu", length);
    status_is(NtEnumerateKey(base, 0, KeyFlagsInformation, &flags, 4, &length),
              STATUS_INVALID_PARAMETER);
    NtClose(again);
    NtDeleteKey(key);
    NtClose(key);
}

static void test_volatile_and_link_flags(void)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING string;
    HANDLE key;

    if (under_stock)
        return;
    status_is(NtCreateKey(&key, KEY_ALL_ACCESS,
                          name_attributes(&attributes, &string, base, L"volatile"), 0, NULL,
                          REG_OPTION_VOLATILE, NULL),
              STATUS_SUCCESS);
    ok(query_word(key, KeyFlagsInformation, 12, 1) == 1, "a volatile key");
    NtDeleteKey(key);
    NtClose(key);
    status_is(NtCreateKey(&key, KEY_ALL_ACCESS,
                          name_attributes(&attributes, &string, base, L"link"), 0, NULL,
                          REG_OPTION_CREATE_LINK, NULL),
              STATUS_SUCCESS);
    ok(query_word(key, KeyFlagsInformation, 12, 1) == 2, "a link");
    NtDeleteKey(key);
    NtClose(key);
}

/* "KEY_VALUE_INFORMATION_CLASS enumeration (wdm.h)" */
static void test_value_classes(void)
{
    union {
        unsigned char bytes[64];
        DWORD words[16];
    } buffer;
    UNICODE_STRING name;
    DWORD length;

    RtlInitUnicodeString(&name, L"odd"); /* 20 + 6 bytes: not a multiple of 8 */
    status_is(set_number(base, L"odd", 0x1234), STATUS_SUCCESS);
    beyond_stock
    {
        status_is(
            NtQueryValueKey(base, &name, KeyValuePartialInformationAlign64, &buffer, 64, &length),
            STATUS_SUCCESS);
        ok(length == 12 && buffer.words[0] == REG_DWORD && buffer.words[1] == 4 &&
               buffer.words[2] == 0x1234,
           "aligned: %lu bytes, type %lu", length, buffer.words[0]);
        status_is(
            NtQueryValueKey(base, &name, KeyValuePartialInformationAlign64, &buffer, 8, &length),
            STATUS_BUFFER_OVERFLOW);
        status_is(
            NtQueryValueKey(base, &name, KeyValuePartialInformationAlign64, &buffer, 7, &length),
            STATUS_BUFFER_TOO_SMALL);
        ok(length == 12, "needed: %lu", length);
    }
    beyond_stock
    {
        for (int enumerated = 0; enumerated < 2; enumerated++) {
            memset(&buffer, 0xcc, sizeof(buffer));
            status_is(enumerated ? NtEnumerateValueKey(base, 0, KeyValueFullInformationAlign64,
                                                       &buffer, 64, &length)
                                 : NtQueryValueKey(base, &name, KeyValueFullInformationAlign64,
                                                   &buffer, 64, &length),
                      STATUS_SUCCESS);
            ok(length == 36 && buffer.words[2] == 32 && buffer.words[3] == 4 &&
                   buffer.words[4] == 6 && !memcmp(&buffer.words[5], L"odd", 6) &&
                   buffer.words[8] == 0x1234,
               "aligned: %lu bytes, data at %lu", length, buffer.words[2]);
        }
        status_is(NtQueryValueKey(base, &name, KeyValueLayerInformation, &buffer, 64, &length),
                  STATUS_SUCCESS);
        ok(length == 4 && buffer.words[0] == 0, "layer: %lu bytes, %lx", length, buffer.words[0]);
    }
    status_is(NtQueryValueKey(base, &name, 6, &buffer, 64, &length), STATUS_INVALID_PARAMETER);
    NtDeleteValueKey(base, &name);
}

/* ---- deleted keys ---- */

static void test_reading_deleted(HANDLE key, HANDLE event)
{
    unsigned char buffer[256], name_buffer[64];
    KEY_VALUE_ENTRY entry = {(UNICODE_STRING *)name_buffer, 0, 0, 0};
    IO_STATUS_BLOCK block;
    UNICODE_STRING name;
    DWORD length;
    HANDLE other;

    RtlInitUnicodeString(&name, L"value");
    memcpy(name_buffer, &name, sizeof(name));
    for (int class = KeyBasicInformation; class <= KeyCachedInformation; class ++)
        status_is(NtQueryKey(key, class, buffer, sizeof(buffer), &length), STATUS_KEY_DELETED);
    beyond_stock for (int class = KeyFlagsInformation; class <= KeyLayerInformation; class ++)
        status_is(NtQueryKey(key, class, buffer, sizeof(buffer), &length), STATUS_KEY_DELETED);
    status_is(NtEnumerateKey(key, 0, KeyBasicInformation, buffer, sizeof(buffer), &length),
              STATUS_KEY_DELETED);
    status_is(
        NtQueryValueKey(key, &name, KeyValuePartialInformation, buffer, sizeof(buffer), &length),
        STATUS_KEY_DELETED);
    status_is(
        NtEnumerateValueKey(key, 0, KeyValuePartialInformation, buffer, sizeof(buffer), &length),
        STATUS_KEY_DELETED);
    length = sizeof(buffer);
    beyond_stock
    {
        status_is(NtQueryMultipleValueKey(key, &entry, 1, buffer, &length, NULL),
                  STATUS_KEY_DELETED);
        status_is(NtQueryMultipleValueKey(key, &entry, 0, buffer, &length, NULL),
                  STATUS_KEY_DELETED);
        status_is(
            NtQuerySecurityObject(key, DACL_SECURITY_INFORMATION, buffer, sizeof(buffer), &length),
            STATUS_KEY_DELETED);
        status_is(NtQueryObject(key, 1, buffer, sizeof(buffer), &length), STATUS_KEY_DELETED);
        status_is(NtNotifyChangeKey(key, event, NULL, NULL, &block, REG_NOTIFY_CHANGE_NAME, FALSE,
                                    NULL, 0, TRUE),
                  STATUS_KEY_DELETED);
        status_is(open_under(&other, key, L"", KEY_READ), STATUS_KEY_DELETED);
    }
    status_is(open_under(&other, key, L"below", KEY_READ), STATUS_KEY_DELETED);
    status_is(NtQueryObject(key, ObjectBasicInformation, buffer, 56, &length), STATUS_SUCCESS);
}

static void test_writing_deleted(HANDLE key, HANDLE file)
{
    UNICODE_STRING name;
    HANDLE other;
    DWORD flags[2] = {0};

    RtlInitUnicodeString(&name, L"value");
    status_is(set_number(key, L"value", 1), STATUS_KEY_DELETED);
    status_is(NtDeleteValueKey(key, &name), STATUS_KEY_DELETED);
    status_is(NtFlushKey(key), STATUS_KEY_DELETED);
    beyond_stock
    {
        status_is(NtRenameKey(key, &name), STATUS_KEY_DELETED);
        status_is(NtSetInformationKey(key, 0, flags, 8), STATUS_KEY_DELETED);
        for (int class = 1; class <= 5; class ++)
            status_is(NtSetInformationKey(key, class, flags, 4), STATUS_KEY_DELETED);
        status_is(NtSaveKey(key, file), STATUS_KEY_DELETED);
        status_is(NtRestoreKey(key, file, 0), STATUS_KEY_DELETED);
    }
    status_is(create_under(&other, key, L"below", KEY_ALL_ACCESS), STATUS_KEY_DELETED);
    status_is(NtDeleteKey(key), STATUS_SUCCESS);
}

static void test_deleted(void)
{
    WCHAR path[MAX_PATH];
    HANDLE key, event, file;
    BOOLEAN before;

    RtlAdjustPrivilege(17, TRUE, FALSE, &before);
    RtlAdjustPrivilege(18, TRUE, FALSE, &before);
    GetTempPathW(MAX_PATH, path);
    wcscat(path, L"pwk-key-information");
    file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                       FILE_FLAG_DELETE_ON_CLOSE, NULL);
    NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, 0, FALSE);
    status_is(create_under(&key, base, L"deleted", KEY_ALL_ACCESS), STATUS_SUCCESS);
    status_is(NtDeleteKey(key), STATUS_SUCCESS);
    test_reading_deleted(key, event);
    test_writing_deleted(key, file);
    NtClose(key);
    NtClose(event);
    CloseHandle(file);
}

int main(int argc, char **argv)
{
    begin_unit(argc, argv);
    status_is(create_under(&base, NULL, L"\\Registry\\Machine\\Software\\pwk-key-information",
                           KEY_ALL_ACCESS),
              STATUS_SUCCESS);
    test_flags();
    test_volatile_and_link_flags();
    test_value_classes();
    test_deleted();
    status_is(NtDeleteKey(base), STATUS_SUCCESS);
    NtClose(base);
    return report();
}
