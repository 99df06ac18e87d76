/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_open.h - opens files below a folder and nowhere else. What stands in a kernel's layer of
 * files was put there by its programs: no symbolic link on the way is followed, and neither ".."
 * nor a mounted file system leads out.
 *
 * Sources: openat2(2), xattr(7).
 */
#ifndef PWK_LAUNCHER_FILES_OPEN_H
#define PWK_LAUNCHER_FILES_OPEN_H

#include <stdbool.h>
#include <stddef.h>

/* Opens `path` below the folder `root` ("" is the folder itself), with O_CLOEXEC and O_NOFOLLOW.
 * What is at its end may be a link only with O_PATH. The descriptor or a negative errno. */
int files_open(int root, const char *path, int flags);

/* Opens (O_PATH) the folder that `path` is in; `*name` is its last word, inside `path`. */
int files_open_parent(int root, const char *path, const char **name);

/* Calls `visit` for each name in an open folder but "." and "..", until it answers other than 0,
 * which is returned. The position of `folder` itself is not used. Negative errno otherwise. */
int files_list(int folder, int (*visit)(void *context, const char *name), void *context);

/* For what takes a path only: the file of the descriptor, of whatever kind, a link included. */
struct files_descriptor_path {
    char text[32];
};
const char *files_descriptor_path(int fd, struct files_descriptor_path *path);

/* True where the file has the extended attribute, and it begins with `value` (NULL: any). */
bool files_has_attribute(int fd, const char *name, const char *value);

/* True for extended attributes that belong to a file as programs see it (Wine keeps DOS attributes
 * so): those of users, but overlayfs' own. */
bool files_is_attribute(const char *name);

#endif
