/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * location.c - finds Wine's parts and pwk's own. Distributions put the loader and wineserver in
 * different places beside the library folder; the library folder itself configure has found.
 */
#include "wine/location.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Where programs may be, seen from the library folder: Debian (lib/ARCH/wine beside lib/wine),
 * plain installs (PREFIX/lib/wine, PREFIX/lib64/wine), ARCH below lib. */
static const char *const program_folders[] = {"../../wine", "../../bin", "../bin", "../../../bin"};

/* "folder/name"; false when it is too long. */
static bool join(char path[PATH_MAX], const char *folder, const char *name)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);

    return length > 0 && length < PATH_MAX;
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Finds program `name` beside the library folder, else on PATH; `path` is made canonical. */
static bool find_program(char path[PATH_MAX], const char *libdir, const char *name)
{
    const char *search = getenv("PATH");
    char folder[PATH_MAX];
    char candidate[PATH_MAX];

    for (size_t i = 0; i < COUNT_OF(program_folders); i++)
        if (join(folder, libdir, program_folders[i]) && join(candidate, folder, name) &&
            is_program(candidate) && realpath(candidate, path) != NULL)
            return true;
    while (search != NULL && *search != '\0') {
        size_t length = strcspn(search, ":");

        if (*search == '/' && length < sizeof(folder)) {
            memcpy(folder, search, length);
            folder[length] = '\0';
            if (join(candidate, folder, name) && is_program(candidate) &&
                realpath(candidate, path) != NULL)
                return true;
        }
        search += length + (search[length] == ':');
    }
    return false;
}

static int find_libraries(struct pwk_wine_location *location, struct pwk_error *error)
{
    const char *named = getenv("PWK_WINE_LIBDIR");
    const char *libdir = named != NULL && *named != '\0' ? named : PWK_WINE_LIBDIR;

    if (libdir[0] != '/')
        return pwk_error_set(error, -EINVAL, "PWK_WINE_LIBDIR is '%s': it must be an absolute path",
                             libdir);
    if (!join(location->ntdll_so, libdir, "x86_64-unix/ntdll.so") ||
        !join(location->ntdll_dll, libdir, "x86_64-windows/ntdll.dll"))
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", libdir);
    if (access(location->ntdll_so, R_OK) != 0)
        return pwk_error_set(error, -ENOENT,
                             "no Wine found (%s cannot be read): install wine64, or set "
                             "PWK_WINE_LIBDIR to the folder that holds x86_64-unix",
                             location->ntdll_so);
    if (access(location->ntdll_dll, R_OK) != 0)
        return pwk_error_set(error, -ENOENT,
                             "this Wine has no %s: install its 64-bit Windows part (libwine)",
                             location->ntdll_dll);
    strcpy(location->libdir, libdir);
    return 0;
}

int pwk_wine_locate(struct pwk_wine_location *location, struct pwk_error *error)
{
    int rc;

    memset(location, 0, sizeof(*location));
    rc = find_libraries(location, error);
    if (rc != 0)
        return rc;
    if (!find_program(location->loader, location->libdir, "wine64") &&
        !find_program(location->loader, location->libdir, "wine"))
        return pwk_error_set(error, -ENOENT,
                             "no wine64 found for %s: install wine64, or put its folder on PATH",
                             location->libdir);
    /* Under its plain name it may be the distribution's script, which decides how long the server
     * stays: that choice is kept. */
    if (!find_program(location->server, location->libdir, "wineserver") &&
        !find_program(location->server, location->libdir, "wineserver64"))
        return pwk_error_set(error, -ENOENT,
                             "no wineserver found for %s: install it, or put its folder on PATH",
                             location->libdir);
    return 0;
}

/* Takes `folder` where it holds pwk.so. */
static bool take_own_libdir(char path[PATH_MAX], const char *folder)
{
    char library[PATH_MAX];

    return join(library, folder, "x86_64-unix/pwk.so") && access(library, R_OK) == 0 &&
           realpath(folder, path) != NULL;
}

int pwk_own_libdir(char path[PATH_MAX], struct pwk_error *error)
{
    static const char *const beside_program[] = {"pwk", "../lib/pwk"};
    char program[PATH_MAX];
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    char *slash;

    if (length > 0) {
        program[length] = '\0';
        slash = strrchr(program, '/');
        if (slash != NULL)
            *slash = '\0';
        for (size_t i = 0; i < COUNT_OF(beside_program); i++)
            if (join(folder, program, beside_program[i]) && take_own_libdir(path, folder))
                return 0;
    }
    if (take_own_libdir(path, PWK_LIBDIR))
        return 0;
    return pwk_error_set(error, -ENOENT,
                         "pwk's own parts are missing (no x86_64-unix/pwk.so beside this program "
                         "nor in %s): build or install pwk anew",
                         PWK_LIBDIR);
}
