/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup.c - see cgroup.h. A group that holds processes can have none below it that is limited
 * ("no internal processes"), so the caller's own group is no place: mostly the one above it is.
 */
#include "sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PERIOD_US 100000

/* Reads a small file whole: its length, or a negative errno. */
static ssize_t read_text(int folder, const char *path, char *text, size_t capacity)
{
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    ssize_t size, code;

    if (fd < 0)
        return -errno;
    size = read(fd, text, capacity - 1);
    code = size < 0 ? -errno : size;
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return code;
}

static int write_text(int folder, const char *path, const char *text)
{
    int fd = openat(folder, path, O_WRONLY | O_CLOEXEC);
    ssize_t size;
    int code;

    if (fd < 0)
        return -errno;
    size = write(fd, text, strlen(text));
    code = size < 0 ? -errno : size == (ssize_t)strlen(text) ? 0 : -EIO;
    close(fd);
    return code;
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *p = text; (p = strstr(p, word)) != NULL; p += length)
        if ((p == text || p[-1] == ' ') && (p[length] == ' ' || p[length] == '\n' || !p[length]))
            return true;
    return false;
}

/* ---- finding ---- */

/* Where the tree of version 2 is mounted. */
static bool find_tree(const char *self, char tree[PATH_MAX])
{
    char path[PATH_MAX + 16], line[PATH_MAX + 512];
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "%s/mountinfo", self);
    file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof(line), file)) {
        char *rest = strstr(line, " - cgroup2 ");

        found = rest && sscanf(line, "%*s %*s %*s / %4095s", tree) == 1;
    }
    if (file)
        fclose(file);
    return found;
}

/* The caller's own group: its folder. */
static bool find_own(const char *self, const char *tree, char own[PATH_MAX])
{
    char path[PATH_MAX + 16], line[PATH_MAX];
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "%s/cgroup", self);
    file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        found =
            strncmp(line, "0::/", 4) == 0 && strstr(line, "/..") == NULL &&
            snprintf(own, PATH_MAX, "%s%s", tree, strcmp(line, "0::/") ? line + 3 : "") < PATH_MAX;
    }
    if (file)
        fclose(file);
    return found;
}

/* True where groups in this folder can have the controller: they have it, or it can be given to
 * them, which is refused while processes are in the folder's own group. */
static bool lends(int folder, const char *controller)
{
    char text[4096];

    if (read_text(folder, "cgroup.controllers", text, sizeof(text)) < 0 ||
        !has_word(text, controller) ||
        read_text(folder, "cgroup.subtree_control", text, sizeof(text)) < 0)
        return false;
    return has_word(text, controller) ||
           (faccessat(folder, "cgroup.subtree_control", W_OK, 0) == 0 &&
            read_text(folder, "cgroup.procs", text, sizeof(text)) == 0);
}

static bool look_at(struct pwk_cgroup *group, const char *path, bool cpu, bool io)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return false;
    group->cpu = group->io = false;
    if (faccessat(folder, ".", W_OK, 0) == 0 && faccessat(folder, "cgroup.procs", W_OK, 0) == 0) {
        group->cpu = cpu && lends(folder, "cpu");
        group->io = io && lends(folder, "io");
    }
    close(folder);
    return group->cpu || group->io;
}

/* Limits are those of whole disks. What lies on none (a file system with no device of its own, or
 * with several) cannot be limited so. */
static bool find_disk(struct pwk_cgroup *group, const char *blocks, const char *path)
{
    char place[PATH_MAX], link[PATH_MAX], text[32];
    struct stat st;

    if (stat(path, &st) < 0)
        return false;
    snprintf(place, sizeof(place), "%s/%u:%u", blocks, major(st.st_dev), minor(st.st_dev));
    if (!realpath(place, link))
        return false;
    if (snprintf(place, sizeof(place), "%s/partition", link) < (int)sizeof(place) &&
        access(place, F_OK) == 0)
        *strrchr(link, '/') = '\0';
    return snprintf(place, sizeof(place), "%s/dev", link) < (int)sizeof(place) &&
           read_text(AT_FDCWD, place, text, sizeof(text)) > 0 &&
           sscanf(text, "%u:%u", &group->major, &group->minor) == 2;
}

