/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_mounts.c - see view_mounts.h.
 */
#include "sandbox/view_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
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

/* ---- by descriptor ---- */

int pwk_view_open_tree(const char *path)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path,
                            OPEN_TREE_CLONE | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | O_CLOEXEC);

    return tree < 0 ? -errno : tree;
}

static int copy_tree_of(int place)
{
    int tree = (int)syscall(SYS_open_tree, place, "",
                            OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH | O_CLOEXEC);

    return tree < 0 ? -errno : tree;
}

int pwk_view_move_tree(int tree, int place)
{
    return syscall(SYS_move_mount, tree, "", place, "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
               ? -errno
               : 0;
}

static int move_and_close(int tree, int place)
{
    int result = tree < 0 ? tree : pwk_view_move_tree(tree, place);

    if (tree >= 0)
        close(tree);
    return result;
}

int pwk_view_bind(const char *source, int place)
{
    return move_and_close(pwk_view_open_tree(source), place);
}

int pwk_view_bind_open(int source, int place)
{
    return move_and_close(copy_tree_of(source), place);
}

/* ---- walking ---- */

int pwk_view_move_aside(int folder, const char *name)
{
    char aside[PATH_MAX + 64];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(aside, sizeof(aside), "%s.%lld-%09ld", name, (long long)now.tv_sec, now.tv_nsec);
    return renameat(folder, name, folder, aside) < 0 ? -errno : 0;
}

/* What is made here is for the session, not of its programs: pwkctl files goes by the mark. Without
 * attributes it is listed there. */
static int make_at(int base, const char *name, bool folder)
{
    int fd;

    if (folder && mkdirat(base, name, 0700) < 0)
        return errno != EEXIST ? -errno : 0;
    fd =
        openat(base, name,
               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (folder ? O_DIRECTORY : O_CREAT | O_EXCL), 0600);
    if (fd < 0)
        return folder || errno == EEXIST ? 0 : -errno;
    fsetxattr(fd, PWK_VIEW_PLACE_MARK, "", 0, 0);
    close(fd);
    return 0;
}

/* One step of a walk. Others may write to the folder meanwhile, and then it is tried again. */
static int step(int base, const char *name, bool folder, enum pwk_view_walk how)
{
    int result = strcmp(name, "..") == 0 ? -EINVAL : 0;

    for (int tries = 0; result == 0 && tries < 16; tries++) {
        int fd = openat(base, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0) {
            result = errno != ENOENT || how == PWK_VIEW_FIND ? -errno : make_at(base, name, folder);
            continue;
        }
        if (fstat(fd, &st) == 0 && (folder ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)))
            return fd;
        close(fd);
        result = how == PWK_VIEW_REPLACE ? pwk_view_move_aside(base, name) : -ENOTDIR;
    }
    return result < 0 ? result : -EAGAIN;
}

int pwk_view_walk(int base, const char *path, bool folder, enum pwk_view_walk how)
{
    int at = fcntl(base, F_DUPFD_CLOEXEC, 0);
    char names[PATH_MAX], *rest, *name;

    if (at < 0)
        return -errno;
    if (strlen(path) >= sizeof(names)) {
        close(at);
        return -ENAMETOOLONG;
    }
    strcpy(names, path);
    for (name = strtok_r(names, "/", &rest); at >= 0 && name;) {
        char *next = strtok_r(NULL, "/", &rest);
        int found = step(at, name, folder || next, how);

        close(at);
        at = found;
        name = next;
    }
    return at;
}

int pwk_view_open_filled(const struct pwk_view *view, const char *path, bool folder,
                         enum pwk_view_walk how)
{
    for (size_t i = 0; i < PWK_SESSION_HOMES; i++) {
        const char *filled = view->filled[i];
        int base, place;

        if (!filled || !pwk_view_is_below(path, filled))
            continue;
        base = open(filled, O_PATH | O_DIRECTORY | O_CLOEXEC);
        place = base < 0 ? -errno : pwk_view_walk(base, path + strlen(filled), folder, how);
        if (base >= 0)
            close(base);
        return place;
    }
    return -EXDEV;
}

static int open_as_written(const char *path)
{
    int place = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    return place < 0 ? -errno : place;
}

