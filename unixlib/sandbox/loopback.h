/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loopback.h - the loopback interface of a new network namespace.
 */
#ifndef PWK_SANDBOX_LOOPBACK_H
#define PWK_SANDBOX_LOOPBACK_H

/* Raises `lo` in the caller's network namespace; needs to be root of the user namespace that owns
 * it. 0 or a negative errno. Source: netdevice(7). */
int pwk_loopback_raise(void);

#endif