void pwk_cgroup_find_in(struct pwk_cgroup *group, const char *self, const char *blocks, bool cpu,
                        bool io, const char *path)
{
    struct pwk_cgroup best = {.parent = ""};
    char tree[PATH_MAX], place[PATH_MAX];

    io = io && find_disk(group, blocks, path);
    if ((cpu || io) && find_tree(self, tree) && find_own(self, tree, place)) {
        size_t root = strlen(tree);
        bool all = false;

        while (!all && strlen(place) >= root) {
            struct pwk_cgroup here = {.major = group->major, .minor = group->minor};

            if (look_at(&here, place, cpu, io)) {
                all = here.cpu == cpu && here.io == io;
                strcpy(here.parent, place);
                if (all || best.parent[0] == '\0')
                    best = here;
            }
            *strrchr(place, '/') = '\0';
        }
    }
    *group = best;
}

void pwk_cgroup_find(struct pwk_cgroup *group, bool cpu, bool io, const char *path)
{
    pwk_cgroup_find_in(group, "/proc/self", "/sys/dev/block", cpu, io, path);
}

/* ---- making ---- */

static int lend(int folder, const char *controller)
{
    char text[4096];
    ssize_t size = read_text(folder, "cgroup.subtree_control", text, sizeof(text));

    if (size < 0)
        return (int)size;
    if (has_word(text, controller))
        return 0;
    snprintf(text, sizeof(text), "+%s", controller);
    return write_text(folder, "cgroup.subtree_control", text);
}

#define LIMIT_TEXT 128

static void cpu_text(char text[LIMIT_TEXT], unsigned cpu)
{
    snprintf(text, LIMIT_TEXT, "%" PRIu64 " %d", (uint64_t)cpu * (PERIOD_US / 100), PERIOD_US);
}

static void io_text(char text[LIMIT_TEXT], const struct pwk_cgroup *group, uint64_t io)
{
    snprintf(text, LIMIT_TEXT, "%u:%u rbps=%" PRIu64 " wbps=%" PRIu64, group->major, group->minor,
             io, io);
}

static int set_limits(const struct pwk_cgroup *group, int folder, unsigned cpu, uint64_t io)
{
    char text[LIMIT_TEXT];
    int result = 0;

    if (cpu) {
        cpu_text(text, cpu);
        result = write_text(folder, "cpu.max", text);
    }
    if (result == 0 && io) {
        io_text(text, group, io);
        result = write_text(folder, "io.max", text);
    }
    return result;
}

static int lend_and_set(const struct pwk_cgroup *group, int parent, int folder, unsigned cpu,
                        uint64_t io)
{
    int result = cpu ? lend(parent, "cpu") : 0;

    if (result == 0 && io)
        result = lend(parent, "io");
    return result == 0 ? set_limits(group, folder, cpu, io) : result;
}

/* True where the file says that limit. Without its controller it is not there. */
static bool stands(int folder, const char *file, const char *limit)
{
    char text[4096];

    return read_text(folder, file, text, sizeof(text)) > 0 && strstr(text, limit) != NULL;
}

int pwk_cgroup_keep(const struct pwk_cgroup *group, int parent, const char *name, unsigned cpu,
                    uint64_t io)
{
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
    char cpu_limit[LIMIT_TEXT], io_limit[LIMIT_TEXT];

    if (folder < 0)
        return -errno;
    cpu_text(cpu_limit, cpu);
    io_text(io_limit, group, io);
    if ((cpu && !stands(folder, "cpu.max", cpu_limit)) ||
        (io && !stands(folder, "io.max", io_limit)))
        result = lend_and_set(group, parent, folder, cpu, io);
    close(folder);
    return result;
}

int pwk_cgroup_make(const struct pwk_cgroup *group, const char *name, unsigned cpu, uint64_t io)
{
    int parent = open(group->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder = -1;
    int result = parent < 0 ? -errno : 0;

    /* One that is left of a session that was killed has that one's limits. */
    if (result == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        result = -errno;
    if (result == 0 && mkdirat(parent, name, 0700) < 0)
        result = -errno;
    if (result == 0 && (folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        result = -errno;
    if (result == 0)
        result = lend_and_set(group, parent, folder, cpu, io);
    if (folder >= 0)
        close(folder);
    if (result == 0)
        return parent;
    if (parent >= 0)
        pwk_cgroup_remove(parent, name);
    return result;
}

int pwk_cgroup_enter(const char *folder)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/cgroup.procs", folder) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    return write_text(AT_FDCWD, path, "0");
}

void pwk_cgroup_remove(int parent, const char *name)
{
    unlinkat(parent, name, AT_REMOVEDIR);
    close(parent);
}
