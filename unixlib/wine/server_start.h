/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_start.h - one process at a time starts a wineserver. Two clients that find none at the
 * same moment can spoil it for each other with Debian's Wine ("chdir to ... No such file or
 * directory"), and a start of ours often makes two: the program and the watcher.
 */
#ifndef PWK_WINE_SERVER_START_H
#define PWK_WINE_SERVER_START_H

/* Before __wine_main: returns at once where the prefix's wineserver runs, or nobody else is about
 * to start one; waits else until it runs. Where no order can be made (no run-time folder, an other
 * that hangs) it returns all the same. */
void pwk_server_start_begin(void);

/* With the first call to wineserver that has come through: lets others go on. */
void pwk_server_start_end(void);

#endif
