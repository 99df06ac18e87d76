/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_lock.h - whether a prefix's own wineserver runs, that of the shared session: seen from
 * outside, without being its client.
 */
#ifndef PWK_WINE_SERVER_LOCK_H
#define PWK_WINE_SERVER_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/* The process number of the wineserver that serves `prefix`, or 0. A wineserver in namespaces of
 * its own is not seen. */
pid_t pwk_wineserver_of(const char *prefix);

/* Where wineserver's socket for a prefix may come up: in the folder `name` of one of `paths`, of
 * which the first is what Debian's Wine has noted in the prefix, "" where there is no note. */
struct pwk_server_places {
    char paths[2][80];
    char name[48];
};
int pwk_wineserver_places(const char *prefix, struct pwk_server_places *places);

#endif
