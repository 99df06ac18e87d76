/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * confine.c - see confine.h.
 */
#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process_status.h"
#include "sandbox/confine_calls.h"
#include "sandbox/landlock.h"
#include "sandbox/user_map.h"
#include "sandbox/view_mounts.h"
#include "sandbox/walls.h"

#define FOLDERS 4
#define COVERED "/tmp" /* any folder that every machine has */

/* ---- descriptors ---- */

static int by_number(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

/* Closes all above 2 but those in `kept`, which it sorts. */
static int close_others(int *kept, size_t count)
{
    unsigned from = STDERR_FILENO + 1;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int result = nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ? -errno : 0;

    qsort(kept, count, sizeof(kept[0]), by_number);
    for (size_t i = 0; result == 0 && i <= count; i++) {
        unsigned end = i < count ? (unsigned)kept[i] : UINT_MAX;

        if (end < from)
            continue;
        if ((i == count || end > from) &&
            syscall(SYS_close_range, from, i < count ? end - 1 : end, 0) < 0)
            result = -errno;
        from = end + 1;
    }
    return result;
}

static int close_all_but(const struct pwk_confinement *confinement, const int *folders)
{
    int kept[PWK_CONFINED_DESCRIPTORS + FOLDERS];
    size_t count = 0;

    if (confinement->descriptor_count > PWK_CONFINED_DESCRIPTORS)
        return -EINVAL;
    for (size_t i = 0; i < confinement->descriptor_count; i++)
        kept[count++] = confinement->descriptors[i];
    for (size_t i = 0; i < confinement->folder_count; i++)
        kept[count++] = folders[i];
    return close_others(kept, count);
}

/* ---- rights ---- */

/* Root reads another user's folder as that user: without capabilities it could not. Who changes its
 * user owns its own /proc no more, where namespaces are set up, unless it says that it may be
 * looked at. */
static int become_owner(int folder)
{
    struct stat owner;

    if (fstat(folder, &owner) < 0)
        return -errno;
    if (geteuid() != 0 || owner.st_uid == 0)
        return 0;
    return setgroups(0, NULL) < 0 || setresgid(owner.st_gid, owner.st_gid, owner.st_gid) < 0 ||
                   setresuid(owner.st_uid, owner.st_uid, owner.st_uid) < 0 ||
                   prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0
               ? -errno
               : 0;
}

static int drop_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    /* Where capabilities are gone the ambient ones go with them. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &header, none) < 0)
        return -errno;
    return 0;
}

/* ---- files ---- */

/* In an empty root, whose folders lead to the trees. */
static int put_in_place(const char *const *folders, const int *trees, size_t count)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++) {
        int place = -1;

        result = pwk_view_make_place(folders[i], true);
        if (result == 0 && (place = open(folders[i], O_PATH | O_CLOEXEC)) < 0)
            result = -errno;
        if (result == 0)
            result = pwk_view_move_tree(trees[i], place);
        if (place >= 0)
            close(place);
    }
    return result;
}

