/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view.c - see view.h. The order matters: what lies below a folder that gets covered or read-only
 * is kept before (view_mounts.h).
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
#include <time.h>
#include <unistd.h>

#include "sandbox/view_desktop.h"
#include "sandbox/view_devices.h"
#include "sandbox/view_home.h"
#include "sandbox/view_mounts.h"
#include "sandbox/view_shown.h"
#include "sandbox/walls.h"

/* What the last session's wineserver saved would hide what the prefix has by now. Nothing is lost:
 * what programs write is in the kernel's store. A program may have made a folder of the name: it is
 * moved aside, however much is in it. */
static int forget_saved_registry(const struct pwk_session_plan *plan)
{
    static const char *const names[] = {"system.reg", "user.reg", "userdef.reg"};
    char path[PATH_MAX + 32];
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/files/upper/%s", plan->state, names[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            result =
                errno == EISDIR || errno == EPERM ? pwk_view_move_aside(AT_FDCWD, path) : -errno;
    }
    return result;
}

/* The lower layer is the prefix as everybody sees it; the upper one is in the kernel's state, which
 * lies in the prefix too. Overlayfs takes paths from the current folder, so that no character of
 * the prefix's own path gets among its options. */
static int mount_prefix(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    const char *name = strrchr(plan->state, '/') + 1;
    char options[512], files[PATH_MAX + 16];
    int result;

    if (!plan->overlay_files || !pwk_wall_stands(PWK_WALL_OVERLAY))
        return 0;
    for (int i = 0; i < 2; i++) {
        snprintf(files, sizeof(files), "%s/files/%s", plan->state, i == 0 ? "upper" : "work");
        result = pwk_view_make_place(files, true);
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
    /* The prefix below the view must be nobody's current folder: a link leads to that. */
    return chdir("/") < 0 ? pwk_error_set(view->error, -errno, "/: %s", strerror(errno)) : 0;
}

/* Of pwk's own files in the prefix only the kernel's store is there: taken up before the
 * copy-on-write view lies over it, since what is written there is to stay. */
static int keep_state(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    char path[PATH_MAX + 16];

    snprintf(path, sizeof(path), "%s/store", plan->state);
    return pwk_view_keep(view, path, true);
}

static int hide_states(struct pwk_view *view)
{
    bool hidden = pwk_wall_stands(PWK_WALL_STATES);
    char path[PATH_MAX + 16];
    struct stat st;
    int result = 0;

    snprintf(path, sizeof(path), "%s/pwk", view->plan->prefix);
    if (hidden && (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
        return pwk_error_set(view->error, -ENOTDIR, "%s is not the folder it was", path);
    if (hidden)
        result = pwk_view_cover(view, path, "mode=0700,size=64k");
    if (result == 0)
        result = pwk_view_put_back(view);
    if (result == 0 && hidden &&
        mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        result = pwk_error_set(view->error, -errno, "%s cannot be made read-only: %s", path,
                               strerror(errno));
    return result;
}

/* ---- the machine's folders ---- */

/* What the system's software and settings are made of, which root could change without any
 * capability, since they are root's files; and what its owner could who installed it for himself.
 */
static const struct pwk_view_place read_only[] = {
    {PWK_WALL_SYSTEM, "/bin", NULL},   {PWK_WALL_SYSTEM, "/boot", NULL},
    {PWK_WALL_SYSTEM, "/efi", NULL},   {PWK_WALL_SYSTEM, "/etc", NULL},
    {PWK_WALL_SYSTEM, "/lib", NULL},   {PWK_WALL_SYSTEM, "/lib32", NULL},
    {PWK_WALL_SYSTEM, "/lib64", NULL}, {PWK_WALL_SYSTEM, "/libx32", NULL},
    {PWK_WALL_SYSTEM, "/nix", NULL},   {PWK_WALL_SYSTEM, "/opt", NULL},
    {PWK_WALL_SYSTEM, "/sbin", NULL},  {PWK_WALL_SYSTEM, "/usr", NULL},
    {PWK_WALL_SYSTEM, "/var", NULL},   {PWK_WALL_SYS, "/sys", NULL},
};

/* Files of the new /proc that set the machine, whose owner is root outside. */
static const char *const knobs[] = {
    "/proc/sys",  "/proc/sysrq-trigger", "/proc/irq",  "/proc/bus",           "/proc/fs",
    "/proc/scsi", "/proc/acpi",          "/proc/mtrr", "/proc/dynamic_debug", "/proc/latency_stats",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* True for what lies in a folder that the session has of its own. */
static bool is_covered(const char *path)
{
    return pwk_view_is_in(path, pwk_view_covered, PWK_VIEW_COVERED);
}

/* The user's own folders may lie in /var; in these things stay as they are. */
static int make_system_read_only(struct pwk_view *view)
{
    const char *home = getenv("HOME");
    const char *const own[] = {home ? home : "", view->plan->prefix, view->plan->runtime};
    int result = 0;

    for (size_t i = 0; result == 0 && i < COUNT(own); i++)
        if (pwk_view_is_in(own[i], read_only, COUNT(read_only)) && !is_covered(own[i]))
            result = pwk_view_keep(view, own[i], false);
    for (size_t i = 0; result == 0 && i < COUNT(read_only); i++)
        if (pwk_wall_stands(read_only[i].wall))
            result = pwk_view_make_read_only(view, read_only[i].path);
    return result < 0 ? result : pwk_view_put_back(view);
}

static int keep_shown(struct pwk_view *view, const char *path)
{
    char top[PATH_MAX];
    size_t count = view->count;
    int result;

    if (!pwk_view_shown(view->plan, path, false, top) || pwk_view_is_kept(view, top))
        return 0;
    result = pwk_view_keep(view, top, false);
    if (result == 0 && view->count > count &&
        (result = pwk_view_restrict(view->kept[count].tree, false)) < 0)
        pwk_error_set(view->error, result, "%s cannot be shown to the kernel's session: %s", top,
                      strerror(-result));
    return result;
}

static int keep_covered(struct pwk_view *view, const char *path)
{
    return path && is_covered(path) ? pwk_view_keep(view, path, false) : 0;
}

/* What names are resolved by may lie in /run. */
static int keep_resolver(struct pwk_view *view)
{
    char path[PATH_MAX];

    if (view->plan->isolated_network || !realpath("/etc/resolv.conf", path))
        return 0;
    return keep_covered(view, path);
}

/* How launchers find the session, and their lock: who could write there could lead them into
 * another kernel's session, or keep them waiting. */
static int hide_session_files(struct pwk_view *view)
{
    static const char *const names[] = {PWK_SESSION_LOCK, PWK_SESSION_INIT};
    int folder, result = 0;

    if (!pwk_wall_stands(PWK_WALL_SESSION_FILES))
        return 0;
    folder = open(view->plan->runtime, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return pwk_error_set(view->error, -errno, "%s: %s", view->plan->runtime, strerror(errno));
    for (size_t i = 0; result == 0 && i < COUNT(names); i++) {
        int file = pwk_view_walk(folder, names[i], false, PWK_VIEW_REPLACE);

        result = file < 0 ? file : pwk_view_bind("/dev/null", file);
        if (file >= 0)
            close(file);
        if (result < 0)
            pwk_error_set(view->error, result, "%s/%s cannot be hidden in the session: %s",
                          view->plan->runtime, names[i], strerror(-result));
    }
    close(folder);
    return result;
}

/* It is published for all of the prefix's kernels, and for the shared session. */
static int keep_below(struct pwk_view *view)
{
    const char *below = view->plan->below;

    if (!below[0])
        return 0;
    return pwk_wall_stands(PWK_WALL_BELOW) ? pwk_view_keep_read_only(view, below)
                                           : pwk_view_keep(view, below, true);
}

static int cover_host_folders(struct pwk_view *view)
{
    const struct pwk_session_plan *plan = view->plan;
    char parent[PATH_MAX];
    int result = 0;

    strcpy(parent, plan->runtime);
    *strrchr(parent, '/') = '\0';
    for (size_t i = 0; result == 0 && plan->shown[i]; i++)
        result = keep_shown(view, plan->shown[i]);
    if (result == 0)
        result = keep_covered(view, plan->prefix);
    if (result == 0)
        result = pwk_view_keep(view, plan->runtime, true);
    if (result == 0)
        result = keep_below(view);
    if (result == 0)
        result = keep_resolver(view);
    /* Other kernels' run-time files lie beside the own ones. */
    if (result == 0 && pwk_wall_stands(PWK_WALL_RUNTIME) && !is_covered(parent))
        result = pwk_view_cover(view, parent, "mode=0700,size=64k");
    for (size_t i = 0; result == 0 && i < PWK_VIEW_COVERED; i++)
        if (pwk_wall_stands(pwk_view_covered[i].wall))
            result = pwk_view_cover(view, pwk_view_covered[i].path, pwk_view_covered[i].options);
    if (result == 0)
        result = pwk_view_put_back(view);
    return result < 0 ? result : hide_session_files(view);
}

static int cover_sockets(struct pwk_view *view)
{
    for (size_t i = 0; i < PWK_VIEW_COVERED; i++)
        if (pwk_view_is_below(view->plan->desktop.runtime, pwk_view_covered[i].path))
            return 0;
    return pwk_view_cover_sockets(view);
}

static int make_devices(struct pwk_view *view)
{
    if (pwk_wall_stands(PWK_WALL_DEVICES))
        return pwk_view_make_devices(view);
    return pwk_wall_stands(PWK_WALL_TEMPORARY) ? pwk_view_cover(view, "/dev/shm", "mode=1777") : 0;
}

/* ---- /proc ---- */

/* Inside a user namespace of its own a program could mount and would meet much more of Linux. */
static int forbid_nesting(struct pwk_view *view)
{
    static const char path[] = "/proc/sys/user/max_user_namespaces";
    int fd, code;

    /* Without a user namespace of the session's it would be the machine's limit. */
    if (!pwk_wall_stands(PWK_WALL_NESTING) || !pwk_wall_stands(PWK_WALL_USERS))
        return 0;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    code = fd < 0 || write(fd, "0", 1) != 1 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return code < 0 ? pwk_error_set(view->error, code,
                                    "%s cannot be written in the session: %s; use --session shared",
                                    path, strerror(-code))
                    : 0;
}

static int make_proc(struct pwk_view *view)
{
    int result;

    if (pwk_wall_stands(PWK_WALL_PROC) &&
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return pwk_error_set(view->error, -errno,
                             "the session gets no /proc of its own: %s (inside a container? "
                             "there parts of /proc must not be covered); use --session shared",
                             strerror(errno));
    result = forbid_nesting(view);
    for (size_t i = 0; result == 0 && i < COUNT(knobs) && pwk_wall_stands(PWK_WALL_KNOBS); i++)
        result = pwk_view_make_read_only(view, knobs[i]);
    return result;
}

int pwk_view_make(const struct pwk_session_plan *plan, struct pwk_error *error)
{
    static int (*const steps[])(struct pwk_view *) = {
        pwk_view_take_desktop, keep_state,         mount_prefix,  hide_states,
        make_system_read_only, cover_host_folders, cover_sockets, pwk_view_make_home,
        pwk_view_show_desktop, make_devices,       make_proc,
    };
    struct pwk_view *view = calloc(1, sizeof(*view));
    int result = 0;

    if (!view)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    view->plan = plan;
    view->error = error;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        result = pwk_error_set(error, -errno, "mounts cannot be made private: %s", strerror(errno));
    for (size_t i = 0; result == 0 && i < COUNT(steps); i++)
        result = steps[i](view);
    if (result == 0 && chdir("/") < 0)
        result = -errno;
    free(view);
    return result;
}
