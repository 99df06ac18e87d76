/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hunt.c - a program of a session that lies in wait for processes of pwk's which no Linux policy
 * is armed on yet, and tries to get at their memory.
 *
 *   hunt COUNT STOP    until it has met COUNT of them, or the file STOP is there
 *
 * Prints how many it has met and how many it could have written to while they were without one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOADER "pwk-loader64"
#define MAX_KNOWN 4096

static int known[MAX_KNOWN], known_count;

static bool is_known(int process)
{
    for (int i = 0; i < known_count; i++)
        if (known[i] == process)
            return true;
    return false;
}

static int open_of(int process, const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", process, name);
    return open(path, flags | O_CLOEXEC);
}

static ssize_t read_of(int process, const char *name, char *text, size_t size)
{
    int fd = open_of(process, name, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);

    text[length > 0 ? length : 0] = '\0';
    if (fd >= 0)
        close(fd);
    return length;
}

/* A number of a process's status, -1 where it says none. */
static int number_of(const char *status, const char *name)
{
    const char *line = strstr(status, name);

    return line ? atoi(line + strlen(name)) : -1;
}

/* The filters on the calls of a loader of this user's; -1 where the process is none, or has ended.
 */
static int filters_of(int process)
{
    char status[4096];

    if (read_of(process, "status", status, sizeof(status)) <= 0 || !strstr(status, "\t" LOADER) ||
        number_of(status, "\nUid:") != (int)getuid())
        return -1;
    return number_of(status, "\nSeccomp_filters:");
}

/* Of another prefix, as far as that can be told: in an own session there is none. */
static bool is_foreign(int process)
{
    static char text[65536];
    const char *prefix = getenv("WINEPREFIX");
    ssize_t length = read_of(process, "environ", text, sizeof(text));

    if (length <= 0 || !prefix)
        return false;
    for (char *at = text; at < text + length; at += strlen(at) + 1)
        if (strncmp(at, "WINEPREFIX=", 11) == 0)
            return strcmp(at + 11, prefix) != 0;
    return true;
}

int main(int argc, char *argv[])
{
    int met = 0, opened = 0, count = argc == 3 ? atoi(argv[1]) : 0;
    char own[4096];
    int filters;

    if (count <= 0 || read_of(getpid(), "status", own, sizeof(own)) <= 0)
        return 2;
    filters = number_of(own, "\nSeccomp_filters:");
    while (met < count && access(argv[2], F_OK) != 0) {
        const struct dirent *entry;
        DIR *folder = opendir("/proc");

        while (folder && (entry = readdir(folder))) {
            int process = atoi(entry->d_name), has, memory;

            if (process <= 1 || is_known(process) || (has = filters_of(process)) < 0 ||
                has >= filters)
                continue;
            memory = open_of(process, "mem", O_RDWR);
            has = filters_of(process);
            if (has >= 0 && has < filters && !is_foreign(process) && known_count < MAX_KNOWN) {
                known[known_count++] = process;
                met++;
                opened += memory >= 0;
            }
            if (memory >= 0)
                close(memory);
        }
        if (folder)
            closedir(folder);
    }
    printf("met %d opened %d\n", met, opened);
    return 0;
}
