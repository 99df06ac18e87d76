/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mounts.c - ways to take the view apart, or to get at what lies behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attempt.h"

#define TREE_CLONE 1 /* open_tree(2) */
#define TREE_RECURSIVE 0x8000

static int try_mount(void)
{
    return judge(mount("escape", "/mnt", "tmpfs", 0, NULL));
}

static int try_bind(void)
{
    return judge(mount("/", "/mnt", NULL, MS_BIND | MS_REC, NULL));
}

static int try_unmount_states(void)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/pwk", fact("OUTSIDE_PREFIX"));
    return umount2(path, MNT_DETACH) < 0 ? judge(-1) : read_secret(fact("OUTSIDE_OTHER_STATE"));
}

static int try_unmount_tmp(void)
{
    return umount2("/tmp", MNT_DETACH) < 0 ? judge(-1) : read_secret(fact("OUTSIDE_TMP"));
}

static int try_unmount_devices(void)
{
    struct stat st;

    umount2("/dev/shm", MNT_DETACH);
    umount2("/dev/pts", MNT_DETACH);
    if (umount2("/dev", MNT_DETACH) < 0)
        return judge(-1);
    return judge(stat(fact("OUTSIDE_TERMINAL"), &st));
}

static int try_remount(void)
{
    return judge(mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int try_new_proc(void)
{
    return judge(mount("proc", "/mnt", "proc", 0, NULL));
}

static int try_chroot(void)
{
    return judge(chroot("/"));
}

static int try_pivot_root(void)
{
    syscall(SYS_pivot_root, "/proc/self/no/such", "/proc/self/no/such");
    printf("%s\n", strerror(errno));
    return errno == ENOENT ? OUT : HELD; /* EPERM comes before any look at the paths */
}

static int try_open_tree(void)
{
    return judge(syscall(SYS_open_tree, AT_FDCWD, "/", TREE_CLONE | TREE_RECURSIVE));
}

static int try_new_filesystem(void)
{
    return judge(syscall(SYS_fsopen, "tmpfs", 0));
}

static int try_mount_namespace(void)
{
    return judge(unshare(CLONE_NEWNS));
}

static int try_user_namespace(void)
{
    return judge(unshare(CLONE_NEWUSER));
}

static int try_nested_mount(void)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return judge(-1);
    return judge(mount("escape", "/mnt", "tmpfs", 0, NULL));
}

static int try_device_node(void)
{
    static const char path[] = "/tmp/escape-disk";
    int answer = judge(mknod(path, S_IFBLK | 0600, makedev(7, 0)));

    unlink(path);
    return answer;
}

/* A handle names a file by its number, whatever is mounted over it. */
static int try_file_handle(void)
{
    struct {
        struct file_handle handle;
        unsigned char bytes[MAX_HANDLE_SZ];
    } file = {.handle.handle_bytes = MAX_HANDLE_SZ};
    int mount_id, folder = open(fact("OUTSIDE_FOLDER"), O_RDONLY | O_DIRECTORY);

    if (folder < 0 || name_to_handle_at(folder, "secret", &file.handle, &mount_id, 0) < 0)
        return errno == EOPNOTSUPP ? UNTRIED : judge(-1);
    return judge(open_by_handle_at(folder, &file.handle, O_RDONLY));
}

const struct attempt mount_attempts[] = {
    {"mount", try_mount, "capabilities", false},
    {"bind", try_bind, "capabilities", false},
    {"unmount-states", try_unmount_states, "capabilities", false},
    {"unmount-tmp", try_unmount_tmp, "capabilities", false},
    {"unmount-devices", try_unmount_devices, "capabilities", false},
    {"remount", try_remount, "capabilities", false},
    {"new-proc", try_new_proc, "capabilities", false},
    {"chroot", try_chroot, "capabilities", false},
    {"pivot-root", try_pivot_root, "capabilities", false},
    {"open-tree", try_open_tree, "capabilities", false},
    {"new-filesystem", try_new_filesystem, "capabilities", false},
    {"mount-namespace", try_mount_namespace, "capabilities", false},
    {"user-namespace", try_user_namespace, "nesting", false},
    {"nested-mount", try_nested_mount, "nesting", false},
    {"device-node", try_device_node, "users,capabilities", true},
    {"file-handle", try_file_handle, "users,capabilities", true},
    {0},
};
