/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_library.h - the environment in which Wine finds pwk.dll: our folders behind what the
 * user has set.
 */
#ifndef PWK_LAUNCHER_WINDOWS_LIBRARY_H
#define PWK_LAUNCHER_WINDOWS_LIBRARY_H

enum { PWK_WINDOWS_LIBRARY_VARIABLES = 3 };

struct pwk_windows_library {
    const char *names[PWK_WINDOWS_LIBRARY_VARIABLES]; /* WINEDLLPATH, WINEPATH, WINEDLLOVERRIDES */
    char *values[PWK_WINDOWS_LIBRARY_VARIABLES];      /* owned */
};

/* `libdir`: pwk's own library folder. 0 or -ENOMEM; ends with finish in any case. */
int pwk_windows_library_find(struct pwk_windows_library *library, const char *libdir);
void pwk_windows_library_finish(struct pwk_windows_library *library);

#endif
