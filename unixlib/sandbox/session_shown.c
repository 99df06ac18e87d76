/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_shown.c - see session_shown.h.
 */
#include "sandbox/session_shown.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/view_mounts.h"
#include "sandbox/view_shown.h"
#include "sandbox/walls.h"

static int fail(struct pwk_error *error, int code, const char *path, const char *why)
{
    return pwk_error_set(error, code,
                         "%s cannot be shown in the kernel's own session, which is up: %s; move "
                         "it, wait for the session's end, or use another --kernel or --session "
                         "shared",
                         path, why);
}

/* What stands at `path`, a descriptor for looking alone: no link anywhere is followed, and none
 * leads out of `root`. */
static int look_at(int root, const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH,
    };
    long fd;

    /* A rename somewhere on the way makes Linux ask for another try. */
    do
        fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return fd < 0 ? -errno : (int)fd;
}

/* `path` is absolute. */
static int stat_below(int root, const char *path, struct stat *st)
{
    int fd = look_at(root, path + 1), result = fd < 0 ? fd : 0;

    if (fd >= 0 && fstat(fd, st) < 0)
        result = -errno;
    if (fd >= 0)
        close(fd);
    return result;
}

static bool is_same(const struct stat *first, const struct stat *second)
{
    return first->st_dev == second->st_dev && first->st_ino == second->st_ino &&
           (first->st_mode & S_IFMT) == (second->st_mode & S_IFMT);
}

/* ---- what is missing ---- */

static void add(struct pwk_session_shown *shown, const char *path, bool read_only)
{
    for (size_t i = 0; i < shown->count; i++)
        if (strcmp(shown->places[i].path, path) == 0)
            return;
    strcpy(shown->places[shown->count].path, path);
    shown->places[shown->count].read_only = read_only;
    shown->places[shown->count++].tree = -1;
}

/* Leaves those places that are there outside, and not inside. */
static int leave_missing(struct pwk_session_shown *shown, int outside, int inside)
{
    size_t missing = 0;

    for (size_t i = 0; i < shown->count; i++) {
        struct stat *st = &shown->places[i].outside, seen;

        if (stat_below(outside, shown->places[i].path, st) < 0 ||
            (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode)) ||
            (stat_below(inside, shown->places[i].path, &seen) == 0 && is_same(st, &seen)))
            continue;
        if (i != missing)
            shown->places[missing] = shown->places[i];
        missing++;
    }
    shown->count = missing;
    return 0;
}

