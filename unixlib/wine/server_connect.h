/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_connect.h - the moment at which the process has become wineserver's client, before a word
 * has passed between them. The loader's symbol connect is found before the C library's by ntdll.so.
 */
#ifndef PWK_WINE_SERVER_CONNECT_H
#define PWK_WINE_SERVER_CONNECT_H

/* In pwk.so: what a kernel has to do then; ends the process where it cannot be done. */
#define PWK_CONNECTED_SYMBOL "pwk_boot_connected"

/* `function` runs once, on the thread that has connected, with the socket, which is Wine's. Before
 * Wine starts. A process that its parent has made a client does not connect. */
void pwk_server_connection_begins(void (*function)(int connection));

#endif
