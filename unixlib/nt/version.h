/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * version.h - the Windows version of this process.
 */
#ifndef PWK_NT_VERSION_H
#define PWK_NT_VERSION_H

#include <stdbool.h>

#include "kernel/profile.h"

struct nt_version {
    uint32_t major, minor, build;
    uint32_t service_pack;       /* major number; 0: none */
    uint32_t update_revision;    /* UBR; 0: not in that version's registry */
    const char *product;         /* ProductName */
    const char *current_version; /* the value of that name, frozen at 6.3 since Windows 10 */
    const char *display_version; /* "22H2", or NULL */
    const char *release;         /* ReleaseId, or NULL */
};

/* The facts of a version's build, 0 for the usual one. False for PWK_WINDOWS_PREFIX, and for a
 * build that is not of that version. */
bool nt_version_facts(enum pwk_windows windows, uint32_t build, struct nt_version *out);

/* Puts the version into the registry's view, before the program's first call is served. */
void nt_version_start(void);

/* To be called ahead of registry reads: ends the start phase once ntdll has settled. True: it has
 * ended. */
bool nt_version_settle(void);

#endif
