/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_usage.c - see process_usage.h. The clock of a process tells nanoseconds; what its
 * children have used stands in /proc in clock ticks.
 */
#include "sandbox/process_usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_status.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t ticks_to_ns(uint64_t ticks)
{
    return ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

static bool read_file(int proc, const char *name, const char *file, char *text, size_t capacity)
{
    char path[300];
    ssize_t size;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", name, file);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size = read(fd, text, capacity - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return size > 0;
}

static uint64_t read_clock(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        return 0;
    return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

static uint64_t read_io(int proc, const char *name)
{
    static const char *const lines[] = {"\nread_bytes: ", "\nwrite_bytes: "};
    uint64_t total = 0;
    char text[512];

    if (read_file(proc, name, "io", text, sizeof(text)))
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
            const char *line = strstr(text, lines[i]);

            if (line)
                total += strtoull(line + strlen(lines[i]), NULL, 10);
        }
    return total;
}

/* False where the process has gone. */
static bool read_process(int proc, const char *name, bool io, struct pwk_process_usage *process)
{
    struct pwk_process_stat stat;
    char text[1024];

    if (!read_file(proc, name, "stat", text, sizeof(text)) || !pwk_process_stat_read(text, &stat))
        return false;
    process->pid = (pid_t)strtol(name, NULL, 10);
    process->state = stat.state;
    process->parent = stat.parent;
    process->started = stat.started;
    process->own = read_clock(process->pid);
    /* Of one that has ended and is waited for the clock is gone. */
    if (process->own < ticks_to_ns(stat.user + stat.system))
        process->own = ticks_to_ns(stat.user + stat.system);
    process->children = ticks_to_ns(stat.children);
    process->io = io ? read_io(proc, name) : 0;
    process->stays = false;
    process->stopped_late = false;
    process->credit = process->io_credit = 0;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct pwk_process_usage *first = a, *second = b;

    return (first->pid > second->pid) - (first->pid < second->pid);
}

int pwk_usage_look(struct pwk_usage_look *look, bool io)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;

    if (!folder)
        return -errno;
    look->count = 0;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        if (look->count == look->capacity) {
            size_t capacity = look->capacity * 2 + 64;
            void *grown = reallocarray(look->processes, capacity, sizeof(*look->processes));

            if (!grown) {
                closedir(folder);
                return -ENOMEM;
            }
            look->processes = grown;
            look->capacity = capacity;
        }
        if (read_process(dirfd(folder), entry->d_name, io, &look->processes[look->count]))
            look->count++;
    }
    closedir(folder);
    qsort(look->processes, look->count, sizeof(*look->processes), compare);
    return 0;
}

static struct pwk_process_usage *find_number(const struct pwk_usage_look *look, pid_t pid)
{
    const struct pwk_process_usage key = {.pid = pid};

    return look->count ? bsearch(&key, look->processes, look->count, sizeof(key), compare) : NULL;
}

struct pwk_process_usage *pwk_usage_find(const struct pwk_usage_look *look,
                                         const struct pwk_process_usage *process)
{
    struct pwk_process_usage *found = find_number(look, process->pid);

    return found && found->started == process->started ? found : NULL;
}

static uint64_t above(uint64_t value, uint64_t known)
{
    return value > known ? value - known : 0;
}

/* What a process that has ended was known to have used will show once more, in who waits for it:
 * its parent, or process 1 where that has ended, too. */
static void give_credit(const struct pwk_usage_look *before, struct pwk_usage_look *now)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct pwk_process_usage *ended = &before->processes[i];
        struct pwk_process_usage *heir;

        if (pwk_usage_find(now, ended))
            continue;
        heir = find_number(now, ended->parent);
        if (!heir && ended->parent != 0)
            heir = find_number(now, 1);
        if (heir) {
            heir->credit += ended->own + ended->children;
            heir->io_credit += ended->io;
        }
    }
}

void pwk_usage_between(struct pwk_usage_look *before, struct pwk_usage_look *now, uint64_t *cpu,
                       uint64_t *io)
{
    *cpu = *io = 0;
    give_credit(before, now);
    for (size_t i = 0; i < now->count; i++) {
        const struct pwk_process_usage *process = &now->processes[i];
        const struct pwk_process_usage *known = pwk_usage_find(before, process);

        *cpu += above(process->own, known ? known->own : 0);
        *cpu += above(above(process->children, known ? known->children : 0), process->credit);
        *io += above(above(process->io, known ? known->io : 0), process->io_credit);
    }
}
