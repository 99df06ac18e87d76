/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_cage.c - pwkctl doctor: whether a kernel can have a session of its own here. What can be
 * is tried out, in a child and in a folder on the prefix's own disk, since no setting tells it all.
 */
#include "launcher/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/remove_tree.h"
#include "kernel/state.h"
#include "launcher/prefix.h"
#include "sandbox/cgroup.h"
#include "sandbox/confine.h"
#include "sandbox/loopback.h"
#include "sandbox/user_map.h"

#define APPARMOR "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
#define CLONE_SETTING "/proc/sys/kernel/unprivileged_userns_clone"
#define LIMIT_SETTING "/proc/sys/user/max_user_namespaces"
#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

/* ---- trying things out ---- */

static int enter(int flags)
{
    uid_t user = geteuid();
    gid_t group = getegid();

    return unshare(CLONE_NEWUSER | flags) < 0 ? -errno : pwk_user_map(0, user, group);
}

static int make_namespaces(const char *folder)
{
    int result = enter(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);

    (void)folder;
    return result < 0 ? result : pwk_loopback_raise();
}

/* In an empty folder of the prefix's disk. */
static int make_overlay(const char *folder)
{
    static const char *const names[] = {"lower", "upper", "work", "view"};
    int result = enter(CLONE_NEWNS), fd;

    if (result == 0 && chdir(folder) < 0)
        result = -errno;
    for (size_t i = 0; result == 0 && i < sizeof(names) / sizeof(names[0]); i++)
        if (mkdir(names[i], 0700) < 0)
            result = -errno;
    if (result == 0 && (fd = open("lower/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0)
        result = -errno;
    else if (result == 0)
        close(fd);
    if (result == 0 && mount("pwk", "view", "overlay", MS_NOSUID | MS_NODEV,
                             "lowerdir=lower,upperdir=upper,workdir=work,userxattr") < 0)
        result = -errno;
    /* What is deleted needs a mark, which not every file system can hold. */
    if (result == 0 && unlink("view/file") < 0)
        result = -errno;
    return result;
}

static int run(int (*step)(const char *folder), const char *folder)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(-step(folder) & 0xff);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static int mount_proc(const char *folder)
{
    return mount("proc", folder, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? -errno : 0;
}

/* A /proc is that of its mounter's process namespace, in which only children are. */
static int make_proc(const char *folder)
{
    int result = enter(CLONE_NEWNS | CLONE_NEWPID);

    return result < 0 ? result : run(mount_proc, folder);
}

/* ---- what is said ---- */

/* The first character of a setting, or 0. */
static char setting(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char value = 0;

    if (fd < 0)
        return 0;
    if (read(fd, &value, 1) != 1)
        value = 0;
    close(fd);
    return value;
}

/* Why namespaces, or what is done in them, may be refused; in the order of how likely it is. */
static const char *mend(int code)
{
    if (setting(APPARMOR) == '1' && (code == -EPERM || code == -EACCES))
        return "AppArmor forbids it: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a "
               "profile for pwk-wine with the rule 'userns,'";
    if (setting(CLONE_SETTING) == '0')
        return "sysctl kernel.unprivileged_userns_clone=1 allows it";
    if (setting(LIMIT_SETTING) == '0' || code == -ENOSPC)
        return "sysctl user.max_user_namespaces=10000 allows it";
    return "a container or chroot may forbid it: there allow user namespaces";
}

static void say(struct doctor *doctor, const char *subject, int code, const char *good,
                const char *bad, const char *help)
{
    if (code == 0)
        doctor_report(doctor, DOCTOR_OK, subject, "%s", good);
    else
        doctor_report(doctor, DOCTOR_FAILED, subject, "%s: %s: %s", bad,
                      code == -ENOSPC ? "their limit is reached" : strerror(-code), help);
}

static void check_views(struct doctor *doctor)
{
    char prefix[PATH_MAX], folder[PATH_MAX + 32];
    struct pwk_error error;
    int code;

    if (pwk_prefix_path(prefix, &error) != 0)
        return;
    /* Where there is no prefix yet: the folder that it will be made in. */
    while (access(prefix, F_OK) != 0 && strrchr(prefix, '/') > prefix)
        *strrchr(prefix, '/') = '\0';
    snprintf(folder, sizeof(folder), "%s/.pwk-doctor-XXXXXX", prefix);
    if (!mkdtemp(folder)) {
        doctor_report(doctor, DOCTOR_WARNING, "overlay",
                      "%s cannot be written: %s: make it "
                      "writable",
                      prefix, strerror(errno));
        return;
    }
    code = run(make_overlay, folder);
    say(doctor, "overlay", code, "copy-on-write views of the prefix can be had",
        "no copy-on-write view of the prefix (own sessions then need --files shared)",
        code == -EPERM || code == -ENOSPC
            ? mend(code)
            : "put the prefix on ext4, xfs, btrfs or tmpfs; overlayfs itself and network file "
              "systems cannot be upper layers");
    code = run(make_proc, folder);
    say(doctor, "proc", code, "an own session gets a /proc of its own",
        "an own session gets no /proc of its own (use --session shared)",
        code == -EPERM ? "a container covers parts of /proc: start it with an unmasked one (podman "
                         "run --security-opt unmask=/proc/*)"
                       : mend(code));
    pwk_remove_at(AT_FDCWD, folder);
}

/* What gives pwk the control groups that it lacks. A login's own group is no place: systemd lends a
 * user what is in user@.service, which is where a scope of the user's is. */
static const char *mend_limits(const struct pwk_cgroup *group)
{
    static const char *const scope =
        "start pwk-wine by 'systemd-run --user --scope' for a control group, which is exact";
    static const char *const disks =
        "for --max-io by a control group, which is exact, let root put Delegate=cpu io memory pids "
        "in user@.service of systemd and start pwk-wine by 'systemd-run --user --scope'";

    return group->cpu ? disks : scope;
}

static void check_limits(struct doctor *doctor)
{
    struct pwk_cgroup group = {.parent = ""};
    char prefix[PATH_MAX];
    struct pwk_error error;

    if (pwk_prefix_path(prefix, &error) == 0)
        pwk_cgroup_find(&group, true, true, prefix);
    if (group.cpu && group.io)
        doctor_report(doctor, DOCTOR_OK, "limits",
                      "--max-cpu and --max-io are kept by control groups in %s", group.parent);
    else
        doctor_report(doctor, DOCTOR_OK, "limits",
                      "%s by a session's first process, which measures and stops%s; %s",
                      group.cpu  ? "--max-io is kept"
                      : group.io ? "--max-cpu is kept"
                                 : "--max-cpu and --max-io are kept",
                      access("/proc/self/io", R_OK) == 0 || group.io
                          ? ""
                          : ", but not --max-io: this Linux counts no I/O of processes",
                      mend_limits(&group));
}

static void check_yama(struct doctor *doctor)
{
    char scope = setting(YAMA);

    if (scope == '2' || scope == '3')
        doctor_report(doctor, DOCTOR_WARNING, "ptrace",
                      "Yama lets no user's process be attached to (ptrace_scope %c): pwkctl attach "
                      "and debuggers in Wine need sysctl kernel.yama.ptrace_scope=%d%s",
                      scope, 1, scope == '3' ? ", after a restart of the machine" : "");
    else if (scope == '1')
        doctor_report(doctor, DOCTOR_OK, "ptrace",
                      "a process can attach to its own children alone (Yama, ptrace_scope 1)");
    else
        doctor_report(doctor, DOCTOR_OK, "ptrace", "a user's processes can be attached to");
}

/* What pwkctl lays on itself before it reads a kernel's store. */
static void check_own_wall(struct doctor *doctor)
{
    int version;

    switch (pwk_confine_files(&version)) {
    case PWK_CONFINE_LANDLOCK:
        doctor_report(doctor, DOCTOR_OK, "confined",
                      "pwkctl reads a kernel's store with no right but to that store (seccomp, and "
                      "Landlock %d)",
                      version);
        break;
    case PWK_CONFINE_NAMESPACE:
        doctor_report(doctor, DOCTOR_OK, "confined",
                      "pwkctl reads a kernel's store with no right but to that store (seccomp, and "
                      "a mount namespace, since this Linux has no Landlock)");
        break;
    default:
        doctor_report(
            doctor, DOCTOR_WARNING, "confined",
            "pwkctl reads a kernel's store confined by seccomp alone, which does not hold "
            "files: add landlock to lsm= on Linux' command line (5.13 or newer), or allow "
            "user namespaces");
    }
}

void doctor_check_cage(struct doctor *doctor)
{
    int code = run(make_namespaces, NULL);

    say(doctor, "session", code, "a kernel can have a session of its own (user namespaces)",
        "a kernel can have no session of its own (use --session shared)", mend(code));
    check_views(doctor);
    check_limits(doctor);
    check_yama(doctor);
    check_own_wall(doctor);
}
