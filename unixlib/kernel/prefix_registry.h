/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_registry.h - a registry of one's own, as a copy of a Wine prefix's.
 */
#ifndef PWK_KERNEL_PREFIX_REGISTRY_H
#define PWK_KERNEL_PREFIX_REGISTRY_H

#include "kernel/error.h"
#include "registry/registry.h"

/* Imports what wineserver last saved in `prefix` (system.reg, user.reg, userdef.reg; those that are
 * there) into an empty registry. Where there is no system.reg, the registry gets its two top keys
 * \Registry\Machine and \Registry\User and nothing else. All or nothing. */
int pwk_prefix_registry_import(registry_t *registry, const char *prefix, registry_progress progress,
                               void *context, struct pwk_error *error);

/* Where copies come from in place of the prefix's files: in a process of Wine's, wineserver itself,
 * which may hold what it has not saved yet. `import` answers 0 or a negative errno with a line. */
void pwk_prefix_registry_set_source(int (*import)(registry_t *registry, struct pwk_error *error));

/* A registry that lives as long as its opener: its store lies in a folder of run-time files that
 * goes at close. Folders that a killed process has left go when the next one opens. */
struct pwk_private_registry;

/* Holds a copy of the prefix's registry ($WINEPREFIX, else ~/.wine). */
int pwk_private_registry_open(struct pwk_private_registry **out, struct pwk_error *error);
void pwk_private_registry_close(struct pwk_private_registry *private_registry);
registry_t *pwk_private_registry_get(struct pwk_private_registry *private_registry);

#endif
