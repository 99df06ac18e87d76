/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * below.h - what a session of the kernel's own sees of the prefix's registry, seen to from outside:
 * that what is published (kernel/prefix_layer.h) is what the prefix has.
 */
#ifndef PWK_LAUNCHER_BELOW_H
#define PWK_LAUNCHER_BELOW_H

#include "kernel/error.h"
#include "kernel/prefix_layer.h"

/* Sees to it that somebody who can know publishes: a watcher, which is started where a wineserver
 * serves the prefix and there is none, since wineserver may hold what it has not saved; else the
 * prefix's files are published, where they are not yet. Where the state is in step already, nothing
 * is copied and no lock taken. 0, or a negative errno with its line. */
int pwk_below_settle(struct pwk_prefix_layer *layer, const char *prefix, const char *loader,
                     struct pwk_error *error);

/* The same, and waits for what a watcher has seen and not published yet: what anybody wrote to the
 * prefix before the call is published afterwards. */
int pwk_below_catch_up(struct pwk_prefix_layer *layer, const char *prefix, const char *loader,
                       struct pwk_error *error);

#endif