/* Nothing is left of the old root, not even to who has a descriptor: all are closed. */
static int leave_root(void)
{
    if (mount("pwk", COVERED, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") < 0 ||
        chdir(COVERED) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

/* A mount namespace that holds the folders alone, each under the name that it has. */
static int show_alone(const char *const *folders, size_t count)
{
    const uid_t user = geteuid();
    const gid_t group = getegid();
    int trees[FOLDERS] = {-1, -1, -1, -1};
    int result = unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? -errno : 0;

    if (result == 0)
        result = pwk_user_map(0, user, group);
    if (result == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        result = -errno;
    for (size_t i = 0; result == 0 && i < count; i++) {
        trees[i] = pwk_view_open_tree(folders[i]);
        result = trees[i] < 0 ? trees[i] : pwk_view_restrict(trees[i], false);
    }
    if (result == 0)
        result = leave_root();
    if (result == 0)
        result = put_in_place(folders, trees, count);
    if (result == 0 &&
        mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL) < 0)
        result = -errno;
    for (size_t i = 0; i < count; i++)
        if (trees[i] >= 0)
            close(trees[i]);
    return result;
}

/* Tried out in a child, since no setting tells it all: half of it would be worse than nothing. */
static bool can_show_alone(const char *const *folders, size_t count)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(show_alone(folders, count) == 0 ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static enum pwk_confine_files holder(const char *const *folders, size_t count, int *version)
{
    *version = pwk_own_wall_stands(PWK_OWN_WALL_LANDLOCK) ? pwk_landlock_version() : 0;
    if (*version > 0)
        return PWK_CONFINE_LANDLOCK;
    return pwk_own_wall_stands(PWK_OWN_WALL_NAMESPACE) && can_show_alone(folders, count)
               ? PWK_CONFINE_NAMESPACE
               : PWK_CONFINE_NOTHING;
}

enum pwk_confine_files pwk_confine_files(int *version)
{
    static const char *const root = "/dev";

    return holder(&root, 1, version);
}

/* no_new_privs first, which Landlock asks for; capabilities last, which the namespace gives. */
static int hold_files(const struct pwk_confinement *confinement, const int *folders,
                      enum pwk_confine_files how)
{
    switch (how) {
    case PWK_CONFINE_LANDLOCK:
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
                   ? -errno
                   : pwk_landlock_restrict(folders, confinement->folder_count);
    case PWK_CONFINE_NAMESPACE:
        return show_alone(confinement->folders, confinement->folder_count);
    default:
        return 0;
    }
}

/* ---- the whole ---- */

/* After all that changes the process's rights, by which Linux forgets it. */
static int end_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH;
}

static int open_folders(const struct pwk_confinement *confinement, int folders[FOLDERS],
                        struct pwk_error *error)
{
    if (confinement->folder_count > FOLDERS)
        return pwk_error_set(error, -EINVAL, "too many folders are to be read");
    for (size_t i = 0; i < confinement->folder_count; i++) {
        folders[i] = open(confinement->folders[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folders[i] < 0)
            return pwk_error_set(error, -errno, "%s: cannot be opened: %s", confinement->folders[i],
                                 strerror(errno));
    }
    return 0;
}

static int confine(const struct pwk_confinement *confinement, const int folders[FOLDERS])
{
    int version, result = 0;

    if (pwk_own_wall_stands(PWK_OWN_WALL_DESCRIPTORS))
        result = close_all_but(confinement, folders);
    if (result == 0 && confinement->folder_count > 0 && pwk_own_wall_stands(PWK_OWN_WALL_RIGHTS))
        result = become_owner(folders[0]);
    if (result == 0)
        result = hold_files(confinement, folders,
                            holder(confinement->folders, confinement->folder_count, &version));
    for (size_t i = 0; i < confinement->folder_count; i++)
        close(folders[i]);
    if (result == 0 && pwk_own_wall_stands(PWK_OWN_WALL_RIGHTS))
        result = drop_rights();
    if (result == 0 && confinement->parent != 0)
        result = end_with(confinement->parent);
    if (result == 0 && pwk_own_wall_stands(PWK_OWN_WALL_CALLS))
        result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : pwk_confine_calls();
    return result;
}

int pwk_confine(const struct pwk_confinement *confinement, struct pwk_error *error)
{
    int folders[FOLDERS] = {-1, -1, -1, -1};
    int result;

    /* Landlock and capabilities are each thread's own. */
    if (pwk_process_status_number(getpid(), "Threads", 10, 0) != 1)
        return pwk_error_set(error, -EBUSY,
                             "a process with several threads cannot give up its rights");
    result = open_folders(confinement, folders, error);
    if (result < 0) {
        for (size_t i = 0; i < FOLDERS; i++)
            if (folders[i] >= 0)
                close(folders[i]);
        return result;
    }
    result = confine(confinement, folders);
    if (result == 0)
        return 0;
    return pwk_error_set(error, result == -ENOENT ? -EIO : result,
                         "this process cannot give up its rights before it reads what a program "
                         "may have written (%s), so it reads nothing: see pwkctl doctor",
                         strerror(-result));
}
