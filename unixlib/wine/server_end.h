/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_end.h - a process that serves a prefix's session does not outlive its wineserver. A client
 * of Wine's that waits in a call holds both ends of the pipe on which the answer comes: where the
 * server is killed, it would wait for ever.
 */
#ifndef PWK_WINE_SERVER_END_H
#define PWK_WINE_SERVER_END_H

/* `connection`: the socket on which this process is wineserver's client, the caller's. From now on
 * the process ends with status 1 when the server is gone, and at once where that cannot be waited
 * for. */
void pwk_server_end_follow(int connection);

#endif
