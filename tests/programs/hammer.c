/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hammer.c - a Windows program of which many run at once on one kernel's registry: sets, reads,
 * creates, deletes and enumerates, in a key of its own and in one that all share, and checks each
 * answer. Status 0 where all was right, 1 with a line where not.
 *
 *   hammer run NUMBER ROUNDS     ROUNDS 0: until it is killed
 *   hammer check NUMBER          what a run that was killed has left: whole, and of one round
 *   hammer count WRITERS ROUNDS  the shared key after so many runs to the end
 *   hammer time NUMBER CALLS     nanoseconds for each RegSetValueEx and RegQueryValueEx, together
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define TOP "Software\\pwk-hammer"
#define OWN_VALUES 8
#define OWN_KEYS 8

static int wrong(const char *what, unsigned long round, LONG status)
{
    fprintf(stderr, "%s, round %lu: %ld\n", what, round, status);
    return 1;
}

static HKEY create_key(HKEY parent, const char *name)
{
    HKEY key;
    LONG status = RegCreateKeyExA(parent, name, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL);

    if (status != ERROR_SUCCESS)
        exit(wrong(name, 0, status));
    return key;
}

static LONG set_number(HKEY key, const char *name, DWORD number)
{
    return RegSetValueExA(key, name, 0, REG_DWORD, (const BYTE *)&number, sizeof(number));
}

static LONG get_number(HKEY key, const char *name, DWORD *number)
{
    DWORD size = sizeof(*number), type = 0;
    LONG status = RegQueryValueExA(key, name, NULL, &type, (BYTE *)number, &size);

    return status == ERROR_SUCCESS && type != REG_DWORD ? ERROR_INVALID_DATA : status;
}

/* ---- its own key: nobody else changes it, so every answer is known ---- */

static int own_values(HKEY own, unsigned long round)
{
    char name[16], found[16];
    DWORD number, units, values;

    for (DWORD i = 0; i < OWN_VALUES; i++) {
        snprintf(name, sizeof(name), "value %lu", i);
        if (set_number(own, name, round) || get_number(own, name, &number) || number != round)
            return wrong("a value is not what was set", round, number);
    }
    for (DWORD i = 0; i < OWN_VALUES; i++) {
        DWORD size = sizeof(number), type;

        units = sizeof(found);
        snprintf(name, sizeof(name), "value %lu", i);
        if (RegEnumValueA(own, i, found, &units, NULL, &type, (BYTE *)&number, &size) ||
            strcmp(name, found) || number != round)
            return wrong("enumeration shows another value", round, i);
    }
    if (RegQueryInfoKeyA(own, NULL, NULL, NULL, NULL, NULL, NULL, &values, NULL, NULL, NULL,
                         NULL) ||
        values != OWN_VALUES)
        return wrong("the count of values is wrong", round, values);
    return 0;
}

/* Keys that come, are listed, and go. */
static int own_keys(HKEY own, unsigned long round)
{
    char name[16], found[16];
    DWORD units, number;

    for (int i = 0; i < OWN_KEYS; i++) {
        HKEY key;

        snprintf(name, sizeof(name), "key %d", i);
        key = create_key(own, name);
        if (set_number(key, "round", round) || get_number(key, "round", &number) || number != round)
            return wrong("a new key does not keep its value", round, i);
        RegCloseKey(key);
    }
    for (int i = 0; i < OWN_KEYS; i++) {
        units = sizeof(found);
        snprintf(name, sizeof(name), "key %d", i);
        if (RegEnumKeyExA(own, i, found, &units, NULL, NULL, NULL, NULL) || strcmp(name, found))
            return wrong("enumeration shows another key", round, i);
    }
    for (int i = 0; i < OWN_KEYS; i++) {
        snprintf(name, sizeof(name), "key %d", i);
        if (RegDeleteKeyA(own, name))
            return wrong("a key cannot be deleted", round, i);
    }
    units = sizeof(found);
    if (RegEnumKeyExA(own, 0, found, &units, NULL, NULL, NULL, NULL) != ERROR_NO_MORE_ITEMS)
        return wrong("a deleted key is listed", round, 0);
    return 0;
}

/* ---- the shared key ---- */

/* Its own value there counts up; those of the others must never count down. */
static int shared_values(HKEY shared, unsigned long number, unsigned long round, DWORD *seen)
{
    char name[32];

    snprintf(name, sizeof(name), "writer %lu", number);
    if (set_number(shared, name, round))
        return wrong("the shared key cannot be written", round, 0);
    seen[number] = round;
    for (DWORD i = 0; i < 16; i++) {
        DWORD now;
        LONG status;

        snprintf(name, sizeof(name), "writer %lu", i);
        status = get_number(shared, name, &now);
        if (status == ERROR_FILE_NOT_FOUND && !seen[i])
            continue;
        if (status || now < seen[i] || (i == number && now != round))
            return wrong("a shared value went back", round, status ? status : (LONG)now);
        seen[i] = now;
    }
    return 0;
}

