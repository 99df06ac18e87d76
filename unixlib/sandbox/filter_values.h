/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter_values.h - what the filters that are written by hand compare with: the wall of an own
 * session (call_wall.c) and the guard of every policy (policy_guard.c).
 *
 * Sources: "asm/unistd.h" (Linux), ioctl_tty(2), ioctl_console(2), socket(2).
 */
#ifndef PWK_SANDBOX_FILTER_VALUES_H
#define PWK_SANDBOX_FILTER_VALUES_H

#include <sys/ioctl.h>
#include <sys/socket.h>

/* Numbers from here on are those of the x32 ABI. */
#define PWK_X32_BIT 0x40000000u

/* Requests that push input into the terminal from which the program was started are TIOCSTI and
 * this one, which is not in every libc's headers. */
#ifndef TIOCLINUX
#define TIOCLINUX 0x541c
#endif

/* Families of sockets that programs may have: the others are attack surface, and some know no
 * network namespace. */
#define PWK_SOCKET_FAMILIES AF_UNIX, AF_INET, AF_INET6, AF_NETLINK

#endif
