/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program_place.c - where a program is that was found by a path of any form, as a session is to be
 * shown it: see program.h.
 */
#include "launcher/program.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A path by a drive's letter, where the drive leads to a folder elsewhere. */
static bool by_drive(char place[PATH_MAX], const char *path, const char *prefix)
{
    char drive[PATH_MAX + 32], target[PATH_MAX];
    size_t length = strlen(prefix);
    const char *letter = path + length + strlen("/dosdevices/");
    ssize_t size;

    if (length == 0 || strncmp(path, prefix, length) != 0 ||
        strncmp(path + length, "/dosdevices/", 12) != 0 || !islower((unsigned char)letter[0]) ||
        letter[1] != ':' || letter[2] != '/')
        return false;
    snprintf(drive, sizeof(drive), "%s/dosdevices/%c:", prefix, letter[0]);
    size = readlink(drive, target, sizeof(target) - 1);
    if (size <= 0 || target[0] != '/')
        return false;
    target[size] = '\0';
    while (size > 0 && target[size - 1] == '/')
        target[--size] = '\0';
    return snprintf(place, PATH_MAX, "%s%s", target, letter + 2) < PATH_MAX;
}

/* Takes the words "." and ".." at the begin of a relative path, which count from `folder`. */
static bool from_folder(char place[PATH_MAX], const char *path, const char *folder)
{
    char base[PATH_MAX];

    snprintf(base, sizeof(base), "%s", folder);
    while (path[0] == '.' && (path[1] == '/' || (path[1] == '.' && path[2] == '/'))) {
        char *last = strrchr(base, '/');

        if (path[1] == '.' && last)
            *last = '\0';
        path += path[1] == '.' ? 3 : 2;
        path += strspn(path, "/");
    }
    return folder[0] == '/' &&
           snprintf(place, PATH_MAX, "%s/%s", strcmp(base, "/") == 0 ? "" : base, path) < PATH_MAX;
}

void pwk_program_place(char place[PATH_MAX], const char *path, const char *folder,
                       const char *prefix)
{
    bool told = path[0] == '/' ? by_drive(place, path, prefix) : from_folder(place, path, folder);

    if (!told)
        snprintf(place, PATH_MAX, "%s", path);
}