/* Opens the place at `path`, and makes it where it is not there: O_PATH, or a negative errno. */
static int open_place(const struct pwk_view *view, const char *path, bool folder)
{
    int place = pwk_view_open_filled(view, path, folder, PWK_VIEW_REPLACE), result = 0;
    struct stat st;

    if (place != -EXDEV)
        return place;
    if (lstat(path, &st) < 0 || S_ISDIR(st.st_mode) != folder)
        result = pwk_view_make_place(path, folder);
    return result < 0 ? result : open_as_written(path);
}

/* What lies at `path`, or a negative errno. */
static int open_found(const struct pwk_view *view, const char *path)
{
    int place = pwk_view_open_filled(view, path, true, PWK_VIEW_FIND);

    if (place == -ENOTDIR)
        place = pwk_view_open_filled(view, path, false, PWK_VIEW_FIND);
    return place == -EXDEV ? open_as_written(path) : place;
}

/* ---- steps ---- */

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

int pwk_view_keep_read_only(struct pwk_view *view, const char *path)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    int result = pwk_view_keep(view, path, true);

    if (result == 0 && syscall(SYS_mount_setattr, view->kept[view->count - 1].tree, "",
                               AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes)) < 0)
        result = pwk_error_set(view->error, -errno,
                               "%s cannot be made read-only in the session: %s; use --session "
                               "shared",
                               path, strerror(errno));
    return result;
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

static int put(struct pwk_view *view, int tree, const char *path, bool folder)
{
    int place = open_place(view, path, folder);
    int result = place < 0 ? place : pwk_view_move_tree(tree, place);

    if (place >= 0)
        close(place);
    return result == 0
               ? 0
               : pwk_error_set(view->error, result, "%s cannot be mounted in the session: %s", path,
                               strerror(-result));
}

int pwk_view_put(struct pwk_view *view, int tree, const char *path)
{
    struct stat st;

    return put(view, tree, path, fstat(tree, &st) == 0 && S_ISDIR(st.st_mode));
}

int pwk_view_put_back(struct pwk_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        struct pwk_kept *kept = &view->kept[i];
        int result = put(view, kept->tree, kept->path, kept->folder);

        if (result < 0)
            return result;
        close(kept->tree);
        kept->tree = -1;
    }
    view->count = 0;
    return 0;
}

int pwk_view_cover(struct pwk_view *view, const char *path, const char *options)
{
    int place = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), result = 0;
    char by_number[32];

    if (place < 0)
        return 0;
    snprintf(by_number, sizeof(by_number), "/proc/self/fd/%d", place);
    if (mount("pwk", by_number, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        result = pwk_error_set(view->error, -errno,
                               "%s cannot be covered in the session: %s; use --session shared",
                               path, strerror(errno));
    close(place);
    return result;
}

/* A copy of what lies at `place`, changed as `attributes` say, over it. */
static int mount_copy_over(int place, struct mount_attr *attributes)
{
    int tree = copy_tree_of(place), result = tree < 0 ? tree : 0;

    if (result == 0 && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE,
                               attributes, sizeof(*attributes)) < 0)
        result = -errno;
    if (result == 0)
        result = pwk_view_move_tree(tree, place);
    if (tree >= 0)
        close(tree);
    return result;
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
    int place = open_found(view, path), result;
    struct stat st;

    if (place == -ENOENT || place == -ENOTDIR)
        return 0;
    result = place < 0                                       ? place
             : fstat(place, &st) == 0 && S_ISLNK(st.st_mode) ? 0
                                                             : mount_copy_over(place, &attributes);
    if (place >= 0)
        close(place);
    if (result < 0)
        return pwk_error_set(view->error, result,
                             "%s cannot be made read-only in the session: %s; use --session shared",
                             path, strerror(-result));
    return 0;
}

int pwk_view_pin_way(struct pwk_view *view, const char *folder, const char *path)
{
    struct mount_attr unchanged = {0};
    char way[PATH_MAX + 16];
    int result = 0;

    if (strlen(path) >= sizeof(way) || !pwk_view_is_below(path, folder))
        return 0;
    strcpy(way, path);
    for (size_t end = strlen(folder) + 1; result == 0; end++) {
        int place;

        end += strcspn(way + end, "/");
        if (way[end] == '\0')
            break;
        way[end] = '\0';
        place = open_found(view, way);
        result = place < 0 ? place : mount_copy_over(place, &unchanged);
        if (place >= 0)
            close(place);
        if (result < 0)
            return pwk_error_set(view->error, result,
                                 "%s cannot be held in its place in the session: %s", way,
                                 strerror(-result));
        way[end] = '/';
    }
    return 0;
}
