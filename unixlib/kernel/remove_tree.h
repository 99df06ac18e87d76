/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * remove_tree.h - removes what is in a folder, however deep, whatever its names and permissions
 * are.
 */
#ifndef PWK_KERNEL_REMOVE_TREE_H
#define PWK_KERNEL_REMOVE_TREE_H

/* Removes everything in `folder`, a descriptor of a folder that was opened for reading and stays
 * open. Never follows a symbolic link; folders that their owner may not read or change (as
 * overlayfs makes one) are made so first. 0 or a negative errno. */
int pwk_remove_below(int folder);

/* Removes `name` in `folder`, whatever it is, in the same way. What is not there is removed. */
int pwk_remove_at(int folder, const char *name);

#endif
