/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_orphans.c - see session_orphans.h. The first that a Windows process does by itself is to
 * load kernel32.dll, whatever it imports: one of our loader's that has not mapped it has not begun.
 */
#include "sandbox/session_orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#define LOOK_NANOSECONDS UINT64_C(1000000000)
#define LOOKS 5

enum kind {
    GONE, /* or none that counts: init itself, and what waits to be reaped */
    SERVER,
    WINES,
    NOT_BEGUN,
    AT_WORK,
};

/* As their command lines begin: wineserver, and those that it ends when it knows of no other. */
static const char *const servers[] = {"wineserver", "wineserver64", NULL};
static const char *const of_wine[] = {"services.exe",
                                      "winedevice.exe",
                                      "explorer.exe",
                                      "plugplay.exe",
                                      "svchost.exe",
                                      "rpcss.exe",
                                      NULL};

static ssize_t read_file(pid_t pid, const char *name, char *text, size_t capacity)
{
    char path[40];
    ssize_t size;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size = read(fd, text, capacity - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return size;
}

/* The first word of the command line, without its folders, of Linux' kind or of Windows'. */
static bool is_one_of(const char *command, const char *const *names)
{
    const char *name = command;

    for (const char *at = command; *at; at++)
        if (*at == '/' || *at == '\\')
            name = at + 1;
    for (; *names; names++) {
        size_t length = strlen(*names);

        if (strncasecmp(name, *names, length) == 0 && (name[length] == '\0' || name[length] == ' '))
            return true;
    }
    return false;
}

static bool is_loaders(pid_t pid)
{
    char path[40], program[PATH_MAX];
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    length = readlink(path, program, sizeof(program) - 1);
    program[length > 0 ? length : 0] = '\0';
    return length > 0 &&
           strcmp(strrchr(program, '/') ? strrchr(program, '/') : "", "/pwk-loader64") == 0;
}

static bool has_begun(pid_t pid)
{
    char path[40], line[PATH_MAX + 128];
    bool found = false;
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    if (!maps)
        return true; /* it cannot be told: nothing is to be done to it */
    while (!found && fgets(line, sizeof(line), maps))
        found = strcasestr(line, "/kernel32.dll") != NULL;
    fclose(maps);
    return found;
}

static enum kind kind_of(pid_t pid)
{
    char text[PATH_MAX];

    /* A zombie has no command line any more. */
    if (pid <= 1 || read_file(pid, "cmdline", text, sizeof(text)) <= 0)
        return GONE;
    if (is_loaders(pid) && !has_begun(pid))
        return NOT_BEGUN;
    if (is_one_of(text, servers))
        return SERVER;
    return is_one_of(text, of_wine) ? WINES : AT_WORK;
}

/* The number of processes of each kind; `signal_number`, where not 0, is sent to those of one. */
static void look(unsigned counts[AT_WORK + 1], enum kind meant, int signal_number)
{
    const struct dirent *entry;
    DIR *folder = opendir("/proc");

    memset(counts, 0, (AT_WORK + 1) * sizeof(counts[0]));
    while (folder && (entry = readdir(folder)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        enum kind kind = kind_of(pid);

        counts[kind]++;
        if (signal_number && kind == meant)
            kill(pid, signal_number);
    }
    if (folder)
        closedir(folder);
}

/* Whose end is waited for in vain, by the counts; GONE: nobody's. */
static enum kind waited_for(const unsigned counts[AT_WORK + 1])
{
    if (counts[AT_WORK] > 0)
        return GONE;
    if (counts[NOT_BEGUN] > 0)
        return NOT_BEGUN;
    return counts[SERVER] > 0 && counts[WINES] == 0 ? SERVER : GONE;
}

void pwk_session_orphans_look(struct pwk_session_orphans *orphans, int lock, uint64_t now)
{
    unsigned counts[AT_WORK + 1];
    enum kind kind;

    if (now < orphans->look_at)
        return;
    orphans->look_at = now + LOOK_NANOSECONDS;
    look(counts, GONE, 0);
    kind = waited_for(counts);
    /* Who is coming in holds the lock. */
    if (kind == GONE || flock(lock, LOCK_EX | LOCK_NB) < 0) {
        orphans->looks = 0;
        return;
    }
    /* It looks so for a moment, too, when Wine starts a process of its own, and while wineserver
     * saves: told to end, it saves first. */
    if (++orphans->looks >= LOOKS)
        look(counts, kind, kind == SERVER ? SIGTERM : SIGKILL);
    flock(lock, LOCK_UN);
}
