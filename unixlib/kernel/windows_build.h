/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_build.h - the builds of Windows that a program can be shown. A version (7, 10, 11) has
 * one or more; which one it is decides version facts in the registry and, where a profile says
 * syscall_numbers = windows, what the numbers of native system calls mean.
 */
#ifndef PWK_KERNEL_WINDOWS_BUILD_H
#define PWK_KERNEL_WINDOWS_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/error.h"
#include "kernel/profile.h"

struct pwk_windows_build {
    enum pwk_windows windows;
    uint32_t build;
    const char *release;         /* "22H2"; NULL before Windows 10 */
    uint32_t update_revision;    /* UBR; 0: not in that build's registry */
    const char *display_version; /* the registry's value of that name, or NULL: it has none */
    const char *release_id;      /* the same of ReleaseId */
    bool usual;                  /* what the version means when no build is asked for */
};

/* Ascending by build. Process-wide, constant. */
extern const struct pwk_windows_build pwk_windows_builds[];
extern const size_t pwk_windows_build_count;

/* The build of that number within a version; 0 is the usual one. NULL where there is none, which
 * PWK_WINDOWS_PREFIX never has. */
const struct pwk_windows_build *pwk_windows_build_by_number(enum pwk_windows windows,
                                                            uint32_t number);

/* The build that a word of a profile names: a release ("1809", "21H2") or a number ("17763").
 * `windows` is the version it has to belong to, PWK_WINDOWS_PREFIX for any. 0, or -EINVAL with a
 * line that names the builds which can be asked for. `out` may be NULL. */
int pwk_windows_build_parse(enum pwk_windows windows, const char *word,
                            const struct pwk_windows_build **out, struct pwk_error *error);

#endif
