/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view.c - see view.h. What is to be seen again behind a folder that gets covered (/tmp, /run,
 * pwk's own folders) is taken up first as a detached mount, and put back in its place afterwards.
 */
#include "sandbox/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_KEPT 8

/* Declared by glibc from 2.36 on; the numbers are Linux's own. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 4
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

struct kept {
    char path[PATH_MAX];
    int tree;
    bool folder;
};

struct view {
    const struct pwk_session_plan *plan;
    struct pwk_error *error;
    struct kept kept[MAX_KEPT];
    size_t count;
};

static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Takes `path` up. What is not there is left out, unless it is `needed`. */
static int keep(struct view *view, const char *path, bool needed)
{
    struct kept *kept = &view->kept[view->count];
    struct stat st;

    if (view->count == MAX_KEPT || strlen(path) >= sizeof(kept->path))
        return pwk_error_set(view->error, -ENAMETOOLONG, "%s: the path is too long", path);
    kept->tree =
        (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | AT_RECURSIVE | O_CLOEXEC);
    if (kept->tree < 0 && errno == ENOENT && !needed)
        return 0;
    if (kept->tree < 0 || fstat(kept->tree, &st) < 0)
        return pwk_error_set(view->error, -errno,
                             "%s cannot be shown to the kernel's session: %s; use --session shared",
                             path, strerror(errno));
    strcpy(kept->path, path);
    kept->folder = S_ISDIR(st.st_mode);
    view->count++;
    return 0;
}

/* Makes the folders on the way to `path`, and what it is itself: a folder, or an empty file. */
static int make_place(const char *path, bool folder)
{
    char copy[PATH_MAX];
    int fd;

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

static int put_back(struct view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        struct kept *kept = &view->kept[i];
        int result = make_place(kept->path, kept->folder);

        if (result == 0 && syscall(SYS_move_mount, kept->tree, "", AT_FDCWD, kept->path,
                                   MOVE_MOUNT_F_EMPTY_PATH) < 0)
            result = -errno;
        if (result < 0)
            return pwk_error_set(view->error, result, "%s cannot be mounted in the session: %s",
                                 kept->path, strerror(-result));
        close(kept->tree);
        kept->tree = -1;
    }
    view->count = 0;
    return 0;
}

static int cover(struct view *view, const char *path, const char *options)
{
    if (mount("pwk", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return pwk_error_set(view->error, -errno,
                             "%s cannot be covered in the session: %s; use --session shared", path,
                             strerror(errno));
    return 0;
}

/* What the last session's wineserver saved would hide what the prefix has by now. Nothing is lost:
 * what programs write is in the kernel's store. */
static int forget_saved_registry(const struct pwk_session_plan *plan)
{
    static const char *const names[] = {"system.reg", "user.reg", "userdef.reg"};
    char path[PATH_MAX + 32];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/files/upper/%s", plan->state, names[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            return -errno;
    }
    return 0;
}

/* The lower layer is the prefix as everybody sees it; the upper one is in the kernel's state, which
 * lies in the prefix too. Overlayfs takes paths from the current folder, so that no character of
 * the prefix's own path gets among its options. */
static int mount_prefix(struct view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    const char *name = strrchr(plan->state, '/') + 1;
    char options[512], files[PATH_MAX + 16];
    int result;

    if (!plan->overlay_files)
        return 0;
    for (int i = 0; i < 2; i++) {
        snprintf(files, sizeof(files), "%s/files/%s", plan->state, i == 0 ? "upper" : "work");
        result = strlen(files) < PATH_MAX ? make_place(files, true) : -ENAMETOOLONG;
        if (result < 0)
            return pwk_error_set(view->error, result, "%s cannot be made: %s", files,
                                 strerror(-result));
    }
    result = forget_saved_registry(plan);
    if (result < 0)
        return pwk_error_set(view->error, result, "%s/files/upper cannot be written: %s",
                             plan->state, strerror(-result));
    snprintf(options, sizeof(options),
             "lowerdir=.,upperdir=pwk/kernels/%s/files/upper,workdir=pwk/kernels/%s/files/work,"
             "userxattr",
             name, name);
    if (chdir(plan->prefix) < 0 ||
        mount("pwk", plan->prefix, "overlay", MS_NOSUID | MS_NODEV, options) < 0)
        return pwk_error_set(view->error, -errno,
                             "no copy-on-write view of %s: overlayfs answers '%s'; use --files "
                             "shared, or a prefix on a file system that can be an upper layer",
                             plan->prefix, strerror(errno));
    return 0;
}

/* Of pwk's own files in the prefix only the kernel's store is there, and its audit log: taken up
 * before the copy-on-write view lies over them, since what is written there is to stay. */
static int keep_state(struct view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    char path[PATH_MAX + 16];
    int result;

    snprintf(path, sizeof(path), "%s/store", plan->state);
    result = keep(view, path, true);
    if (result == 0) {
        snprintf(path, sizeof(path), "%s/audit.jsonl", plan->state);
        result = make_place(path, false);
        if (result == 0)
            result = keep(view, path, true);
    }
    return result;
}

static int hide_states(struct view *view)
{
    char path[PATH_MAX + 16];
    int result;

    snprintf(path, sizeof(path), "%s/pwk", view->plan->prefix);
    result = cover(view, path, "mode=0700,size=64k");
    if (result == 0)
        result = put_back(view);
    if (result == 0 &&
        mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        result = pwk_error_set(view->error, -errno, "%s cannot be made read-only: %s", path,
                               strerror(errno));
    return result;
}

static int keep_display(struct view *view)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *socket = getenv("WAYLAND_DISPLAY");
    const char *display = getenv("DISPLAY");
    char path[PATH_MAX];
    int result = 0;

    if (!view->plan->display)
        return 0;
    if (display && *display)
        result = keep(view, "/tmp/.X11-unix", false);
    if (result < 0 || !socket || !*socket || !runtime || strchr(socket, '/'))
        return result;
    if (snprintf(path, sizeof(path), "%s/%s", runtime, socket) >= (int)sizeof(path))
        return 0;
    return keep(view, path, false);
}

/* What names are resolved by may lie in /run. */
static int keep_resolver(struct view *view)
{
    char path[PATH_MAX];

    if (view->plan->isolated_network || !realpath("/etc/resolv.conf", path) ||
        !is_below(path, "/run"))
        return 0;
    return keep(view, path, false);
}

static int cover_host_folders(struct view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    char parent[PATH_MAX];
    int result = 0;

    strcpy(parent, plan->runtime);
    *strrchr(parent, '/') = '\0';
    if (is_below(plan->prefix, "/tmp") || is_below(plan->prefix, "/run"))
        result = keep(view, plan->prefix, true);
    if (result == 0)
        result = keep(view, plan->runtime, true);
    if (result == 0)
        result = keep_display(view);
    if (result == 0)
        result = keep_resolver(view);
    /* Other kernels' run-time files lie beside the own ones. */
    if (result == 0 && !is_below(parent, "/tmp") && !is_below(parent, "/run"))
        result = cover(view, parent, "mode=0700,size=64k");
    if (result == 0)
        result = cover(view, "/tmp", "mode=1777");
    if (result == 0)
        result = cover(view, "/run", "mode=0755");
    if (result == 0 && access("/dev/shm", F_OK) == 0)
        result = cover(view, "/dev/shm", "mode=1777");
    return result < 0 ? result : put_back(view);
}

int pwk_view_make(const struct pwk_session_plan *plan, struct pwk_error *error)
{
    struct view *view = calloc(1, sizeof(*view));
    int result = 0;

    if (!view)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    view->plan = plan;
    view->error = error;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        result = pwk_error_set(error, -errno, "mounts cannot be made private: %s", strerror(errno));
    if (result == 0)
        result = keep_state(view);
    if (result == 0)
        result = mount_prefix(view);
    if (result == 0)
        result = hide_states(view);
    if (result == 0)
        result = cover_host_folders(view);
    if (result == 0 && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        result = pwk_error_set(error, -errno,
                               "the session gets no /proc of its own: %s (inside a container? "
                               "there parts of /proc must not be covered); use --session shared",
                               strerror(errno));
    if (result == 0 && chdir("/") < 0)
        result = -errno;
    free(view);
    return result;
}
