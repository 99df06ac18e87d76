/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_devices.h - the /dev of a session: what every program needs, and the graphics card and
 * sound where they can be reached.
 */
#ifndef PWK_SANDBOX_VIEW_DEVICES_H
#define PWK_SANDBOX_VIEW_DEVICES_H

#include "sandbox/view_mounts.h"

/* Puts a /dev of the session's own over the machine's: no disks, no memory, no serial ports, no
 * keyboards, no other terminals than those made inside. 0 or a negative errno with its line in
 * view->error. Source: devpts (Linux kernel documentation, filesystems/devpts). */
int pwk_view_make_devices(struct pwk_view *view);

#endif
