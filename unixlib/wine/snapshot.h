/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.h - takes the prefix's registry, as wineserver holds it at this moment, into a kernel's
 * store. Called on a thread of Wine's, before the program's own code runs.
 */
#ifndef PWK_WINE_SNAPSHOT_H
#define PWK_WINE_SNAPSHOT_H

#include "kernel/error.h"
#include "registry/registry.h"

/* A line of progress is shown on stderr when it takes over a second. */
int pwk_snapshot_import(registry_t *registry, struct pwk_error *error);

#endif
