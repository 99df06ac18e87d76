/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program.h - finds the program that is asked for and tells whether it can run, before anything
 * is started.
 */
#ifndef PWK_LAUNCHER_PROGRAM_H
#define PWK_LAUNCHER_PROGRAM_H

#include <limits.h>

#include "kernel/error.h"

struct pwk_program {
    char path[PATH_MAX]; /* the file that was found, as a Unix path */
    char name[PATH_MAX]; /* what Wine is given as argv[1] */
};

/* Finds `word`: a Unix path (with a slash), a DOS path (X:\..., through the prefix's dosdevices,
 * without case), or a bare name (in the current folder, the prefix's system32 and windows, Wine's
 * own programs in `wine_libdir`, and WINEPATH). Each with .exe first where it has no extension.
 *
 * -ENOENT: not found. -ENOEXEC and others: found, but it cannot be run; the line says why. */
int pwk_program_find(struct pwk_program *program, const char *word, const char *prefix,
                     const char *wine_libdir, struct pwk_error *error);

/* The same for what only a session of the kernel's own sees: looks for a path in the prefix (an
 * absolute Unix path, or a DOS path on drive C:) in the kernel's layer of files, `upper`. */
int pwk_program_find_in_layer(struct pwk_program *program, const char *word, const char *prefix,
                              const char *upper, struct pwk_error *error);

/* 0 where the file at `path` is something that Wine runs in a 64-bit process. */
int pwk_program_check(const char *path, struct pwk_error *error);

/* `path` with its folder made absolute and free of links. The file's own name stays: what a program
 * is called counts for Wine's settings. */
int pwk_program_full_path(char full[PATH_MAX], const char *path, struct pwk_error *error);

/* program_place.c: where the file at `path` (of pwk_program_find) lies as an absolute path, which a
 * session is to show: counted from `folder`, the current one, and with a drive of the `prefix` in
 * place of its letter ("" where its programs could have changed where drives lead). No other link
 * is followed, since programs may have made it. Where that cannot be told it is `path`. */
void pwk_program_place(char place[PATH_MAX], const char *path, const char *folder,
                       const char *prefix);

#endif