/* All make and delete the same keys: each of the answers that another may cause is right. */
static int shared_keys(HKEY shared, unsigned long round)
{
    char name[16];
    HKEY key;
    LONG status;

    snprintf(name, sizeof(name), "common %lu", round % 4);
    status = RegCreateKeyExA(shared, name, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL);
    if (status)
        return wrong("a shared key cannot be made", round, status);
    status = set_number(key, "round", round);
    if (status && status != ERROR_KEY_DELETED)
        return wrong("a shared key cannot be written", round, status);
    RegCloseKey(key);
    status = RegDeleteKeyA(shared, name);
    if (status && status != ERROR_FILE_NOT_FOUND && status != ERROR_KEY_DELETED)
        return wrong("a shared key cannot be deleted", round, status);
    return 0;
}

static HKEY own_key(unsigned long number)
{
    char name[64];

    snprintf(name, sizeof(name), TOP "\\own %lu", number);
    return create_key(HKEY_CURRENT_USER, name);
}

static int run(unsigned long number, unsigned long rounds)
{
    HKEY shared = create_key(HKEY_CURRENT_USER, TOP "\\shared"), own = own_key(number);
    DWORD seen[16] = {0}, begin = 0;
    char name[16];

    /* What one that was killed has left behind. */
    for (int i = 0; i < OWN_KEYS; i++) {
        snprintf(name, sizeof(name), "key %d", i);
        RegDeleteKeyA(own, name);
    }
    snprintf(name, sizeof(name), "writer %lu", number);
    get_number(shared, name, &begin);
    puts("ready");
    fflush(stdout);
    for (unsigned long round = begin + 1; !rounds || round <= begin + rounds; round++)
        if (own_values(own, round) || own_keys(own, round) ||
            shared_values(shared, number, round, seen) || shared_keys(shared, round))
            return 1;
    return 0;
}

/* Values are set in turn, so those before some place are of one round and the rest of the one
 * before it; the key in the making has no value, or that of the round. */
static int check(unsigned long number)
{
    HKEY own = own_key(number);
    DWORD first = 0, round;
    char name[16];
    int stepped = 0;

    for (DWORD i = 0; i < OWN_VALUES; i++) {
        snprintf(name, sizeof(name), "value %lu", i);
        /* Killed in its first round, it may have set none or some. */
        if (get_number(own, name, &round)) {
            if (first > 1)
                return wrong("a value is missing", first, i);
            return 0;
        }
        if (i == 0)
            first = round;
        stepped |= round != first;
        if (round != first - (stepped ? 1 : 0))
            return wrong("values are of different rounds", first, (LONG)round);
    }
    for (int i = 0; i < OWN_KEYS; i++) {
        HKEY key;

        snprintf(name, sizeof(name), "key %d", i);
        if (RegOpenKeyExA(own, name, 0, KEY_READ, &key))
            continue;
        if (get_number(key, "round", &round) == ERROR_SUCCESS && round != first)
            return wrong("a key is of another round", first, (LONG)round);
        RegCloseKey(key);
    }
    return 0;
}

static int count(unsigned long writers, unsigned long rounds)
{
    HKEY shared = create_key(HKEY_CURRENT_USER, TOP "\\shared");
    DWORD values = 0, keys = 0, number;
    char name[32];

    for (unsigned long i = 0; i < writers; i++) {
        snprintf(name, sizeof(name), "writer %lu", i);
        if (get_number(shared, name, &number) || number < rounds)
            return wrong("a writer's value is not its last", i, (LONG)number);
    }
    if (RegQueryInfoKeyA(shared, NULL, NULL, NULL, &keys, NULL, NULL, &values, NULL, NULL, NULL,
                         NULL) ||
        values != writers)
        return wrong("the shared key has another count of values", values, 0);
    return keys <= 4 ? 0 : wrong("too many shared keys are left", keys, 0);
}

static int time_calls(unsigned long number, unsigned long calls)
{
    HKEY own = own_key(number);
    LARGE_INTEGER frequency, begin, end;
    DWORD found;

    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        return 1;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&begin);
    for (unsigned long i = 0; i < calls; i++)
        if (set_number(own, "value 0", i) || get_number(own, "value 0", &found) || found != i)
            return wrong("a value is not what was set", i, (LONG)found);
    QueryPerformanceCounter(&end);
    printf("%.1f\n", (double)(end.QuadPart - begin.QuadPart) * 1e9 / (double)frequency.QuadPart /
                         (double)calls);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    unsigned long second = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;

    if (argc == 3 && !strcmp(argv[1], "check"))
        return check(first);
    if (argc != 4 || first >= 16) {
        fprintf(stderr, "hammer: run NUMBER ROUNDS, check NUMBER, count WRITERS ROUNDS or time "
                        "NUMBER CALLS\n");
        return 3;
    }
    if (!strcmp(argv[1], "run"))
        return run(first, second);
    if (!strcmp(argv[1], "count"))
        return count(first, second);
    return !strcmp(argv[1], "time") ? time_calls(first, second) : 3;
}
