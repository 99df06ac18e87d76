/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_watch.h - the prefix's registry, kept in step with wineserver's while the session lasts.
 *
 * One process a session and run-time folder watches: a process of Wine's that runs no code of
 * Windows', sleeps until wineserver tells it of a change, has the changed branch written as text
 * and publishes it (kernel/prefix_layer.h). It is one of the session's system processes: wineserver
 * tells it when the last program has ended, and then it ends too.
 */
#ifndef PWK_WINE_PREFIX_WATCH_H
#define PWK_WINE_PREFIX_WATCH_H

#include "kernel/prefix_layer.h"
#include "registry/registry.h"

#define PWK_WATCH_SYMBOL "pwk_watch"
/* What the watcher's process shows as its program: any of Wine's own, none of it is run. */
#define PWK_WATCH_PROGRAM "C:\\windows\\system32\\svchost.exe"

/* Makes this process a watcher, before Wine's __wine_main: to be called by the loader. 0 or a
 * negative errno. */
int pwk_watch(void *ntdll, const char *ntdll_dll);

/* On a thread of Wine's: lets a kernel's registry follow the prefix's. A watcher is started where
 * there is none. A registry that is still `empty` takes the prefix's in first. When it returns,
 * what anybody wrote to the prefix before the call shows. `started`: when pwk-wine was started for
 * this process, as FILETIME, or 0; where the session is younger than that, nobody can have written
 * but into the prefix's files, which are then read in place of waiting for the watcher: what a
 * program wrote that was started at the same moment shows a second later. */
int pwk_watch_follow(registry_t *registry, bool empty, uint64_t started, struct pwk_error *error);

/* The same in a session of the kernel's own, whose wineserver knows nothing of what others do to
 * the prefix: what is published in the folder `shown` is taken in by a registry that is `empty`,
 * and where `live` followed from now on. pwk-wine has seen to it that it was the newest state when
 * the program was started. */
int pwk_below_follow(registry_t *registry, const char *shown, bool empty, bool live,
                     struct pwk_error *error);

#endif
