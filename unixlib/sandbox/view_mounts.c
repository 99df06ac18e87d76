/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_mounts.c - see view_mounts.h.
 */
#include "sandbox/view_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> cannot be had together in every libc. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

bool pwk_view_is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

int pwk_view_open_tree(const char *path)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path,
                            OPEN_TREE_CLONE | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | O_CLOEXEC);

    return tree < 0 ? -errno : tree;
}

static int move_here(int tree, const char *path)
{
    return syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno
                                                                                          : 0;
}

int pwk_view_keep(struct pwk_view *view, const char *path, bool needed)
{
    struct pwk_kept *kept = &view->kept[view->count];
    struct stat st;

    if (view->count == PWK_VIEW_MAX_KEPT || strlen(path) >= sizeof(kept->path))
        return pwk_error_set(view->error, -ENAMETOOLONG, "%s: the path is too long", path);
    kept->tree = pwk_view_open_tree(path);
    if (kept->tree == -ENOENT && !needed)
        return 0;
    if (kept->tree >= 0 && fstat(kept->tree, &st) < 0)
        kept->tree = -errno;
    if (kept->tree < 0)
        return pwk_error_set(view->error, kept->tree,
                             "%s cannot be shown to the kernel's session: %s; use --session shared",
                             path, strerror(-kept->tree));
    strcpy(kept->path, path);
    kept->folder = S_ISDIR(st.st_mode);
    view->count++;
    return 0;
}

int pwk_view_make_place(const char *path, bool folder)
{
    char copy[PATH_MAX];
    int fd;

    if (strlen(path) >= sizeof(copy))
        return -ENAMETOOLONG;
    strcpy(copy, path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    if (folder)
        return mkdir(copy, 0700) < 0 && errno != EEXIST ? -errno : 0;
    fd = open(copy, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

bool pwk_view_is_kept(const struct pwk_view *view, const char *path)
{
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(view->kept[i].path, path) == 0)
            return true;
    return false;
}

int pwk_view_put_back(struct pwk_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        struct pwk_kept *kept = &view->kept[i];
        struct stat st;
        int result = 0;

        if (lstat(kept->path, &st) < 0 || S_ISDIR(st.st_mode) != kept->folder)
            result = pwk_view_make_place(kept->path, kept->folder);
        if (result == 0)
            result = move_here(kept->tree, kept->path);
        if (result < 0)
            return pwk_error_set(view->error, result, "%s cannot be mounted in the session: %s",
                                 kept->path, strerror(-result));
        close(kept->tree);
        kept->tree = -1;
    }
    view->count = 0;
    return 0;
}

int pwk_view_cover(struct pwk_view *view, const char *path, const char *options)
{
    struct stat st;

    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return 0;
    if (mount("pwk", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return pwk_error_set(view->error, -errno,
                             "%s cannot be covered in the session: %s; use --session shared", path,
                             strerror(errno));
    return 0;
}

int pwk_view_move_tree(int tree, int place)
{
    return syscall(SYS_move_mount, tree, "", place, "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
               ? -errno
               : 0;
}

int pwk_view_restrict(int tree, bool read_only)
{
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0),
        .propagation = MS_PRIVATE,
    };

    return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                   sizeof(attributes)) < 0
               ? -errno
               : 0;
}

int pwk_view_make_read_only(struct pwk_view *view, const char *path)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    struct stat st;
    int result = 0, tree;

    if (lstat(path, &st) < 0 || S_ISLNK(st.st_mode))
        return 0;
    tree = pwk_view_open_tree(path);
    if (tree < 0)
        result = tree;
    else if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                     sizeof(attributes)) < 0)
        result = -errno;
    else
        result = move_here(tree, path);
    if (tree >= 0)
        close(tree);
    if (result < 0)
        return pwk_error_set(view->error, result,
                             "%s cannot be made read-only in the session: %s; use --session shared",
                             path, strerror(-result));
    return 0;
}
