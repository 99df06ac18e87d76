/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * print_version.c - a Windows program that prints its Windows version by every road, one
 * "NAME VALUE" a line. With the argument "hold" it then waits for a line on standard input and
 * prints all of it again, so that two programs can be seen to differ at the same time.
 *
 * print_version.manifest, which stands beside the program at run time, tells GetVersionEx that the
 * program knows all versions.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

NTSTATUS WINAPI RtlGetVersion(RTL_OSVERSIONINFOW *info);
const unsigned char *WINAPI RtlGetCurrentPeb(void);

static const char current_version_key[] = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";

static void print_rtl(void)
{
    RTL_OSVERSIONINFOW info = {.dwOSVersionInfoSize = sizeof(info)};

    if (RtlGetVersion(&info) == 0)
        printf("RtlGetVersion %lu.%lu.%lu\n", info.dwMajorVersion, info.dwMinorVersion,
               info.dwBuildNumber);
}

static void print_get_version(void)
{
    OSVERSIONINFOA narrow = {.dwOSVersionInfoSize = sizeof(narrow)};
    OSVERSIONINFOW wide = {.dwOSVersionInfoSize = sizeof(wide)};
    DWORD packed = GetVersion();

    if (GetVersionExA(&narrow))
        printf("GetVersionExA %lu.%lu.%lu\n", narrow.dwMajorVersion, narrow.dwMinorVersion,
               narrow.dwBuildNumber);
    if (GetVersionExW(&wide))
        printf("GetVersionExW %lu.%lu.%lu\n", wide.dwMajorVersion, wide.dwMinorVersion,
               wide.dwBuildNumber);
    printf("GetVersion %u.%u.%u\n", LOBYTE(LOWORD(packed)), HIBYTE(LOWORD(packed)), HIWORD(packed));
}

/* Prints each version that VerifyVersionInfo calls equal to the running one: exactly one line
 * where it works. */
static void print_verify(void)
{
    static const struct {
        DWORD major, minor;
    } versions[] = {{5, 1}, {6, 0}, {6, 1}, {6, 2}, {6, 3}, {10, 0}};
    DWORDLONG mask = VerSetConditionMask(VerSetConditionMask(0, VER_MAJORVERSION, VER_EQUAL),
                                         VER_MINORVERSION, VER_EQUAL);

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        OSVERSIONINFOEXW info = {.dwOSVersionInfoSize = sizeof(info),
                                 .dwMajorVersion = versions[i].major,
                                 .dwMinorVersion = versions[i].minor};

        if (VerifyVersionInfoW(&info, VER_MAJORVERSION | VER_MINORVERSION, mask))
            printf("VerifyVersionInfo %lu.%lu\n", versions[i].major, versions[i].minor);
    }
}

/* What the process environment block says, at its fixed 64-bit offsets. */
static void print_environment_block(void)
{
    const unsigned char *peb = RtlGetCurrentPeb();
    ULONG major, minor;
    USHORT build;

    memcpy(&major, peb + 0x118, sizeof(major));
    memcpy(&minor, peb + 0x11c, sizeof(minor));
    memcpy(&build, peb + 0x120, sizeof(build));
    printf("PEB %lu.%lu.%u\n", major, minor, build);
}

static void print_registry_value(HKEY key, const char *name)
{
    unsigned char data[512];
    DWORD size = sizeof(data) - 1, type;

    if (RegQueryValueExA(key, name, NULL, &type, data, &size) != ERROR_SUCCESS)
        return;
    data[size] = 0;
    if (type == REG_DWORD) {
        DWORD number;

        memcpy(&number, data, sizeof(number));
        printf("%s %lu\n", name, number);
    } else {
        printf("%s %s\n", name, (const char *)data);
    }
}

static void print_registry(void)
{
    static const char *const names[] = {
        "CurrentVersion",
        "CurrentMajorVersionNumber",
        "CurrentMinorVersionNumber",
        "CurrentBuildNumber",
        "CurrentBuild",
        "ProductName",
        "DisplayVersion",
        "ReleaseId",
        "UBR",
    };
    HKEY key;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, current_version_key, 0, KEY_READ, &key))
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        print_registry_value(key, names[i]);
    RegCloseKey(key);
}

static void print_all(void)
{
    print_rtl();
    print_get_version();
    print_verify();
    print_environment_block();
    print_registry();
    printf("end\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[16];

    print_all();
    if (argc > 1 && strcmp(argv[1], "hold") == 0 && fgets(line, sizeof(line), stdin))
        print_all();
    return 0;
}
