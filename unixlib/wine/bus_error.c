/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bus_error.c - see bus_error.h. Which file is mapped at an address stands in /proc/self/maps; it
 * is read in the signal handler, with no more than system calls.
 */
#include "wine/bus_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "kernel/prefix_layer.h"

#define EXIT_FAILED 125
#define LINE_MAX_SIZE 4352 /* PATH_MAX, and what stands before the path */

/* Names that only the kernel's own files have (process_table.c, audit_rings.c, registry/,
 * prefix_layer.h). */
static bool is_kernel_file(const char *path)
{
    static const char *const names[] = {"processes-", "audit-", "registry.db-shm",
                                        "registry.coherence", PWK_PREFIX_PAGE};
    const char *name = strrchr(path, '/');

    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strncmp(name + 1, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static uint64_t read_hex(const char **text)
{
    uint64_t value = 0;

    for (;; ++*text) {
        char c = **text;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* One line of the list: "start-end perms offset device inode path". */
static bool line_holds(const char *line, uint64_t address)
{
    uint64_t start = read_hex(&line), end;

    if (*line++ != '-')
        return false;
    end = read_hex(&line);
    return address >= start && address < end &&
           (strncmp(line, " rw-s ", 6) == 0 || strncmp(line, " r--s ", 6) == 0) &&
           is_kernel_file(line);
}

static bool is_in_kernel_file(uint64_t address)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    char chunk[2048], line[LINE_MAX_SIZE];
    bool found = false;
    size_t length = 0;
    ssize_t got;

    while (fd >= 0 && !found && (got = read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got && !found; i++) {
            if (chunk[i] != '\n') {
                if (length + 1 < sizeof line)
                    line[length++] = chunk[i];
                continue;
            }
            line[length] = '\0';
            found = line_holds(line, address);
            length = 0;
        }
    }
    if (fd >= 0)
        close(fd);
    return found;
}

void pwk_bus_error_meet(const siginfo_t *info)
{
    static const char text[] = "pwk: a file of the kernel's was cut short while programs run; they "
                               "end: start them again\n";
    int saved = errno;
    ssize_t told;

    if (info->si_code != BUS_ADRERR || !is_in_kernel_file((uintptr_t)info->si_addr)) {
        errno = saved;
        return;
    }
    told = write(STDERR_FILENO, text, sizeof text - 1);
    (void)told;
    _exit(EXIT_FAILED);
}
