/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_copy.h - copies of single files of a kernel's layer: content, permissions, times and
 * attributes, and nothing that would give the copy more power than its content has: no
 * set-user-ID, set-group-ID or sticky bit, no capability, no access list.
 */
#ifndef PWK_LAUNCHER_FILES_COPY_H
#define PWK_LAUNCHER_FILES_COPY_H

#include <sys/stat.h>

/* Copies the regular file `from` to the new name `name` in the folder `to`; it may not be on the
 * disk yet. Holes stay holes. 0 or a negative errno, where `name` may be left behind. */
int files_copy_file(int from, int to, const char *name);

/* Copies the symbolic link `from` (opened with O_PATH) as a link. Errors as above. */
int files_copy_link(int from, int to, const char *name);

/* Gives `to` the attributes (files_is_attribute) of `from`, and no other ones. */
int files_copy_attributes(int from, int to);

#endif
