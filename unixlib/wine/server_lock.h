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

#endif
