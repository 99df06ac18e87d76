/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * outside_files.c - looks, from within an own session, for files and folders from outside in the
 * descriptors of all processes that it may look into: those of mounts that the session does not
 * have. Whoever can see such a descriptor can open it anew, for writing too.
 *
 *   outside_files SECONDS OUT   writes to OUT the path of each, and at the end how many processes
 *                               with descriptors there were: "looked into COUNT"
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 600
#define PROCESSES 65536

static bool seen[PROCESSES];

static bool is_mount_of_session(int mount)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char line[8192];
    bool found = false;
    int number;

    while (file && !found && fgets(line, sizeof(line), file))
        found = sscanf(line, "%d ", &number) == 1 && number == mount;
    if (file)
        fclose(file);
    return found;
}

/* Of a descriptor that may be gone by now: 0. */
static int mount_of(int process, const char *fd)
{
    char path[PATH_SIZE], line[256];
    int mount = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", process, fd);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file) && sscanf(line, "mnt_id: %d", &mount) != 1)
        continue;
    if (file)
        fclose(file);
    return mount;
}

static void look_at(int process, const char *fd, FILE *out)
{
    char path[PATH_SIZE], target[PATH_SIZE];
    struct stat status;
    ssize_t size;
    int mount;

    snprintf(path, sizeof(path), "/proc/%d/fd/%s", process, fd);
    size = readlink(path, target, sizeof(target) - 1);
    if (size <= 0 || target[0] != '/' || stat(path, &status) < 0 ||
        !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
        return;
    target[size] = '\0';
    mount = mount_of(process, fd);
    /* Memory files have a mount of their own, and no name. */
    if (mount != 0 && strncmp(target, "/memfd:", 7) != 0 && !is_mount_of_session(mount))
        fprintf(out, "%s\n", target);
}

static void look_into(int process, FILE *out)
{
    char path[PATH_SIZE];
    const struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/fd", process);
    folder = opendir(path);
    while (folder && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.') {
            seen[process % PROCESSES] = true;
            look_at(process, entry->d_name, out);
        }
    if (folder)
        closedir(folder);
}

int main(int argc, char *argv[])
{
    time_t end = time(NULL) + (argc == 3 ? atoi(argv[1]) : 0);
    FILE *out = argc == 3 ? fopen(argv[2], "we") : NULL;
    unsigned count = 0;

    if (!out)
        return 2;
    setvbuf(out, NULL, _IOLBF, 0);
    fprintf(out, "ready\n");
    while (time(NULL) < end) {
        const struct dirent *entry;
        DIR *folder = opendir("/proc");

        while (folder && (entry = readdir(folder)) != NULL)
            if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != getpid())
                look_into(atoi(entry->d_name), out);
        if (folder)
            closedir(folder);
    }
    for (int i = 0; i < PROCESSES; i++)
        count += seen[i];
    fprintf(out, "looked into %u\n", count);
    return 0;
}
