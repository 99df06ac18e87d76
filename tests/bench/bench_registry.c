/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench_registry.c - a Windows program that times registry calls and one cheap service call:
 * "NAME NANOSECONDS" a line, the best of five batches each.
 *
 *   bench_registry [COUNT]   calls in a batch (default 2000)
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define BATCHES 5
#define ENUMERATED 500
#define KEY_PATH "Software\\pwk-bench"

NTSTATUS WINAPI NtQuerySystemTime(LARGE_INTEGER *time);

struct subject {
    HKEY key;        /* the bench's own key, with the value "value" */
    HKEY enumerated; /* a key with ENUMERATED values */
};

/* Each makes `count` calls and returns how many of them failed. */
typedef unsigned long (*batch_fn)(const struct subject *subject, unsigned long count);

static unsigned long query_ansi(const struct subject *subject, unsigned long count)
{
    unsigned long failed = 0;

    for (unsigned long i = 0; i < count; i++) {
        BYTE data[64];
        DWORD size = sizeof(data), type;

        failed += RegQueryValueExA(subject->key, "value", NULL, &type, data, &size) != 0;
    }
    return failed;
}

static unsigned long query_wide(const struct subject *subject, unsigned long count)
{
    unsigned long failed = 0;

    for (unsigned long i = 0; i < count; i++) {
        BYTE data[64];
        DWORD size = sizeof(data), type;

        failed += RegQueryValueExW(subject->key, L"value", NULL, &type, data, &size) != 0;
    }
    return failed;
}

static unsigned long open_close(const struct subject *subject, unsigned long count)
{
    unsigned long failed = 0;

    (void)subject;
    for (unsigned long i = 0; i < count; i++) {
        HKEY key;

        failed += RegOpenKeyExW(HKEY_CURRENT_USER, L"Software\\pwk-bench", 0, KEY_READ, &key) != 0;
        RegCloseKey(key);
    }
    return failed;
}

static unsigned long set_value(const struct subject *subject, unsigned long count)
{
    unsigned long failed = 0;

    for (unsigned long i = 0; i < count; i++) {
        DWORD data = i;

        failed += RegSetValueExW(subject->key, L"written", 0, REG_DWORD, (const BYTE *)&data,
                                 sizeof(data)) != 0;
    }
    return failed;
}

static unsigned long enumerate(const struct subject *subject, unsigned long count)
{
    unsigned long failed = 0;

    for (unsigned long i = 0; i < count; i++) {
        WCHAR name[64];
        BYTE data[64];
        DWORD name_units = 64, size = sizeof(data), type;

        failed += RegEnumValueW(subject->enumerated, i % ENUMERATED, name, &name_units, NULL, &type,
                                data, &size) != 0;
    }
    return failed;
}

static unsigned long create_delete(const struct subject *subject, unsigned long count)
{
    unsigned long failed = 0;

    for (unsigned long i = 0; i < count; i++) {
        HKEY key;

        failed += RegCreateKeyExW(subject->key, L"passing", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key,
                                  NULL) != 0;
        RegCloseKey(key);
        failed += RegDeleteKeyW(subject->key, L"passing") != 0;
    }
    return failed;
}

static unsigned long empty_service(const struct subject *subject, unsigned long count)
{
    unsigned long failed = 0;
    LARGE_INTEGER time;

    (void)subject;
    for (unsigned long i = 0; i < count; i++)
        failed += NtQuerySystemTime(&time) != 0;
    return failed;
}

/* Nanoseconds a call of the best batch; negative where a call failed. */
static double best_of_batches(batch_fn batch, const struct subject *subject, unsigned long count)
{
    LARGE_INTEGER frequency, begin, end;
    double best = -1;

    QueryPerformanceFrequency(&frequency);
    for (int i = 0; i < BATCHES; i++) {
        double time;

        QueryPerformanceCounter(&begin);
        if (batch(subject, count))
            return -1;
        QueryPerformanceCounter(&end);
        time = (double)(end.QuadPart - begin.QuadPart) * 1e9 / (double)frequency.QuadPart /
               (double)count;
        if (best < 0 || time < best)
            best = time;
    }
    return best;
}

static int prepare(struct subject *subject)
{
    static const BYTE data[] = "some data";

    if (RegCreateKeyExA(HKEY_CURRENT_USER, KEY_PATH, 0, NULL, 0, KEY_ALL_ACCESS, NULL,
                        &subject->key, NULL) ||
        RegCreateKeyExA(subject->key, "enumerated", 0, NULL, 0, KEY_ALL_ACCESS, NULL,
                        &subject->enumerated, NULL) ||
        RegSetValueExA(subject->key, "value", 0, REG_SZ, data, sizeof(data)))
        return 1;
    for (int i = 0; i < ENUMERATED; i++) {
        char name[16];

        snprintf(name, sizeof(name), "value%d", i);
        if (RegSetValueExA(subject->enumerated, name, 0, REG_SZ, data, sizeof(data)))
            return 1;
    }
    return 0;
}

static void remove_all(struct subject *subject)
{
    RegCloseKey(subject->enumerated);
    RegDeleteKeyA(subject->key, "enumerated");
    RegCloseKey(subject->key);
    RegDeleteKeyA(HKEY_CURRENT_USER, KEY_PATH);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        batch_fn batch;
        unsigned long divisor; /* dearer calls are made less often */
    } benches[] = {
        {"RegQueryValueExA", query_ansi, 1},
        {"RegQueryValueExW", query_wide, 1},
        {"RegOpenKeyEx+RegCloseKey", open_close, 1},
        {"RegSetValueEx", set_value, 4},
        {"RegEnumValue", enumerate, 1},
        {"create+close+delete", create_delete, 10},
        {"NtQuerySystemTime", empty_service, 1},
    };
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
    struct subject subject;
    int status = 0;

    if (count < 10 || prepare(&subject)) {
        fprintf(stderr, "bench_registry: COUNT must be 10 or more and the registry writable\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
        double time = best_of_batches(benches[i].batch, &subject, count / benches[i].divisor);

        printf("%s %.1f\n", benches[i].name, time);
        if (time < 0)
            status = 1;
    }
    remove_all(&subject);
    return status;
}