/* Held until all is in its place. Programs of the session cannot reach the file. */
static int lock(const struct pwk_session_plan *plan, struct pwk_session_shown *shown)
{
    char path[PATH_MAX + 16];

    snprintf(path, sizeof(path), "%s/" PWK_SESSION_INIT, plan->runtime);
    shown->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (shown->lock < 0)
        return -errno;
    while (flock(shown->lock, LOCK_EX) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int pwk_session_shown_find(const struct pwk_session_plan *plan, const struct pwk_session *session,
                           struct pwk_session_shown *shown, struct pwk_error *error)
{
    char top[PATH_MAX], root[40];
    int outside, inside, result;

    shown->count = 0;
    shown->entered = false;
    shown->lock = -1;
    if (session->begun)
        return 0;
    for (size_t i = 0; plan->shown[i]; i++)
        if (pwk_view_shown(plan, plan->shown[i], true, top))
            add(shown, top, false);
    if (pwk_view_lone_program(plan))
        add(shown, plan->shown[0], true);
    if (shown->count == 0)
        return 0;
    snprintf(root, sizeof(root), "/proc/%d/root", (int)session->pid);
    outside = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    inside = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    result = outside < 0 || inside < 0 ? -errno : leave_missing(shown, outside, inside);
    /* Who has just brought the same is waited for. */
    if (result == 0 && shown->count > 0 && (result = lock(plan, shown)) == 0)
        result = leave_missing(shown, outside, inside);
    if (outside >= 0)
        close(outside);
    if (inside >= 0)
        close(inside);
    return result < 0 ? fail(error, result, plan->shown[0], strerror(-result)) : 0;
}

/* ---- from outside ---- */

/* It must be what was found there before: the path may have come to lead elsewhere. */
static int take(const char *path, bool read_only, const struct stat *expected)
{
    int tree = pwk_view_open_tree(path), result;
    struct stat st;

    if (tree < 0)
        return tree;
    result = fstat(tree, &st) < 0 ? -errno : is_same(&st, expected) ? 0 : -ESTALE;
    if (result == 0)
        result = pwk_view_restrict(tree, read_only);
    if (result == 0)
        return tree;
    close(tree);
    return result;
}

/* True where of the view's folder of that name nothing is the prefix's own, which has other
 * kernels' state in it. */
static bool hides_states(int view, int prefix)
{
    struct stat inside, outside;

    return fstatat(view, "pwk", &inside, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(prefix, "pwk", &outside, AT_SYMLINK_NOFOLLOW) == 0 &&
           !is_same(&inside, &outside);
}

/* Puts the session's view of the prefix over the prefix, in this process's own mount namespace: a
 * folder that holds the prefix is taken with the view in it. */
static int cover_prefix(const struct pwk_session_plan *plan, const struct pwk_session *session)
{
    int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), view = -1, place, result;

    if (own < 0)
        return -errno;
    result = setns(session->init, CLONE_NEWNS) < 0 ? -errno : 0;
    if (result == 0)
        result = view = pwk_view_open_tree(plan->prefix);
    if (setns(own, CLONE_NEWNS) < 0 && result >= 0)
        result = -errno;
    close(own);
    place = open(plan->prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place < 0 && result >= 0)
        result = -errno;
    if (result >= 0)
        result = hides_states(view, place) ? pwk_view_move_tree(view, place) : -ESTALE;
    if (view >= 0)
        close(view);
    if (place >= 0)
        close(place);
    return result;
}

static bool holds_prefix(const struct pwk_session_plan *plan, const char *path)
{
    char real[PATH_MAX];

    return pwk_view_is_below(plan->prefix, path) ||
           (realpath(plan->prefix, real) && pwk_view_is_below(real, path));
}

static int take_all(const struct pwk_session_plan *plan, const struct pwk_session *session,
                    struct pwk_session_shown *shown, const char **path)
{
    bool covered = false;
    int result = 0;

    for (size_t i = 0; result >= 0 && i < shown->count; i++) {
        *path = shown->places[i].path;
        if (!covered && holds_prefix(plan, *path)) {
            result = cover_prefix(plan, session);
            covered = true;
        }
        if (result >= 0)
            result = shown->places[i].tree =
                take(*path, shown->places[i].read_only, &shown->places[i].outside);
    }
    return result < 0 ? result : 0;
}

int pwk_session_shown_take(const struct pwk_session_plan *plan, const struct pwk_session *session,
                           struct pwk_session_shown *shown, struct pwk_error *error)
{
    const char *path = shown->places[0].path;
    int result = 0;

    if (pwk_wall_stands(PWK_WALL_USERS) && setns(session->init, CLONE_NEWUSER) < 0)
        return fail(error, -errno, path, strerror(errno));
    shown->entered = true;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        result = -errno;
    if (result == 0)
        result = take_all(plan, session, shown, &path);
    return result < 0 ? fail(error, result, path, strerror(-result)) : 0;
}

/* ---- inside ---- */

/* -EEXIST where something else stands in the place. */
static int put(int root, const char *path, int tree, const struct stat *expected)
{
    bool is_folder = S_ISDIR(expected->st_mode);
    int place = pwk_view_walk(root, path, is_folder, PWK_VIEW_MAKE), result;
    struct stat st;

    if (place < 0)
        return place == -ENOTDIR || place == -ELOOP ? -EEXIST : place;
    if (fstat(place, &st) < 0)
        result = -errno;
    else if ((st.st_mode & S_IFMT) != (expected->st_mode & S_IFMT))
        result = -EEXIST;
    else
        result = pwk_view_move_tree(tree, place);
    close(place);
    if (result == 0)
        result = stat_below(root, path, &st);
    /* A program of the session may have moved the place meanwhile. */
    return result < 0 ? result : is_same(&st, expected) ? 0 : -EEXIST;
}

int pwk_session_shown_put(struct pwk_session_shown *shown, struct pwk_error *error)
{
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), result = root < 0 ? -errno : 0;

    for (size_t i = 0; result == 0 && i < shown->count; i++) {
        const char *path = shown->places[i].path;

        result = put(root, path, shown->places[i].tree, &shown->places[i].outside);
        if (result < 0)
            fail(error, result, path,
                 result == -EEXIST ? "a program of the session has put something else in its place"
                                   : strerror(-result));
    }
    if (root >= 0)
        close(root);
    return result;
}

void pwk_session_shown_finish(struct pwk_session_shown *shown)
{
    for (size_t i = 0; i < shown->count; i++)
        if (shown->places[i].tree >= 0)
            close(shown->places[i].tree);
    /* The program's process has the same open file: closing alone would leave it locked. */
    if (shown->lock >= 0) {
        flock(shown->lock, LOCK_UN);
        close(shown->lock);
    }
    shown->count = 0;
    shown->lock = -1;
}
