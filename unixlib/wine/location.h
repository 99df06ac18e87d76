/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * location.h - where Wine and pwk's own parts are.
 */
#ifndef PWK_WINE_LOCATION_H
#define PWK_WINE_LOCATION_H

#include <limits.h>

#include "kernel/error.h"

struct pwk_wine_location {
    char libdir[PATH_MAX];    /* holds x86_64-unix and x86_64-windows */
    char ntdll_so[PATH_MAX];  /* libdir/x86_64-unix/ntdll.so */
    char ntdll_dll[PATH_MAX]; /* libdir/x86_64-windows/ntdll.dll */
    char
        loader[PATH_MAX]; /* stock Wine's loader (wine64 or wine), for what runs without a kernel */
    char server[PATH_MAX]; /* wineserver */
};

/* Finds Wine: $PWK_WINE_LIBDIR, else the folder that configure found. -ENOENT with a line that
 * says what is missing and how to mend it. */
int pwk_wine_locate(struct pwk_wine_location *location, struct pwk_error *error);

/* pwk's own library folder: beside the running program (build/pwk), in ../lib/pwk, or where
 * configure put it. -ENOENT when no pwk.so is found in any. */
int pwk_own_libdir(char path[PATH_MAX], struct pwk_error *error);

#endif
