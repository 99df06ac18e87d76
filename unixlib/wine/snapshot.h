/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.h - takes the prefix's registry, as wineserver holds it at this moment, into a kernel's
 * store. Called on a thread of Wine's, before the program's own code runs.
 */
#ifndef PWK_WINE_SNAPSHOT_H
#define PWK_WINE_SNAPSHOT_H

#include "kernel/error.h"
#include "nt/nt_types.h"
#include "registry/registry.h"

#define PWK_SNAPSHOT_BRANCHES 2
/* \Registry\Machine and \Registry\User. */
extern const uint16_t *const pwk_snapshot_paths[PWK_SNAPSHOT_BRANCHES];

/* Opens a key of wineserver's by its full path, of which `path` is a terminated copy's text. */
ntstatus pwk_snapshot_open_key(const uint16_t *path, nt_handle *key);

/* Lets this process save keys; before what undoes it. 0 or -EPERM. */
struct pwk_backup_privilege {
    uint32_t words[4];
};
int pwk_backup_privilege_take(struct pwk_backup_privilege *before);
void pwk_backup_privilege_restore(const struct pwk_backup_privilege *before);

/* Has wineserver write a branch as text into the file `fd`, which stays the caller's. The backup
 * privilege must have been taken. */
int pwk_snapshot_save(size_t branch, int fd);

/* -ENODATA with a line where wineserver lost the prefix's registry. */
int pwk_snapshot_check(struct pwk_error *error);

/* The texts into a registry that is empty; a line of progress is shown on stderr when it takes
 * over a second. */
int pwk_snapshot_take_in(registry_t *registry, const int *fds, size_t count,
                         struct pwk_error *error);

/* All of it: saves the branches and takes them in. */
int pwk_snapshot_import(registry_t *registry, struct pwk_error *error);

#endif
