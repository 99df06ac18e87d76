/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_library.c - see windows_library.h.
 */
#include "launcher/windows_library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the variable holds, the separator and `ours`; ours alone where it is not set or ends with
 * ours already. */
static char *append(const char *name, char separator, const char *ours)
{
    const char *set = getenv(name);
    size_t set_length = set != NULL ? strlen(set) : 0;
    size_t length = strlen(ours);
    char *value;

    if (set_length == 0)
        return strdup(ours);
    if (set_length >= length && strcmp(set + set_length - length, ours) == 0)
        return strdup(set);
    return asprintf(&value, "%s%c%s", set, separator, ours) < 0 ? NULL : value;
}

/* The folder of the Windows part in the words of Windows: drive Z: is the root of every prefix
 * that Wine sets up. */
static char *windows_folder(const char *libdir)
{
    char *folder;

    if (asprintf(&folder, "Z:%s\\x86_64-windows", libdir) < 0)
        return NULL;
    for (char *at = folder; *at != '\0'; at++)
        if (*at == '/')
            *at = '\\';
    return folder;
}

int pwk_windows_library_find(struct pwk_windows_library *library, const char *libdir)
{
    char *folder = windows_folder(libdir);

    *library = (struct pwk_windows_library){{"WINEDLLPATH", "WINEPATH", "WINEDLLOVERRIDES"}, {0}};
    if (folder == NULL)
        return -ENOMEM;
    library->values[0] = append("WINEDLLPATH", ':', libdir);
    library->values[1] = append("WINEPATH", ';', folder);
    library->values[2] = append("WINEDLLOVERRIDES", ';', "pwk=b");
    free(folder);
    for (int i = 0; i < PWK_WINDOWS_LIBRARY_VARIABLES; i++)
        if (library->values[i] == NULL)
            return -ENOMEM;
    return 0;
}

void pwk_windows_library_finish(struct pwk_windows_library *library)
{
    for (int i = 0; i < PWK_WINDOWS_LIBRARY_VARIABLES; i++)
        free(library->values[i]);
    memset(library, 0, sizeof(*library));
}
